/* sage.c: see sage.h. */
#include "pipeline/nn/sage.h"

pr_status pri_sage_forward(const pri_sage *sage, const pri_rows *x, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = sage->tape;
    const pri_lists       lists = pri_lists_of_block(sage->block);
    const int64_t         begin = pr_now_ns();

    pri_aggregate_concat(&lists, x, t->a, t->lda);
    const int64_t middle = pr_now_ns();
    PR_TRY(pri_gemm_run(t->forward, sage->block->num_dst, t->a, sage->weights.w, sage->weights.b,
                        t->y));
    times->aggregate_ns += middle - begin;
    times->gemm_ns += pr_now_ns() - middle;
done:
    return st;
}

/* The first `num` of the rows. */
static pri_sparse head(const pri_sparse *rows, uint32_t num)
{
    pri_sparse first = *rows;
    first.num        = num;
    return first;
}

void pri_sage_forward_sparse(const pri_sage *sage, const pri_sparse *inputs, float *z, size_t ldz,
                             pri_nn_times *times)
{
    const pri_layer_part *w     = &sage->weights;
    const pri_layer_tape *t     = sage->tape;
    const pri_lists       lists = pri_lists_of_block(sage->block);
    const pri_rows        rows  = { .at = z, .ld = ldz, .cols = w->out };
    const pri_sparse      self  = head(inputs, sage->block->num_dst);
    const int64_t         begin = pr_now_ns();

    pri_sparse_multiply(inputs, w->w + w->in * w->out, w->out, NULL, z, ldz, w->out);
    pri_sparse_multiply(&self, w->w, w->out, w->b, t->y, t->ldy, w->out);
    const int64_t middle = pr_now_ns();
    pri_aggregate_add(&lists, &rows, t->y, t->ldy, sage->relu);
    times->gemm_ns += middle - begin;
    times->aggregate_ns += pr_now_ns() - middle;
}

pr_status pri_sage_backward_weights(const pri_sage *sage, const float *dy)
{
    pr_status             st = PR_OK;
    const pri_layer_tape *t  = sage->tape;

    PR_TRY(pri_gemm_run(t->weight, sage->block->num_dst, t->a, dy, NULL, sage->gradient.w));
    pri_aggregate_columns(dy, t->ldy, sage->block->num_dst, sage->gradient.out, sage->gradient.b);
done:
    return st;
}

pr_status pri_sage_backward_inputs(const pri_sage *sage, const float *dy, pri_reversed *reversed,
                                   const float *kept, float scale, float *dx, size_t lddx)
{
    pr_status             st = PR_OK;
    const pri_layer_tape *t  = sage->tape;
    const size_t          in = sage->weights.in;

    PR_TRY(pri_gemm_run(t->input, sage->block->num_dst, dy, sage->weights.w, NULL, t->a));
    pri_aggregate_reverse(sage->block, reversed);
    const pri_scatter from = { .self     = t->a,
                               .mean     = t->a + in,
                               .kept     = kept,
                               .ld       = t->lda,
                               .cols     = in,
                               .num_self = sage->block->num_dst,
                               .scale    = scale };
    pri_aggregate_scatter(reversed, &from, dx, lddx);
done:
    return st;
}

void pri_sage_backward_sparse(const pri_sage *sage, const pri_sparse *inputs, const float *dy,
                              pri_reversed *reversed, float *z, size_t ldz)
{
    const pri_layer_part *g    = &sage->gradient;
    const pri_layer_tape *t    = sage->tape;
    const pri_sparse      self = head(inputs, sage->block->num_dst);
    const pri_scatter     from = { .mean = dy, .ld = t->ldy, .cols = g->out };

    pri_aggregate_reverse(sage->block, reversed);
    pri_aggregate_scatter(reversed, &from, z, ldz);
    pri_sparse_gradient(&self, dy, t->ldy, g->out, g->w);
    pri_sparse_gradient(inputs, z, ldz, g->out, g->w + g->in * g->out);
    pri_aggregate_columns(dy, t->ldy, sage->block->num_dst, g->out, g->b);
}
