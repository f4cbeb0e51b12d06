/* sums.c: see sums.h. */
#include "pipeline/nn/sums.h"

static pr_status forward_dense(const pri_layer *layer, const pri_rows *x,
                               const pri_coefficients *how, float *out, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const int64_t         begin = pr_now_ns();

    pri_aggregate_sum(&lists, how, x, NULL, t->a, t->lda, false);
    const int64_t middle = pr_now_ns();
    PR_TRY(pri_gemm_run(t->forward, layer->block->num_dst, t->a, layer->weights.at[PRI_ROLE_WEIGHT],
                        layer->weights.at[PRI_ROLE_BIAS], out));
    times->aggregate_ns += middle - begin;
    times->gemm_ns += pr_now_ns() - middle;
done:
    return st;
}

pr_status pri_sums_forward(const pri_layer *layer, const pri_input *x, const pri_coefficients *how,
                           float *out, bool relu, pri_nn_times *times)
{
    const pri_layer_part *w     = &layer->weights;
    const pri_tape       *tape  = layer->tape;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const pri_rows        z     = { .at = tape->z, .ld = tape->ldz, .cols = w->out };

    if (!x->is_sparse && !x->is_derived) return forward_dense(layer, &x->dense, how, out, times);
    const int64_t begin = pr_now_ns();
    if (!x->is_derived)
        pri_sparse_multiply(&x->sparse, w->at[PRI_ROLE_WEIGHT], w->out, NULL, tape->z, tape->ldz,
                            w->out);
    const int64_t middle = pr_now_ns();
    pri_aggregate_sum(&lists, how, x->is_derived ? &x->dense : &z, w->at[PRI_ROLE_BIAS], out,
                      layer->own->ldy, relu);
    times->gemm_ns += middle - begin;
    times->aggregate_ns += pr_now_ns() - middle;
    return PR_OK;
}

/* Z has x_v W of every source: <x_v, ds_v> = <x_v W, du_v>. */
static void backward_sparse(const pri_layer *layer, const pri_sparse *x,
                            const pri_coefficients *how, const float *du, float *self)
{
    const pri_layer_part *g       = &layer->gradient;
    const size_t          ldy     = layer->own->ldy;
    pri_tape             *tape    = layer->tape;
    const uint32_t        num_dst = layer->block->num_dst;
    const pri_rows        z       = { .at = tape->z, .ld = tape->ldz, .cols = g->out };
    const pri_scatter     from    = {
               .self = du, .mean = du, .ld = ldy, .cols = g->out, .num_self = num_dst, .coefficients = how
    };

    if (self) *self = (float)pri_rows_dot(&z, du, ldy, num_dst);
    pri_aggregate_reverse_sums(layer->block, how, &tape->reversed);
    pri_aggregate_scatter(&tape->reversed, &from, tape->z, tape->ldz);
    pri_sparse_gradient(x, tape->z, tape->ldz, g->out, g->at[PRI_ROLE_WEIGHT]);
}

pr_status pri_sums_backward(const pri_layer *layer, const pri_input *x, const pri_coefficients *how,
                            const float *du, float *self, const pri_input_gradient *dx)
{
    pr_status             st = PR_OK;
    const pri_layer_part *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape *t        = layer->own;
    const uint32_t        num_dst  = layer->block->num_dst;
    pri_reversed         *reversed = &layer->tape->reversed;
    const pri_rows        kept     = { .at = t->a + w->in, .ld = t->lda, .cols = w->in };

    pri_aggregate_columns(du, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS]);
    if (x->is_sparse) {
        backward_sparse(layer, &x->sparse, how, du, self);
        return PR_OK;
    }
    PR_TRY(pri_gemm_run(t->weight, num_dst, t->a, du, NULL, g->at[PRI_ROLE_WEIGHT]));
    if (!self && !dx) goto done;
    PR_TRY(pri_gemm_run(t->input, num_dst, du, w->at[PRI_ROLE_WEIGHT], NULL, t->a)); /* ds */
    if (self)
        *self = (float)pri_rows_dot(layer->index == 0 ? &kept : &x->dense, t->a, t->lda, num_dst);
    if (!dx) goto done;
    pri_aggregate_reverse_sums(layer->block, how, reversed);
    const pri_scatter from = { .self         = t->a,
                               .mean         = t->a,
                               .kept         = dx->kept,
                               .ld           = t->lda,
                               .cols         = w->in,
                               .num_self     = num_dst,
                               .scale        = dx->scale,
                               .coefficients = how };
    pri_aggregate_scatter(reversed, &from, dx->out, dx->ld);
done:
    return st;
}
