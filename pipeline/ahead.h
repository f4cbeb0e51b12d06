/* ahead.h: the batches a lane draws before their turn, so that its cache sees the future.
 *
 * A step that looks `window` steps ahead draws, in line and on the lane's thread, until so many
 * batches wait behind its own. Each list is entered into the cache as it is drawn, and is prepared
 * when its turn has come:
 *
 *     step 7, window 3:   | 7 | 8 | 9 | 10 |      10 is drawn and foreseen, 7 is trained on
 *     step 8, window 3:       | 8 | 9 | 10 | 11 |
 *
 * Seeds and draws depend on the step alone, so the window changes what the cache knows and never
 * what a batch is. A window of 0 draws one batch and takes it. */
#ifndef PIPELINE_AHEAD_H
#define PIPELINE_AHEAD_H

#include "pipeline/lane.h"
#include "pipeline/seeds.h"

/* What a lane is to take next: its part of one step. */
typedef struct pri_turn {
    pr_phase         phase;
    uint32_t         epoch;
    uint64_t         step;
    pr_vids          seeds;           /* of the whole step */
    const pri_seeds *order;           /* the steps to come; NULL: this step alone, out of order */
    uint32_t         window;          /* with order: batches that shall wait behind this one */
    uint32_t         part, num_parts; /* the lane's */
} pri_turn;

/* Give the widest window that a cache with these options can ask for. */
uint32_t pri_ahead_limit(const pr_cache_options *cache);

/* Create the rooms of max_window + 1 batches in order and of one out of order. PR_E_NOMEM says how
 * many rooms were asked for when the address space does not hold them. */
pr_status pri_ahead_create(const pr_sampler *sampler, uint32_t max_window, pri_ahead **out);
void      pri_ahead_free(pri_ahead *ahead); /* NULL is fine */

/* Give the window of the next step in order: one for all lanes, the widest that one of their caches
 * asks for. A function of the steps so far. */
uint32_t pri_ahead_window(pri_lane *const *lanes, uint32_t num_lanes);

/* Take the batch of a turn. In order: draw and foresee until the window is full, or the seeds are
 * at their end; the batch is the next one that the cache prepares. Out of order: draw it alone.
 *
 *   turn         turns in order are steps 0, 1, 2, ...; those out of order may come between any
 *   batch        out; borrowed until the lane's next turn of its kind
 *   num_waiting  out: batches in order that wait behind this one
 *   foresee_ns   out: time the cache took to learn of them; part of this call's
 */
pr_status pri_ahead_take(pri_lane *lane, const pri_turn *turn, pr_batch *batch,
                         uint32_t *num_waiting, int64_t *foresee_ns);

#endif
