/* attention.c: see attention.h.
 *
 * Weights of a destination are made in steps that vectorise whatever the number of heads: scores
 * and their largest, exp of all of them less that, their sums, and the quotients. */
#include "pipeline/nn/attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/exponential.h"

enum {
    GROUP        = 4, /* rows added together */
    LINE         = 16,
    HALF         = 8,
    COLUMN_SLICE = 64, /* columns that one task of pri_attention_columns sums */
    SUM_ROWS     = 256 /* rows summed in float before they join the double */
};

typedef float line __attribute__((vector_size(LINE * sizeof(float)), aligned(4), may_alias));
typedef float half __attribute__((vector_size(HALF * sizeof(float)), aligned(4), may_alias));

#define LINE_AT(row, c) (*(const line *)((row) + (c)))
#define HALF_AT(row, c) (*(const half *)((row) + (c)))

/* ---- dropout ---- */

pri_dropout pri_attention_dropout(double p, uint64_t key, uint64_t step, uint32_t layer)
{
    return pri_dropout_of(p, key, step, PR_MAX_LAYERS + layer); /* layers' inputs have the others */
}

/* What is dropped of one destination's: by source and head. */
static pri_dropout of_target(const pri_dropout *dropout, pr_vid target)
{
    pri_dropout own = *dropout;

    own.base = pri_mix64(dropout->base + target);
    return own;
}

bool pri_attention_keeps(const pri_dropout *dropout, pr_vid target, pr_vid source, uint32_t head)
{
    const pri_dropout own = of_target(dropout, target);

    return pri_dropout_keeps(&own, source, head);
}

static void drop(const pri_dropout *own, pr_vid source, uint32_t heads, float *alpha)
{
    for (uint32_t h = 0; h < heads; h++)
        if (!pri_dropout_keeps(own, source, h)) alpha[h] = -alpha[h];
}

/* Turn round the sign of the weights that are dropped. */
static void drop_arcs(const pri_attention *a, const pri_arcs *arcs, float *alpha, float *self)
{
    const pri_dropout own = of_target(a->dropout, a->vertex[arcs->row]);

    for (size_t k = 0; k < arcs->num; k++)
        drop(&own, a->vertex[arcs->index[k]], a->heads, alpha + k * a->heads);
    drop(&own, a->vertex[arcs->row], a->heads, self);
}

/* Give what a weight that stays is multiplied with. */
static float scale_of(const pri_attention *a)
{
    const float kept = a->dropout ? a->dropout->scale : 1.0f;

    return a->mean ? kept / (float)a->heads : kept;
}

/* ---- products of rows ---- */

static inline __attribute__((always_inline)) float dot(const float *x, const float *y, size_t cols)
{
    line   wide   = { 0 };
    half   narrow = { 0 };
    float  rest   = 0.0f;
    size_t c      = 0;

    for (; c + LINE <= cols; c += LINE) wide += LINE_AT(x, c) * LINE_AT(y, c);
    for (; c + HALF <= cols; c += HALF) narrow += HALF_AT(x, c) * HALF_AT(y, c);
    for (; c < cols; c++) rest += x[c] * y[c];
    for (int i = 0; i < HALF; i++) narrow[i] += wide[i] + wide[i + HALF];
    const float even = (narrow[0] + narrow[4]) + (narrow[2] + narrow[6]);
    const float odd  = (narrow[1] + narrow[5]) + (narrow[3] + narrow[7]);
    return (even + odd) + rest;
}

/* score[h] = <x, y> of each head. */
PRI_CLONES static void nn_head_dots(const float *restrict x, size_t step, const float *restrict y,
                                    uint32_t heads, size_t cols, float *restrict score)
{
    for (uint32_t h = 0; h < heads; h++) score[h] = dot(x + h * step, y + h * cols, cols);
}

void pri_attention_scores(const pri_attention *a, uint32_t num, const float *vector, float *score)
{
    const size_t heads = a->heads;

#pragma omp parallel for schedule(static) if (pri_worth_team(num * heads * a->cols, PRI_SUM_PS))
    for (uint32_t i = 0; i < num; i++)
        nn_head_dots(pri_row(&a->z, i), a->cols, vector, a->heads, a->cols, score + i * heads);
}

/* ---- weights ---- */

