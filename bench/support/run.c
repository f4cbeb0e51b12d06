/* run.c: see run.h. */
#include "bench/support/run.h"

#include <stdlib.h>

#include "pipeline/ahead.h"

enum { SEED = BENCH_SEED, CLASSES = BENCH_CLASSES };

bench_world bench_world_new(pr_vid num_nodes, uint32_t degree, uint32_t num_cols)
{
    bench_world  w        = { 0 };
    uint64_t     state    = 11;
    const size_t num_arcs = (size_t)num_nodes * degree;
    pr_eid      *indptr   = bench_new((size_t)num_nodes + 1, sizeof *indptr);
    pr_vid      *indices  = bench_new(num_arcs, sizeof *indices);
    float       *rows     = bench_new((size_t)num_nodes * num_cols, sizeof *rows);
    pr_vid      *seeds    = bench_new(num_nodes, sizeof *seeds);

    int32_t *labels = bench_new(num_nodes, sizeof *labels);

    for (pr_vid v = 0; v < num_nodes; v++) {
        indptr[v + 1] = indptr[v] + degree;
        seeds[v]      = v;
        labels[v]     = (int32_t)bench_draw_below(&state, CLASSES);
    }
    for (size_t e = 0; e < num_arcs; e++) indices[e] = bench_draw_below(&state, num_nodes);
    for (size_t i = 0; i < (size_t)num_nodes * num_cols; i++)
        rows[i] = (float)bench_draw_below(&state, 1024) / 1024 - 0.5f;
    w.graph = (pr_graph){
        .num_nodes = num_nodes, .num_edges = num_arcs, .indptr = indptr, .indices = indices
    };
    w.features =
        (pr_features){ .num_rows = num_nodes, .num_cols = num_cols, .rows = rows, .ld = num_cols };
    w.seeds       = (pr_vids){ seeds, num_nodes };
    w.labels      = labels;
    w.num_classes = CLASSES;
    BENCH_TRY(pr_topo_discover(&w.topo));
    w.owned[0] = indptr, w.owned[1] = indices, w.owned[2] = rows, w.owned[3] = seeds;
    w.owned[4] = labels;
    return w;
}

void bench_world_free(bench_world *world)
{
    pr_topo_free(world->topo);
    pr_store_free(world->store);
    for (int i = 0; i < 5; i++) free(world->owned[i]);
}

void bench_run_machine(const bench_world *world, uint32_t threads, uint32_t lanes, pr_plan *out)
{
    const pr_plan_options options = { .threads = threads,
                                      .lanes   = lanes,
                                      .numa    = lanes ? PR_NUMA_AUTO : PR_NUMA_OFF };

    BENCH_TRY(pr_topo_plan(world->topo, &options, out));
}

/* Cut rows, and with them seeds, into a range for each lane. */
static void deal_rows(bench_run *run, uint32_t batch)
{
    const bench_world *w    = run->world;
    const uint32_t     num  = run->machine.num_lanes;
    const uint64_t     unit = pr_store_unit(&w->features, num);
    uint64_t           rows[PR_MAX_LANES], end = 0;

    run->rule   = (pri_split_rule){ .num_lanes = num, .num_nodes = w->graph.num_nodes };
    run->shards = (pr_shards){ .num_shards = num };
    for (uint32_t i = 0; i < num; i++) run->rule.threads[i] = run->machine.lane[i].num_threads;
    pri_split_shares(&run->rule, w->graph.num_nodes, rows);
    for (uint32_t i = 0; i < num; i++) {
        end += rows[i];
        run->shards.node[i]      = run->machine.lane[i].numa_node;
        run->shards.lane[i]      = i;
        run->shards.first[i + 1] = i + 1 < num ? (pr_vid)(end / unit * unit) : w->graph.num_nodes;
    }
    run->rule.shards = &run->shards;
    if (num > 1) BENCH_TRY(pri_split_create(&run->rule, batch, &run->split));
}

static pr_status fill_shards(pri_lane *lane, void *argument)
{
    pr_store_fill(argument, lane->index);
    return PR_OK;
}

/* Copy the rows, each lane its own; unless the world has a store for all. */
static void open_store(bench_run *run, const bench_run_plan *plan)
{
    const bench_world *w = run->world;
    void              *argument[PR_MAX_LANES];

    run->store = NULL;
    if (plan->store || w->store) return;
    BENCH_TRY(pr_store_sharded(&w->features, &run->shards, w->topo, PR_NUMA_AUTO, &run->store));
    for (uint32_t i = 0; i < run->machine.num_lanes; i++) argument[i] = run->store;
    BENCH_TRY(pri_lanes_run(run->lane, run->machine.num_lanes, fill_shards, argument));
}

