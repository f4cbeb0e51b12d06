/* packrat/sampler.h: seeds in, batch out. */
#ifndef PACKRAT_SAMPLER_H
#define PACKRAT_SAMPLER_H

#include <packrat/base.h>
#include <packrat/nouns.h>
#include <packrat/numa.h>

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

/* Write a fanout as --fanout has it: "15,10,all". 128 bytes are enough; fewer are filled, and end
 * in a 0. Cannot fail. */
void pr_fanout_print(const pr_fanout *fanout, char *out, size_t bytes);

/* Which neighbours a destination keeps. With fanout `all` every kind but walk keeps all. */
typedef enum pr_sampler_kind {
    PR_SAMPLER_UNIFORM,  /* min(degree, fanout) distinct ones, every set of them equally likely */
    PR_SAMPLER_REPLACE,  /* fanout ones, each drawn from all of them; one may come more than once */
    PR_SAMPLER_WEIGHTED, /* distinct ones, one after the other, each in proportion to the weights of
                            those left; arcs of weight 0 are never drawn */
    PR_SAMPLER_LABOR, /* those with the smallest r_t / pi_t: one random r_t a vertex and batch, so
                         that destinations share neighbours (Balin and Catalyurek, NeurIPS 2023,
                         in its sequential form); each destination's set is that of uniform */
    PR_SAMPLER_WALK   /* the vertices that random walks from the destination visit most, with
                         their visits as weights (PinSAGE: Ying et al., KDD 2018) */
} pr_sampler_kind;

/* How r_t changes from batch to batch where kappa > 1. */
typedef enum pr_kappa_form {
    PR_KAPPA_STAGGERED, /* each vertex keeps r_t for kappa batches; 1 in kappa is renewed a batch */
    PR_KAPPA_DRIFT /* all drift slowly, from one normal to the next over kappa batches (Balin et
                      al., TMLR 2025) */
} pr_kappa_form;

typedef struct pr_sampler_options {
    int      kind;       /* pr_sampler_kind */
    uint32_t kappa;      /* labor: batches that r_t stays correlated over; 1: drawn anew */
    int      kappa_form; /* pr_kappa_form */
    uint32_t cache_bias; /* labor: pi_t of rows in the last bias_window training batches; 1: none */
    uint32_t bias_window;  /* batches remembered, 1 .. PR_MAX_BIAS_WINDOW */
    uint32_t walks;        /* walk: random walks from each destination */
    uint32_t walk_length;  /* walk: most arcs of one */
    double   walk_restart; /* walk: probability that one ends behind an arc */
    int      isa;          /* pr_isa; one the host lacks becomes the best it has */
} pr_sampler_options;

#define PR_MAX_BIAS_WINDOW 64u

extern const pr_option_table pr_sampler_option_table; /* sampler, kappa, cache-bias, ... */

/* Fill in what the table has as defaults. Cannot fail. */
void pr_sampler_default(pr_sampler_options *out);

/* "uniform", "labor", ... as --sampler names it; never NULL. */
const char *pr_sampler_kind_name(int kind);

typedef struct pr_sampler pr_sampler;

/* Create a sampler of `graph`, which must outlive it.
 *
 *   fanout      1 .. PR_MAX_LAYERS hops
 *   options     NULL: pr_sampler_default() but for the kind, which is uniform
 *   seed        the user's; keys draws with (phase, epoch, step, hop, vertex), and r_t of labor
 *               with (phase, step, vertex)
 *   max_seeds   most seeds a batch may have
 *   threads     OpenMP threads that draw; results do not depend on it
 *
 * Takes 8 bytes a vertex and reserves address space for scratch; after that no call allocates.
 * Kind weighted takes 8 bytes an arc more (and 4 a vertex where there are weights of 0), kind walk
 * about 100 kB and 32 bytes a visit for each thread, a cache bias 9 bits a vertex and 4 bytes for
 * each input of the last bias_window batches. PR_E_ARG for a row of more than 2^32 - 1 arcs,
 * for options out of bounds and for kind weighted without weights or with weights that are negative
 * or not finite, PR_E_NOMEM when the address space is refused. O(num_nodes), weighted O(num_edges).
 */
pr_status pr_sampler_create(const pr_graph *graph, const pr_fanout *fanout,
                            const pr_sampler_options *options, uint64_t seed, uint32_t max_seeds,
                            uint32_t threads, pr_sampler **out);
void      pr_sampler_free(pr_sampler *sampler);

