/* run.c: see run.h. */
#include "bench/pipeline/run.h"

#include <stdlib.h>

#include "pipeline/ahead.h"

enum { SEED = 5, CLASSES = 16 };

bench_world bench_world_new(pr_vid num_nodes, uint32_t degree, uint32_t num_cols)
{
    bench_world  w        = { 0 };
    uint64_t     state    = 11;
    const size_t num_arcs = (size_t)num_nodes * degree;
    pr_eid      *indptr   = bench_new((size_t)num_nodes + 1, sizeof *indptr);
    pr_vid      *indices  = bench_new(num_arcs, sizeof *indices);
    float       *rows     = bench_new((size_t)num_nodes * num_cols, sizeof *rows);
    pr_vid      *seeds    = bench_new(num_nodes, sizeof *seeds);

    w.labels = bench_new(num_nodes, sizeof *w.labels);
    for (pr_vid v = 0; v < num_nodes; v++) {
        indptr[v + 1] = indptr[v] + degree;
        seeds[v]      = v;
        w.labels[v]   = (int32_t)bench_draw_below(&state, CLASSES);
    }
    for (size_t e = 0; e < num_arcs; e++) indices[e] = bench_draw_below(&state, num_nodes);
    for (size_t i = 0; i < (size_t)num_nodes * num_cols; i++)
        rows[i] = (float)bench_draw_below(&state, 1024) / 1024 - 0.5f;
    w.graph = (pr_graph){
        .num_nodes = num_nodes, .num_edges = num_arcs, .indptr = indptr, .indices = indices
    };
    w.features =
        (pr_features){ .num_rows = num_nodes, .num_cols = num_cols, .rows = rows, .ld = num_cols };
    w.seeds = (pr_vids){ seeds, num_nodes };
    BENCH_TRY(pr_topo_discover(&w.topo));
    w.owned[0] = indptr, w.owned[1] = indices, w.owned[2] = rows, w.owned[3] = seeds;
    return w;
}

void bench_world_free(bench_world *world)
{
    pr_topo_free(world->topo);
    pr_store_free(world->store);
    free(world->labels);
    for (int i = 0; i < 4; i++) free(world->owned[i]);
}

void bench_run_open(bench_run *run, const bench_run_plan *plan)
{
    const bench_world    *w = plan->world;
    pr_cache_options      cache;
    pr_model_options      model;
    pr_fanout             fanout;
    const pr_option_group groups[] = { { &pr_cache_option_table, &cache },
                                       { &pr_model_option_table, &model },
                                       { &pr_optimizer_option_table, &run->optimizer } };

    pr_options_init(groups, 3);
    cache.factor = 1.2; /* less than the graph, or nothing would be left to fetch */
    model.hidden = plan->hidden;
    BENCH_TRY(pr_fanout_parse(plan->fanout, 0, &fanout));
    run->world     = w;
    run->slow      = slow_store_of(w->store);
    run->num_steps = plan->num_steps;
    run->next      = 0;
    run->machine   = (pr_plan){ .num_lanes = 1, .num_threads = plan->threads, .can_bind = true };
    run->machine.lane[0] =
        (pr_lane_plan){ .numa_node = -1, .num_threads = plan->threads, .num_cores = plan->threads };
    BENCH_TRY(pr_model_create(&model, fanout.num_layers, w->features.num_cols, CLASSES, SEED,
                              &run->model));
    BENCH_TRY(pri_seeds_create(w->seeds, SEED, plan->batch, plan->num_steps,
                               pri_ahead_depth(&cache), &run->seeds));
    BENCH_TRY(pri_lane_create(w->topo, &run->machine, 0, PR_NUMA_OFF, &run->lane));
    const pri_lane_kit kit = { .graph     = &w->graph,
                               .fanout    = &fanout,
                               .store     = &run->slow.head,
                               .model     = run->model,
                               .cache     = cache,
                               .seed      = SEED,
                               .max_seeds = plan->batch,
                               .pipelined = plan->pipelined };
    BENCH_TRY(pri_lane_equip(run->lane, &kit));
}

void bench_run_close(bench_run *run)
{
    pri_lane_free(run->lane);
    pri_seeds_free(run->seeds);
    pr_model_free(run->model);
}

pr_step bench_run_step(bench_run *run)
{
    pr_step           row;
    pr_step_partition partition;
    const uint64_t    step = run->next++;

    pri_seeds_reach(run->seeds, step);
    const pri_step_seeds seeds = pri_seeds_of(run->seeds, step);
    const pri_step_input input = { .phase     = PR_PHASE_TRAIN,
                                   .epoch     = seeds.epoch,
                                   .step      = step,
                                   .seeds     = seeds.ids,
                                   .order     = run->seeds,
                                   .followed  = step + 1 < run->num_steps,
                                   .labels    = run->world->labels,
                                   .model     = run->model,
                                   .optimizer = &run->optimizer,
                                   .seed      = SEED };
    BENCH_TRY(pri_step_run(&run->lane, 1, &input, &row, &partition));
    return row;
}
