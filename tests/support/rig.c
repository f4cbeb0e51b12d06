/* rig.c: see rig.h. */
#include "support/rig.h"

#include "pipeline/ahead.h"
#include "pipeline/rank.h"

enum { SEED = 3 };

pr_cache_options test_cache_options(void)
{
    pr_cache_options      options;
    const pr_option_group group = { &pr_cache_option_table, &options };

    pr_options_init(&group, 1);
    return options;
}

/* Copy what a test may spoil: the training nodes, and give the arcs weights. */
static pr_vids own_inputs(test_rig *r, const test_rig_plan *plan)
{
    const pr_vids train = r->dataset->split[PR_SPLIT_MAIN].train;

    r->graph = r->dataset->graph;
    r->train = malloc(train.n * sizeof *r->train);
    assert_non_null(r->train);
    memcpy(r->train, train.at, train.n * sizeof *r->train);
    if (plan->bad_seed) r->train[train.n / 2] = r->graph.num_nodes + 7;
    if (plan->weighted) {
        r->weights = malloc(r->graph.num_edges * sizeof *r->weights);
        assert_non_null(r->weights);
        for (pr_eid e = 0; e < r->graph.num_edges; e++) r->weights[e] = (float)(1 + e % 5);
        r->graph.weights = r->weights;
    }
    return (pr_vids){ r->train, train.n };
}

static void open_lanes(test_rig *r, const test_rig_plan *plan, const pr_fanout *fanout)
{
    uint32_t            *scores = NULL;
    const pri_rank_input ranked = { .rank       = (pr_cache_rank)plan->cache.rank,
                                    .graph      = &r->graph,
                                    .fanout     = fanout,
                                    .train      = r->dataset->split[PR_SPLIT_MAIN].train,
                                    .seed       = SEED,
                                    .batch_size = plan->batch_size };

    for (uint32_t i = 0; i < plan->num_lanes; i++)
        assert_ok(pri_lane_create(r->topo, &r->plan, i, PR_NUMA_AUTO, &r->lane[i]));
    if (plan->cache.policy == PR_POLICY_STATIC)
        assert_ok(pri_rank_scores(r->lane[0], &ranked, &scores));
    const pri_lane_kit kit = { .graph     = &r->graph,
                               .fanout    = fanout,
                               .sampling  = plan->sampling,
                               .store     = plan->far ? &r->far.head : r->store,
                               .pipelined = plan->pipelined,
                               .model     = r->model,
                               .cache     = &plan->cache,
                               .scores    = scores,
                               .seed      = SEED,
                               .max_seeds = plan->batch_size };
    for (uint32_t i = 0; i < plan->num_lanes; i++) assert_ok(pri_lane_equip(r->lane[i], &kit));
    pri_free(scores);
}

void test_rig_open(test_rig *r, const test_rig_plan *plan)
{
    static pr_train_setup setup;
    const uint32_t        threads = plan->threads ? plan->threads : 1;
    pr_fanout             fanout;

    assert_true(plan->num_lanes >= 1 && plan->num_lanes <= RIG_MAX_LANES);
    *r                  = (test_rig){ .dataset     = test_open(plan->path),
                                      .num_steps   = plan->num_steps,
                                      .pause_every = plan->pause_every,
                                      .far_rows    = plan->far };
    const pr_vids nodes = own_inputs(r, plan);
    test_setup(&setup, plan->path);
    setup.model.hidden = 16;
    assert_ok(pr_topo_discover(&r->topo));
    r->plan = (pr_plan){ .num_lanes = plan->num_lanes, .num_threads = plan->num_lanes * threads };
    for (uint32_t i = 0; i < plan->num_lanes; i++)
        r->plan.lane[i] = (pr_lane_plan){ .numa_node = -1, .num_threads = threads, .num_cores = 1 };
    assert_ok(pr_fanout_parse("5,3", 0, &fanout));
    assert_ok(pr_store_memory(&r->dataset->features, &r->store));
    r->far = far_store_of(r->store, plan->latency_ns, plan->fetches_left ? plan->fetches_left : -1);
    assert_ok(pr_model_create(&setup.model, 2, r->dataset->features.num_cols,
                              r->dataset->num_classes, SEED, &r->model));
    assert_ok(pri_seeds_create(nodes, SEED, plan->batch_size, plan->num_steps,
                               pri_ahead_depth(&plan->cache), &r->seeds));
    open_lanes(r, plan, &fanout);
}

