/* gat.c: the graph attention layer, forward and backward (layer.h). Rows are multiplied first:
 * every score wants the product of a row. */
#include <string.h>

#include "base/teamwork.h"
#include "pipeline/nn/attention.h"
#include "pipeline/nn/layer.h"

enum { SCORE_PS = 2000 }; /* what a score takes a thread */

static float *target_scores(const pri_layer *layer)
{
    return layer->own->scores + (size_t)layer->block->num_src * layer->own->heads;
}

/* Attention of a layer; `dropout` is filled and borrowed where it drops any. */
static pri_attention attention_of(const pri_layer *layer, pri_dropout *dropout)
{
    const pri_layer_tape *t     = layer->own;
    const double          p     = layer->model->shape.options.attention_dropout;
    const size_t          heads = t->heads, out = layer->weights.out;
    const size_t          cols = layer->is_last ? out : out / heads;
    pri_attention         a    = { .heads        = t->heads,
                                   .cols         = cols,
                                   .mean         = layer->is_last,
                                   .z            = { .at = t->z, .ld = t->ldz, .cols = heads * cols },
                                   .source_score = t->scores,
                                   .vertex       = layer->vertices.at };

    if (layer->training && p > 0.0) {
        *dropout  = pri_attention_dropout(p, layer->key, layer->step, layer->index);
        a.dropout = dropout;
    }
    return a;
}

static pri_arcs arcs_of(const pri_layer *layer, uint32_t d)
{
    const pr_block *block = layer->block;
    const uint32_t  begin = block->indptr[d];
    const pr_eid   *at    = layer->graph->indptr + layer->vertices.at[d];

    return (pri_arcs){ .row          = d,
                       .index        = block->indices + begin,
                       .weight       = block->weights ? block->weights + begin : NULL,
                       .num          = block->indptr[d + 1] - begin,
                       .degree       = at[1] - at[0],
                       .target_score = target_scores(layer) + d * (size_t)layer->own->heads };
}

/* Whether going over all arcs is worth a team. */
static bool worth_a_team(const pri_layer *layer, const pri_attention *a)
{
    const uint64_t rows = (uint64_t)layer->block->num_edges + layer->block->num_src;

    return pri_worth_team(rows * a->heads, (uint32_t)(SCORE_PS + a->cols * PRI_SUM_PS));
}

/* ---- forward ---- */

/* Z = X W; derived rows are that. */
static pr_status multiply(const pri_layer *layer, const pri_input *x, size_t cols)
{
    const pri_layer_tape *t = layer->own;
    const float *const    w = layer->weights.at[PRI_ROLE_WEIGHT];

    if (x->is_derived) return PR_OK;
    if (!x->is_sparse) {
        PR_ASSERT(!x->dense.slot);
        return pri_gemm_run(t->forward, layer->block->num_src, x->dense.at, w, NULL, t->z);
    }
    pri_sparse_multiply(&x->sparse, w, cols, NULL, t->z, t->ldz, cols);
    return PR_OK;
}

static void attend(const pri_layer *layer, const pri_attention *a)
{
    const pri_layer_tape *t       = layer->own;
    const uint32_t        num_dst = layer->block->num_dst, task = pri_rows_task(num_dst);
    const float *const    bias  = layer->weights.at[PRI_ROLE_BIAS];
    float *const          selfs = t->alpha + (size_t)layer->block->num_edges * t->heads;

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(layer, a))
    for (uint32_t d = 0; d < num_dst; d++) {
        const pri_arcs arcs = arcs_of(layer, d);
        pri_attention_row(a, &arcs, bias, t->alpha + layer->block->indptr[d] * (size_t)t->heads,
                          selfs + d * (size_t)t->heads, t->y + d * t->ldy);
    }
}

pr_status pri_gat_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pr_block       *block = layer->block;
    const int64_t         begin = pr_now_ns();
    pri_dropout           dropout;
    pri_attention         a = attention_of(layer, &dropout);

    PR_ASSERT(layer->graph);
    PR_TRY(multiply(layer, x, a.z.cols));
    if (x->is_derived) a.z = x->dense;
    const int64_t middle = pr_now_ns();
    pri_attention_scores(&a, block->num_src, layer->weights.at[PRI_ROLE_SOURCE], t->scores);
    pri_attention_scores(&a, block->num_dst, layer->weights.at[PRI_ROLE_TARGET],
                         target_scores(layer));
    attend(layer, &a);
    times->gemm_ns += middle - begin;
    times->aggregate_ns += pr_now_ns() - middle;