/* s[h] = pri_leaky_relu(x[h] + y[h]), and the largest so far. */
PRI_CLONES static void nn_score(const float *restrict x, const float *restrict y, size_t heads,
                                float *restrict s, float *restrict largest)
{
    for (size_t h = 0; h < heads; h++) {
        s[h]       = pri_leaky_relu(x[h] + y[h]);
        largest[h] = s[h] > largest[h] ? s[h] : largest[h];
    }
}

/* s[k, h] = exp(s[k, h] - largest[h]). */
PRI_CLONES static void nn_exp_below(float *restrict s, size_t num, size_t heads,
                                    const float *restrict largest)
{
    if (heads == 1) {
        for (size_t i = 0; i < num; i++) s[i] = pri_exp(s[i] - largest[0]);
        return;
    }
    for (size_t k = 0; k < num; k++)
        for (size_t h = 0; h < heads; h++) s[k * heads + h] -= largest[h];
    for (size_t i = 0; i < num * heads; i++) s[i] = pri_exp(s[i]);
}

/* s[h] *= f, and their sum so far. */
PRI_CLONES static void nn_weigh(float *restrict s, float f, size_t heads, double *restrict sum)
{
    for (size_t h = 0; h < heads; h++) {
        s[h] *= f;
        sum[h] += (double)s[h];
    }
}

PRI_CLONES static void nn_divide(float *restrict s, size_t num, size_t heads,
                                 const float *restrict one_over)
{
    for (size_t k = 0; k < num; k++)
        for (size_t h = 0; h < heads; h++) s[k * heads + h] *= one_over[h];
}

/* What an arc counts: d_v times its share of those that were drawn, less its weight. */
static float factor_of(const pri_arcs *arcs)
{
    double all = 0.0;

    for (size_t k = 0; arcs->weight && k < arcs->num; k++) all += (double)arcs->weight[k];
    if (!arcs->weight) all = (double)arcs->num;
    return all > 0.0 ? (float)((double)arcs->degree / all) : 0.0f;
}

static void weigh(const pri_attention *a, const pri_arcs *arcs, float *alpha, float *self)
{
    const size_t heads  = a->heads;
    const float  factor = factor_of(arcs);
    float        largest[PRI_MAX_HEADS];
    double       sum[PRI_MAX_HEADS];

    for (size_t h = 0; h < heads; h++) largest[h] = -INFINITY;
    nn_score(a->source_score + arcs->row * heads, arcs->target_score, heads, self, largest);
    for (size_t k = 0; k < arcs->num; k++)
        nn_score(a->source_score + arcs->index[k] * heads, arcs->target_score, heads,
                 alpha + k * heads, largest);
    nn_exp_below(self, 1, heads, largest);
    nn_exp_below(alpha, arcs->num, heads, largest);
    for (size_t h = 0; h < heads; h++) sum[h] = (double)self[h];
    for (size_t k = 0; k < arcs->num; k++)
        nn_weigh(alpha + k * heads, arcs->weight ? factor * arcs->weight[k] : factor, heads, sum);
    for (size_t h = 0; h < heads; h++) largest[h] = (float)(1.0 / sum[h]);
    nn_divide(self, 1, heads, largest);
    nn_divide(alpha, arcs->num, heads, largest);
}

/* ---- sums ---- */

/* Rows that are added up with weights of their own for each head: head h of row k, from column
 * h * from on, goes to column h * to of the sum, times the weight of entry[k] (of k without). */
typedef struct sums {
    pri_rows        rows;
    const uint32_t *index, *entry;
    size_t          num, heads, cols, from, to;
    const float    *alpha;
    float           scale;
} sums;

static inline float weight_of(float alpha, float scale)
{
    return alpha < 0.0f ? 0.0f : alpha * scale; /* keeps NaN */
}

static inline __attribute__((always_inline)) void
add_group(float *restrict y, const float *const x[GROUP], const float f[GROUP], size_t cols)
{
    const float *restrict a = x[0], *restrict b = x[1], *restrict d = x[2], *restrict e = x[3];
    const float fa = f[0], fb = f[1], fd = f[2], fe = f[3];
    size_t      c = 0;

    for (; c + LINE <= cols; c += LINE)
        *(line *)(y + c) =
            (((LINE_AT(y, c) + LINE_AT(a, c) * fa) + LINE_AT(b, c) * fb) + LINE_AT(d, c) * fd) +
            LINE_AT(e, c) * fe;
    for (; c + HALF <= cols; c += HALF)
        *(half *)(y + c) =
            (((HALF_AT(y, c) + HALF_AT(a, c) * fa) + HALF_AT(b, c) * fb) + HALF_AT(d, c) * fd) +
            HALF_AT(e, c) * fe;
    for (; c < cols; c++) y[c] = (((y[c] + a[c] * fa) + b[c] * fb) + d[c] * fd) + e[c] * fe;
}

