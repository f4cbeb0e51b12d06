/* aggregate.c: see aggregate.h. Tasks are result rows; rows.c has the inner loop. */
#include "pipeline/nn/aggregate.h"

#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"

enum {
    COLUMN_SLICE = 64, /* columns that one task of pri_aggregate_columns sums */
    SUM_ROWS     = 256 /* rows summed in float before they join the double */
};

PRI_CLONES static void nn_scale(float *restrict y, float f, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] *= f;
}

PRI_CLONES static void nn_scaled(float *restrict y, const float *restrict x, float f, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] = f * x[c];
}

PRI_CLONES static void nn_biased(float *restrict y, const float *restrict bias,
                                 const float *restrict x, float f, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] = bias[c] + f * x[c];
}

PRI_CLONES static void nn_relu(float *restrict y, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] = y[c] < 0.0f ? 0.0f : y[c]; /* keeps NaN */
}

/* sum[c] += X[r, c] for rows [0, num_rows), in blocks so that long sums stay exact enough. */
PRI_CLONES static void nn_add_columns(const float *restrict x, size_t ld, size_t num_rows,
                                      size_t cols, double *restrict sum)
{
    float part[COLUMN_SLICE];

    for (size_t begin = 0; begin < num_rows; begin += SUM_ROWS) {
        const size_t end = begin + SUM_ROWS < num_rows ? begin + SUM_ROWS : num_rows;
        for (size_t c = 0; c < cols; c++) part[c] = 0.0f;
        for (size_t r = begin; r < end; r++)
            for (size_t c = 0; c < cols; c++) part[c] += x[r * ld + c];
        for (size_t c = 0; c < cols; c++) sum[c] += (double)part[c];
    }
}

/* ---- lists ---- */

pri_lists pri_lists_of_block(const pr_block *block)
{
    return (pri_lists){ .num     = block->num_dst,
                        .begin32 = block->indptr,
                        .index   = block->indices,
                        .weight  = block->weights };
}

pri_lists pri_lists_of_graph(const pr_graph *graph, pr_vid first, uint32_t num)
{
    return (pri_lists){
        .first = first, .num = num, .begin64 = graph->indptr + first, .index = graph->indices
    };
}

static pri_list list_of(const pri_lists *lists, uint32_t d)
{
    const uint64_t begin = pri_lists_begin(lists, d), end = pri_lists_begin(lists, d + 1);

    return (pri_list){ .index     = lists->index + begin,
                       .num       = (size_t)(end - begin),
                       .num_after = (size_t)(pri_lists_begin(lists, lists->num) - end),
                       .weight    = lists->weight ? lists->weight + begin : NULL,
                       .factor    = 1.0f };
}

/* One over the sum of weights. */
static float one_over(const float *weight, size_t num)
{
    double sum = 0.0;
    for (size_t i = 0; i < num; i++) sum += (double)weight[i];
    return (float)(1.0 / sum);
}

/* Give the part of each row of a list in its destination's sum: of its mean without coefficients.
 */
static float part_of(const pri_coefficients *coefficients, uint32_t row, const pri_list *l)
{
    if (l->num == 0) return 0.0f;
    const float all = coefficients ? pri_coefficients_list(coefficients, row) : 1.0f;
    return l->weight ? all * one_over(l->weight, l->num) : all / (float)l->num;
}

/* Whether so many rows, added up or written, are worth a team. */
static bool worth_a_team(uint64_t num_rows, size_t cols)
{
    return pri_worth_team(num_rows * cols, PRI_SUM_PS);
}

/* ---- forward ---- */

void pri_aggregate_concat(const pri_lists *lists, const pri_rows *x, float *a, size_t lda)
{
    const size_t   cols = x->cols;
    const uint32_t task = pri_rows_task(lists->num);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(pri_lists_rows(lists), cols))
    for (uint32_t d = 0; d < lists->num; d++) {
        pri_list l    = list_of(lists, d);
        float   *self = a + d * lda, *mean = self + cols;
        memcpy(self, pri_row(x, lists->first + d), cols * sizeof *self);
        memset(mean, 0, cols * sizeof *mean);
        if (l.weight) l.factor = one_over(l.weight, l.num);
        pri_rows_add(mean, x, &l);
        if (l.num > 1 && !l.weight) nn_scale(mean, 1.0f / (float)l.num, cols);
    }
}

void pri_aggregate_add(const pri_lists *lists, const pri_rows *z, float *y, size_t ldy, bool relu)
{
    const uint32_t task = pri_rows_task(lists->num);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(pri_lists_rows(lists), z->cols))
    for (uint32_t d = 0; d < lists->num; d++) {
        pri_list l = list_of(lists, d);
        l.factor   = part_of(NULL, d, &l);
        pri_rows_add(y + d * ldy, z, &l);
        if (relu) nn_relu(y + d * ldy, z->cols);
    }
}

