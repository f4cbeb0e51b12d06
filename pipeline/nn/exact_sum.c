/* exact_sum.c: what a kind of layer makes of neighbours' rows and its own, of a range: of inputs
 * before they are multiplied, or of products, whole or in panels. */
#include "pipeline/nn/exact.h"
#include "pipeline/nn/largest.h"

/* Sums of gcn and gin. */
static pri_coefficients coefficients_of(const pri_exact_work *w)
{
    const pri_exact *in = w->in;
    pri_coefficients c  = { .graph = in->graph };

    if (w->layer->kind.model == PR_MODEL_GCN)
        c.norm = in->fixed;
    else
        c.self = 1.0f + w->weights.at[PRI_ROLE_EPSILON][0];
    return c;
}

/* ReLU is the convolution's own in gin; else it is there where nothing stands before it. */
static bool ends_in_relu(const pri_exact_layer *l)
{
    return l->relu || l->kind.second;
}

size_t pri_exact_sum_cols(const pri_exact_layer *l)
{
    return l->kind.own ? 2 * l->in : l->in;
}

bool pri_exact_product_relu(const pri_exact_layer *l)
{
    return ends_in_relu(l);
}

void pri_exact_sum_inputs(const pri_exact_work *w, pr_vid first, float *a, size_t lda)
{
    const pri_exact_layer *l     = w->layer;
    const pr_features     *f     = w->in->features;
    const uint32_t         n     = pri_exact_range(w, first);
    const pri_lists        lists = pri_lists_of_graph(w->in->graph, first, n);

    if (l->source == PRI_X_SPARSE) {
        const pri_sparse rows  = { .x = f, .num = f->num_rows };
        uint32_t        *count = (void *)(a + (size_t)l->num_rows * lda);
        PR_ASSERT(l->kind.largest);
        pri_largest_concat_sparse(&lists, &rows, a, lda, count);
        return;
    }
    const pri_rows x = pri_exact_inputs(w);
    if (l->kind.largest) {
        pri_largest_concat(&lists, &x, a, lda, NULL);
    } else if (l->kind.own) {
        pri_aggregate_concat(&lists, &x, a, lda);
    } else {
        const pri_coefficients c = coefficients_of(w);
        pri_aggregate_sum(&lists, &c, &x, NULL, a, lda, false);
    }
}

void pri_exact_sum_products(const pri_exact_work *w, pr_vid first, const pri_exact_panel *p,
                            float *y, size_t ldy)
{
    const pri_exact_layer *l     = w->layer;
    const uint32_t         n     = pri_exact_range(w, first);
    const pri_lists        lists = pri_lists_of_graph(w->in->graph, first, n);
    const pri_rows         z     = { .at = p->z.at, .ld = p->z.ld, .cols = p->num };
    const int64_t          begin = pr_now_ns();

    if (l->kind.attention) {
        pri_exact_attend(w, first, p, y, ldy);
    } else if (l->kind.own) {
        pri_aggregate_add(&lists, &z, y, ldy, l->relu);
    } else {
        const pri_coefficients c = coefficients_of(w);
        pri_aggregate_sum(&lists, &c, &z, w->weights.at[PRI_ROLE_BIAS] + p->first, y, ldy,
                          ends_in_relu(l));
    }
    w->times->aggregate_ns += pr_now_ns() - begin;
}
