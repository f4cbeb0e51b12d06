/* model.h: what a model is inside the room: one flat array of parameters and two of the
 * optimiser, and where each layer's weights lie in them. */
#ifndef PIPELINE_NN_MODEL_H
#define PIPELINE_NN_MODEL_H

#include <packrat/nn.h>

#include "base/check.h"

enum { PRI_MAX_WIDTH = 65536 }; /* of hidden layers */

struct pr_model {
    pr_model_options options;
    pr_model_shape   shape;
    uint64_t         adam_steps; /* updates taken */
    float           *parameters; /* [num_parameters], 64-byte aligned, as are the next two */
    float           *adam_m, *adam_v;
    char            *block;  /* the three arrays, padded to lines */
    size_t           padded; /* elements from one array to the next */
};

/* One layer's part of a flat array (parameters or their gradient): W [2 in, out] row major with
 * ld = out, its first half for the vertex itself and its second for the neighbours' mean, then
 * b [out]. */
typedef struct pri_layer_part {
    float *w, *b;
    size_t in, out;
} pri_layer_part;

/* Give layer `l` of a flat array laid out as the model's. Cannot fail. */
pri_layer_part pri_model_layer(const pr_model *model, float *flat, uint32_t l);

/* Make a model whose parameters are all zero: for loading. Checks as pr_model_create. */
pr_status pri_model_create_zero(const pr_model_options *options, uint32_t num_layers,
                                uint32_t num_features, uint32_t num_classes, pr_model **out);

/* Give the shape of a model without making it. Fails as pr_model_create does, but for memory. */
pr_status pri_model_shape(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_classes, pr_model_shape *out);

/* Tell how many parameters such a model has; false when the count overflows. */
bool pri_model_count(const pr_model_shape *shape, uint64_t *num_parameters);

/* Give the machine's memory in bytes, or what the cgroups grant of it: what asks for more can be
 * refused before it is tried. */
uint64_t pri_machine_bytes(void);

#endif