void pri_aggregate_sum(const pri_lists *lists, const pri_coefficients *coefficients,
                       const pri_rows *x, const float *bias, float *y, size_t ldy, bool relu)
{
    const uint32_t task = pri_rows_task(lists->num);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(pri_lists_rows(lists), x->cols))
    for (uint32_t d = 0; d < lists->num; d++) {
        const uint32_t row  = lists->first + d;
        const float    self = pri_coefficients_self(coefficients, row);
        float         *sum  = y + d * ldy;
        pri_list       l    = list_of(lists, d);
        if (bias)
            nn_biased(sum, bias, pri_row(x, row), self, x->cols);
        else
            nn_scaled(sum, pri_row(x, row), self, x->cols);
        l.factor = part_of(coefficients, row, &l);
        l.share  = coefficients->norm;
        pri_rows_add(sum, x, &l);
        if (relu) nn_relu(sum, x->cols);
    }
}

/* ---- backward ---- */

/* Put one row's edges in, last first, with their parts of its sum. */
static void reverse_row(const pri_lists *lists, const pri_coefficients *coefficients, uint32_t d,
                        pri_reversed *out)
{
    const pri_list  l      = list_of(lists, d);
    const float     factor = part_of(coefficients, d, &l);
    uint32_t *const begin = out->begin, *const dst = out->dst;
    const uint32_t first = (uint32_t)(l.index - lists->index);

    if (!l.weight) out->share[d] = factor;
    if (!l.weight && !out->arc) {
        for (size_t i = l.num; i-- > 0;) dst[--begin[l.index[i]]] = d;
        return;
    }
    for (size_t i = l.num; i-- > 0;) {
        const uint32_t at = --begin[l.index[i]];
        dst[at]           = d;
        if (l.weight) out->value[at] = factor * l.weight[i];
        if (out->arc) out->arc[at] = first + (uint32_t)i;
    }
}

void pri_aggregate_reverse_sums(const pr_block *block, const pri_coefficients *coefficients,
                                pri_reversed *out)
{
    const pri_lists lists = pri_lists_of_block(block);
    uint32_t       *begin = out->begin;

    out->num_src  = block->num_src;
    out->weighted = block->weights != NULL;
    memset(begin, 0, (block->num_src + (size_t)1) * sizeof *begin);
    for (uint32_t e = 0; e < block->num_edges; e++) begin[block->indices[e]]++;
    uint32_t total = 0;
    for (uint32_t u = 0; u <= block->num_src; u++) { /* counts to ends */
        total += begin[u];
        begin[u] = total;
    }
    for (uint32_t d = block->num_dst; d-- > 0;) /* backwards: ends become begins, in order */
        reverse_row(&lists, coefficients, d, out);
}

void pri_aggregate_reverse(const pr_block *block, pri_reversed *out)
{
    pri_aggregate_reverse_sums(block, NULL, out);
}

/* Give the list of destinations that drew source u. */
static pri_list reversed_list(const pri_reversed *reversed, const pri_coefficients *coefficients,
                              uint32_t u)
{
    const uint32_t begin = reversed->begin[u], end = reversed->begin[u + 1];
    const bool     normed = coefficients && coefficients->norm;

    return (pri_list){ .index     = reversed->dst + begin,
                       .num       = end - begin,
                       .num_after = reversed->begin[reversed->num_src] - end,
                       .weight    = reversed->weighted ? reversed->value + begin : NULL,
                       .share     = reversed->weighted ? NULL : reversed->share,
                       .factor    = normed ? coefficients->norm[u] : 1.0f };
}

void pri_aggregate_scatter(const pri_reversed *reversed, const pri_scatter *from, float *out,
                           size_t ldout)
{
    const uint32_t          num_src  = reversed->num_src;
    const pri_coefficients *how      = from->coefficients;
    const pri_rows          mean     = { .at = from->mean, .ld = from->ld, .cols = from->cols };
    const size_t            row_size = from->cols * sizeof *out;
    const uint64_t          num_rows = (uint64_t)num_src + reversed->begin[num_src];
    const uint32_t          task     = pri_rows_task(num_src);

#pragma omp parallel for schedule(dynamic, task) if (worth_a_team(num_rows, from->cols))
    for (uint32_t u = 0; u < num_src; u++) {
        float         *y = out + u * ldout;
        const pri_list l = reversed_list(reversed, how, u);
        if (u >= from->num_self)
            memset(y, 0, row_size);
        else if (how)
            nn_scaled(y, from->self + u * from->ld, pri_coefficients_self(how, u), from->cols);
        else
            memcpy(y, from->self + u * from->ld, row_size);
        pri_rows_add(y, &mean, &l);
        if (from->kept) pri_row_mask(y, from->kept + u * ldout, from->scale, from->cols);
    }
}

void pri_aggregate_columns(const float *x, size_t ld, size_t num_rows, size_t cols, float *sum)
{
#pragma omp parallel for schedule(dynamic, 1) if (worth_a_team(num_rows, cols))
    for (size_t at = 0; at < cols; at += COLUMN_SLICE) {
        const size_t n                   = cols - at < COLUMN_SLICE ? cols - at : COLUMN_SLICE;
        double       total[COLUMN_SLICE] = { 0 };
        nn_add_columns(x + at, ld, num_rows, n, total);
        for (size_t c = 0; c < n; c++) sum[at + c] = (float)total[c];
    }
}
