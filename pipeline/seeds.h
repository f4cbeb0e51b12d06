/* seeds.h: which seeds each training step has. The steps of all epochs are one stream, read in
 * order, so that whoever looks ahead sees past the end of an epoch. */
#ifndef PIPELINE_SEEDS_H
#define PIPELINE_SEEDS_H

#include <packrat/nouns.h>

#include "base/check.h"
#include "pipeline/echo.h"
#include "pipeline/link_batch.h"
#include "pipeline/seed_order.h"
#include "pipeline/split.h"

typedef struct pri_seeds pri_seeds;

/* With link prediction what is ordered are places in a list of edges, and a step's seeds are the
 * vertices that its edges need (link_batch.h); batch_size is in edges then.
 *
 * The seeds of one step, with several lanes in the order they were dealt: lane after lane. */
typedef struct pri_step_seeds {
    uint32_t epoch;
    pr_vids  ids; /* borrowed until max_ahead + 1 steps later are reached */
} pri_step_seeds;

/* What a stream is made of. */
typedef struct pri_seeds_plan {
    pri_seed_order_plan  order;
    pri_echo             echo;
    uint32_t             batch_size; /* at least 1; the last step of a round has what is left */
    uint64_t             first_step; /* where it begins: a run that is resumed; at most num_steps */
    uint64_t             num_steps;  /* where the stream ends */
    uint32_t             max_ahead;  /* how far past the step in work it will be read */
    pri_split           *split;      /* deals steps of batch_size to lanes; NULL: one lane */
    const pri_link_plan *link;       /* borrowed; one lane, no echo; NULL: nodes are seeds */
} pri_seeds_plan;

/* Create a stream before its first step. The plan's nodes and split are borrowed, its clusters not.
 *
 * Takes 4 bytes a node, 4 per seed of max_ahead + 1 steps, with several lanes 8, what the order
 * takes, and with an echo 4 per seed of the pool; after that no call allocates. */
pr_status pri_seeds_open(const pri_seeds_plan *plan, pri_seeds **out);

/* The same in random order without an echo, for one lane: `seed` keys the order of each epoch
 * (pr_seed_order). */
pr_status pri_seeds_create(pr_vids nodes, uint64_t seed, uint32_t batch_size, uint64_t num_steps,
                           uint32_t max_ahead, pri_seeds **out);
void      pri_seeds_free(pri_seeds *seeds); /* NULL is fine */

/* Steps of an epoch, echoes included, and of the whole stream. */
uint64_t pri_seeds_steps_per_epoch(const pri_seeds *seeds);
uint64_t pri_seeds_num_steps(const pri_seeds *seeds);

/* Make steps up to `step`, or to the end, ready to be read; those before step - max_ahead, and
 * before the first, are gone. Cannot fail. O(batch_size) a step, and O(nodes) where an epoch
 * begins. */
void pri_seeds_reach(pri_seeds *seeds, uint64_t step);

/* Give the seeds of a step that is ready. Any thread, while nobody reaches. */
pri_step_seeds pri_seeds_of(const pri_seeds *seeds, uint64_t step);

/* Give the pairs of a step of link prediction; NULL of one of nodes. As pri_seeds_of. */
const pri_link_step *pri_seeds_link(const pri_seeds *seeds, uint64_t step);

/* Give what a lane has of them. */
pri_lot pri_seeds_lot(const pri_seeds *seeds, uint64_t step, uint32_t lane);

#endif
