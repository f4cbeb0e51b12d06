/* grid.c: see grid.h. */
#include "bench/scaling/grid.h"

#include <stdlib.h>

#include "pipeline/worth.h"

/* Give 1, 2, 4, ... and the last one itself. */
static uint32_t next_of(uint32_t now, uint32_t last)
{
    return now < last && now * 2 > last ? last : now * 2;
}

static void add(bench_grid *grid, uint32_t threads, uint32_t lanes)
{
    bench_config *config = &grid->config[grid->num];

    if (lanes > threads) return;
    BENCH_CHECK(grid->num < BENCH_MAX_CONFIGS, "more than %d threads and lanes to measure",
                BENCH_MAX_CONFIGS);
    *config = (bench_config){ .lanes = lanes, .threads = threads };
    bench_run_machine(grid->plan.world, threads, lanes > 1 ? lanes : 0, &config->machine);
    BENCH_CHECK(config->machine.num_lanes == lanes && config->machine.num_threads == threads,
                "a plan for %u lanes and %u threads has %u and %u", lanes, threads,
                config->machine.num_lanes, config->machine.num_threads);
    grid->num++;
}

/* The model's shape, as a run has it. */
static void find_shape(bench_grid *grid)
{
    pr_model_options      model;
    const pr_option_group group = { &pr_model_option_table, &model };
    pr_model             *made;

    pr_options_init(&group, 1);
    model.hidden = grid->plan.hidden;
    BENCH_TRY(pr_model_create(&model, grid->fanout.num_layers, grid->plan.world->features.num_cols,
                              BENCH_CLASSES, 1, &made));
    pr_model_describe(made, &grid->shape);
    pr_model_free(made);
}

void bench_grid_open(bench_grid *grid, const bench_grid_plan *plan)
{
    pr_plan        machine;
    const uint32_t nodes = pr_topo_num_nodes(plan->world->topo);

    *grid = (bench_grid){ .plan = *plan };
    BENCH_TRY(pr_fanout_parse(plan->fanout, 0, &grid->fanout));
    pr_sampler_default(&grid->sampling);
    grid->sampling.kind = plan->labor ? PR_SAMPLER_LABOR : PR_SAMPLER_UNIFORM;
    find_shape(grid);
    bench_run_machine(plan->world, 0, 0, &machine);
    grid->num_cores   = machine.lane[0].num_cores;
    grid->max_threads = plan->threads ? plan->threads : machine.num_threads;
    grid->max_lanes   = plan->lanes ? plan->lanes : nodes > 2 ? nodes : 2;
    if (grid->max_lanes > grid->max_threads) grid->max_lanes = grid->max_threads;
    for (uint32_t t = 1; t <= grid->max_threads; t = next_of(t, grid->max_threads))
        for (uint32_t l = 1; l <= grid->max_lanes; l = next_of(l, grid->max_lanes)) add(grid, t, l);
}

static pri_worth_input input_of(const bench_grid *grid, uint32_t batch)
{
    const bench_world *w = grid->plan.world;

    return (pri_worth_input){ .num_nodes  = w->graph.num_nodes,
                              .num_edges  = w->graph.num_edges,
                              .num_train  = w->seeds.n,
                              .batch_size = batch,
                              .fanout     = &grid->fanout,
                              .sampling   = &grid->sampling,
                              .row_bytes  = w->features.num_cols * sizeof(float),
                              .shape      = &grid->shape };
}

double bench_grid_estimate(const bench_grid *grid, uint32_t which, uint32_t batch)
{
    const pri_worth_input input  = input_of(grid, batch);
    const bench_config   *config = &grid->config[which];

    return pri_worth_step_ns(&config->machine, &input, config->lanes);
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

bench_choice bench_grid_choice(const bench_grid *grid, uint32_t batch)
{
    const pri_worth_input input  = input_of(grid, batch);
    pr_plan_options       wanted = { .threads = grid->max_threads, .numa = PR_NUMA_AUTO };
    pr_plan               plan;
    bench_choice          choice = { 0 };

    BENCH_TRY(pr_topo_plan(grid->plan.world->topo, &wanted, &plan));
    wanted.lanes = pri_worth_lanes(&plan, &input, choice.why);
    BENCH_TRY(pr_topo_plan(grid->plan.world->topo, &wanted, &plan));
    choice.lanes   = plan.num_lanes;
    choice.threads = plan.num_threads;
    for (uint32_t i = 1; i < grid->num; i++) {
        const bench_config *a = &grid->config[i], *b = &grid->config[choice.config];
        const uint32_t      da = distance(a->lanes, plan.num_lanes);
        const uint32_t      db = distance(b->lanes, plan.num_lanes);
        if (da < db || (da == db && distance(a->threads, plan.num_threads) <
                                        distance(b->threads, plan.num_threads)))
            choice.config = i;
    }
    return choice;
}
