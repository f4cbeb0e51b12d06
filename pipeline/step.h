/* step.h: one mini-batch, from seeds to a row of the log. */
#ifndef PIPELINE_STEP_H
#define PIPELINE_STEP_H

#include "pipeline/lane.h"
#include "pipeline/metrics.h"
#include "pipeline/replicas.h"
#include "pipeline/seeds.h"

/* What a step works on; borrowed. */
typedef struct pri_step_input {
    pr_phase           phase;
    uint32_t           epoch;
    uint64_t           step;
    pr_vids            seeds;            /* of the whole step, distinct, labelled */
    const pr_draw_own *own;              /* without order: see pr_draw; NULL: nothing */
    pri_seeds         *order;            /* steps to draw ahead from, this one next; NULL: none */
    pri_split         *split;            /* deals seeds to lanes, in `order` too; NULL: one lane */
    pri_replicas      *replicas;         /* counts what lanes have twice; NULL: nobody does */
    bool               followed;         /* with order: the next call is for the step after it, and
                                            the caches are left alone until then */
    const pri_targets          *targets; /* NULL: no loss, or that of link */
    const pri_link_step        *link; /* the pairs of its seeds, in place of targets; NULL: none */
    pr_model                   *model;
    const pr_optimizer_options *optimizer; /* NULL: forward and loss only */
    uint64_t                    num_steps; /* of the run; what the learning rate goes by */
    uint64_t                    seed;      /* of dropout */
    pr_vids                    *wanted;    /* out [lanes]: their batches' lists, borrowed until the
                                              next step; NULL: not asked for */
    uint32_t  *num_dst; /* out [lanes]: destinations of their first layers; NULL: not asked for */
    pri_score *score;   /* out, added to: seeds, or pairs, of all lanes; NULL: not asked for */
} pri_step_input;

/* Do one step on all lanes: each takes its lot of the seeds, updates its own cache partition and
 * computes; then each sums the gradients of all, in lane order, and updates its slice of the
 * parameters. A lane may have no seeds: its gradient is zero. A step with `order` draws batches of
 * later steps, equally far in all lanes, and those steps must follow; one without may come between
 * any. No heap call after the first steps.
 *
 *   row         out, the step's row of the log
 *   partition   out [num_lanes]
 */
pr_status pri_step_run(pri_lane *const *lanes, uint32_t num_lanes, const pri_step_input *input,
                       pr_step *row, pr_step_partition *partition);

#endif
