/* test_window.c: lists foreseen: what is refused and leaves no trace, lists that change behind the
 * cache's back, batches in between, and how many lists the cache asks for. */
#include "support/policy_rig.h"

#include "base/mem.h"

enum { N = 30, CAPACITY = 8, MAX_WANTED = 10 };

/* Six lists; decisions differ with what is known of them. */
static const pr_vid lists[6][4] = { { 0, 1, 2, 3 }, { 4, 5, 6, 7 }, { 8, 9, 0, 4 },
                                    { 1, 5, 8, 9 }, { 2, 6, 0, 1 }, { 3, 7, 4, 9 } };

static pr_vids list(int l)
{
    return (pr_vids){ lists[l], 4 };
}

static void open_with_lists(policy_rig *x, int policy, int num)
{
    rig_open(x, policy, N, CAPACITY, MAX_WANTED);
    for (int l = 0; l < num; l++) rig_foresee(x, list(l));
}

/* Take all that waits; the rig compares every step with the reference. */
static void take_the_rest(policy_rig *x)
{
    while (x->reference.num_waiting > 0) rig_step_next(x);
}

static void lists_are_taken_in_the_order_they_were_entered(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        policy_rig x;
        open_with_lists(&x, policy, 6);
        assert_int_equal(pr_cache_num_foreseen(x.cache), 6);
        take_the_rest(&x);
        const pr_cache_plan *plan;
        assert_fails(PR_E_ARG, "", pr_cache_prepare_next(x.cache, &plan));
        assert_null(plan);
        assert_ok(pr_cache_check(x.cache));
        rig_close(&x);
    }
}

static void lists_that_are_too_long_are_refused_without_a_trace(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        pr_vid     many[MAX_WANTED + 1];
        policy_rig x;
        for (pr_vid i = 0; i <= MAX_WANTED; i++) many[i] = i;
        open_with_lists(&x, policy, 3);
        assert_fails(PR_E_ARG, "at most 10",
                     pr_cache_foresee(x.cache, (pr_vids){ many, MAX_WANTED + 1 }));
        assert_fails(PR_E_ARG, "NULL", pr_cache_foresee(x.cache, (pr_vids){ NULL, 1 }));
        assert_fails(PR_E_ARG, "NULL", pr_cache_foresee(NULL, list(3)));
        assert_int_equal(pr_cache_num_foreseen(x.cache), 3);
        assert_ok(pr_cache_check(x.cache));
        rig_foresee(&x, list(3));
        take_the_rest(&x);
        rig_close(&x);
    }
}

/* A list with a bad id at `at`; when it is found, the id becomes `good`. */
static void enter_bad_list(int policy, pr_vid *ids, uint32_t at, pr_vid good, pr_status status,
                           const char *words)
{
    policy_rig x;

    open_with_lists(&x, policy, 2);
    if (policy == PR_POLICY_LOOKAHEAD) {
        assert_fails(status, words, pr_cache_foresee(x.cache, (pr_vids){ ids, 4 }));
    } else {
        const pr_cache_plan *plan;
        rig_foresee(&x, (pr_vids){ ids, 4 });
        rig_step_next(&x);
        rig_step_next(&x);
        assert_fails(status, words, pr_cache_prepare_next(x.cache, &plan));
        assert_null(plan);
        assert_int_equal(pr_cache_num_foreseen(x.cache), 1);
        ids[at] = good; /* the list still waits, and is fine now */
    }
    assert_ok(pr_cache_check(x.cache));
    take_the_rest(&x);
    rig_foresee(&x, list(3));
    take_the_rest(&x);
    rig_close(&x);
}

static void a_bad_id_is_found_by_lookahead_at_once_and_by_others_when_it_is_taken(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        pr_vid hit_twice[] = { 8, 5, 6, 5 }, miss_twice[] = { 20, 21, 5, 20 };
        pr_vid outside[] = { 8, N, 6, 9 }, far[] = { UINT32_MAX, 1, 5, 9 };
        enter_bad_list(policy, hit_twice, 3, 7, PR_E_ARG, "wanted[3] is row 5");
        enter_bad_list(policy, miss_twice, 3, 7, PR_E_ARG, "wanted[3] is row 20");
        enter_bad_list(policy, outside, 1, 7, PR_E_RANGE, "wanted[1] is row 30, the store has 30");
        enter_bad_list(policy, far, 0, 7, PR_E_RANGE, "wanted[0] is row 4294967295");
    }
}

static void more_lists_than_may_wait_are_refused_without_a_trace(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        policy_rig x;
        open_with_lists(&x, policy, 0);
        for (uint32_t l = 0; l <= PR_MAX_WINDOW; l++) rig_foresee(&x, list((int)(l % 6)));
        assert_fails(PR_E_FULL, "32", pr_cache_foresee(x.cache, list(5)));
        assert_int_equal(pr_cache_num_foreseen(x.cache), PR_MAX_WINDOW + 1);
        for (int i = 0; i < 40; i++) { /* a full window, again and again */
            rig_step_next(&x);
            rig_foresee(&x, list(i % 5));
            assert_fails(PR_E_FULL, "", pr_cache_foresee(x.cache, list(5)));
        }
        take_the_rest(&x);
        rig_close(&x);
    }
}

