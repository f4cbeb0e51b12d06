/* exact_kind.c: what kinds of layers ask of exact inference. */
#include "pipeline/nn/exact_plan.h"
#include "pipeline/nn/model.h"

pri_exact_kind pri_exact_kind_of(const pr_model_shape *shape, uint32_t layer)
{
    const pr_model_options *o    = &shape->options;
    const bool              last = layer + 1 == shape->num_layers;
    const bool              gat  = o->kind == PR_MODEL_GAT;
    pri_exact_kind          k    = { .model = o->kind, .residual = o->residual };

    k.own       = o->kind == PR_MODEL_SAGE;
    k.largest   = k.own && o->aggregator == PR_AGGREGATE_MAX;
    k.matrix    = o->residual && shape->width[layer] != shape->width[layer + 1];
    k.second    = o->kind == PR_MODEL_GIN;
    k.whole     = k.second || k.residual || (o->layer_norm && !last);
    k.heads     = gat && last ? pri_model_heads(shape, layer) : 1;
    k.attention = gat ? pri_model_heads(shape, layer) : 0;
    return k;
}
