/* link_batch.h: from the edges of a training step to what the step works on: the distinct ends of
 * its edges and of their negative pairs, in order of first appearance, are its seeds; an edge is
 * kept out of its own step's blocks, in both directions.
 *
 *     edge 3 of the step, (u, v)      pairs   (u, v)  (u, w1)  (u, w2)  ...     or v for u
 *     seeds                           ... u v w1 w2 ...   those that were not there before
 */
#ifndef PIPELINE_LINK_BATCH_H
#define PIPELINE_LINK_BATCH_H

#include <packrat/sampler.h>

#include "loaders/edge_lists.h"
#include "pipeline/link_draw.h"
#include "pipeline/nn/link_loss.h"

/* What steps are made of; borrowed as long as batches are. */
typedef struct pri_link_plan {
    const pri_edge_list *edges; /* that train */
    const pri_link_draw *draw;
    uint32_t             negatives;
} pri_link_plan;

typedef struct pri_link_step {
    pr_vids    seeds; /* distinct */
    pri_pairs  pairs;
    pr_exclude exclude;
} pri_link_step;

typedef struct pri_link_batches pri_link_batches;

/* Give the most seeds a step of so many edges has. */
uint64_t pri_link_most_seeds(uint32_t batch_size, uint32_t negatives);

/* Give the bytes that so many kept steps take, and 8 a vertex. */
uint64_t pri_link_batches_bytes(uint32_t batch_size, uint32_t negatives, uint32_t num_kept,
                                pr_vid num_nodes);

/* Create room for `num_kept` steps of at most batch_size edges. PR_E_RANGE when a step may have
 * more seeds than can be numbered. After that no call allocates. */
pr_status pri_link_batches_create(const pri_link_plan *plan, uint32_t batch_size, uint32_t num_kept,
                                  pri_link_batches **out);
void      pri_link_batches_free(pri_link_batches *batches); /* NULL is fine */

/* Make a step of edges, by their places in the plan's list; it is kept until num_kept steps later
 * one is made. A function of (seed, step, edges). Cannot fail. O(pairs), and O(e log e) for a
 * vertex of e edges of the step. */
void pri_link_batches_make(pri_link_batches *batches, uint64_t step, pr_vids edges);

/* Borrow a kept step. Its pairs' scratch is shared by all steps. */
const pri_link_step *pri_link_batches_of(const pri_link_batches *batches, uint64_t step);

#endif
