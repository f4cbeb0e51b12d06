/* torch_names.h: what PyTorch calls a model's tensors: the names and shapes that the layers of
 * PyTorch Geometric have in a state_dict (docs/file-format.md, "Weights for PyTorch"). */
#ifndef PIPELINE_NN_TORCH_NAMES_H
#define PIPELINE_NN_TORCH_NAMES_H

#include "pipeline/nn/model.h"

enum { PRI_TORCH_NAME_BYTES = 64, PRI_TORCH_DIMS = 3 };

/* A tensor as PyTorch has it. */
typedef struct pri_torch_tensor {
    char     name[PRI_TORCH_NAME_BYTES];
    char     older[PRI_TORCH_NAME_BYTES];  /* another name that is read; "": none */
    char     shared[PRI_TORCH_NAME_BYTES]; /* a name under which it may be once more; "": none */
    uint32_t num_dims;
    uint64_t shape[PRI_TORCH_DIMS];
    bool     transposed; /* [out, in] where ours is [in, out] */
} pri_torch_tensor;

/* Give it for one of a model's tensors. Cannot fail. */
pri_torch_tensor pri_torch_describe(const pr_model_shape *shape, const pri_tensor *tensor);

#endif
