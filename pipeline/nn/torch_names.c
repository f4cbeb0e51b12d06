/* torch_names.c: see torch_names.h. The names are those of SAGEConv, GCNConv, GINConv with an MLP
 * of torch.nn.Sequential(Linear, ReLU, Linear), GATConv, and LayerNorm, in lists that are called
 * `convs` and `norms` as in PyTorch Geometric's own models. */
#include "pipeline/nn/torch_names.h"

#include <stdio.h>

/* Give what follows "convs.<layer>.", and other names of it. */
static const char *name_in_layer(int kind, pri_role role, const char **older, const char **shared)
{
    switch (role) {
    case PRI_ROLE_SELF: return "lin_r.weight";
    case PRI_ROLE_WEIGHT:
        if (kind == PR_MODEL_SAGE) return "lin_l.weight";
        if (kind == PR_MODEL_GIN) *older = "nn.lins.0.weight";
        if (kind == PR_MODEL_GIN) return "nn.0.weight";
        if (kind == PR_MODEL_GAT) *older = "lin_src.weight", *shared = "lin_dst.weight";
        return "lin.weight";
    case PRI_ROLE_SOURCE: return "att_src";
    case PRI_ROLE_TARGET: return "att_dst";
    case PRI_ROLE_BIAS:
        if (kind == PR_MODEL_SAGE) return "lin_l.bias";
        if (kind == PR_MODEL_GIN) *older = "nn.lins.0.bias";
        return kind == PR_MODEL_GIN ? "nn.0.bias" : "bias";
    case PRI_ROLE_WEIGHT2: *older = "nn.lins.1.weight"; return "nn.2.weight";
    case PRI_ROLE_BIAS2: *older = "nn.lins.1.bias"; return "nn.2.bias";
    case PRI_ROLE_EPSILON: return "eps";
    case PRI_ROLE_RESIDUAL: return "res.weight";
    case PRI_ROLE_NORM_SCALE: return "weight";
    case PRI_ROLE_NORM_SHIFT: return "bias";
    case PRI_NUM_ROLES: break;
    }
    return "?";
}

static bool is_matrix(pri_role role)
{
    return role == PRI_ROLE_SELF || role == PRI_ROLE_WEIGHT || role == PRI_ROLE_WEIGHT2 ||
           role == PRI_ROLE_RESIDUAL;
}

pri_torch_tensor pri_torch_describe(const pr_model_shape *shape, const pri_tensor *tensor)
{
    pri_torch_tensor t     = { .num_dims = 1 };
    const pri_role   role  = tensor->role;
    const bool       norm  = role == PRI_ROLE_NORM_SCALE || role == PRI_ROLE_NORM_SHIFT;
    const char      *list  = norm ? "norms" : "convs";
    const char      *older = NULL, *shared = NULL;
    const char      *name = name_in_layer(shape->options.kind, role, &older, &shared);

    snprintf(t.name, sizeof t.name, "%s.%u.%s", list, tensor->layer, name);
    if (older) snprintf(t.older, sizeof t.older, "%s.%u.%s", list, tensor->layer, older);
    if (shared) snprintf(t.shared, sizeof t.shared, "%s.%u.%s", list, tensor->layer, shared);
    t.shape[0] = tensor->cols;
    t.shape[1] = t.shape[2] = 1;
    if (is_matrix(role)) {
        t.num_dims   = 2;
        t.shape[1]   = tensor->rows;
        t.transposed = true;
    } else if (role == PRI_ROLE_SOURCE || role == PRI_ROLE_TARGET) {
        const uint64_t heads = pri_model_heads(shape, tensor->layer);
        t.num_dims           = 3;
        t.shape[0]           = 1;
        t.shape[1]           = heads;
        t.shape[2]           = tensor->cols / heads;
    }
    return t;
}
