/* test_lanes.c: several lanes train together: what they draw is what one lane draws, whatever the
 * sampler, the shards, the policy and the timing; sums agree; lanes without seeds add nothing; and
 * what fails in one of them ends the step with its name. */
#include "support/rig.h"

#include <math.h>

#include "pipeline/ahead.h"

enum { BATCH = 60, NUM_STEPS = 5, NODES = 2000 };

static const uint32_t several[] = { 2, 3, 5 };

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(NODES, 16000, 12, 4);
    return path;
}

static test_rig_plan planned(uint32_t num_lanes)
{
    test_rig_plan plan = { .path        = graph(),
                           .num_lanes   = num_lanes,
                           .batch_size  = BATCH,
                           .num_steps   = NUM_STEPS,
                           .pause_every = NUM_STEPS,
                           .weighted    = true,
                           .cache       = test_cache_options() };

    plan.cache.mode   = PR_CACHE_RESIDENT;
    plan.cache.factor = 1.2;
    return plan;
}

/* What a run comes to that does not depend on lanes, but for how losses are rounded. */
typedef struct outcome {
    uint64_t hash[NUM_STEPS], eval_hash, edges[NUM_STEPS];
    double   loss[NUM_STEPS], eval_loss;
} outcome;

static outcome run(const test_rig_plan *plan)
{
    test_rig r;
    outcome  out = { .eval_hash = 0 };

    test_rig_open(&r, plan);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        const pr_step row = test_rig_train(&r, step);
        out.hash[step]    = row.batch_hash;
        out.edges[step]   = row.num_edges;
        out.loss[step]    = row.loss;
    }
    const pr_step eval = test_rig_evaluate(&r, 0, BATCH - 7);
    out.eval_hash      = eval.batch_hash;
    out.eval_loss      = eval.loss;
    test_rig_close(&r);
    return out;
}

/* Losses are sums in another order: float rounding, grown over a few Adam steps. */
static void assert_same(const outcome *got, const outcome *want)
{
    assert_memory_equal(got->hash, want->hash, sizeof want->hash);
    assert_int_equal(got->eval_hash, want->eval_hash);
    assert_true(fabs(got->eval_loss - want->eval_loss) < 2e-3);
    for (int step = 0; step < NUM_STEPS; step++)
        assert_true(fabs(got->loss[step] - want->loss[step]) < 2e-3);
}

static void every_sampler_draws_for_lanes_what_it_draws_for_one(void **state)
{
    (void)state;
    int turn = 0; /* policies and timings take turns */

    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++) {
        pr_sampler_options sampling;
        pr_sampler_default(&sampling);
        sampling.kind       = kind;
        test_rig_plan plan  = planned(1);
        plan.sampling       = &sampling;
        const outcome alone = run(&plan);
        for (int lanes = 0; lanes < 3; lanes++)
            for (int shards = RIG_SHARDS_NONE; shards <= RIG_SHARDS_PART; shards++, turn++) {
                plan              = planned(several[lanes]);
                plan.sampling     = &sampling;
                plan.shards       = (test_rig_shards)shards;
                plan.cache.policy = PR_POLICY_LRU + turn % 4;
                plan.pipelined    = turn % 3 == 0;
                plan.far          = turn % 5 == 0;
                plan.uneven       = turn % 7 == 0;
                const outcome got = run(&plan);
                assert_same(&got, &alone);
            }
    }
}

static void every_policy_and_mode_is_the_same_for_lanes_in_line_or_not(void **state)
{
    (void)state;
    test_rig_plan plan  = planned(1);
    const outcome alone = run(&plan);

    static const struct {
        int mode, policy;
    } caches[] = {
        { PR_CACHE_RESIDENT, PR_POLICY_LRU },    { PR_CACHE_RESIDENT, PR_POLICY_SIEVE },
        { PR_CACHE_RESIDENT, PR_POLICY_STATIC }, { PR_CACHE_RESIDENT, PR_POLICY_LOOKAHEAD },
        { PR_CACHE_PACKED, PR_POLICY_LRU },      { PR_CACHE_OFF, PR_POLICY_LRU },
    };
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        outcome in_line = alone;
        for (int pipelined = 0; pipelined <= 1; pipelined++) {
            plan              = planned(3);
            plan.shards       = RIG_SHARDS_RANGE;
            plan.cache.mode   = caches[i].mode;
            plan.cache.policy = caches[i].policy;
            plan.pipelined    = pipelined;
            const outcome got = run(&plan);
            assert_same(&got, &alone);
            if (pipelined) /* the same rows in the same order: the same bits */
                assert_memory_equal(&got, &in_line, sizeof got);
            in_line = got;
        }
    }
}

/* Rows that were in one of the lane's last batches are preferred: other batches for other numbers
 * of lanes, but the same ones for the same number. */
