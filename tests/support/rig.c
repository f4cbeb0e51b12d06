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

/* Say whose each row is, and who works on which seeds. */
static void open_split(test_rig *r, const test_rig_plan *plan)
{
    const pr_vid   num_nodes = r->graph.num_nodes;
    const uint32_t n         = plan->num_lanes;
    const uint64_t unit      = pr_store_unit(&r->dataset->features, n);

    r->rule = (pri_split_rule){ .num_lanes = n, .num_nodes = num_nodes };
    for (uint32_t i = 0; i < n; i++) r->rule.threads[i] = r->plan.lane[i].num_threads;
    if (plan->shards != RIG_SHARDS_NONE) {
        r->shards.num_shards = n;
        r->rule.shards       = &r->shards;
    }
    for (uint32_t i = 0; i < n; i++) {
        r->shards.node[i]      = (int32_t)i; /* made up: nothing is bound */
        r->shards.lane[i]      = i;
        const uint64_t end     = (uint64_t)num_nodes * (i + 1) / n;
        r->shards.first[i + 1] = i + 1 < n ? (pr_vid)(end / unit * unit) : num_nodes;
    }
    if (plan->shards == RIG_SHARDS_HASH || plan->shards == RIG_SHARDS_PART) {
        r->of_row = malloc(num_nodes);
        assert_non_null(r->of_row);
        for (pr_vid v = 0; v < num_nodes; v++)
            r->of_row[v] = (uint8_t)(plan->shards == RIG_SHARDS_HASH ? pri_mix64(v) % n
                                     : v < num_nodes / 2             ? 0
                                                                     : v * 7 / 3 % n);
        r->shards.of_row = r->of_row;
    }
    if (n > 1) assert_ok(pri_split_create(&r->rule, plan->batch_size, &r->split));
}

static void open_seeds(test_rig *r, const test_rig_plan *plan, pr_vids nodes)
{
    const pri_seeds_plan seeds = {
        .order      = { .kind = PR_ORDER_RANDOM, .nodes = nodes, .seed = SEED },
        .echo       = { 1, 1 },
        .batch_size = plan->batch_size,
        .num_steps  = plan->num_steps,
        .max_ahead  = pri_ahead_depth(&plan->cache),
        .split      = r->split,
    };
    assert_ok(pri_seeds_open(&seeds, &r->seeds));
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

    for (uint32_t i = 0; i < plan->num_lanes; i++) {
        assert_ok(pri_lane_create(r->topo, &r->plan, i, PR_NUMA_AUTO, &r->lane[i]));
        if (r->rule.shards) r->lane[i]->numa_node = r->shards.node[i]; /* as far as it is counted */
    }
    if (plan->cache.policy == PR_POLICY_STATIC)
        assert_ok(pri_rank_scores(r->lane[0], &ranked, &scores));
    pri_lane_kit kit = { .graph      = &r->graph,
                         .graph_copy = plan->graph_copies,
                         .fanout     = fanout,
                         .sampling   = plan->sampling,
                         .pipelined  = plan->pipelined,
                         .model      = r->model,
                         .cache      = plan->cache,
                         .scores     = scores,
                         .seed       = SEED };
    for (uint32_t i = 0; i < plan->num_lanes; i++) {
        const bool fails = plan->failing_lane == i + 1;
        kit.store        = plan->far ? fails ? &r->failing.head : &r->far.head : r->store;
        kit.max_seeds    = pri_split_most(&r->rule, i, plan->batch_size);
        assert_ok(pri_lane_equip(r->lane[i], &kit));
    }
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
    r->plan = (pr_plan){ .num_lanes = plan->num_lanes };
    for (uint32_t i = 0; i < plan->num_lanes; i++) {
        const uint32_t of_lane = threads + (plan->uneven ? i : 0);
        r->plan.lane[i] = (pr_lane_plan){ .numa_node = -1, .num_threads = of_lane, .num_cores = 1 };
        r->plan.num_threads += of_lane;
    }
    open_split(r, plan);
    assert_ok(pr_fanout_parse("5,3", 0, &fanout));
    if (r->rule.shards)
        assert_ok(
            pr_store_sharded(&r->dataset->features, &r->shards, NULL, PR_NUMA_OFF, &r->store));
    else
        assert_ok(pr_store_memory(&r->dataset->features, &r->store));
    for (uint32_t i = 0; i < plan->num_lanes; i++) pr_store_fill(r->store, i);
    const int64_t left = plan->fetches_left ? plan->fetches_left : -1;
    r->knows_nodes     = r->rule.shards && !plan->far;
    r->far             = far_store_of(r->store, plan->latency_ns, plan->failing_lane ? -1 : left);
    r->failing         = far_store_of(r->store, plan->latency_ns, left);
    assert_ok(pr_model_create(&setup.model, 2, r->dataset->features.num_cols,
                              r->dataset->num_classes, SEED, &r->model));
    open_seeds(r, plan, nodes);
    open_lanes(r, plan, &fanout);
    if (plan->counted) assert_ok(pri_replicas_create(r->graph.num_nodes, &r->replicas));
}