/* Where one batch lives. As many batches of a sampler can be read at a time as there are rooms. */
typedef struct pr_batch_room pr_batch_room;

/* Create a room for batches of `sampler`, which it may outlive. Reserves address space for the
 * worst legal batch; pages are committed when a batch first needs them, and nothing else is
 * allocated. PR_E_NOMEM, naming the bytes, when the address space is refused. */
pr_status pr_batch_room_create(const pr_sampler *sampler, pr_batch_room **out);
void      pr_batch_room_free(pr_batch_room *room); /* NULL is fine */

/* Vertices that seeds must not have as neighbours, in any hop: the other ends of edges that are to
 * be foretold, which a model must not see. */
typedef struct pr_exclude {
    const uint32_t *indptr;   /* [seeds.n + 1] */
    const pr_vid   *vertices; /* [indptr[seeds.n]] ascending for each seed; repeats are fine */
} pr_exclude;

/* What one batch is drawn with in place of what its sampler was made with: it is the batch of a
 * sampler that was made with this. Not for batches of phase train where there is a cache bias. */
typedef struct pr_draw_own {
    bool             has_seed;
    uint64_t         seed;
    const pr_fanout *fanout; /* NULL: the sampler's. As many hops as it has, and at each at most its
                                fanout, of which `all` is the most; kind replace: and `all` where
                                the sampler's is, as it may draw more than there are */
} pr_draw_own;

/* What names a batch. */
typedef struct pr_draw {
    pr_phase        phase;
    uint32_t        epoch;
    uint64_t        step;
    const uint32_t *positions; /* [seeds.n] of each seed in the step's whole list (lanes), borrowed
                                  as long as the batch; NULL: 0, 1, ... Only batch_hash has them */
    const pr_exclude *exclude; /* borrowed while it is drawn; NULL: none. Neighbours are drawn as
                                  without it, and those that are excluded left out then, all
                                  parallel arcs: the draws of other vertices do not change */
    const pr_draw_own *own;    /* borrowed while it is drawn; NULL: as the sampler was made */
} pr_draw;

/* Draw one batch: for every destination of hop h, in-neighbours as pr_sampler_kind says, fanout[h]
 * at most; the destinations of hop h + 1 are all vertices of hop h, destinations first.
 *
 *   room    made for this sampler; PR_E_ARG for one that its batches may not fit
 *   seeds   distinct, below num_nodes, at most max_seeds; PR_E_ARG otherwise
 *   draw    PR_E_ARG for an own fanout that is not allowed, naming the hop
 *   out     borrowed from the room until its next draw, a failing one included, or its free
 *
 * The room has no part in what is drawn, nor has any earlier draw, but for a cache bias: batches of
 * phase train are remembered by their step, and those of the last bias_window steps count; a batch
 * whose step is not behind the last one's finds nothing remembered. PR_E_FULL when a hop would
 * exceed 2^32 - 1 edges. One caller at a time. Cost: O(edges drawn), labor O(neighbours of all
 * destinations).
 */
pr_status pr_sampler_draw(pr_sampler *sampler, pr_batch_room *room, pr_vids seeds, pr_draw draw,
                          pr_batch *out);

/* Take the training batch of a step as drawn: what a cache bias remembers of it. A run that is
 * resumed says the last bias_window of them, steps ascending, before it draws; to other samplers it
 * is nothing.
 *
 *   nodes   the batch's, as pr_batch has them; PR_E_ARG for more than a batch can have, and for
 * those outside the graph
 *
 * One caller at a time. */
pr_status pr_sampler_remember(pr_sampler *sampler, uint64_t step, pr_vids nodes);

/* Most distinct vertices a batch can have: at most min(num_nodes, max_seeds * product of (1 +
 * fanout)), less where the graph's longest row or its edges are the tighter bound. */
uint32_t pr_sampler_max_inputs(const pr_sampler *sampler);
uint64_t pr_sampler_max_edges(const pr_sampler *sampler); /* of all hops of one batch */
/* Most destinations and edges of hop h. */
uint32_t pr_sampler_max_dst(const pr_sampler *sampler, uint32_t hop);
uint64_t pr_sampler_max_hop_edges(const pr_sampler *sampler, uint32_t hop);

/* Append the memory a sampler, or a room, holds by itself: tables, scratch and batches. */
void pr_sampler_ranges(const pr_sampler *sampler, pr_ranges *ranges);
void pr_batch_room_ranges(const pr_batch_room *room, pr_ranges *ranges);

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
