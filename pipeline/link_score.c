/* link_score.c: see link_score.h. The scores of all edges are sorted first; every negative then
 * finds among them how many it beats, so that the AUC is exact and no negative is kept. */
#include "pipeline/link_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/nn/link_loss.h"

enum { CHUNK = 64, STOP_EVERY = 1 << 16 };

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

/* Give how many of n ascending scores are below s, or, `up_to`, not above it. */
static size_t num_below(const float *sorted, size_t n, float s, bool up_to)
{
    size_t begin = 0, end = n;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (sorted[middle] < s || (up_to && sorted[middle] == s))
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Rank edge i among its negatives, and these among all edges. */
static void rank_edge(const work *w, size_t i)
{
    const pri_link_scoring *in     = w->in;
    const size_t            n      = in->edges->n;
    const pri_link_place    place  = place_of(in, i);
    const pr_vid            source = in->edges->ends[2 * i + pri_link_turned(in->draw, place)];
    uint64_t                more = 0, equal = 0;
    edge_score              own = { 0 };

    for (uint32_t k = 0; k < in->negatives; k++) {
        const float s = score_of(in, source, pri_link_negative(in->draw, place, k, source));
        more += s > w->score[i];
        equal += s == w->score[i];
        own.loss += pri_softplus((double)s);
        const size_t up_to = num_below(w->sorted, n, s, true);
        const size_t below = num_below(w->sorted, up_to, s, false);
        own.halves += 2 * (n - up_to) + (up_to - below);
    }
    own.rank = 1 + (double)more + (double)equal / 2;
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
