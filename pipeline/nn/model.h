/* model.h: what a model is inside the room: one flat array of parameters and two of the
 * optimiser, and where each layer's tensors lie in them. */
#ifndef PIPELINE_NN_MODEL_H
#define PIPELINE_NN_MODEL_H

#include <packrat/nn.h>

#include "base/check.h"

enum { PRI_MAX_WIDTH = 65536, PRI_MAX_HEADS = 1024 }; /* of hidden layers; of attention */

struct pr_model {
    pr_model_options options;
    pr_model_shape   shape;
    uint64_t         adam_steps; /* updates taken */
    float           *parameters; /* [num_parameters], 64-byte aligned, as are the next two */
    float           *adam_m, *adam_v;
    char            *block;  /* the three arrays, padded to lines */
    size_t           padded; /* elements from one array to the next */
};

/* What a tensor of a layer is for. `in` and `out` are the layer's widths. */
typedef enum pri_role {
    PRI_ROLE_SELF,    /* sage [in, out]: for the vertex itself */
    PRI_ROLE_WEIGHT,  /* [in, out]; gat [in, heads * columns of a head]; sage: for the neighbours */
    PRI_ROLE_SOURCE,  /* gat [1, heads * columns]: attention, of the neighbour */
    PRI_ROLE_TARGET,  /* gat: of the destination */
    PRI_ROLE_BIAS,    /* [1, out]; gin: of its first product */
    PRI_ROLE_WEIGHT2, /* gin [out, out]: the second product of its MLP */
    PRI_ROLE_BIAS2,   /* gin [1, out] */
    PRI_ROLE_EPSILON, /* gin [1, 1] */
    PRI_ROLE_RESIDUAL,   /* [in, out], with residual where in != out */
    PRI_ROLE_NORM_SCALE, /* [1, out], with layer norm in every layer but the last */
    PRI_ROLE_NORM_SHIFT,
    PRI_NUM_ROLES
} pri_role;

/* One tensor: rows x cols floats, row major, from element `at` of a flat array (parameters,
 * optimiser state or gradient). */
typedef struct pri_tensor {
    pri_role role;
    uint32_t layer;
    size_t   at, rows, cols;
} pri_tensor;

/* Give the tensors of one layer in their order in the flat array; a layer's follow those of the
 * layer before. Returns how many. */
uint32_t pri_model_tensors(const pr_model_shape *shape, uint32_t layer,
                           pri_tensor out[PRI_NUM_ROLES]);

/* The tensors of one layer of a flat array; those that the layer does not have are NULL. The
 * halves of SAGE lie behind each other: W [2 in, out] from `self` on. */
typedef struct pri_layer_part {
    size_t in, out;
    float *at[PRI_NUM_ROLES]; /* by pri_role */
} pri_layer_part;

/* Give layer `l` of a flat array laid out as the model's. Cannot fail. */
pri_layer_part pri_model_layer(const pr_model *model, float *flat, uint32_t l);

/* Make a model whose parameters are all zero: for loading. Checks as pr_model_create. */
pr_status pri_model_create_zero(const pr_model_options *options, uint32_t num_layers,
                                uint32_t num_features, uint32_t num_outputs, pr_model **out);

/* Give the shape of a model without making it. Fails as pr_model_create does, but for memory. */
pr_status pri_model_shape(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, pr_model_shape *out);

/* Tell how many parameters such a model has; false when the count overflows. */
bool pri_model_count(const pr_model_shape *shape, uint64_t *num_parameters);

/* Give the attention heads of a layer (1 where there are none), and the columns that all of them
 * have together: `out` where they stand side by side, heads * out where their mean is taken. */
uint32_t pri_model_heads(const pr_model_shape *shape, uint32_t layer);
size_t   pri_model_head_cols(const pr_model_shape *shape, uint32_t layer);

/* Tell whether a layer's convolution applies the activation itself: a ReLU that nothing stands
 * before. Else post.c does. */
bool pri_model_fuses(const pr_model_shape *shape, uint32_t layer);

/* Tell whether the first layer reads a copy of dense rows: because values are dropped, or because
 * it needs them once more on the way back. */
bool pri_model_copies(const pr_model_shape *shape);

/* Give the machine's memory in bytes, or what the cgroups grant of it: what asks for more can be
 * refused before it is tried. */
uint64_t pri_machine_bytes(void);

#endif
