/* gcn.c: the graph convolution, forward and backward (layer.h).
 *
 * The sum goes over in columns where it comes first and over out where the product does. Dense rows
 * are summed first: their slab is read in place, once. Sparse rows are multiplied first, since
 * their sum would not be sparse. */
#include "pipeline/nn/layer.h"

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
    pr_status              st    = PR_OK;
    const pri_layer_part  *w     = &layer->weights;
    const pri_layer_tape  *t     = layer->own;
    pri_tape              *tape  = layer->tape;
    const pri_coefficients how   = coefficients_of(layer);
    const pri_lists        lists = pri_lists_of_block(layer->block);
    const pri_rows         z     = { .at = tape->z, .ld = tape->ldz, .cols = w->out };
    const float *const     bias  = w->at[PRI_ROLE_BIAS];
    const int64_t          begin = pr_now_ns();

    if (x->is_sparse)
        pri_sparse_multiply(&x->sparse, w->at[PRI_ROLE_WEIGHT], w->out, NULL, tape->z, tape->ldz,
                            w->out);
    const int64_t multiplied = pr_now_ns();
    if (layer->index == 0) pri_coefficients_norm(layer->graph, layer->vertices, tape->norm);
    if (x->is_sparse)
        pri_aggregate_sum(&lists, &how, &z, bias, t->y, t->ldy, layer->fuses);
    else
        pri_aggregate_sum(&lists, &how, &x->dense, NULL, t->a, t->lda, false);
    const int64_t summed = pr_now_ns();
    if (!x->is_sparse)
        PR_TRY(pri_gemm_run(t->forward, layer->block->num_dst, t->a, w->at[PRI_ROLE_WEIGHT], bias,
                            t->y));
    times->aggregate_ns += summed - multiplied;
    times->gemm_ns += multiplied - begin + pr_now_ns() - summed;
done:
    return st;
}

pr_status pri_gcn_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    pr_status              st = PR_OK;
    const pri_layer_part  *w = &layer->weights, *g = &layer->gradient;
    const pri_layer_tape  *t       = layer->own;
    pri_tape              *tape    = layer->tape;
    const uint32_t         num_dst = layer->block->num_dst;
    const pri_coefficients how     = coefficients_of(layer);
    pri_scatter            from    = { .num_self = num_dst, .coefficients = &how };

    pri_aggregate_columns(du, t->ldy, num_dst, g->out, g->at[PRI_ROLE_BIAS]);
    if (x->is_sparse || dx) pri_aggregate_reverse_sums(layer->block, &how, &tape->reversed);
    if (x->is_sparse) {
        from.self = from.mean = du;
        from.ld               = t->ldy;
        from.cols             = g->out;
        pri_aggregate_scatter(&tape->reversed, &from, tape->z, tape->ldz);
        pri_sparse_gradient(&x->sparse, tape->z, tape->ldz, g->out, g->at[PRI_ROLE_WEIGHT]);
        return PR_OK;
    }
    PR_TRY(pri_gemm_run(t->weight, num_dst, t->a, du, NULL, g->at[PRI_ROLE_WEIGHT]));
    if (!dx) goto done;
    PR_TRY(pri_gemm_run(t->input, num_dst, du, w->at[PRI_ROLE_WEIGHT], NULL, t->a));
    from.self = from.mean = t->a;
    from.ld               = t->lda;
    from.cols             = g->in;
    from.kept             = dx->kept;
    from.scale            = dx->scale;
    pri_aggregate_scatter(&tape->reversed, &from, dx->out, dx->ld);
done:
    return st;
}
