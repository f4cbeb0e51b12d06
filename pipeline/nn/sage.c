/* sage.c: the GraphSAGE layer with mean aggregation, forward and backward (layer.h).
 *
 * W [2 in, out] is two matrices on top of each other: Ws for the vertex itself, Wn for the mean.
 * Dense inputs are aggregated first, then multiplied once with W. Sparse inputs are multiplied
 * first, since their mean would not be sparse: the mean of X Wn is the mean of X times Wn. Derived
 * rows have been multiplied. */
#include "pipeline/nn/layer.h"

static pr_status forward_dense(const pri_layer *layer, const pri_rows *x, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const int64_t         begin = pr_now_ns();

    pri_aggregate_concat(&lists, x, t->a, t->lda);
    const int64_t middle = pr_now_ns();
    PR_TRY(pri_gemm_run(t->forward, layer->block->num_dst, t->a, layer->weights.at[PRI_ROLE_SELF],
                        layer->weights.at[PRI_ROLE_BIAS], t->y));
    times->aggregate_ns += middle - begin;
    times->gemm_ns += pr_now_ns() - middle;
done:
    return st;
}

static void forward_sparse(const pri_layer *layer, const pri_sparse *inputs, pri_nn_times *times)
{
    const pri_layer_part *w     = &layer->weights;
    const pri_layer_tape *t     = layer->own;
    float *const          z     = layer->tape->z;
    const size_t          ldz   = layer->tape->ldz;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const pri_rows        rows  = { .at = z, .ld = ldz, .cols = w->out };
    const pri_sparse      self  = pri_sparse_head(inputs, layer->block->num_dst);
    const int64_t         begin = pr_now_ns();

    pri_sparse_multiply(inputs, w->at[PRI_ROLE_WEIGHT], w->out, NULL, z, ldz, w->out);
    pri_sparse_multiply(&self, w->at[PRI_ROLE_SELF], w->out, w->at[PRI_ROLE_BIAS], t->y, t->ldy,
                        w->out);
    const int64_t middle = pr_now_ns();
    pri_aggregate_add(&lists, &rows, t->y, t->ldy, layer->fuses);
    times->gemm_ns += middle - begin;
    times->aggregate_ns += pr_now_ns() - middle;
}

/* Rows are [ x Ws + b | x W ]. */
static void forward_derived(const pri_layer *layer, const pri_rows *x, pri_nn_times *times)
{
    const pri_layer_tape *t     = layer->own;
    const size_t          out   = layer->weights.out;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const int64_t         begin = pr_now_ns();
    pri_rows              half  = *x;

    half.cols = out;
    pri_rows_copy(&half, layer->block->num_dst, t->y, t->ldy);
    half.at += out;
    pri_aggregate_add(&lists, &half, t->y, t->ldy, layer->fuses);
    times->aggregate_ns += pr_now_ns() - begin;
}

pr_status pri_sage_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    if (x->is_derived) {
        forward_derived(layer, &x->dense, times);
        return PR_OK;
    }
    if (!x->is_sparse) return forward_dense(layer, &x->dense, times);
    forward_sparse(layer, &x->sparse, times);
    return PR_OK;
}

static void backward_sparse(const pri_layer *layer, const pri_sparse *inputs, const float *du)
{
    const pri_layer_part *g        = &layer->gradient;
    const pri_layer_tape *t        = layer->own;
    pri_tape             *tape     = layer->tape;
    pri_reversed         *reversed = &tape->reversed;
    const pri_sparse      self     = pri_sparse_head(inputs, layer->block->num_dst);
    const pri_scatter     from     = { .mean = du, .ld = t->ldy, .cols = g->out };

    pri_aggregate_reverse(layer->block, reversed);
    pri_aggregate_scatter(reversed, &from, tape->z, tape->ldz);
    pri_sparse_gradient(&self, du, t->ldy, g->out, g->at[PRI_ROLE_SELF]);
    pri_sparse_gradient(inputs, tape->z, tape->ldz, g->out, g->at[PRI_ROLE_WEIGHT]);
}

pr_status pri_sage_backward(const pri_layer *layer, const pri_input *x, float *du,
                            const pri_input_gradient *dx)
{
    pr_status             st       = PR_OK;
    const pri_layer_tape *t        = layer->own;
    const uint32_t        num_dst  = layer->block->num_dst;
    const size_t          in       = layer->weights.in;
    pri_reversed         *reversed = &layer->tape->reversed;

    pri_aggregate_columns(du, t->ldy, num_dst, layer->gradient.out,
                          layer->gradient.at[PRI_ROLE_BIAS]);
    if (x->is_sparse) {
        backward_sparse(layer, &x->sparse, du);
        return PR_OK;
    }
    PR_TRY(pri_gemm_run(t->weight, num_dst, t->a, du, NULL, layer->gradient.at[PRI_ROLE_SELF]));
    if (!dx) goto done;
    PR_TRY(pri_gemm_run(t->input, num_dst, du, layer->weights.at[PRI_ROLE_SELF], NULL, t->a));
    pri_aggregate_reverse(layer->block, reversed);
    const pri_scatter from = { .self     = t->a,
                               .mean     = t->a + in,
                               .kept     = dx->kept,
                               .ld       = t->lda,
                               .cols     = in,
                               .num_self = num_dst,
                               .scale    = dx->scale };
    pri_aggregate_scatter(reversed, &from, dx->out, dx->ld);
done:
    return st;
}
