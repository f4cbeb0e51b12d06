/* predict.h: what the parts of `packrat infer` share. */
#ifndef PIPELINE_PREDICT_H
#define PIPELINE_PREDICT_H

#include <packrat/pipeline.h>

#include "pipeline/answers.h"
#include "pipeline/layer_files.h"
#include "pipeline/session.h"

/* An inference on its way. */
typedef struct pri_prediction {
    const pr_infer_setup *setup;
    const pr_hooks       *hooks; /* may be NULL */
    pri_session           session;
    pr_model_shape        shape;
    uint32_t              end;      /* layers that are needed; their outputs are what is written */
    bool                  is_inner; /* these are the inputs of the last layer */
    pr_vid               *ids;      /* [n] asked for; NULL: all */
    size_t                n;
    pri_answers          *answers; /* NULL in a dry run */
    uint64_t              kept_bytes;
    pri_layer_files       files; /* mode exact with --resume */
    pr_steplog           *log;
    pr_infer_result      *result;
} pri_prediction;

static inline const volatile int *pri_prediction_stop(const pri_prediction *p)
{
    return p->hooks ? p->hooks->stop : NULL;
}

/* predict_exact.c: find out what it takes, after layers that are there; then run. */
pr_status pri_predict_plan(pri_prediction *p);
pr_status pri_predict_exact(pri_prediction *p);

/* predict_sampled.c: the same by batches. */
pr_status pri_predict_sampled(pri_prediction *p);

#endif
