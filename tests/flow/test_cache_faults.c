/* test_cache_faults.c: a store that fails at its n-th row, for every n: the batch is dropped, and
 * every later decision is that of a twin that never saw it. (Differences: test_apply.c.) */
#include "support/planes.h"
#include "support/policy_rig.h"

enum { N = 40, M = 9, CAPACITY = 16, LISTS = 24, WINDOW = 3 };

typedef enum door { BY_PREPARE, BY_NEXT } door;

/* Take list l through a rig; by the second door there are lists foreseen behind it. */
static void step(policy_rig *x, const trace *t, uint32_t l, door by)
{
    if (by == BY_PREPARE) {
        rig_step(x, t->list[l]);
    } else {
        if (l + WINDOW < t->num_lists) rig_foresee(x, t->list[l + WINDOW]);
        rig_step_next(x);
    }
}

/* Let list l fail at the n-th row it fetches; gives false when it needs no more than n. */
static bool fail_at(policy_rig *x, const trace *t, uint32_t l, door by, int64_t n, bool in_place)
{
    const uint64_t       resident = pr_cache_resident_rows(x->cache);
    const uint32_t       foreseen = pr_cache_num_foreseen(x->cache);
    const pr_cache_plan *plan;
    pr_cache_stats       before, after;
    pr_slab              view;

    pr_cache_statistics(x->cache, &before);
    assert_ok(by == BY_PREPARE ? pr_cache_prepare(x->cache, t->list[l], &plan)
                               : pr_cache_prepare_next(x->cache, &plan));
    const bool fails = (int64_t)(plan->rows_added + plan->rows_bypassed) > n;
    x->rows_left     = fails ? n : -1;
    if (fails) {
        assert_fails(PR_E_IO, "cannot be read",
                     in_place ? pr_cache_place(x->cache, &view) : pr_cache_fetch(x->cache));
        assert_fails(PR_E_ARG, "without a prepare", pr_cache_fetch(x->cache));
        pr_cache_statistics(x->cache, &after);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(pr_cache_resident_rows(x->cache), resident);
        assert_int_equal(pr_cache_num_foreseen(x->cache), foreseen);
        assert_ok(pr_cache_check(x->cache));
    } else { /* the reference follows, as if by step() */
        by == BY_PREPARE ? reference_prepare(&x->reference, t->list[l])
                         : reference_prepare_next(&x->reference);
        assert_ok(pr_cache_place(x->cache, &view));
        reference_place(&x->reference, view.slot_of_input);
        pr_cache_release(x->cache);
    }
    x->rows_left = -1;
    return fails;
}

static void check_twins(const policy_rig *x, const policy_rig *twin)
{
    assert_memory_equal(x->reference.slot_of, twin->reference.slot_of,
                        N * sizeof *x->reference.slot_of);
    assert_int_equal(x->reference.num_resident, twin->reference.num_resident);
}

/* Every list of a trace fails at each of its rows, then comes through. */
static void run_with_faults(int policy, uint32_t capacity, trace_shape shape, door by)
{
    test_rng   rng = { .key = test_seed() };
    policy_rig x, twin;
    trace      t;

    trace_open(&t, shape, LISTS, N, M, &rng);
    rig_open(&x, policy, N, capacity, N);
    rig_open(&twin, policy, N, capacity, N);
    if (by == BY_NEXT)
        for (uint32_t l = 0; l < WINDOW; l++) {
            rig_foresee(&x, t.list[l]);
            rig_foresee(&twin, t.list[l]);
        }
    for (uint32_t l = 0; l < LISTS; l++) {
        step(&twin, &t, l, by);
        if (by == BY_NEXT && l + WINDOW < LISTS) rig_foresee(&x, t.list[l + WINDOW]);
        for (int64_t n = 0; fail_at(&x, &t, l, by, n, n % 2 == 1); n++) continue;
        assert_ok(pr_cache_check(x.cache));
        check_twins(&x, &twin);
    }
    rig_close(&x);
    rig_close(&twin);
    trace_close(&t);
}

static void a_batch_that_fails_at_any_row_leaves_no_trace_under_any_policy(void **state)
{
    (void)state;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (door by = BY_PREPARE; by <= BY_NEXT; by++) {
            run_with_faults(policy, CAPACITY, TRACE_STICKY, by);
            run_with_faults(policy, CAPACITY, TRACE_UNEVEN, by);
            run_with_faults(policy, M / 2, TRACE_SKEWED, by);
        }
}

/* Let a batch of a packed cache fail at each of its rows in each plane, then come through. */
static void place_at_last(planes *x, pr_vids wanted)
{
    const pr_cache_plan *plan;
    pr_packed            all;
    pr_slab              view;
    pr_vid               ids[N];
    uint32_t             num_failed = 0;

    planes_remember(x);
    assert_ok(pr_cache_packed(x->cache, 0, &all));
    const uint32_t n_before = all.num_rows;
    if (n_before > 0) memcpy(ids, all.ids, n_before * sizeof *ids);
    for (int64_t n = 0;; n++) {
        assert_ok(pr_cache_prepare(x->cache, wanted, &plan));
        x->rows_left       = n;
        const pr_status st = pr_cache_place(x->cache, &view);
        x->rows_left       = -1;
        if (st == PR_OK) break;
        assert_int_equal(st, PR_E_IO);
        num_failed++;
        for (uint32_t p = 0; p < x->num_planes; p++) assert_int_equal(planes_changed(x, p), 0);
        planes_check_packed(x, ids, n_before);
        assert_ok(pr_cache_check(x->cache));
    }
    assert_int_equal(num_failed, plan->rows_added * x->num_planes);
    planes_check_view(x, wanted);
    pr_cache_release(x->cache);
}

static void a_packed_batch_that_fails_in_any_plane_leaves_no_trace(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 5, 20, 3 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED };
    test_rng               rng     = { .key = test_seed() };
    planes                 x;
    trace                  t;

    trace_open(&t, TRACE_STICKY, 16, N, M, &rng);
    planes_open(&x, N, 3, cols);
    planes_move_away(&x);
    planes_cache(&x, &options, N, NULL);
    for (uint32_t l = 0; l < t.num_lists; l++) place_at_last(&x, t.list[l]);
    planes_close(&x);
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_that_fails_at_any_row_leaves_no_trace_under_any_policy),
        cmocka_unit_test(a_packed_batch_that_fails_in_any_plane_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