static void lookahead_finds_a_list_whose_ids_were_changed_since(void **state)
{
    (void)state;
    static const pr_vid good[] = { 2, 6, 0, 1 };
    /* another row, one beyond the store, one twice, one of the next list, a shorter truth */
    static const pr_vid bad[] = { 20, N, 2, 3, UINT32_MAX };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (uint32_t at = 0; at < 4; at++) {
            const pr_cache_plan *plan;
            pr_vid               ids[4];
            policy_rig           x;
            if (bad[i] == good[at]) continue; /* that is no change */
            memcpy(ids, good, sizeof ids);
            open_with_lists(&x, PR_POLICY_LOOKAHEAD, 2);
            rig_foresee(&x, (pr_vids){ ids, 4 });
            rig_foresee(&x, list(5));
            rig_step_next(&x);
            rig_step_next(&x);
            ids[at]            = bad[i];
            const pr_status st = pr_cache_prepare_next(x.cache, &plan);
            if (st != PR_E_ARG && !(st == PR_E_RANGE && bad[i] >= N))
                fail_msg("%u for %u: %s", bad[i], good[at], pr_status_name(st));
            assert_null(plan);
            assert_int_equal(pr_cache_num_foreseen(x.cache), 2);
            assert_ok(pr_cache_check(x.cache));
            ids[at] = good[at];
            take_the_rest(&x);
            rig_foresee(&x, list(3));
            take_the_rest(&x);
            rig_close(&x);
        }
}

static void batches_in_between_leave_the_lists_waiting(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        policy_rig x;
        open_with_lists(&x, policy, 4);
        rig_step(&x, list(5));
        assert_int_equal(pr_cache_num_foreseen(x.cache), 4);
        rig_step_next(&x);
        rig_step(&x, list(4));
        rig_step(&x, (pr_vids){ NULL, 0 });
        rig_step_next(&x);
        rig_foresee(&x, (pr_vids){ NULL, 0 });
        rig_step(&x, list(0));
        take_the_rest(&x);
        rig_close(&x);
    }
}

static void lists_may_be_entered_while_a_view_is_live_but_not_before_place(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        policy_rig           x;
        open_with_lists(&x, policy, 3);
        for (int i = 0; i < 20; i++) {
            reference_prepare_next(&x.reference);
            assert_ok(pr_cache_prepare_next(x.cache, &plan));
            reference_check_plan(&x.reference, plan);
            assert_fails(PR_E_ARG, "between prepare and place", pr_cache_foresee(x.cache, list(0)));
            assert_ok(pr_cache_place(x.cache, &view));
            reference_place(&x.reference, view.slot_of_input);
            rig_foresee(&x, list((i + 3) % 6));
            pr_cache_release(x.cache);
            assert_ok(pr_cache_check(x.cache));
        }
        take_the_rest(&x);
        rig_close(&x);
    }
}

/* Prepare while the last view is read, as a pipeline does. */
static void the_next_list_may_be_prepared_while_a_view_is_live(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        policy_rig           x;
        open_with_lists(&x, policy, 6);
        reference_prepare_next(&x.reference);
        assert_ok(pr_cache_prepare_next(x.cache, &plan));
        while (x.reference.taken) {
            assert_fails(PR_E_ARG, "", pr_cache_prepare_next(x.cache, &plan));
            assert_null(plan);
            assert_ok(pr_cache_place(x.cache, &view));
            reference_place(&x.reference, view.slot_of_input);
            if (x.reference.num_waiting > 0) {
                reference_prepare_next(&x.reference);
                assert_ok(pr_cache_prepare_next(x.cache, &plan));
                reference_check_plan(&x.reference, plan);
            }
            pr_cache_release(x.cache);
        }
        rig_close(&x);
    }
}

static uint32_t window_of(pr_cache_options options, int steps)
{
    static float         rows[100];
    const pr_features    features = { .num_rows = 100, .num_cols = 1, .rows = rows, .ld = 1 };
    const pr_cache_plan *plan;
    pr_store            *store;
    pr_cache            *cache;
    pr_slab              view;
    static uint32_t      scores[100];

    assert_ok(pr_store_memory(&features, &store));
    const pr_store *const stores[] = { store };
    const pr_cache_setup  setup = { &options, stores, 1, 20, NULL, scores, -1, NULL, NULL, NULL };
    assert_ok(pr_cache_open(&setup, &cache));
    for (int i = 0; i < steps; i++) { /* 10 rows a step, 2 of them new: 2 misses a step */
        pr_vid ids[10];
        for (uint32_t k = 0; k < 10; k++) ids[k] = ((uint32_t)i * 2 + k) % 100;
        assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, 10 }, &plan));
        assert_ok(pr_cache_place(cache, &view));
        pr_cache_release(cache);
    }
    const uint32_t window = pr_cache_window(cache);
    pr_cache_free(cache);
    pr_store_free(store);
    return window;
}