static void open_lanes(bench_run *run, const bench_run_plan *plan, const pr_cache_options *cache)
{
    const bench_world *w    = run->world;
    const uint32_t     num  = run->machine.num_lanes;
    const pr_numa_mode mode = plan->lanes ? PR_NUMA_AUTO : PR_NUMA_OFF;
    pri_lane_kit       kit[PR_MAX_LANES];

    for (uint32_t i = 0; i < num; i++)
        BENCH_TRY(pri_lane_create(w->topo, &run->machine, i, mode, &run->lane[i]));
    open_store(run, plan);
    if (plan->slow) run->slow = slow_store_of(w->store);
    for (uint32_t i = 0; i < num; i++)
        kit[i] = (pri_lane_kit){ .graph     = &w->graph,
                                 .fanout    = &run->fanout,
                                 .sampling  = plan->sampling,
                                 .store     = plan->slow    ? &run->slow.head
                                              : plan->store ? plan->store
                                              : w->store    ? w->store
                                                            : run->store,
                                 .model     = run->model,
                                 .cache     = *cache,
                                 .io        = plan->io,
                                 .seed      = SEED,
                                 .max_seeds = pri_split_most(&run->rule, i, plan->batch),
                                 .pipelined = plan->pipelined };
    BENCH_TRY(pri_lanes_equip_all(run->lane, num, kit));
}

void bench_run_open(bench_run *run, const bench_run_plan *plan)
{
    const bench_world    *w = plan->world;
    pr_cache_options      cache;
    pr_model_options      model;
    const pr_option_group groups[] = { { &pr_cache_option_table, &cache },
                                       { &pr_model_option_table, &model },
                                       { &pr_optimizer_option_table, &run->optimizer } };

    pr_options_init(groups, 3);
    if (plan->cache) cache = *plan->cache;
    if (plan->cache_factor > 0) cache.factor = plan->cache_factor;
    model.hidden   = plan->hidden;
    run->world     = w;
    run->num_steps = plan->num_steps;
    run->next      = 0;
    run->split     = NULL;
    BENCH_TRY(pr_fanout_parse(plan->fanout, 0, &run->fanout));
    bench_run_machine(w, plan->threads, plan->lanes, &run->machine);
    deal_rows(run, plan->batch);
    BENCH_TRY(pr_model_create(&model, run->fanout.num_layers, w->features.num_cols, w->num_classes,
                              SEED, &run->model));
    const pri_seeds_plan seeds = {
        .order      = { .kind = PR_ORDER_RANDOM, .nodes = w->seeds, .seed = SEED },
        .echo       = { 1, 1 },
        .batch_size = plan->batch,
        .num_steps  = plan->num_steps,
        .max_ahead  = pri_ahead_depth(&cache) + plan->max_ahead,
        .split      = run->split,
    };
    BENCH_TRY(pri_seeds_open(&seeds, &run->seeds));
    open_lanes(run, plan, &cache);
}

void bench_run_close(bench_run *run)
{
    for (uint32_t i = 0; i < run->machine.num_lanes; i++) pri_lane_free(run->lane[i]);
    pri_seeds_free(run->seeds);
    pri_split_free(run->split);
    pr_store_free(run->store);
    pr_model_free(run->model);
}

pr_step bench_run_step(bench_run *run)
{
    pr_step           row;
    pr_step_partition partition[PR_MAX_LANES];
    const uint64_t    step = run->next++;

    pri_seeds_reach(run->seeds, step);
    const pri_step_seeds seeds   = pri_seeds_of(run->seeds, step);
    const pri_targets    targets = { .classes     = run->world->labels,
                                     .num_outputs = run->world->num_classes };
    const pri_step_input input   = { .phase     = PR_PHASE_TRAIN,
                                     .epoch     = seeds.epoch,
                                     .step      = step,
                                     .seeds     = seeds.ids,
                                     .order     = run->seeds,
                                     .split     = run->split,
                                     .followed  = step + 1 < run->num_steps,
                                     .targets   = &targets,
                                     .model     = run->model,
                                     .optimizer = &run->optimizer,
                                     .seed      = SEED };
    BENCH_TRY(pri_step_run(run->lane, run->machine.num_lanes, &input, &row, partition));
    return row;
}
