/* gin.c: the graph isomorphism layer, forward and backward (layer.h).
 *
 *     s_v = (1 + eps) x_v + d_v mean,   p = s W + b,   h = relu(p),   U = h W2 + b2
 *
 * p is a sum of sums.h. x_v of a first layer's slab is kept in the second half of A, for the
 * gradient of eps. */
#include "base/teamwork.h"
#include "pipeline/nn/sums.h"

/* The way back through ReLU. */
static void pass(float *y, const float *kept, size_t ld, uint32_t num, size_t cols)
{
#pragma omp parallel for schedule(static) if (pri_worth_team(num * cols, PRI_SUM_PS))
    for (uint32_t i = 0; i < num; i++) pri_row_mask(y + i * ld, kept + i * ld, 1.0f, cols);
}

static pri_coefficients coefficients_of(const pri_layer *layer)
{
    PR_ASSERT(layer->graph);
    return (pri_coefficients){ .graph  = layer->graph,
                               .vertex = layer->vertices.at,
                               .self   = 1.0f + layer->weights.at[PRI_ROLE_EPSILON][0] };
}

/* Keep the first layer's own rows. */
static void keep_rows(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    const pri_layer_tape *t     = layer->own;
    const int64_t         begin = pr_now_ns();

    if (x->is_sparse || x->is_derived || layer->index > 0) return;
    pri_rows_copy(&x->dense, layer->block->num_dst, t->a + layer->weights.in, t->lda);
    times->aggregate_ns += pr_now_ns() - begin;
}

pr_status pri_gin_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    pr_status              st  = PR_OK;
    const pri_layer_tape  *t   = layer->own;
    const pri_coefficients how = coefficients_of(layer);

    keep_rows(layer, x, times);
    PR_TRY(pri_sums_forward(layer, x, &how, t->h, true, times));
    const int64_t begin = pr_now_ns();
    PR_TRY(pri_gemm_run(t->forward2, layer->block->num_dst, t->h,
                        layer->weights.at[PRI_ROLE_WEIGHT2], layer->weights.at[PRI_ROLE_BIAS2],
                        t->y));
    times->gemm_ns += pr_now_ns() - begin;
done:
    return st;
}

pr_status pri_gin_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    pr_status              st = PR_OK;
    const pri_layer_part  *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape  *t       = layer->own;
    float *const           dp      = layer->tape->dh;
    const uint32_t         num_dst = layer->block->num_dst;
    const pri_coefficients how     = coefficients_of(layer);

    pri_aggregate_columns(du, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS2]);
    PR_TRY(pri_gemm_run(t->weight2, num_dst, t->h, du, NULL, g->at[PRI_ROLE_WEIGHT2]));
    PR_TRY(pri_gemm_run(t->input2, num_dst, du, w->at[PRI_ROLE_WEIGHT2], NULL, dp));
    pass(dp, t->h, t->ldy, num_dst, g->out);
    PR_TRY(pri_sums_backward(layer, x, &how, dp, g->at[PRI_ROLE_EPSILON], dx));
done:
    return st;
}
