/* tensors.c: which tensors a layer of each kind has, and where they lie. */
#include "pipeline/nn/model.h"

const char *pr_model_kind_name(int kind)
{
    static const char *const names[] = { "sage", "gcn", "gin", "gat" };
    const int                num     = (int)(sizeof names / sizeof *names);

    return kind >= 0 && kind < num ? names[kind] : "unknown";
}

uint32_t pri_model_heads(const pr_model_shape *shape, uint32_t layer)
{
    if (shape->options.kind != PR_MODEL_GAT) return 1;
    return layer + 1 < shape->num_layers ? shape->options.heads : shape->options.out_heads;
}

size_t pri_model_head_cols(const pr_model_shape *shape, uint32_t layer)
{
    const size_t out  = shape->width[layer + 1];
    const bool   last = layer + 1 == shape->num_layers;

    return last ? out * pri_model_heads(shape, layer) : out;
}

bool pri_model_fuses(const pr_model_shape *shape, uint32_t layer)
{
    const pr_model_options *o = &shape->options;

    if (layer + 1 == shape->num_layers) return false;
    return o->kind != PR_MODEL_GAT && o->activation == PR_ACTIVATION_RELU && !o->layer_norm &&
           !o->residual;
}

bool pri_model_copies(const pr_model_shape *shape)
{
    const pr_model_options *o = &shape->options;

    return o->kind == PR_MODEL_GAT || o->residual || o->input_dropout > 0.0;
}

/* Give rows and columns of a tensor; none: the layer has no such tensor. */
static pri_tensor size_of(const pr_model_shape *shape, uint32_t l, pri_role role)
{
    const pr_model_options *o  = &shape->options;
    const size_t            in = shape->width[l], out = shape->width[l + 1];
    const size_t            heads = pri_model_head_cols(shape, l);
    const bool              gin = o->kind == PR_MODEL_GIN, gat = o->kind == PR_MODEL_GAT;
    const bool              norm = o->layer_norm && l + 1 < shape->num_layers;
    pri_tensor              t    = { .role = role, .layer = l };

    switch (role) {
    case PRI_ROLE_SELF:
        if (o->kind == PR_MODEL_SAGE) t.rows = in, t.cols = out;
        break;
    case PRI_ROLE_WEIGHT: t.rows = in, t.cols = gat ? heads : out; break;
    case PRI_ROLE_SOURCE:
    case PRI_ROLE_TARGET:
        if (gat) t.rows = 1, t.cols = heads;
        break;
    case PRI_ROLE_BIAS: t.rows = 1, t.cols = out; break;
    case PRI_ROLE_WEIGHT2:
        if (gin) t.rows = out, t.cols = out;
        break;
    case PRI_ROLE_BIAS2:
        if (gin) t.rows = 1, t.cols = out;
        break;
    case PRI_ROLE_EPSILON:
        if (gin) t.rows = 1, t.cols = 1;
        break;
    case PRI_ROLE_RESIDUAL:
        if (o->residual && in != out) t.rows = in, t.cols = out;
        break;
    case PRI_ROLE_NORM_SCALE:
    case PRI_ROLE_NORM_SHIFT:
        if (norm) t.rows = 1, t.cols = out;
        break;
    case PRI_NUM_ROLES: break;
    }
    return t;
}

/* Add a layer's elements up; false when they have no number. */
static bool count_layer(const pr_model_shape *shape, uint32_t l, uint64_t *total)
{
    for (int role = 0; role < PRI_NUM_ROLES; role++) {
        const pri_tensor t = size_of(shape, l, (pri_role)role);
        uint64_t         part;
        if (__builtin_mul_overflow((uint64_t)t.rows, (uint64_t)t.cols, &part)) return false;
        if (__builtin_add_overflow(*total, part, total)) return false;
    }
    return true;
}

bool pri_model_count(const pr_model_shape *shape, uint64_t *num_parameters)
{
    uint64_t total = 0;

    for (uint32_t l = 0; l < shape->num_layers; l++)
        if (!count_layer(shape, l, &total)) return false;
    *num_parameters = total;
    return total < UINT64_MAX / 64;
}

uint32_t pri_model_tensors(const pr_model_shape *shape, uint32_t layer,
                           pri_tensor out[PRI_NUM_ROLES])
{
    uint64_t at  = 0;
    uint32_t num = 0;

    for (uint32_t l = 0; l < layer; l++) (void)count_layer(shape, l, &at);
    for (int role = 0; role < PRI_NUM_ROLES; role++) {
        pri_tensor t = size_of(shape, layer, (pri_role)role);
        if (t.rows == 0) continue;
        t.at = (size_t)at;
        at += t.rows * t.cols;
        out[num++] = t;
    }
    return num;
}

pri_layer_part pri_model_layer(const pr_model *model, float *flat, uint32_t l)
{
    const pr_model_shape *shape = &model->shape;
    pri_layer_part        part  = { .in = shape->width[l], .out = shape->width[l + 1] };
    pri_tensor            tensor[PRI_NUM_ROLES];
    const uint32_t        num = pri_model_tensors(shape, l, tensor);

    for (uint32_t i = 0; i < num; i++) part.at[tensor[i].role] = flat + tensor[i].at;
    return part;
}