static void cache_biased_labor_remembers_lane_by_lane_and_is_the_same_for_one(void **state)
{
    (void)state;
    pr_sampler_options sampling;
    outcome            one[2], three[2];

    pr_sampler_default(&sampling);
    sampling.kind        = PR_SAMPLER_LABOR;
    sampling.bias_window = 4;
    for (int biased = 0; biased <= 1; biased++) {
        sampling.cache_bias = biased ? 8 : 1;
        test_rig_plan plan  = planned(1);
        plan.sampling       = &sampling;
        one[biased]         = run(&plan);
        plan.pipelined      = true;
        three[biased]       = run(&plan);
        assert_same(&three[biased], &one[biased]); /* nothing but the number of lanes matters */
        plan                = planned(3);
        plan.sampling       = &sampling;
        plan.shards         = RIG_SHARDS_RANGE;
        three[biased]       = run(&plan);
        plan.pipelined      = true;
        const outcome again = run(&plan);
        assert_memory_equal(three[biased].hash, again.hash, sizeof again.hash);
    }
    assert_same(&three[0], &one[0]);
    assert_int_equal(three[1].hash[0], one[1].hash[0]); /* nobody remembers anything yet */
    assert_int_equal(one[1].hash[0], one[0].hash[0]);
    assert_memory_not_equal(three[1].hash, one[1].hash, sizeof one[1].hash);
    assert_int_equal(three[1].eval_hash, one[1].eval_hash); /* evaluation has no bias */
}

/* Expect that a lane that had no seeds has done nothing. */
static void check_idle(const test_rig *r, uint32_t lane, const pr_step_partition *partition,
                       uint64_t rows_before)
{
    const pri_lane *l        = r->lane[lane];
    const float    *gradient = pri_nn_gradient(l->tape);
    pr_model_shape  shape;
    pr_cache_stats  stats;

    assert_true(partition->num_inputs == 0 && partition->rows_hit == 0 &&
                partition->rows_added == 0 && partition->rows_victim == 0 &&
                partition->rows_bypassed == 0 && partition->bytes_moved == 0);
    pr_model_describe(r->model, &shape);
    for (uint64_t i = 0; i < shape.num_parameters; i++) assert_true(gradient[i] == 0.0f);
    pr_cache_statistics(l->cache, &stats);
    assert_int_equal(stats.rows_moved, rows_before);
}

static void lanes_without_seeds_add_nothing_and_keep_their_cache(void **state)
{
    (void)state;
    enum { LANES = 5, FEW = 3 };

    for (int pipelined = 0; pipelined <= 1; pipelined++) {
        test_rig          r, alone;
        pr_step_partition partition[LANES];
        test_rig_plan     plan = planned(LANES), one = planned(1);
        uint32_t          num_idle = 0, num_worked = 0;

        plan.batch_size = one.batch_size = FEW;
        plan.pipelined                   = pipelined;
        plan.shards                      = RIG_SHARDS_HASH;
        test_rig_open(&r, &plan);
        test_rig_open(&alone, &one);
        for (uint64_t step = 0; step < NUM_STEPS; step++) {
            uint64_t before[LANES];
            for (uint32_t i = 0; i < LANES; i++) {
                pr_cache_stats stats;
                pr_cache_statistics(r.lane[i]->cache, &stats);
                before[i] = stats.rows_moved;
            }
            const pr_step row  = test_rig_train_parts(&r, step, partition);
            const pr_step want = test_rig_train(&alone, step);
            assert_int_equal(row.batch_hash, want.batch_hash);
            assert_true(fabs(row.loss - want.loss) < 2e-3);
            for (uint32_t i = 0; i < LANES; i++) {
                const bool idle = pri_seeds_lot(r.seeds, step, i).seeds.n == 0;
                if (idle) check_idle(&r, i, &partition[i], before[i]);
                num_idle += idle;
                num_worked += !idle;
            }
        }
        assert_int_equal(num_idle, (LANES - FEW) * NUM_STEPS);
        assert_int_equal(num_worked, FEW * NUM_STEPS);
        test_rig_close(&alone);
        test_rig_close(&r);
    }
}

/* An epoch may end with fewer seeds than there are lanes. */
static void a_last_batch_smaller_than_the_lanes_is_the_same(void **state)
{
    (void)state;
    test_rig      r[2];
    test_rig_plan plan[2] = { planned(1), planned(5) };
    uint64_t      steps   = 0;

    const pr_dataset *dataset = test_open(graph());
    const size_t      n       = dataset->split[PR_SPLIT_MAIN].train.n;
    uint32_t          batch   = (uint32_t)n / 4;
    pr_dataset_close(dataset);
    while (n % batch == 0 || n % batch >= 5) batch--;
    for (int i = 0; i < 2; i++) {
        plan[i].batch_size = batch;
        steps = plan[i].num_steps = n / batch + 2; /* and into the next epoch */
        test_rig_open(&r[i], &plan[i]);
    }
    for (uint64_t step = 0; step < steps; step++) {
        const pr_step want = test_rig_train(&r[0], step), got = test_rig_train(&r[1], step);
        assert_int_equal(got.batch_hash, want.batch_hash);
        assert_int_equal(got.num_seeds, want.num_seeds);
        assert_true(fabs(got.loss - want.loss) < 2e-3);
    }
    for (int i = 0; i < 2; i++) test_rig_close(&r[i]);
}

