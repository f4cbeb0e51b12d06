/* sage_max.c: the GraphSAGE layer that takes the largest of its neighbours, forward and backward
 * (layer.h).
 *
 * The largest of X W is not that of X times W, so that sparse rows come first as well: A is made
 * dense of them. */
#include "pipeline/nn/largest.h"
#include "pipeline/nn/layer.h"

pr_status pri_max_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pri_lists       lists = pri_lists_of_block(layer->block);
    const int64_t         begin = pr_now_ns();

    if (x->is_sparse) /* nobody asks for the source of a first layer's largest */
        pri_largest_concat_sparse(&lists, &x->sparse, t->a, t->lda, t->argmax);
    else
        pri_largest_concat(&lists, &x->dense, t->a, t->lda, layer->index ? t->argmax : NULL);
    const int64_t middle = pr_now_ns();
    PR_TRY(pri_gemm_run(t->forward, layer->block->num_dst, t->a, layer->weights.at[PRI_ROLE_SELF],
                        layer->weights.at[PRI_ROLE_BIAS], t->y));
    times->aggregate_ns += middle - begin;
    times->gemm_ns += pr_now_ns() - middle;
done:
    return st;
}

pr_status pri_max_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    pr_status             st = PR_OK;
    const pri_layer_part *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape *t        = layer->own;
    const uint32_t        num_dst  = layer->block->num_dst;
    pri_reversed         *reversed = &layer->tape->reversed;

    (void)x;
    pri_aggregate_columns(du, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS]);
    PR_TRY(pri_gemm_run(t->weight, num_dst, t->a, du, NULL, g->at[PRI_ROLE_SELF]));
    if (!dx) goto done;
    PR_TRY(pri_gemm_run(t->input, num_dst, du, w->at[PRI_ROLE_SELF], NULL, t->a));
    pri_aggregate_reverse(layer->block, reversed);
    const pri_scatter from = { .self     = t->a,
                               .mean     = t->a + g->in,
                               .kept     = dx->kept,
                               .ld       = t->lda,
                               .cols     = g->in,
                               .num_self = num_dst,
                               .scale    = dx->scale };
    pri_largest_scatter(reversed, &from, t->argmax, dx->out, dx->ld);
done:
    return st;
}
