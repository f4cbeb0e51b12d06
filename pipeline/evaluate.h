/* evaluate.h: scoring a model on parts of a dataset, exactly or by sampling. */
#ifndef PIPELINE_EVALUATE_H
#define PIPELINE_EVALUATE_H

#include <packrat/loaders.h>
#include <packrat/log.h>
#include <packrat/pipeline.h>

#include "pipeline/lane.h"
#include "pipeline/metrics.h"
#include "pipeline/step.h"

/* Run exact layer-wise inference on the lanes' teams, each with a part of the vertices, and log it
 * as one step. Rows are scored as they are made; none is kept.
 *
 *   phase    PR_PHASE_EVAL or PR_PHASE_INFER
 *   step     number of the step within its phase
 *   scored   lists of ascending labelled nodes; the row's loss and num_correct speak of the first
 *            one; n = 0: none
 *   span     layers, whose first reads `features`; {0, 0}: all. Others than logits are not scored
 *   output   who takes all rows, scored or not; zero: nobody
 *   answers  nodes the pass is for: its num_seeds
 *   limits   memory and temporary files; NULL: half of what there is, in the usual directory
 *   hooks    whose progress is told after each pass how many rows are done, of all passes; may be
 *            NULL
 *   metrics  out [PRI_NUM_SCORED] of `scored`: each lane's sum in the order of its nodes, and those
 *            in the order of the lanes
 *
 * The log may be NULL. */
enum { PRI_NUM_SCORED = 2 };

typedef struct pri_exact_input {
    pr_phase            phase;
    uint64_t            step;
    uint32_t            epoch;
    const pr_dataset   *dataset;
    const pr_model     *model;
    pr_vids             scored[PRI_NUM_SCORED];
    pri_exact_span      span;
    pri_exact_output    output;
    uint64_t            num_answers;
    const volatile int *stop;

    const pri_exact_limits *limits;
    const pr_features      *features;  /* inputs of the span's first layer; NULL: the dataset's */
    const volatile int     *last_stop; /* of the last pass; NULL: `stop` */
    uint32_t        first_pass, all_passes; /* of progress: passes before, and of all; 0: of this */
    const pr_hooks *hooks;
} pri_exact_input;

pr_status pri_evaluate_exact(pri_lane *const *lanes, uint32_t num_lanes,
                             const pri_exact_input *input, pri_metrics *metrics, pr_steplog *log);

/* Score nodes in sampled batches through the lanes' samplers and caches; every batch is a step of
 * phase eval in the log.
 *
 *   input   epoch, labels, model, seed; phase, step, seeds and optimizer are set here
 *   step    in and out: number of the next eval step
 */
pr_status pri_evaluate_sampled(pri_lane *const *lanes, uint32_t num_lanes, pri_step_input input,
                               pr_vids nodes, uint32_t batch_size, uint64_t *step,
                               const volatile int *stop, pr_steplog *log, pri_metrics *metrics);

#endif