PRI_CLONES static void nn_add_heads(float *restrict y, size_t to, const float *restrict x,
                                    size_t from, const float *restrict alpha, float scale,
                                    size_t heads, size_t cols)
{
    for (size_t h = 0; h < heads; h++) {
        const float f = weight_of(alpha[h], scale);
        for (size_t c = 0; c < cols; c++) y[h * to + c] += x[h * from + c] * f;
    }
}

/* Four rows of all heads; returns nothing but adds in list order. */
PRI_CLONES static void nn_add_groups(float *restrict y, const sums *s, size_t num)
{
    for (size_t k = 0; k < num; k += GROUP) {
        const float *row[GROUP], *alpha[GROUP];
        for (size_t j = 0; j < GROUP; j++) {
            const size_t entry = s->entry ? s->entry[k + j] : k + j;
            row[j]             = pri_row(&s->rows, s->index[k + j]);
            alpha[j]           = s->alpha + entry * s->heads;
            if (k + j + GROUP < s->num) {
                const float *next = pri_row(&s->rows, s->index[k + j + GROUP]);
                for (size_t c = 0; c < s->rows.cols; c += LINE) __builtin_prefetch(next + c);
            }
        }
        for (size_t h = 0; h < s->heads; h++) {
            const float *x[GROUP];
            float        f[GROUP];
            for (size_t j = 0; j < GROUP; j++) {
                x[j] = row[j] + h * s->from;
                f[j] = weight_of(alpha[j][h], s->scale);
            }
            add_group(y + h * s->to, x, f, s->cols);
        }
    }
}

static void add_up(float *y, const sums *s)
{
    const size_t whole = s->num / GROUP * GROUP;

    nn_add_groups(y, s, whole);
    for (size_t k = whole; k < s->num; k++)
        nn_add_heads(y, s->to, pri_row(&s->rows, s->index[k]), s->from,
                     s->alpha + (s->entry ? s->entry[k] : k) * s->heads, s->scale, s->heads,
                     s->cols);
}

void pri_attention_row(const pri_attention *a, const pri_arcs *arcs, const float *bias,
                       float *alpha, float *self, float *y)
{
    const size_t to = a->mean ? 0 : a->cols, cols = a->mean ? a->cols : a->heads * a->cols;
    const sums   all = { .rows  = a->z,
                         .index = arcs->index,
                         .num   = arcs->num,
                         .heads = a->heads,
                         .cols  = a->cols,
                         .from  = a->cols,
                         .to    = to,
                         .alpha = alpha,
                         .scale = scale_of(a) };

    weigh(a, arcs, alpha, self);
    if (a->dropout) drop_arcs(a, arcs, alpha, self);
    memcpy(y, bias, cols * sizeof *y);
    nn_add_heads(y, to, pri_row(&a->z, arcs->row), a->cols, self, all.scale, a->heads, a->cols);
    add_up(y, &all);
}

/* ---- backward ---- */

/* d[h] = the gradient of a weight, from that of what it came to behind dropout; and the sum so far
 * of weights times gradients. */
PRI_CLONES static void nn_undrop(float *restrict d, const float *restrict alpha, float scale,
                                 size_t heads, double *restrict total)
{
    for (size_t h = 0; h < heads; h++) {
        d[h] = alpha[h] < 0.0f ? 0.0f : d[h] * scale;
        total[h] += (double)(fabsf(alpha[h]) * d[h]);
    }
}

/* The way back through softmax and leaky ReLU. */
PRI_CLONES static void nn_unscore(float *restrict d, const float *restrict alpha,
                                  const float *restrict x, const float *restrict y,
                                  const float *restrict mean, size_t heads, double *restrict sum)
{
    for (size_t h = 0; h < heads; h++) {
        const float slope = x[h] + y[h] > 0.0f ? 1.0f : PRI_LEAKY_SLOPE;
        d[h]              = fabsf(alpha[h]) * (d[h] - mean[h]) * slope;
        sum[h] += (double)d[h];
    }
}

