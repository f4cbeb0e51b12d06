/* run.h: a training run to be stepped by hand, over a graph in memory, on one lane or several. */
#ifndef BENCH_SUPPORT_RUN_H
#define BENCH_SUPPORT_RUN_H

#include "bench/support/slow_store.h"
#include "bench/support/bench.h"
#include "pipeline/step.h"

enum { BENCH_CLASSES = 16, BENCH_SEED = 5 }; /* seed: of seeds, draws, weights and dropout */

/* What runs train on: arcs, features and labels at random, every vertex a seed; or a dataset's
 * (bench/disk/data.h). */
typedef struct bench_world {
    pr_graph       graph;
    pr_features    features;
    const int32_t *labels;
    uint32_t       num_classes;
    pr_vids        seeds;
    pr_store      *store; /* for all runs; NULL: each makes its own copy */
    pr_topo       *topo;
    void          *owned[5];
} bench_world;

bench_world bench_world_new(pr_vid num_nodes, uint32_t degree, uint32_t num_cols);
void        bench_world_free(bench_world *world);

typedef struct bench_run_plan {
    const bench_world        *world;
    const char               *fanout;
    const pr_sampler_options *sampling; /* NULL: uniform */
    uint32_t                  hidden, batch;
    uint32_t                  threads, lanes; /* threads of all lanes; 0 lanes: one, over the
                                                 whole machine */
    double                  cache_factor;     /* 0: the default */
    const pr_cache_options *cache;            /* NULL: the defaults, with cache_factor */
    const pr_io_options    *io;               /* NULL: the defaults */
    const pr_store         *store;            /* NULL: the world's, or a copy */
    uint32_t                max_ahead;        /* steps whose seeds are kept beside the window's */
    uint64_t                num_steps;
    bool                    pipelined;
    bool                    slow; /* rows come from a slow store (run->slow), one
                                     lane only */
} bench_run_plan;

typedef struct bench_run {
    const bench_world   *world;
    slow_store           slow;
    pr_plan              machine;
    pri_lane            *lane[PR_MAX_LANES];
    pr_shards            shards; /* of the lanes: ranges */
    pr_store            *store;  /* copied, each lane's shard on its node; NULL: the world's */
    pri_split_rule       rule;
    pri_split           *split; /* NULL: one lane */
    pr_fanout            fanout;
    pr_model            *model;
    pr_optimizer_options optimizer;
    pri_seeds           *seeds;
    uint64_t             num_steps, next;
} bench_run;

/* Plan so many threads and lanes on the world's machine: what bench_run_open does first. */
void bench_run_machine(const bench_world *world, uint32_t threads, uint32_t lanes, pr_plan *out);

void bench_run_open(bench_run *run, const bench_run_plan *plan);
void bench_run_close(bench_run *run);

/* Do the next step and give its row of the log. */
pr_step bench_run_step(bench_run *run);

#endif