done:
    return st;
}

/* ---- backward ---- */

/* Fill tape->edge with the gradients of scores, and the scores of destinations with theirs. */
static void unscore(const pri_layer *layer, const pri_attention *a, const float *du)
{
    const pri_layer_tape *t       = layer->own;
    const pr_block       *block   = layer->block;
    const uint32_t        num_dst = block->num_dst, task = pri_rows_task(num_dst);
    const size_t          heads = t->heads, edges = (size_t)block->num_edges * heads;
    float *const d_edge = layer->tape->edge, *const d_target = target_scores(layer);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(layer, a))
    for (uint32_t d = 0; d < num_dst; d++) {
        const pri_arcs arcs = arcs_of(layer, d);
        const size_t   at = block->indptr[d] * heads, self = edges + d * heads;
        pri_attention_row_back(a, &arcs, du + d * t->ldy, t->alpha + at, t->alpha + self,
                               d_edge + at, d_edge + self, d_target + d * heads);
    }
}

/* The gradients of Z of all sources, and of their scores, which take the scores' place. */
static void spread(const pri_layer *layer, const pri_attention *a, const float *du, float *dz)
{
    const pri_layer_tape *t     = layer->own;
    const pri_tape       *tape  = layer->tape;
    const pr_block       *block = layer->block;
    const size_t          heads = t->heads, edges = (size_t)block->num_edges * heads;
    const uint32_t       *begin = tape->reversed.begin;
    const float *const d_self = tape->edge + edges, *const d_target = target_scores(layer);
    const float *const source  = layer->weights.at[PRI_ROLE_SOURCE];
    const float *const target  = layer->weights.at[PRI_ROLE_TARGET];
    const uint32_t     num_src = block->num_src, task = pri_rows_task(num_src);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(layer, a))
    for (uint32_t u = 0; u < num_src; u++) {
        float *const to = dz + u * t->ldz, *const d_source = t->scores + u * heads;
        const bool          is_dst = u < block->num_dst;
        const pri_arcs_back arcs   = { .index = tape->reversed.dst + begin[u],
                                       .arc   = tape->reversed.arc + begin[u],
                                       .num   = begin[u + 1] - begin[u],
                                       .alpha = t->alpha,
                                       .dy    = du,
                                       .lddy  = t->ldy };
        for (size_t h = 0; h < heads; h++) d_source[h] = is_dst ? d_self[u * heads + h] : 0.0f;
        for (size_t k = 0; k < arcs.num; k++)
            for (size_t h = 0; h < heads; h++) d_source[h] += tape->edge[arcs.arc[k] * heads + h];
        memset(to, 0, a->z.cols * sizeof *to);
        if (is_dst) pri_attention_spread_self(a, t->alpha + edges + u * heads, du + u * t->ldy, to);
        pri_attention_spread(a, &arcs, to);
        pri_attention_add_vector(a, d_source, source, to);
        if (is_dst) pri_attention_add_vector(a, d_target + u * heads, target, to);
    }
}

pr_status pri_gat_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pri_layer_part *g     = &layer->gradient;
    pri_tape *const       tape  = layer->tape;
    const pr_block       *block = layer->block;
    float *const          dz    = tape->z;
    pri_dropout           dropout;
    const pri_attention   a = attention_of(layer, &dropout);

    pri_aggregate_columns(du, t->ldy, block->num_dst, g->out, g->at[PRI_ROLE_BIAS]);
    unscore(layer, &a, du);
    pri_aggregate_reverse(block, &tape->reversed);
    spread(layer, &a, du, dz);
    pri_attention_columns(&a, block->num_src, t->scores, g->at[PRI_ROLE_SOURCE]);
    pri_attention_columns(&a, block->num_dst, target_scores(layer), g->at[PRI_ROLE_TARGET]);
    if (x->is_sparse) {
        pri_sparse_gradient(&x->sparse, dz, t->ldz, a.z.cols, g->at[PRI_ROLE_WEIGHT]);
        return PR_OK;
    }
    PR_TRY(pri_gemm_run(t->weight, block->num_src, x->dense.at, dz, NULL, g->at[PRI_ROLE_WEIGHT]));
    if (!dx) goto done;
    PR_ASSERT(!dx->kept && dx->ld == layer->own[-1].ldy); /* no layer of this kind fuses */
    PR_TRY(pri_gemm_run(t->input, block->num_src, dz, layer->weights.at[PRI_ROLE_WEIGHT], NULL,
                        dx->out));
done:
    return st;
}