void pri_attention_row_back(const pri_attention *a, const pri_arcs *arcs, const float *dy,
                            const float *alpha, const float *self, float *d_alpha, float *d_self,
                            float *d_target)
{
    const size_t heads = a->heads, step = a->mean ? 0 : a->cols;
    const float  scale = scale_of(a), *own = a->source_score + arcs->row * heads;
    double       total[PRI_MAX_HEADS], sum[PRI_MAX_HEADS];
    float        mean[PRI_MAX_HEADS];

    memset(total, 0, heads * sizeof *total);
    memset(sum, 0, heads * sizeof *sum);
    nn_head_dots(dy, step, pri_row(&a->z, arcs->row), a->heads, a->cols, d_self);
    nn_undrop(d_self, self, scale, heads, total);
    for (size_t k = 0; k < arcs->num; k++) {
        float *d = d_alpha + k * heads;
        nn_head_dots(dy, step, pri_row(&a->z, arcs->index[k]), a->heads, a->cols, d);
        nn_undrop(d, alpha + k * heads, scale, heads, total);
    }
    for (size_t h = 0; h < heads; h++) mean[h] = (float)total[h];
    nn_unscore(d_self, self, own, arcs->target_score, mean, heads, sum);
    for (size_t k = 0; k < arcs->num; k++)
        nn_unscore(d_alpha + k * heads, alpha + k * heads, a->source_score + arcs->index[k] * heads,
                   arcs->target_score, mean, heads, sum);
    for (size_t h = 0; h < heads; h++) d_target[h] = (float)sum[h];
}

void pri_attention_spread(const pri_attention *a, const pri_arcs_back *arcs, float *dz)
{
    const size_t from = a->mean ? 0 : a->cols;
    const sums   all  = { .rows  = { .at   = arcs->dy,
                                     .ld   = arcs->lddy,
                                     .cols = a->mean ? a->cols : a->heads * a->cols },
                          .index = arcs->index,
                          .entry = arcs->arc,
                          .num   = arcs->num,
                          .heads = a->heads,
                          .cols  = a->cols,
                          .from  = from,
                          .to    = a->cols,
                          .alpha = arcs->alpha,
                          .scale = scale_of(a) };

    add_up(dz, &all);
}

void pri_attention_spread_self(const pri_attention *a, const float *self, const float *dy,
                               float *dz)
{
    nn_add_heads(dz, a->cols, dy, a->mean ? 0 : a->cols, self, scale_of(a), a->heads, a->cols);
}

PRI_CLONES static void nn_add_scaled(float *restrict y, const float *restrict x,
                                     const float *restrict score, size_t heads, size_t cols)
{
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) y[h * cols + c] += score[h] * x[h * cols + c];
}

void pri_attention_add_vector(const pri_attention *a, const float *score, const float *vector,
                              float *dz)
{
    nn_add_scaled(dz, vector, score, a->heads, a->cols);
}

/* sum[c] += score[r] X[r, c], in blocks so that long sums stay exact enough. */
PRI_CLONES static void nn_add_attention_columns(const float *restrict x, size_t     ld,
                                                const float *restrict score, size_t heads,
                                                size_t num_rows, size_t cols, double *restrict sum)
{
    float part[COLUMN_SLICE];

    for (size_t begin = 0; begin < num_rows; begin += SUM_ROWS) {
        const size_t end = begin + SUM_ROWS < num_rows ? begin + SUM_ROWS : num_rows;
        for (size_t c = 0; c < cols; c++) part[c] = 0.0f;
        for (size_t r = begin; r < end; r++)
            for (size_t c = 0; c < cols; c++) part[c] += score[r * heads] * x[r * ld + c];
        for (size_t c = 0; c < cols; c++) sum[c] += (double)part[c];
    }
}

void pri_attention_columns(const pri_attention *a, uint32_t num, const float *score, float *sum)
{
    const size_t slices = (a->cols + COLUMN_SLICE - 1) / COLUMN_SLICE;
    const size_t tasks  = a->heads * slices;
    const bool   spread = pri_worth_team(num * a->heads * a->cols, PRI_SUM_PS);

    PR_ASSERT(!a->z.slot);
#pragma omp parallel for schedule(dynamic, 1) if (spread)
    for (size_t task = 0; task < tasks; task++) {
        const size_t head = task / slices, at = task % slices * COLUMN_SLICE;
        const size_t n   = a->cols - at < COLUMN_SLICE ? a->cols - at : COLUMN_SLICE;
        const size_t col = head * a->cols + at;
        double       total[COLUMN_SLICE] = { 0 };
        nn_add_attention_columns(a->z.at + col, a->z.ld, score + head, a->heads, num, n, total);
        for (size_t c = 0; c < n; c++) sum[col + c] = (float)total[c];
    }
}
