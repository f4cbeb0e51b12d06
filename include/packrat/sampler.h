/* packrat/sampler.h: seeds in, batch out. */
#ifndef PACKRAT_SAMPLER_H
#define PACKRAT_SAMPLER_H

#include <packrat/base.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PR_FANOUT_ALL UINT32_MAX /* every neighbour */
#define PR_FANOUT_MAX 65535u     /* most neighbours a number may ask for */

/* Neighbours drawn for each destination of hop h; hop 0 is the seeds'. */
typedef struct pr_fanout {
    uint32_t num_layers;
    uint32_t hop[PR_MAX_LAYERS];
} pr_fanout;

/* Read "15,10,5", "all", "15,all" or one value for all hops.
 *
 *   layers   0: as many as `text` names (2 when it names one); else the count must fit
 *   text     "auto": 15,10,5,5,... cut to the layers (2 when layers is 0)
 *
 * PR_E_ARG names --fanout and --layers, what was found and what is allowed.
 */
pr_status pr_fanout_parse(const char *text, uint32_t layers, pr_fanout *out);

typedef struct pr_sampler pr_sampler;

/* Create a sampler of `graph`, which must outlive it.
 *
 *   fanout       1 .. PR_MAX_LAYERS hops
 *   seed         the user's seed; draws are keyed by (seed, phase, epoch, step, hop, vertex)
 *   max_seeds    most seeds a batch may have
 *   threads      OpenMP threads that draw; results do not depend on it
 *
 * Takes 8 bytes a vertex and reserves address space for scratch; after that no call allocates.
 * PR_E_ARG for a row of more than 2^32 - 1 arcs, PR_E_NOMEM when the address space is refused.
 * O(num_nodes).
 */
pr_status pr_sampler_create(const pr_graph *graph, const pr_fanout *fanout, uint64_t seed,
                            uint32_t max_seeds, uint32_t threads, pr_sampler **out);
void      pr_sampler_free(pr_sampler *sampler);

/* Where one batch lives. As many batches of a sampler can be read at a time as there are rooms. */
typedef struct pr_batch_room pr_batch_room;

/* Create a room for batches of `sampler`, which it may outlive. Reserves address space for the
 * worst legal batch; pages are committed when a batch first needs them, and nothing else is
 * allocated. PR_E_NOMEM, naming the bytes, when the address space is refused. */
pr_status pr_batch_room_create(const pr_sampler *sampler, pr_batch_room **out);
void      pr_batch_room_free(pr_batch_room *room); /* NULL is fine */

/* What names a batch. */
typedef struct pr_draw {
    pr_phase phase;
    uint32_t epoch;
    uint64_t step;
    uint32_t first_position; /* of seeds.at[0] in the whole seed list (lanes) */
} pr_draw;

/* Draw one batch: for every destination of hop h, min(degree, fanout[h]) distinct in-neighbours,
 * uniform without replacement; the destinations of hop h + 1 are all vertices of hop h,
 * destinations first.
 *
 *   room    made for this sampler; PR_E_ARG for one that its batches may not fit
 *   seeds   distinct, below num_nodes, at most max_seeds; PR_E_ARG otherwise
 *   out     borrowed from the room until its next draw, a failing one included, or its free
 *
 * The room has no part in what is drawn. PR_E_FULL when a hop would exceed 2^32 - 1 edges. One
 * caller at a time. Cost: O(edges drawn).
 */
pr_status pr_sampler_draw(pr_sampler *sampler, pr_batch_room *room, pr_vids seeds, pr_draw draw,
                          pr_batch *out);

/* Most distinct vertices a batch can have: at most min(num_nodes, max_seeds * product of (1 +
 * fanout)), less where the graph's longest row or its edges are the tighter bound. */
uint32_t pr_sampler_max_inputs(const pr_sampler *sampler);
uint64_t pr_sampler_max_edges(const pr_sampler *sampler); /* of all hops of one batch */
/* Most destinations and edges of hop h. */
uint32_t pr_sampler_max_dst(const pr_sampler *sampler, uint32_t hop);
uint64_t pr_sampler_max_hop_edges(const pr_sampler *sampler, uint32_t hop);

/* Write the seeds of one epoch in training order: a permutation keyed by (seed, epoch).
 *
 *   ids   the training nodes
 *   out   [ids.n]
 *
 * Cannot fail. O(n).
 */
void pr_seed_order(pr_vids ids, uint64_t seed, uint32_t epoch, pr_vid *out);

/* The mix that batch_hash is made of; docs/step-log.md states it for readers who recompute it. */
uint64_t pr_hash_input(pr_vid v);
uint64_t pr_hash_vertex(uint32_t hop, pr_vid v, uint64_t sum_of_neighbours);
uint64_t pr_hash_seed(uint64_t position, uint64_t hash_of_seed);

#ifdef __cplusplus
}
#endif
#endif