static void a_lane_whose_rows_cannot_be_read_ends_the_step_with_its_name(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    for (uint32_t lane = 1; lane <= 3; lane++)
        for (int pipelined = 0; pipelined <= 1; pipelined++) {
            test_rig      r;
            pr_step       row;
            pr_status     st     = PR_OK;
            uint64_t      step   = 0;
            char          name[] = "lane 0: ";
            test_rig_plan plan   = planned(3);
            plan.far             = true;
            plan.pipelined       = pipelined;
            plan.failing_lane    = lane;
            plan.fetches_left    = 2;
            test_rig_open(&r, &plan);
            for (; st == PR_OK && step < NUM_STEPS; step++) st = test_rig_try(&r, step, &row);
            assert_int_equal(st, PR_E_IO);
            assert_int_equal(step, 3); /* the third fails */
            name[5] = (char)('0' + lane - 1);
            assert_non_null(strstr(pr_error_message(), name));
            assert_non_null(strstr(pr_error_message(), "cannot be read"));
            test_rig_close(&r);
        }
    assert_true(pri_mem_live() == live);
}

static void lanes_take_nothing_from_the_heap_after_the_first_steps(void **state)
{
    (void)state;
    for (int pipelined = 0; pipelined <= 1; pipelined++) {
        test_rig      r;
        test_rig_plan plan  = planned(3);
        uint64_t      calls = 0;

        plan.num_steps = plan.pause_every = 12;
        plan.pipelined = plan.far = pipelined;
        plan.graph_copies         = true;
        plan.shards               = RIG_SHARDS_PART;
        test_rig_open(&r, &plan);
        for (uint64_t step = 0; step < plan.num_steps; step++) {
            (void)test_rig_train(&r, step);
            if (step == 2) calls = pri_mem_calls();
        }
        (void)test_rig_evaluate(&r, 0, BATCH);
        assert_true(pri_mem_calls() == calls);
        test_rig_close(&r);
    }
}

static void copies_of_the_graph_give_the_same_bits(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++) {
        pr_sampler_options sampling;
        pr_sampler_default(&sampling);
        sampling.kind        = kind;
        test_rig_plan plan   = planned(2);
        plan.sampling        = &sampling;
        plan.shards          = RIG_SHARDS_RANGE;
        const outcome shared = run(&plan);
        plan.graph_copies    = true;
        const outcome copied = run(&plan);
        assert_memory_equal(&copied, &shared, sizeof shared);
    }
    assert_true(pri_mem_live() == live);
}

/* Count the ranges of one kind that a lane names. */
static uint32_t count_ranges(const pr_ranges *ranges, uint32_t lane, const char *what)
{
    uint32_t num = 0;
    for (uint32_t i = 0; i < ranges->num; i++)
        num += ranges->at[i].lane == lane && strcmp(ranges->at[i].what, what) == 0;
    return num;
}

static void a_lane_names_the_memory_it_holds(void **state)
{
    (void)state;
    static pr_ranges   ranges;
    test_rig           r;
    pr_sampler_options sampling;
    test_rig_plan      plan = planned(2);

    pr_sampler_default(&sampling);
    sampling.kind        = PR_SAMPLER_WEIGHTED;
    plan.sampling        = &sampling;
    plan.cache.policy    = PR_POLICY_LOOKAHEAD;
    plan.cache.lookahead = 4;
    plan.graph_copies    = true;
    test_rig_open(&r, &plan);
    ranges = (pr_ranges){ 0 };
    for (uint32_t i = 0; i < 2; i++) pri_lane_ranges(r.lane[i], &ranges);
    assert_int_equal(ranges.dropped, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(count_ranges(&ranges, i, "graph"), 3); /* offsets, arcs and weights */
        assert_int_equal(count_ranges(&ranges, i, "batch"), 4 + 1 + 1);
        assert_int_equal(count_ranges(&ranges, i, "tape"), 1);
        assert_true(count_ranges(&ranges, i, "sampler") >= 3); /* relabel, scratch, alias */
    }
    for (uint32_t a = 0; a < ranges.num; a++) {
        const char *at = ranges.at[a].at;
        assert_int_equal(ranges.at[a].numa_node, -1);
        for (uint32_t b = 0; b < a; b++) {
            const char *other = ranges.at[b].at;
            assert_true(at + ranges.at[a].bytes <= other || other + ranges.at[b].bytes <= at);
        }
    }
    test_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampler_draws_for_lanes_what_it_draws_for_one),
        cmocka_unit_test(every_policy_and_mode_is_the_same_for_lanes_in_line_or_not),
        cmocka_unit_test(cache_biased_labor_remembers_lane_by_lane_and_is_the_same_for_one),
        cmocka_unit_test(lanes_without_seeds_add_nothing_and_keep_their_cache),
        cmocka_unit_test(a_last_batch_smaller_than_the_lanes_is_the_same),
        cmocka_unit_test(a_lane_whose_rows_cannot_be_read_ends_the_step_with_its_name),
        cmocka_unit_test(lanes_take_nothing_from_the_heap_after_the_first_steps),
        cmocka_unit_test(copies_of_the_graph_give_the_same_bits),
        cmocka_unit_test(a_lane_names_the_memory_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
