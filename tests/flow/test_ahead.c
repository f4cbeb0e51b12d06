/* test_ahead.c: lanes that draw ahead: how far, across which borders, and that it changes what the
 * cache moves but nothing that is computed. */
#include "support/rig.h"

#include <math.h>

#include "pipeline/ahead.h"

enum { BATCH = 60, NUM_STEPS = 48 }; /* 20 steps an epoch */

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(2000, 16000, 12, 4);
    return path;
}

static test_rig_plan planned(int policy, uint32_t lookahead)
{
    test_rig_plan plan = { .path       = graph(),
                           .num_lanes  = 1,
                           .batch_size = BATCH,
                           .num_steps  = NUM_STEPS,
                           .cache      = test_cache_options() };

    plan.cache.mode      = PR_CACHE_RESIDENT;
    plan.cache.policy    = policy;
    plan.cache.lookahead = lookahead;
    return plan;
}

/* What a run comes to. */
typedef struct outcome {
    uint64_t hash[NUM_STEPS], wanted[NUM_STEPS], moved[NUM_STEPS], hit[NUM_STEPS];
    double   loss[NUM_STEPS];
    uint64_t all_moved;
} outcome;

static outcome run(const test_rig_plan *plan)
{
    test_rig r;
    outcome  out = { .all_moved = 0 };

    test_rig_open(&r, plan);
    for (uint64_t step = 0; step < plan->num_steps; step++) {
        const pr_step row = test_rig_train(&r, step);
        out.hash[step]    = row.batch_hash;
        out.wanted[step]  = row.num_inputs;
        out.moved[step]   = row.rows_moved;
        out.hit[step]     = row.rows_hit;
        out.loss[step]    = row.loss;
        out.all_moved += row.rows_moved;
    }
    test_rig_close(&r);
    return out;
}

static void the_window_is_exact_until_the_run_ends(void **state)
{
    (void)state;
    static const uint32_t windows[] = { 0, 1, 3, 19, 20, 21, PR_MAX_WINDOW };

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (uint32_t lanes = 1; lanes <= 2; lanes++) {
            test_rig      r;
            test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, windows[w]);
            plan.num_lanes     = lanes;
            test_rig_open(&r, &plan);
            for (uint32_t step = 0; step < NUM_STEPS; step++) {
                const pr_step  row  = test_rig_train(&r, step);
                const uint32_t left = NUM_STEPS - 1 - step;
                assert_int_equal(row.epoch, step / 20); /* whatever was drawn of the next one */
                assert_int_equal(row.lookahead, left < windows[w] ? left : windows[w]);
                assert_int_equal(row.queue_depth, row.lookahead);
                for (uint32_t i = 0; i < lanes; i++)
                    assert_int_equal(pr_cache_num_foreseen(r.lane[i]->cache), row.lookahead);
            }
            test_rig_close(&r);
        }
}

/* The window covers many epochs when each is one step, as on small graphs. */
static void the_window_crosses_epochs_of_one_step(void **state)
{
    (void)state;
    test_rig      r;
    test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 9);

    plan.batch_size = 5000;
    plan.num_steps  = 12;
    test_rig_open(&r, &plan);
    assert_int_equal(pri_seeds_steps_per_epoch(r.seeds), 1);
    for (uint32_t step = 0; step < 12; step++) {
        const pr_step row = test_rig_train(&r, step);
        assert_int_equal(row.epoch, step);
        assert_int_equal(row.lookahead, step <= 2 ? 9 : 11 - step);
    }
    test_rig_close(&r);
}

