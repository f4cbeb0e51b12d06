/* test_twice.c: what several lanes have twice. The oracle for inputs is one lane with the same
 * seeds: draws do not depend on lanes, so it wants every input once. The oracle for rows looks at
 * the ids that packed slabs hold, and for slabs that keep everything at one lane's again. */
#include "support/rig.h"

enum { BATCH = 40, NUM_STEPS = 34, NODES = 2000 };

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(NODES, 16000, 12, 4);
    return path;
}

static test_rig_plan planned(uint32_t num_lanes, int mode)
{
    test_rig_plan plan = { .path        = graph(),
                           .num_lanes   = num_lanes,
                           .counted     = num_lanes > 1,
                           .batch_size  = BATCH,
                           .num_steps   = NUM_STEPS,
                           .pause_every = NUM_STEPS,
                           .cache       = test_cache_options() };

    plan.cache.mode = mode;
    return plan;
}

static void inputs_repeated_are_what_lanes_want_beyond_one_lane(void **state)
{
    (void)state;
    for (uint32_t lanes = 2; lanes <= 4; lanes++) {
        test_rig            one, several;
        const test_rig_plan of_one = planned(1, PR_CACHE_RESIDENT);
        test_rig_plan       plan   = planned(lanes, PR_CACHE_RESIDENT);

        plan.shards    = lanes == 3 ? RIG_SHARDS_HASH : RIG_SHARDS_RANGE;
        plan.pipelined = lanes == 4;
        test_rig_open(&one, &of_one);
        test_rig_open(&several, &plan);
        for (uint64_t step = 0; step < NUM_STEPS; step++) {
            const pr_step alone = test_rig_train(&one, step), row = test_rig_train(&several, step);
            assert_int_equal(alone.inputs_repeated, 0);
            assert_int_equal(alone.batch_hash, row.batch_hash);
            if (step % 16)
                assert_true(row.inputs_repeated == PR_NULL_INT);
            else
                assert_int_equal(row.inputs_repeated, row.num_inputs - alone.num_inputs);
            if (step % 16 == 0) assert_true(row.inputs_repeated > 0);
        }
        const pr_step alone = test_rig_evaluate(&one, 0, BATCH);
        const pr_step row   = test_rig_evaluate(&several, 0, BATCH);
        assert_int_equal(row.inputs_repeated, row.num_inputs - alone.num_inputs);
        test_rig_close(&one);
        test_rig_close(&several);
    }
}

/* How many of the ids that lane's slab holds another lane's holds too. */
static int64_t replicated(const test_rig *r, uint32_t lane)
{
    static uint8_t held[NODES]; /* by others */
    pr_packed      rows;
    int64_t        n = 0;

    memset(held, 0, sizeof held);
    for (uint32_t other = 0; other < r->plan.num_lanes; other++) {
        if (other == lane) continue;
        assert_ok(pr_cache_packed(r->lane[other]->cache, 0, &rows));
        for (uint32_t i = 0; i < rows.num_rows; i++) held[rows.ids[i]] = 1;
    }
    assert_ok(pr_cache_packed(r->lane[lane]->cache, 0, &rows));
    for (uint32_t i = 0; i < rows.num_rows; i++) n += held[rows.ids[i]];
    return n;
}

static void replicated_rows_are_those_that_two_slabs_hold(void **state)
{
    (void)state;
    int64_t seen = 0;

    for (uint32_t lanes = 2; lanes <= 4; lanes++) {
        test_rig          r;
        test_rig_plan     plan = planned(lanes, PR_CACHE_PACKED);
        pr_step_partition part[RIG_MAX_LANES];

        plan.shards = RIG_SHARDS_RANGE;
        test_rig_open(&r, &plan);
        for (uint64_t step = 0; step < NUM_STEPS; step++) {
            (void)test_rig_train_parts(&r, step, part);
            for (uint32_t i = 0; i < lanes; i++) {
                if (step % 16)
                    assert_true(part[i].rows_replicated == PR_NULL_INT);
                else
                    assert_int_equal(part[i].rows_replicated, replicated(&r, i));
                if (step % 16 == 0) seen += part[i].rows_replicated;
            }
        }
        test_rig_close(&r);
    }
    assert_true(seen > 0);
}

/* With two lanes whose slabs keep every row they ever wanted: |A and B| = |A| + |B| - |A or B|. */
static void slabs_that_keep_everything_share_what_one_lane_would_hold_once(void **state)
{
    (void)state;
    test_rig          one, two;
    test_rig_plan     of_one = planned(1, PR_CACHE_RESIDENT), plan = planned(2, PR_CACHE_RESIDENT);
    pr_step_partition part[RIG_MAX_LANES];
    uint64_t          held_by_one = 0, held_by_two = 0;

    of_one.cache.rows = plan.cache.rows = NODES;
    test_rig_open(&one, &of_one);
    test_rig_open(&two, &plan);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        held_by_one += test_rig_train(&one, step).rows_first;
        held_by_two += test_rig_train_parts(&two, step, part).rows_first;
        if (step % 16) continue;
        assert_int_equal(part[0].rows_replicated, held_by_two - held_by_one);
        assert_int_equal(part[1].rows_replicated, held_by_two - held_by_one);
    }
    assert_true(held_by_two > held_by_one);
    test_rig_close(&one);
    test_rig_close(&two);
}

static void one_lane_has_nothing_twice(void **state)
{
    (void)state;
    test_rig            r;
    const test_rig_plan plan = planned(1, PR_CACHE_RESIDENT);
    pr_step_partition   part[RIG_MAX_LANES];

    test_rig_open(&r, &plan);
    for (uint64_t step = 0; step < 3; step++) {
        assert_int_equal(test_rig_train_parts(&r, step, part).inputs_repeated, 0);
        assert_int_equal(part[0].rows_replicated, 0);
    }
    test_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_repeated_are_what_lanes_want_beyond_one_lane),
        cmocka_unit_test(replicated_rows_are_those_that_two_slabs_hold),
        cmocka_unit_test(slabs_that_keep_everything_share_what_one_lane_would_hold_once),
        cmocka_unit_test(one_lane_has_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
