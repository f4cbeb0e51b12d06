/* checkpoint_header.h: the JSON in front of a checkpoint's arrays. */
#ifndef PIPELINE_NN_CHECKPOINT_HEADER_H
#define PIPELINE_NN_CHECKPOINT_HEADER_H

#include "pipeline/nn/checkpoint.h"

enum { PRI_CHECKPOINT_VERSION = 2 }; /* that is written; version 1 is read too */

/* The arrays of a file, in this order; those that it does not have are left out. */
typedef enum pri_checkpoint_array {
    PRI_ARRAY_WEIGHTS, /* f32 [parameters]: those to use; in every file */
    PRI_ARRAY_LATEST,  /* f32 [parameters]: where they differ, those that training goes on from */
    PRI_ARRAY_MOMENT1, /* f32 [parameters]: adam's m, sgd's momentum; left out: zeros */
    PRI_ARRAY_MOMENT2, /* f32 [parameters]: adam's v; left out: zeros */
    PRI_ARRAY_RECENT,  /* u32: vertices of recent batches (pipeline/recall.h) */
    PRI_NUM_ARRAYS
} pri_checkpoint_array;

/* What a header says of the model, which could be made so, and of the arrays behind it. */
typedef struct pri_checkpoint_head {
    pr_model_options options;
    pr_model_shape   shape;
    uint64_t         updates;               /* that the optimiser took */
    uint64_t         count[PRI_NUM_ARRAYS]; /* elements of four bytes; 0: left out */
} pri_checkpoint_head;

/* Make the header; free with pr_json_free. */
pr_status pri_checkpoint_describe(const pri_checkpoint *checkpoint,
                                  const uint64_t count[PRI_NUM_ARRAYS], pr_json **out);

/* Read a header of version `out->version`: fills info, training and rounding. `path` is for errors.
 * PR_E_INPUT names the member. */
pr_status pri_checkpoint_read(const char *path, const pr_json *header, pri_checkpoint *out,
                              pri_checkpoint_head *head);

/* Tell whether the feature norm is one that can be written. */
bool pri_checkpoint_norm_known(int32_t feature_norm);

#endif