static void the_window_is_what_was_asked_for_or_follows_the_misses(void **state)
{
    (void)state;
    pr_cache_options o = { .policy = PR_POLICY_LOOKAHEAD, .rows = 15, .lookahead = 5 };

    assert_int_equal(window_of(o, 0), 5);
    assert_int_equal(window_of(o, 30), 5);
    o.lookahead = 0;
    assert_int_equal(window_of(o, 3), 0);
    o.lookahead = PR_WINDOW_AUTO;
    assert_int_equal(window_of(o, 0), 8);  /* nothing is known yet */
    assert_int_equal(window_of(o, 40), 8); /* 3 (15 - 10) / 2.2 = 6.8 */
    o.rows                = 26;
    const uint32_t middle = window_of(o, 40); /* 3 (26 - 10) / 2.2 = 21.8 */
    assert_in_range(middle, 20, 23);
    assert_int_equal(window_of(o, 40), middle);
    o.rows = 90;
    assert_int_equal(window_of(o, 40), PR_MAX_WINDOW);
    o.rows = 4; /* smaller than a batch */
    assert_int_equal(window_of(o, 40), 8);
    for (int policy = PR_POLICY_LRU; policy < PR_POLICY_LOOKAHEAD; policy++) {
        o.policy = policy;
        assert_int_equal(window_of(o, 0), 0);
        assert_int_equal(window_of(o, 10), 0);
    }
}

/* Packed and off keep lists too, for pr_cache_prepare_next. */
static void every_mode_takes_lists_that_were_foreseen(void **state)
{
    (void)state;
    static float      rows[N];
    const pr_features features = { .num_rows = N, .num_cols = 1, .rows = rows, .ld = 1 };
    pr_store         *store;

    for (uint32_t v = 0; v < N; v++) rows[v] = (float)(v + 1);
    assert_ok(pr_store_memory(&features, &store));
    for (int mode = PR_CACHE_PACKED; mode <= PR_CACHE_OFF; mode++) {
        const pr_cache_options o = { .mode = mode, .policy = PR_POLICY_LOOKAHEAD };
        pr_cache              *cache;
        assert_ok(pr_cache_create(&o, store, MAX_WANTED, &cache));
        for (int l = 0; l < 6; l++) assert_ok(pr_cache_foresee(cache, list(l)));
        assert_int_equal(pr_cache_window(cache), 0);
        for (int l = 0; l < 6; l++) {
            const pr_cache_plan *plan;
            pr_slab              view;
            assert_ok(pr_cache_prepare_next(cache, &plan));
            assert_ok(pr_cache_place(cache, &view));
            for (uint32_t i = 0; i < 4; i++)
                assert_true(view.rows[view.slot_of_input[i] * view.ld] == (float)(lists[l][i] + 1));
            pr_cache_release(cache);
            assert_int_equal(pr_cache_num_foreseen(cache), 5 - l);
        }
        assert_ok(pr_cache_check(cache));
        pr_cache_free(cache);
    }
    pr_store_free(store);
}

static void no_step_of_any_policy_allocates(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        policy_rig x;
        open_with_lists(&x, policy, 3);
        const uint64_t calls = pri_mem_calls();
        for (int i = 0; i < 50; i++) {
            rig_foresee(&x, list(i % 6));
            rig_step_next(&x);
            if (i % 7 == 0) rig_step(&x, list(i % 5));
        }
        assert_int_equal(pri_mem_calls(), calls);
        take_the_rest(&x);
        rig_close(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_taken_in_the_order_they_were_entered),
        cmocka_unit_test(lists_that_are_too_long_are_refused_without_a_trace),
        cmocka_unit_test(a_bad_id_is_found_by_lookahead_at_once_and_by_others_when_it_is_taken),
        cmocka_unit_test(more_lists_than_may_wait_are_refused_without_a_trace),
        cmocka_unit_test(lookahead_finds_a_list_whose_ids_were_changed_since),
        cmocka_unit_test(batches_in_between_leave_the_lists_waiting),
        cmocka_unit_test(lists_may_be_entered_while_a_view_is_live_but_not_before_place),
        cmocka_unit_test(the_next_list_may_be_prepared_while_a_view_is_live),
        cmocka_unit_test(the_window_is_what_was_asked_for_or_follows_the_misses),
        cmocka_unit_test(every_mode_takes_lists_that_were_foreseen),
        cmocka_unit_test(no_step_of_any_policy_allocates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