/* auto is decided from the steps so far: within its bounds, for all lanes the same. */
static void lanes_share_the_automatic_window(void **state)
{
    (void)state;
    for (uint32_t lanes = 1; lanes <= 3; lanes++) {
        test_rig      r;
        test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
        uint32_t      last = 0;
        plan.num_lanes     = lanes;
        test_rig_open(&r, &plan);
        assert_int_equal(pri_ahead_window(r.lane, lanes), 8);
        for (uint32_t step = 0; step < NUM_STEPS; step++) {
            const uint32_t window = pri_ahead_window(r.lane, lanes);
            const pr_step  row    = test_rig_train(&r, step);
            const uint32_t left   = NUM_STEPS - 1 - step;
            /* a window that shrank takes a step to empty a place */
            uint32_t want = window + 1 < last ? last - 1 : window;
            if (want > left) want = left;
            assert_int_equal(row.lookahead, want);
            for (uint32_t i = 0; i < lanes; i++)
                assert_int_equal(pr_cache_num_foreseen(r.lane[i]->cache), want);
            assert_true(window >= 8 && window <= PR_MAX_WINDOW);
            last = row.lookahead;
        }
        test_rig_close(&r);
    }
}

static void other_policies_draw_one_and_take_one(void **state)
{
    (void)state;
    static const int policies[] = { PR_POLICY_LRU, PR_POLICY_SIEVE, PR_POLICY_STATIC };
    static const int modes[]    = { PR_CACHE_PACKED, PR_CACHE_OFF };
    test_rig         r;

    for (int i = 0; i < 5; i++) {
        test_rig_plan plan = planned(i < 3 ? policies[i] : PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
        if (i >= 3) plan.cache.mode = modes[i - 3];
        test_rig_open(&r, &plan);
        for (uint64_t step = 0; step < 5; step++) {
            const pr_step row = test_rig_train(&r, step);
            assert_int_equal(row.lookahead, 0);
            assert_int_equal(row.queue_depth, 0);
        }
        test_rig_close(&r);
    }
}

/* The model sees the same rows in the same order whatever the cache does: the same bits. */
static void nothing_computed_depends_on_policy_window_capacity_or_mode(void **state)
{
    (void)state;
    const test_rig_plan   plain = planned(PR_POLICY_LRU, 0);
    static outcome        want, got;
    static const uint32_t windows[] = { 0, 1, 7, PR_MAX_WINDOW, PR_WINDOW_AUTO };
    int                   cases     = 0;

    want             = run(&plain);
    const uint64_t m = want.wanted[0], rows[] = { 0, 1, m - 1, m, m + m / 2, 2000, 20000 };
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
            for (size_t c = 0; c < sizeof rows / sizeof *rows; c++)
                for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
                    test_rig_plan plan = planned(policy, windows[w]);
                    if (policy != PR_POLICY_LOOKAHEAD && w > 0) continue;
                    if (mode != PR_CACHE_RESIDENT && (policy || c == 0 || c > 3)) continue;
                    plan.cache.mode = mode;
                    plan.cache.rows = rows[c];
                    if (rows[c] == 0) plan.cache.factor = 0;
                    plan.cache.rank = (int)c % 2;
                    got             = run(&plan);
                    assert_memory_equal(got.hash, want.hash, sizeof want.hash);
                    assert_memory_equal(got.loss, want.loss, sizeof want.loss);
                    if (mode == PR_CACHE_RESIDENT && rows[c] == 0)
                        assert_memory_equal(got.moved, want.wanted, sizeof want.wanted);
                    cases++;
                }
    printf("%d cases\n", cases);
}

static void threads_do_not_change_what_the_cache_does(void **state)
{
    (void)state;
    static outcome want, got;

    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (int rank = PR_RANK_DEGREE; rank <= PR_RANK_PRESAMPLED; rank++) {
            if (rank && policy != PR_POLICY_STATIC) continue;
            for (uint32_t threads = 1; threads <= 3; threads++) {
                test_rig_plan plan = planned(policy, PR_WINDOW_AUTO);
                plan.threads       = threads;
                plan.cache.factor  = 1.2;
                plan.cache.rank    = rank;
                got                = run(&plan);
                if (threads == 1) want = got;
                assert_memory_equal(got.hash, want.hash, sizeof want.hash);
                assert_memory_equal(got.hit, want.hit, sizeof want.hit);
                assert_memory_equal(got.moved, want.moved, sizeof want.moved);
                for (int step = 0; step < NUM_STEPS; step++) /* GEMMs may round differently */
                    assert_true(fabs(got.loss[step] - want.loss[step]) < 2e-3);
            }
        }
}