void test_rig_close(test_rig *r)
{
    for (uint32_t i = 0; i < r->plan.num_lanes; i++) pri_lane_free(r->lane[i]);
    pri_seeds_free(r->seeds);
    pr_model_free(r->model);
    pr_store_free(r->store);
    pr_topo_free(r->topo);
    free(r->weights);
    free(r->train);
    pr_dataset_close(r->dataset);
}

/* Check what holds in every row. While the rows of the next step are fetched the caches are left
 * alone. */
static void check(const test_rig *r, const pr_step *row, const pr_step_partition *partition,
                  bool at_rest)
{
    uint64_t inputs = 0;

    assert_int_equal(row->rows_hit + row->rows_added + row->rows_bypassed + row->rows_direct,
                     row->num_inputs);
    for (uint32_t i = 0; i < r->plan.num_lanes; i++) {
        inputs += partition[i].num_inputs;
        if (at_rest) assert_ok(pr_cache_check(r->lane[i]->cache));
    }
    assert_int_equal(inputs, row->num_inputs);
    assert_true(row->other_ns >= 0 && row->wait_ns >= 0 && row->prepare_ns >= 0 &&
                row->sample_ns >= 0 && row->fetch_ns >= 0);
    assert_int_equal(row->wait_ns + row->prepare_ns + row->place_ns + row->aggregate_ns +
                         row->gemm_ns + row->backward_ns + row->update_ns + row->other_ns,
                     row->step_ns);
}

/* Whether a step in order is told that the next one follows. */
static bool is_followed(const test_rig *r, uint64_t step)
{
    return r->pause_every && step + 1 < r->num_steps && (step + 1) % r->pause_every != 0;
}

static pr_status train(test_rig *r, uint64_t step, pr_step *row, pr_step_partition *partition)
{
    static pr_optimizer_options optimizer;
    const pr_option_group       group = { &pr_optimizer_option_table, &optimizer };

    pr_options_init(&group, 1);
    pri_seeds_reach(r->seeds, step);
    const pri_step_seeds seeds = pri_seeds_of(r->seeds, step);
    const pri_step_input input = { .phase     = PR_PHASE_TRAIN,
                                   .epoch     = seeds.epoch,
                                   .step      = step,
                                   .seeds     = seeds.ids,
                                   .order     = r->seeds,
                                   .followed  = is_followed(r, step),
                                   .labels    = r->dataset->labels,
                                   .model     = r->model,
                                   .optimizer = &optimizer,
                                   .seed      = SEED,
                                   .one_node  = true };
    return pri_step_run(r->lane, r->plan.num_lanes, &input, row, partition);
}

pr_step test_rig_train(test_rig *r, uint64_t step)
{
    pr_step           row;
    pr_step_partition partition[RIG_MAX_LANES];

    assert_ok(train(r, step, &row, partition));
    check(r, &row, partition, !(r->far_rows && is_followed(r, step)));
    return row;
}

pr_status test_rig_try(test_rig *r, uint64_t step, pr_step *row)
{
    pr_step_partition partition[RIG_MAX_LANES];

    return train(r, step, row, partition);
}

pr_step test_rig_evaluate(test_rig *r, uint64_t step, uint32_t num_nodes)
{
    pr_step              row;
    pr_step_partition    partition[RIG_MAX_LANES];
    const pr_vids        val   = r->dataset->split[PR_SPLIT_MAIN].val;
    const pri_step_input input = { .phase    = PR_PHASE_EVAL,
                                   .step     = step,
                                   .seeds    = { val.at, num_nodes },
                                   .labels   = r->dataset->labels,
                                   .model    = r->model,
                                   .seed     = SEED,
                                   .one_node = true };
    assert_true(num_nodes <= val.n);
    assert_ok(pri_step_run(r->lane, r->plan.num_lanes, &input, &row, partition));
    check(r, &row, partition, true);
    return row;
}
