/* link_score.c: see link_score.h. The scores of all edges are sorted first; every negative then
 * finds among them how many it beats, so that the AUC is exact and no negative is kept. */
#include "pipeline/link_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/nn/link_loss.h"

enum { CHUNK = 64, DRAWN = 32, STOP_EVERY = 1 << 16 };

/* What is known of one edge. */
typedef struct edge_score {
    double   rank;
    double   loss;   /* of its negatives, added up */
    uint64_t halves; /* twice the edges that its negatives do not beat, equals once */
} edge_score;

typedef struct work {
    const pri_link_scoring *in;
    float                  *score;  /* [edges] */
    float                  *sorted; /* [edges] */
    edge_score             *of;     /* [edges] */
} work;

uint64_t pri_link_score_bytes(uint64_t num_edges)
{
    return num_edges * (2 * sizeof(float) + sizeof(edge_score));
}

static pri_link_place place_of(const pri_link_scoring *in, size_t i)
{
    return (pri_link_place){ .training = false, .step = (uint64_t)in->part, .edge = (uint32_t)i };
}

static float score_of(const pri_link_scoring *in, pr_vid a, pr_vid b)
{
    return pri_dot(in->rows + a * in->ld, in->rows + b * in->ld, in->cols);
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Give how many of n ascending scores are below s, or, `up_to`, not above it. Without branches:
 * which way a search goes is a coin toss. */
static size_t num_below(const float *sorted, size_t n, float s, bool up_to)
{
    const float *from = sorted;

    while (n > 0) {
        const size_t half = (n + 1) / 2;
        const float  at   = from[half - 1];
        const bool   on   = (at < s) | (up_to & (at == s));
        from += on ? half : 0;
        n -= half;
    }
    return (size_t)(from - sorted);
}

/* Count a negative of edge i with score s. */
static void count_negative(const work *w, size_t i, float s, edge_score *own)
{
    const size_t n     = w->in->edges->n;
    const size_t below = num_below(w->sorted, n, s, false);
    const bool   ties  = below < n && w->sorted[below] == s;
    const size_t up_to = ties ? below + num_below(w->sorted + below, n - below, s, true) : below;

    own->rank += s > w->score[i] ? 1 : s == w->score[i] ? 0.5 : 0;
    own->loss += pri_softplus((double)s);
    own->halves += 2 * (n - up_to) + (up_to - below);
}

/* Rank edge i among its negatives, and these among all edges. Some are drawn at a time, so that
 * their rows are on their way while others are multiplied. */
static void rank_edge(const work *w, size_t i)
{
    const pri_link_scoring *in     = w->in;
    const pri_link_place    place  = place_of(in, i);
    const pr_vid            source = in->edges->ends[2 * i + pri_link_turned(in->draw, place)];
    edge_score              own    = { .rank = 1 };
    pr_vid                  other[DRAWN];

    for (uint32_t begin = 0; begin < in->negatives; begin += DRAWN) {
        const uint32_t num = in->negatives - begin < DRAWN ? in->negatives - begin : DRAWN;
        for (uint32_t k = 0; k < num; k++) {
            other[k] = pri_link_negative(in->draw, place, begin + k, source);
            __builtin_prefetch(in->rows + other[k] * in->ld);
        }
        for (uint32_t k = 0; k < num; k++)
            count_negative(w, i, score_of(in, source, other[k]), &own);
    }
    w->of[i] = own;
}

/* Rank all edges, some at a time, so that a stop is heard. */
static pr_status rank_all(const work *w)
{
    pr_status           st   = PR_OK;
    const size_t        n    = w->in->edges->n;
    const volatile int *stop = w->in->stop;

    for (size_t begin = 0; begin < n; begin += STOP_EVERY) {
        const size_t end = n - begin < STOP_EVERY ? n : begin + STOP_EVERY;
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted during evaluation");
#pragma omp parallel for schedule(dynamic, CHUNK)
        for (size_t i = begin; i < end; i++) rank_edge(w, i);
    }
done:
    return st;
}

/* Add up, in the order of the edges. */
static void sum_up(const work *w, pri_link_metrics *out)
{
    const double n = (double)w->in->edges->n, k = (double)w->in->negatives;
    double       mrr = 0, edges = 0, others = 0, halves = 0;
    uint64_t     hits = 0;

    for (size_t i = 0; i < w->in->edges->n; i++) {
        mrr += 1 / w->of[i].rank;
        hits += w->of[i].rank <= 10;
        edges += pri_softplus(-(double)w->score[i]);
        others += w->of[i].loss;
        halves += (double)w->of[i].halves;
    }
    out->mrr        = mrr / n;
    out->hits_at_10 = (double)hits / n;
    out->auc        = halves / 2 / (n * n * k);
    out->loss       = (edges / n + others / (n * k)) / 2;
}

pr_status pri_link_score(const pri_link_scoring *in, pri_link_metrics *out)
{
    pr_status    st = PR_OK;
    const size_t n  = in->edges->n;
    work         w  = { .in = in };

    *out = (pri_link_metrics){ n, (double)NAN, (double)NAN, (double)NAN, (double)NAN };
    if (n == 0) goto done;
    PR_NEW(w.score, n);
    PR_NEW(w.sorted, n);
    PR_NEW(w.of, n);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        w.score[i] = score_of(in, in->edges->ends[2 * i], in->edges->ends[2 * i + 1]);
    memcpy(w.sorted, w.score, n * sizeof *w.sorted);
    for (size_t i = 0; i < n; i++)
        if (isnan(w.score[i])) goto done; /* nothing can be ranked */
    qsort(w.sorted, n, sizeof *w.sorted, compare_floats);
    PR_TRY(rank_all(&w));
    sum_up(&w, out);
    if (isnan(out->loss)) out->mrr = out->hits_at_10 = out->auc = (double)NAN;
done:
    pri_free(w.score);
    pri_free(w.sorted);
    pri_free(w.of);
    return st;
}
