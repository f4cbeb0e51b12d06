/* gcn.c: the graph convolution, forward and backward (layer.h): the sums of sums.h. */
#include "pipeline/nn/sums.h"

/* Give the coefficients of a layer's sums. Sources of layers above the first are the foremost of
 * its sources, so that norms are made once a batch. */
static pri_coefficients coefficients_of(const pri_layer *layer)
{
    PR_ASSERT(layer->graph);
    return (pri_coefficients){ .graph  = layer->graph,
                               .vertex = layer->vertices.at,
                               .norm   = layer->tape->norm };
}

pr_status pri_gcn_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    const pri_coefficients how   = coefficients_of(layer);
    const int64_t          begin = pr_now_ns();

    if (layer->index == 0) pri_coefficients_norm(layer->graph, layer->vertices, layer->tape->norm);
    times->aggregate_ns += pr_now_ns() - begin;
    return pri_sums_forward(layer, x, &how, layer->own->y, layer->fuses, times);
}

pr_status pri_gcn_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    const pri_coefficients how = coefficients_of(layer);

    return pri_sums_backward(layer, x, &how, du, NULL, dx);
}