static void lanes_that_look_ahead_draw_what_one_lane_draws(void **state)
{
    (void)state;
    static outcome want, got;

    for (uint32_t lanes = 1; lanes <= 3; lanes++) {
        test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 6);
        plan.num_lanes     = lanes;
        got                = run(&plan);
        if (lanes == 1) want = got;
        assert_memory_equal(got.hash, want.hash, sizeof want.hash);
    }
}

static void knowing_the_future_never_moves_more_rows_than_lru(void **state)
{
    (void)state;
    static const double factors[] = { 0.5, 1, 1.2, 1.5, 2 };

    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        test_rig_plan lru   = planned(PR_POLICY_LRU, 0);
        test_rig_plan ahead = planned(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
        lru.cache.factor = ahead.cache.factor = factors[f];
        const uint64_t with = run(&ahead).all_moved, without = run(&lru).all_moved;
        printf("factor %.1f: lookahead moves %llu rows, lru %llu\n", factors[f],
               (unsigned long long)with, (unsigned long long)without);
        assert_true(with <= without);
    }
}

/* Options as they are by default are those of a resident cache, which looks ahead. */
static void a_mode_left_open_looks_as_far_ahead_as_resident(void **state)
{
    (void)state;
    pr_cache_options      open, resident;
    const pr_option_group group = { &pr_cache_option_table, &open };

    pr_options_init(&group, 1);
    assert_int_equal(open.mode, PR_CACHE_AUTO);
    resident      = open;
    resident.mode = PR_CACHE_RESIDENT;
    assert_true(pri_ahead_limit(&open) > 0);
    assert_int_equal(pri_ahead_limit(&open), pri_ahead_limit(&resident));
    assert_int_equal(pri_ahead_depth(&open), pri_ahead_depth(&resident));
}

/* Evaluation shares sampler and cache with the batches that wait. */
static void evaluation_in_between_leaves_what_waits_alone(void **state)
{
    (void)state;
    const test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 5);
    static outcome      want;
    test_rig            r;

    want = run(&plan);
    test_rig_open(&r, &plan);
    const pr_step first = test_rig_evaluate(&r, 0, 40); /* before anything was drawn */
    for (uint32_t step = 0; step < NUM_STEPS; step++) {
        const pr_step  row  = test_rig_train(&r, step);
        const uint32_t left = NUM_STEPS - 1 - step;
        assert_int_equal(row.batch_hash, want.hash[step]);
        assert_true(row.loss == want.loss[step]);
        assert_int_equal(row.lookahead, left < 5 ? left : 5);
        for (uint32_t i = 0; i < step % 3; i++) {
            const pr_step between = test_rig_evaluate(&r, 0, 40);
            assert_int_equal(between.batch_hash, first.batch_hash);
            assert_int_equal(between.queue_depth, row.queue_depth);
            assert_int_equal(between.lookahead, row.lookahead);
        }
    }
    test_rig_close(&r);
}

static void drawing_ahead_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    test_rig            r;
    const test_rig_plan plan  = planned(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
    uint64_t            calls = 0;

    test_rig_open(&r, &plan);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        (void)test_rig_train(&r, step);
        if (step == 2) calls = pri_mem_calls();
    }
    assert_true(pri_mem_calls() == calls);
    test_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_is_exact_until_the_run_ends),
        cmocka_unit_test(the_window_crosses_epochs_of_one_step),
        cmocka_unit_test(lanes_share_the_automatic_window),
        cmocka_unit_test(other_policies_draw_one_and_take_one),
        cmocka_unit_test(nothing_computed_depends_on_policy_window_capacity_or_mode),
        cmocka_unit_test(threads_do_not_change_what_the_cache_does),
        cmocka_unit_test(lanes_that_look_ahead_draw_what_one_lane_draws),
        cmocka_unit_test(knowing_the_future_never_moves_more_rows_than_lru),
        cmocka_unit_test(a_mode_left_open_looks_as_far_ahead_as_resident),
        cmocka_unit_test(evaluation_in_between_leaves_what_waits_alone),
        cmocka_unit_test(drawing_ahead_takes_nothing_from_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
