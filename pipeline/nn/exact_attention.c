/* exact_attention.c: attention over all arcs of a range, of any columns.
 *
 * Scores <source, x W> of a head are x (W source): a product with two vectors a head, made once, so
 * scores of all vertices are there before any Z, and panels of Z may cut through heads. Weights of
 * an arc are made anew for each panel; nothing keeps them. */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/attention.h"
#include "pipeline/nn/exact.h"
#include "pipeline/nn/exponential.h"

enum {
    CHUNK    = 256, /* arcs whose weights are there at a time */
    SCORE_PS = 4000 /* what a weight takes a thread */
};

PRI_CLONES static void nn_exact_exp(float *s, size_t num, float largest)
{
    for (size_t i = 0; i < num; i++) s[i] = pri_exp(s[i] - largest);
}

PRI_CLONES static void nn_exact_scale(float *s, size_t num, float f)
{
    for (size_t i = 0; i < num; i++) s[i] *= f;
}

PRI_CLONES static void nn_exact_add(float *restrict y, const float *restrict x, float f,
                                    size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] += f * x[c];
}

void pri_exact_vectors(const pri_layer_part *weights, size_t heads, size_t cols, float *to)
{
    const float *const w = weights->at[PRI_ROLE_WEIGHT];

    for (size_t i = 0; i < weights->in; i++)
        for (size_t h = 0; h < heads; h++) {
            const float *row    = w + (i * heads + h) * cols;
            const float *s      = weights->at[PRI_ROLE_SOURCE] + h * cols;
            const float *t      = weights->at[PRI_ROLE_TARGET] + h * cols;
            double       source = 0.0, target = 0.0;
            for (size_t c = 0; c < cols; c++) {
                source += (double)row[c] * (double)s[c];
                target += (double)row[c] * (double)t[c];
            }
            to[i * 2 * heads + h]         = (float)source;
            to[i * 2 * heads + heads + h] = (float)target;
        }
}

pr_status pri_exact_scores_make(const pri_exact_work *w, pri_exact_product *out)
{
    const size_t cols = 2 * w->layer->kind.attention;
    const float *at   = w->in->vectors;

    *out = (pri_exact_product){ 0 };
    if (cols == 0) return PR_OK;
    for (uint32_t l = 0; l < w->index; l++)
        at += 2 * w->in->plan.layer[l].kind.attention * w->in->plan.layer[l].in;
    *out = (pri_exact_product){ .w = at, .ldw = cols, .cols = cols, .ldc = cols };
    return pri_exact_product_ready(w, out);
}

pr_status pri_exact_scores(const pri_exact_work *w, const pri_exact_product *p, pr_vid first,
                           const float *x)
{
    if (p->cols == 0) return PR_OK;
    return pri_exact_multiply(w, p, first, x, w->in->fixed + first * p->ldc);
}

/* One head of one destination. */
typedef struct head {
    const float  *source; /* of this head, of vertex 0; */
    size_t        ld;     /* to that of the next */
    float         target;
    const pr_vid *index;
    size_t        num;
} head;

/* Scores of arcs [at, at + num) to s. */
static void score(const head *h, size_t at, size_t num, float *s)
{
    for (size_t i = 0; i < num; i++)
        s[i] = pri_leaky_relu(h->source[h->index[at + i] * h->ld] + h->target);
}

static size_t chunk_at(const head *h, size_t at)
{
    return h->num - at < CHUNK ? h->num - at : CHUNK;
}

/* y += f * attention over rows of Z. Sums of exponentials are at least 1. */
static void attend_head(const head *h, pr_vid v, const pri_rows *z, float f, float *y)
{
    const float self = pri_leaky_relu(h->source[v * h->ld] + h->target);
    float       s[CHUNK], largest = self;

    for (size_t at = 0; at < h->num; at += CHUNK) {
        const size_t n = chunk_at(h, at);
        score(h, at, n, s);
        for (size_t i = 0; i < n; i++) largest = s[i] > largest ? s[i] : largest;
    }
    float own = self;
    nn_exact_exp(&own, 1, largest);
    double sum = (double)own;
    for (size_t at = 0; at < h->num; at += CHUNK) {
        const size_t n = chunk_at(h, at);
        if (h->num > CHUNK) score(h, at, n, s); /* else they are still there */
        nn_exact_exp(s, n, largest);
        for (size_t i = 0; i < n; i++) sum += (double)s[i];
    }
    const float part = (float)((double)f / sum);
    nn_exact_add(y, z->at + v * z->ld, own * part, z->cols);
    for (size_t at = 0; at < h->num; at += CHUNK) {
        const size_t n = chunk_at(h, at);
        if (h->num > CHUNK) {
            score(h, at, n, s);
            nn_exact_exp(s, n, largest);
        }
        nn_exact_scale(s, n, part);
        const pri_list list = {
            .index = h->index + at, .num = n, .num_after = h->num - at - n, .value = s
        };
        pri_rows_add(y, z, &list);
    }
}

/* All heads that columns of the panel are of. */
static void attend_row(const pri_exact_work *w, pr_vid v, const pri_exact_panel *p, float *y)
{
    const pri_exact_layer *l     = w->layer;
    const size_t           heads = l->kind.attention, mean = l->kind.heads;
    const size_t           cols   = l->out * mean / heads; /* of a head */
    const float *const     scores = w->in->fixed;
    const pr_graph        *g      = w->in->graph;
    const bool             side   = mean < heads; /* by side */
    const size_t           begin  = side ? p->first / cols : 0;
    const size_t           end    = side ? (p->first + p->num - 1) / cols + 1 : heads;

    memcpy(y, w->weights.at[PRI_ROLE_BIAS] + p->first, p->num * sizeof *y);
    for (size_t h = begin; h < end; h++) {
        const head   one  = { .source = scores + h,
                              .ld     = 2 * heads,
                              .target = scores[v * 2 * heads + heads + h],
                              .index  = g->indices + g->indptr[v],
                              .num    = (size_t)(g->indptr[v + (size_t)1] - g->indptr[v]) };
        const size_t from = side && h * cols > p->first ? h * cols - p->first : 0;
        const size_t to =
            side && (h + 1) * cols < p->first + p->num ? (h + 1) * cols - p->first : p->num;
        const pri_rows z = { .at   = p->z.at + (side ? from : h * p->num),
                             .ld   = p->z.ld,
                             .cols = to - from };
        attend_head(&one, v, &z, side ? 1.0f : 1.0f / (float)heads, y + from);
    }
}

void pri_exact_attend(const pri_exact_work *w, pr_vid first, const pri_exact_panel *p, float *y,
                      size_t ldy)
{
    const pr_eid  *at   = w->in->graph->indptr + first;
    const uint32_t n    = pri_exact_range(w, first);
    const uint64_t rows = at[n] - at[0] + n;
    const uint32_t task = pri_rows_task(n);
    const uint64_t ps   = SCORE_PS + p->num * w->layer->kind.heads * PRI_SUM_PS;

#pragma omp parallel for schedule(dynamic, task) if (pri_worth_team(rows, (uint32_t)ps))
    for (uint32_t i = 0; i < n; i++) attend_row(w, first + i, p, y + i * ldy);
}
