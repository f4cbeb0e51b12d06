/* run.h: a training run to be stepped by hand, over a graph in memory and a slow store. */
#ifndef BENCH_SUPPORT_RUN_H
#define BENCH_SUPPORT_RUN_H

#include "bench/support/slow_store.h"
#include "bench/support/bench.h"
#include "pipeline/step.h"

/* Arcs, features and labels at random; every vertex is a seed. */
typedef struct bench_world {
    pr_graph    graph;
    pr_features features;
    int32_t    *labels;
    pr_vids     seeds;
    pr_store   *store;
    pr_topo    *topo;
    void       *owned[4];
} bench_world;

bench_world bench_world_new(pr_vid num_nodes, uint32_t degree, uint32_t num_cols);
void        bench_world_free(bench_world *world);

typedef struct bench_run_plan {
    const bench_world *world;
    const char        *fanout;
    uint32_t           hidden, batch, threads;
    uint64_t           num_steps;
    bool               pipelined;
} bench_run_plan;

typedef struct bench_run {
    const bench_world   *world;
    slow_store           slow;
    pri_lane            *lane;
    pr_plan              machine;
    pr_model            *model;
    pr_optimizer_options optimizer;
    pri_seeds           *seeds;
    uint64_t             num_steps, next;
} bench_run;

void bench_run_open(bench_run *run, const bench_run_plan *plan);
void bench_run_close(bench_run *run);

/* Do the next step and give its row of the log. */
pr_step bench_run_step(bench_run *run);

#endif