void test_rig_close(test_rig *r)
{
    for (uint32_t i = 0; i < r->plan.num_lanes; i++) pri_lane_free(r->lane[i]);
    pri_replicas_free(r->replicas);
    pri_seeds_free(r->seeds);
    pri_split_free(r->split);
    pr_model_free(r->model);
    pr_store_free(r->store);
    pr_topo_free(r->topo);
    free(r->weights);
    free(r->train);
    free(r->of_row);
    pr_dataset_close(r->dataset);
}

/* Check what holds in every row. While the rows of the next step are fetched the caches are left
 * alone. */
static void check(const test_rig *r, const pr_step *row, const pr_step_partition *partition,
                  bool at_rest)
{
    uint64_t inputs = 0, hit = 0, added = 0, bypassed = 0, victims = 0, moved = 0;
    int64_t  local = 0, remote = 0;

    assert_int_equal(row->rows_hit + row->rows_added + row->rows_bypassed + row->rows_direct,
                     row->num_inputs);
    for (uint32_t i = 0; i < r->plan.num_lanes; i++) {
        inputs += partition[i].num_inputs;
        hit += partition[i].rows_hit;
        added += partition[i].rows_added;
        bypassed += partition[i].rows_bypassed;
        victims += partition[i].rows_victim;
        moved += partition[i].bytes_moved;
        if (row->bytes_local != PR_NULL_INT) {
            local += partition[i].bytes_local;
            remote += partition[i].bytes_remote;
        }
        if (at_rest) assert_ok(pr_cache_check(r->lane[i]->cache));
    }
    assert_int_equal(inputs, row->num_inputs);
    assert_true(hit == row->rows_hit && added == row->rows_added && moved == row->bytes_moved);
    assert_true(bypassed == row->rows_bypassed && victims == row->rows_victim);
    assert_true(!r->knows_nodes || row->bytes_local != PR_NULL_INT);
    if (row->bytes_local != PR_NULL_INT) {
        assert_true(local == row->bytes_local && remote == row->bytes_remote);
        assert_int_equal(local + remote, row->bytes_moved);
    } else {
        assert_true(row->bytes_remote == PR_NULL_INT);
    }
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
    const pri_step_seeds seeds   = pri_seeds_of(r->seeds, step);
    const pri_targets    targets = pri_targets_of(r->dataset);
    const pri_step_input input   = { .phase     = PR_PHASE_TRAIN,
                                     .epoch     = seeds.epoch,
                                     .step      = step,
                                     .seeds     = seeds.ids,
                                     .order     = r->seeds,
                                     .followed  = is_followed(r, step),
                                     .targets   = &targets,
                                     .model     = r->model,
                                     .optimizer = &optimizer,
                                     .split     = r->split,
                                     .replicas  = r->replicas,
                                     .seed      = SEED };
    return pri_step_run(r->lane, r->plan.num_lanes, &input, row, partition);
}

pr_step test_rig_train_parts(test_rig *r, uint64_t step, pr_step_partition *partition)
{
    pr_step row;

    assert_ok(train(r, step, &row, partition));
    check(r, &row, partition, !(r->far_rows && is_followed(r, step)));
    return row;
}

pr_step test_rig_train(test_rig *r, uint64_t step)
{
    pr_step_partition partition[RIG_MAX_LANES];

    return test_rig_train_parts(r, step, partition);
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
    const pr_vids        val     = r->dataset->split[PR_SPLIT_MAIN].val;
    const pri_targets    targets = pri_targets_of(r->dataset);
    const pri_step_input input   = { .phase    = PR_PHASE_EVAL,
                                     .step     = step,
                                     .seeds    = { val.at, num_nodes },
                                     .targets  = &targets,
                                     .model    = r->model,
                                     .split    = r->split,
                                     .replicas = r->replicas,
                                     .seed     = SEED };
    assert_true(num_nodes <= val.n);
    assert_ok(pri_step_run(r->lane, r->plan.num_lanes, &input, &row, partition));
    check(r, &row, partition, true);
    return row;
}
