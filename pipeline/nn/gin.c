/* gin.c: the graph isomorphism layer, forward and backward (layer.h).
 *
 *     s_v = (1 + eps) x_v + d_v mean,   p = s W + b,   h = relu(p),   U = h W2 + b2
 *
 * The gradient of eps is the sum of <x_v, ds_v> = <x_v W, dp_v>. Dense rows are summed first, and
 * the former is at hand: x_v of the slab is kept in the second half of A. Sparse rows are
 * multiplied first, and then it is the latter. */
#include "base/teamwork.h"
#include "pipeline/nn/layer.h"

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

pr_status pri_gin_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    pr_status              st      = PR_OK;
    const pri_layer_part  *w       = &layer->weights;
    const pri_layer_tape  *t       = layer->own;
    pri_tape              *tape    = layer->tape;
    const uint32_t         num_dst = layer->block->num_dst;
    const pri_coefficients how     = coefficients_of(layer);
    const pri_lists        lists   = pri_lists_of_block(layer->block);
    const pri_rows         z       = { .at = tape->z, .ld = tape->ldz, .cols = w->out };
    const float *const     bias    = w->at[PRI_ROLE_BIAS];
    const int64_t          begin   = pr_now_ns();

    if (x->is_sparse)
        pri_sparse_multiply(&x->sparse, w->at[PRI_ROLE_WEIGHT], w->out, NULL, tape->z, tape->ldz,
                            w->out);
    const int64_t multiplied = pr_now_ns();
    if (x->is_sparse)
        pri_aggregate_sum(&lists, &how, &z, bias, t->h, t->ldy, true);
    else
        pri_aggregate_sum(&lists, &how, &x->dense, NULL, t->a, t->lda, false);
    if (!x->is_sparse && layer->index == 0) pri_rows_copy(&x->dense, num_dst, t->a + w->in, t->lda);
    const int64_t summed = pr_now_ns();
    if (!x->is_sparse)
        PR_TRY(pri_gemm_run(t->forward, num_dst, t->a, w->at[PRI_ROLE_WEIGHT], bias, t->h));
    PR_TRY(pri_gemm_run(t->forward2, num_dst, t->h, w->at[PRI_ROLE_WEIGHT2], w->at[PRI_ROLE_BIAS2],
                        t->y));
    times->aggregate_ns += summed - multiplied;
    times->gemm_ns += multiplied - begin + pr_now_ns() - summed;
done:
    return st;
}

/* The way back of sparse rows, from dp. */
static void backward_sparse(const pri_layer *layer, const pri_sparse *x, const float *dp)
{
    const pri_layer_part  *g    = &layer->gradient;
    const pri_layer_tape  *t    = layer->own;
    pri_tape              *tape = layer->tape;
    const pri_coefficients how  = coefficients_of(layer);
    const pri_rows         z    = { .at = tape->z, .ld = tape->ldz, .cols = g->out };
    const pri_scatter      from = { .self         = dp,
                                    .mean         = dp,
                                    .ld           = t->ldy,
                                    .cols         = g->out,
                                    .num_self     = layer->block->num_dst,
                                    .coefficients = &how };

    g->at[PRI_ROLE_EPSILON][0] = (float)pri_rows_dot(&z, dp, t->ldy, layer->block->num_dst);
    pri_aggregate_reverse_sums(layer->block, &how, &tape->reversed);
    pri_aggregate_scatter(&tape->reversed, &from, tape->z, tape->ldz);
    pri_sparse_gradient(x, tape->z, tape->ldz, g->out, g->at[PRI_ROLE_WEIGHT]);
}

/* The way back of dense rows, from dp. */
static pr_status backward_dense(const pri_layer *layer, const pri_rows *x, const float *dp,
                                const pri_input_gradient *dx)
{
    pr_status              st = PR_OK;
    const pri_layer_part  *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape  *t        = layer->own;
    const uint32_t         num_dst  = layer->block->num_dst;
    pri_reversed          *reversed = &layer->tape->reversed;
    const pri_coefficients how      = coefficients_of(layer);
    const pri_rows         first    = { .at = t->a + w->in, .ld = t->lda, .cols = w->in };

    PR_TRY(pri_gemm_run(t->weight, num_dst, t->a, dp, NULL, g->at[PRI_ROLE_WEIGHT]));
    PR_TRY(pri_gemm_run(t->input, num_dst, dp, w->at[PRI_ROLE_WEIGHT], NULL, t->a)); /* ds */
    g->at[PRI_ROLE_EPSILON][0] =
        (float)pri_rows_dot(layer->index == 0 ? &first : x, t->a, t->lda, num_dst);
    if (!dx) goto done;
    pri_aggregate_reverse_sums(layer->block, &how, reversed);
    const pri_scatter from = { .self         = t->a,
                               .mean         = t->a,
                               .kept         = dx->kept,
                               .ld           = t->lda,
                               .cols         = w->in,
                               .num_self     = num_dst,
                               .scale        = dx->scale,
                               .coefficients = &how };
    pri_aggregate_scatter(reversed, &from, dx->out, dx->ld);
done:
    return st;
}

pr_status pri_gin_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    pr_status             st = PR_OK;
    const pri_layer_part *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape *t       = layer->own;
    float *const          dp      = layer->tape->dh;
    const uint32_t        num_dst = layer->block->num_dst;

    pri_aggregate_columns(du, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS2]);
    PR_TRY(pri_gemm_run(t->weight2, num_dst, t->h, du, NULL, g->at[PRI_ROLE_WEIGHT2]));
    PR_TRY(pri_gemm_run(t->input2, num_dst, du, w->at[PRI_ROLE_WEIGHT2], NULL, dp));
    pass(dp, t->h, t->ldy, num_dst, g->out);
    pri_aggregate_columns(dp, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS]);
    if (x->is_sparse)
        backward_sparse(layer, &x->sparse, dp);
    else
        PR_TRY(backward_dense(layer, &x->dense, dp, dx));
done:
    return st;
}
