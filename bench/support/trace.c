/* trace.c: from a graph to the lists its training wants. */
#include "bench/support/trace.h"

#include <stdlib.h>
#include <string.h>

#include "bench/support/graph.h"

enum { SEED = 1, PRESAMPLES = 32, PRESAMPLE_EPOCH = 1 << 20 };

const bench_trace_kind bench_trace_planted = { "planted", "10,10", 1024, 20, 100, 40 };
const bench_trace_kind bench_trace_rmat    = { "rmat", "15,10,5", 1024, 20, 100, 40 };
const bench_trace_kind bench_trace_wordnet = { "wordnet", "10,10", 256, 20, 100, 40 };
const bench_trace_kind bench_trace_small   = { "small", "5,5", 64, 4, 20, 6 };

/* Draws batch after batch of the seeds in training order, epoch after epoch. */
typedef struct sampling {
    pr_sampler    *sampler;
    pr_batch_room *room;
    pr_vids        train;
    pr_vid        *order; /* [train.n] seeds of the present epoch */
    size_t         at;    /* next seed */
    uint32_t       epoch, batch;
    uint64_t       step;
} sampling;

/* The one place that calls the sampler. */
static void draw(const sampling *s, pr_vids seeds, pr_draw what, pr_batch *out)
{
    BENCH_TRY(pr_sampler_draw(s->sampler, s->room, seeds, what, out));
}

static sampling sampling_new(const bench_graph *g, const bench_trace_kind *kind, uint32_t epoch)
{
    sampling  s = { .train = g->train, .epoch = epoch, .batch = kind->batch };
    pr_fanout fanout;

    BENCH_TRY(pr_fanout_parse(kind->fanout, 0, &fanout));
    BENCH_TRY(pr_sampler_create(&g->graph, &fanout, NULL, SEED, kind->batch, 1, &s.sampler));
    BENCH_TRY(pr_batch_room_create(s.sampler, &s.room));
    s.order = bench_new(g->train.n, sizeof *s.order);
    pr_seed_order(s.train, SEED, s.epoch, s.order);
    return s;
}

static void sampling_free(sampling *s)
{
    pr_batch_room_free(s->room);
    pr_sampler_free(s->sampler);
    free(s->order);
}

/* Draw the next batch. */
static pr_vids sampling_next(sampling *s)
{
    pr_batch batch;

    if (s->at == s->train.n) {
        s->at = 0;
        s->epoch++;
        pr_seed_order(s->train, SEED, s->epoch, s->order);
    }
    const size_t  left  = s->train.n - s->at;
    const pr_vids seeds = { s->order + s->at, left < s->batch ? left : s->batch };
    const pr_draw what  = { .phase = PR_PHASE_TRAIN, .epoch = s->epoch, .step = s->step };
    draw(s, seeds, what, &batch);
    s->at += seeds.n;
    s->step++;
    return batch.nodes;
}

static void take_lists(bench_trace *t, const bench_graph *g)
{
    sampling s     = sampling_new(g, &t->kind, 0);
    uint64_t total = 0;

    for (uint32_t i = 0; i < t->num_lists; i++) {
        const pr_vids nodes = sampling_next(&s);
        pr_vid       *copy  = bench_new(nodes.n, sizeof *copy);
        memcpy(copy, nodes.at, nodes.n * sizeof *copy);
        t->list[i] = (pr_vids){ copy, nodes.n };
        if (nodes.n > t->max_m) t->max_m = (uint32_t)nodes.n;
        if (i >= t->kind.warm && i < t->kind.warm + t->kind.measured) total += nodes.n;
    }
    t->mean_m = (double)total / t->kind.measured;
    sampling_free(&s);
}

static void take_scores(bench_trace *t, const bench_graph *g)
{
    sampling s = sampling_new(g, &t->kind, PRESAMPLE_EPOCH); /* batches the trace never sees */

    t->degree     = bench_new(t->num_rows, sizeof *t->degree);
    t->presampled = bench_new(t->num_rows, sizeof *t->presampled);
    for (pr_vid v = 0; v < t->num_rows; v++)
        t->degree[v] = (uint32_t)(g->graph.indptr[v + 1] - g->graph.indptr[v]);
    for (int i = 0; i < PRESAMPLES; i++) {
        const pr_vids nodes = sampling_next(&s);
        for (size_t j = 0; j < nodes.n; j++) t->presampled[nodes.at[j]]++;
    }
    sampling_free(&s);
}

bench_trace *bench_trace_new(const bench_trace_kind *kind, const char *folder)
{
    bench_graph *g = bench_graph_new(kind->graph, folder);
    if (!g) return NULL;

    bench_trace *t = bench_new(1, sizeof *t);
    t->kind        = *kind;
    t->num_rows    = g->graph.num_nodes;
    t->num_arcs    = g->graph.num_edges;
    t->num_lists   = kind->warm + kind->measured + kind->future;
    t->list        = bench_new(t->num_lists, sizeof *t->list);
    take_lists(t, g);
    take_scores(t, g);
    bench_graph_free(g);
    return t;
}

void bench_trace_free(bench_trace *trace)
{
    if (!trace) return;
    for (uint32_t i = 0; i < trace->num_lists; i++) free((pr_vid *)(uintptr_t)trace->list[i].at);
    free(trace->list);
    free(trace->degree);
    free(trace->presampled);
    free(trace);
}
