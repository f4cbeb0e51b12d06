/* checkpoint_header.h: the JSON in front of a checkpoint's tensors. */
#ifndef PIPELINE_NN_CHECKPOINT_HEADER_H
#define PIPELINE_NN_CHECKPOINT_HEADER_H

#include "pipeline/nn/model.h"

/* What a header says of the model; within the bounds of pr_model_create but for the dropout. */
typedef struct pri_checkpoint_model {
    pr_model_options options;
    uint32_t         num_layers, num_features, num_classes;
    uint64_t         num_parameters, adam_steps;
} pri_checkpoint_model;

/* Make the header of a model; free with pr_json_free. */
pr_status pri_checkpoint_describe(const pr_model *model, const pr_checkpoint_info *info,
                                  pr_json **out);

/* Read a header; `path` is for errors. PR_E_INPUT names the member. */
pr_status pri_checkpoint_read(const char *path, const pr_json *header, pr_checkpoint_info *info,
                              pri_checkpoint_model *model);

/* Tell whether the feature norm is one that can be written. */
bool pri_checkpoint_norm_known(int32_t feature_norm);

#endif
