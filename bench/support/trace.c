/* trace.c: from a graph to the lists its training wants. */
#include "bench/support/trace.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/order_open.h"

enum { SEED = 1, PRESAMPLE_SEED = 2, PRESAMPLES = 32, PRESAMPLE_EPOCH = 1 << 20 };

const bench_trace_kind bench_trace_planted = {
    "planted", "10,10", 1024, 20, 100, 40, NULL, NULL, 0
};
const bench_trace_kind bench_trace_rmat = { "rmat", "15,10,5", 1024, 20, 100, 40, NULL, NULL, 0 };
const bench_trace_kind bench_trace_wordnet = {
    "wordnet", "10,10", 256, 20, 100, 40, NULL, NULL, 0
};
const bench_trace_kind bench_trace_small = { "small", "5,5", 64, 4, 20, 6, NULL, NULL, 0 };

/* Draws batch after batch of the seeds in training order, epoch after epoch. */
typedef struct sampling {
    pr_sampler    *sampler;
    pr_batch_room *room;
    pri_seeds     *seeds;
    uint32_t       first_epoch;
    uint64_t       step;
} sampling;

static void sampling_free(sampling *s)
{
    pri_seeds_free(s->seeds);
    pr_batch_room_free(s->room);
    pr_sampler_free(s->sampler);
}

static uint64_t seed_of(const bench_trace_kind *kind)
{
    return kind->seed ? kind->seed : SEED;
}

static void sampling_begin(sampling *s, const bench_graph *g, const bench_trace_kind *kind,
                           uint64_t seed, uint64_t num_steps, uint32_t first_epoch)
{
    pr_fanout fanout;

    *s = (sampling){ .first_epoch = first_epoch };
    BENCH_TRY(pr_fanout_parse(kind->fanout, 0, &fanout));
    BENCH_TRY(pr_sampler_create(&g->graph, &fanout, kind->sampler, seed_of(kind), kind->batch, 1,
                                &s->sampler));
    BENCH_TRY(pr_batch_room_create(s->sampler, &s->room));
    const pr_order_options  random = { .kind = PR_ORDER_RANDOM, .echo = 1, .pool = 1 };
    const pri_order_source  all    = { .options = &random, .nodes = g->train };
    const pri_order_source *from   = kind->order ? kind->order : &all;
    const pri_seeds_plan    plan   = { .order      = pri_order_plan(from, seed, kind->batch),
                                       .echo       = pri_order_echo(from),
                                       .batch_size = kind->batch,
                                       .num_steps  = num_steps };
    BENCH_TRY(pri_seeds_open(&plan, &s->seeds));
}

/* Draw the next batch. */
static pr_vids sampling_next(sampling *s)
{
    pr_batch batch;

    pri_seeds_reach(s->seeds, s->step);
    const pri_step_seeds seeds = pri_seeds_of(s->seeds, s->step);
    const pr_draw        draw  = { .phase = PR_PHASE_TRAIN,
                                   .epoch = s->first_epoch + seeds.epoch,
                                   .step  = s->step };
    BENCH_TRY(pr_sampler_draw(s->sampler, s->room, seeds.ids, draw, &batch));
    s->step++;
    return batch.nodes;
}

static void take_list(bench_trace *t, uint32_t i, pr_vids nodes)
{
    pr_vid *copy = bench_new(nodes.n, sizeof *copy);

    memcpy(copy, nodes.at, nodes.n * sizeof *copy);
    t->list[i] = (pr_vids){ copy, nodes.n };
    if (nodes.n > t->max_m) t->max_m = (uint32_t)nodes.n;
    if (i >= t->kind.warm && i < t->kind.warm + t->kind.measured) t->mean_m += (double)nodes.n;
}

bench_trace *bench_trace_draw(const bench_graph *g, const bench_trace_kind *kind)
{
    const uint32_t num_lists = kind->warm + kind->measured + kind->future;
    sampling       s;

    sampling_begin(&s, g, kind, seed_of(kind), num_lists, 0);
    bench_trace *t = bench_new(1, sizeof *t);
    t->kind        = *kind;
    t->num_rows    = g->graph.num_nodes;
    t->num_arcs    = g->graph.num_edges;
    t->num_lists   = num_lists;
    t->list        = bench_new(num_lists, sizeof *t->list);
    for (uint32_t i = 0; i < num_lists; i++) {
        const uint64_t start = bench_cpu_ns();
        const pr_vids  nodes = sampling_next(&s);
        t->sample_ns += bench_cpu_ns() - start;
        take_list(t, i, nodes);
    }
    t->mean_m /= kind->measured;
    sampling_free(&s);
    return t;
}

static void take_scores(bench_trace *t, const bench_graph *g)
{
    sampling s;

    /* batches the trace never sees */
    sampling_begin(&s, g, &t->kind, PRESAMPLE_SEED, PRESAMPLES, PRESAMPLE_EPOCH);
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

    bench_trace *t = bench_trace_draw(g, kind);
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
