/* course.h: how far a training run has come: all that is needed, besides weights, to go on with it
 * as if it had not stopped. Every random stream of a run is keyed by its step, so that the step is
 * the position in all of them. */
#ifndef PIPELINE_COURSE_H
#define PIPELINE_COURSE_H

#include "base/json.h"
#include "pipeline/metrics.h"
#include "pipeline/tracing.h"
#include "pipeline/trainer.h"

typedef struct pri_course {
    pri_trainer     *trainer;
    const pr_hooks  *hooks;
    pr_train_result *result;
    pri_tracing     *tracing; /* NULL: none */
    int64_t          start_ns, last_save_ns;
    int64_t         *step_ns; /* [PRI_KEPT_TIMES] of the latest steps of this process, a ring */
    uint64_t         verified_step; /* at which the kernel was asked where memory is */
    uint64_t         heap_calls;
    bool             unsaved;  /* the model to keep is newer than the checkpoint */
    bool             diverged; /* and a warning said so */

    /* From here on, and in most of the result: kept in a checkpoint. */
    uint64_t step, eval_step;
    uint64_t ended_step; /* at which an epoch, or what there was of it, was ended: scored, and its
                            loss logged; where it is the step nothing is left to do for the steps */
    uint64_t  rows_moved, rows_wanted, rows_hit, rows_direct;
    uint64_t  inputs_repeated, steps_counted; /* of the steps where they are */
    pri_score epoch;                          /* of the epoch's seeds */
    uint32_t  bad_evals;                      /* in a row */
    double    last_val, last_mrr;
} pri_course;

enum { PRI_KEPT_TIMES = 65536 };

/* Write the checkpoint of a run: the best weights, and all it takes to go on; does nothing without
 * --checkpoint. */
pr_status pri_course_save(const pri_course *course);

/* Go on where the checkpoint of the trainer stands (resume.h); without one this is the beginning.
 * PR_E_INPUT names a member that is not what it should be. */
pr_status pri_course_restore(pri_course *course);

#endif
