/* test_repack.c: packed caches that repack never, sometimes and always, side by side: slots, ids
 * and contents are the same after every step, and each says honestly what it wrote. */
#include "support/planes.h"
#include "support/traces.h"

enum { NUM = 5 };
static const double shares[NUM] = { 0, 0.3, 0.7, 1, 2 };

/* What a step wrote, by the figures of the cache that never repacks. */
static void check_plan(const pr_cache_plan *p, const pr_cache_plan *never, double share)
{
    const uint64_t rows_after = never->rows_hit + never->rows_added;
    const uint64_t writes     = never->rows_added + never->rows_compacted;
    const bool     repack     = strcmp(p->path, "repack") == 0;

    assert_string_equal(never->path, "paired");
    assert_int_equal(never->rows_moved, writes + never->rows_bypassed);
    assert_int_equal(p->rows_hit, never->rows_hit);
    assert_int_equal(p->rows_added, never->rows_added);
    assert_int_equal(p->rows_bypassed, never->rows_bypassed);
    assert_int_equal(p->rows_compacted, never->rows_compacted);
    assert_int_equal(p->bytes_bound, never->bytes_bound);
    const uint64_t rows_before = never->rows_hit + never->rows_victim;
    if (repack !=
        (rows_before > 0 && rows_after > 0 && (double)writes >= share * (double)rows_after))
        fail_msg("%llu writes of %llu rows, share %g: %s", (unsigned long long)writes,
                 (unsigned long long)rows_after, share, p->path);
    assert_int_equal(p->rows_moved, repack ? p->num_wanted : never->rows_moved);
    assert_int_equal(p->bytes_moved * never->num_wanted, p->rows_moved * never->bytes_gather);
}

static void check_same(const planes *x, const planes *never, pr_vids wanted)
{
    for (uint32_t p = 0; p < x->num_planes; p++) {
        pr_packed a, b;
        assert_ok(pr_cache_packed(x->cache, p, &a));
        assert_ok(pr_cache_packed(never->cache, p, &b));
        assert_int_equal(a.num_rows, b.num_rows);
        if (a.num_rows == 0) continue;
        assert_memory_equal(a.ids, b.ids, a.num_rows * sizeof *a.ids);
        assert_memory_equal(a.rows, b.rows, a.num_rows * a.ld * sizeof(float));
    }
    pr_slab v, w;
    assert_ok(pr_cache_plane(x->cache, 0, &v));
    assert_ok(pr_cache_plane(never->cache, 0, &w));
    assert_memory_equal(v.slot_of_input, w.slot_of_input, wanted.n * sizeof(pr_slot));
    planes_check_view(x, wanted);
    assert_ok(pr_cache_check(x->cache));
}

static void run(const trace *t, uint64_t capacity)
{
    static const uint32_t  cols[]  = { 6, 35 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED, .rows = capacity };
    const pr_cache_plan   *plan[NUM];
    uint64_t               repacks[NUM] = { 0 };
    planes                 x[NUM];
    pr_cache_stats         stats;

    for (int i = 0; i < NUM; i++) {
        pr_tuning tuning;
        pr_tuning_default(164, &tuning);
        tuning.repack_share = shares[i];
        planes_open(&x[i], t->n, 2, cols);
        planes_cache(&x[i], &options, t->n, &tuning);
    }
    for (uint32_t l = 0; l < t->num_lists; l++) {
        for (int i = 0; i < NUM; i++) {
            pr_slab view;
            assert_ok(pr_cache_prepare(x[i].cache, t->list[l], &plan[i]));
            assert_ok(pr_cache_place(x[i].cache, &view));
            repacks[i] += strcmp(plan[i]->path, "repack") == 0;
        }
        for (int i = 0; i < NUM; i++) {
            check_plan(plan[i], plan[NUM - 1], shares[i]);
            check_same(&x[i], &x[NUM - 1], t->list[l]);
        }
        for (int i = 0; i < NUM; i++) pr_cache_release(x[i].cache);
    }
    for (int i = 0; i < NUM; i++) {
        pr_cache_statistics(x[i].cache, &stats);
        assert_int_equal(stats.repacks, repacks[i]);
        assert_int_equal(stats.steps, t->num_lists);
        planes_close(&x[i]);
    }
}

static void the_state_is_the_same_whichever_path_ran(void **state)
{
    (void)state;
    enum { N = 150, M = 40 };
    static const uint64_t capacities[] = { 0, M / 2, M - 1, M, 10 * N };
    test_rng              rng          = { .key = test_seed() };

    for (int shape = 0; shape < TRACE_NUM_SHAPES; shape++)
        for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
            trace t;
            trace_open(&t, (trace_shape)shape, 20, N, M, &rng);
            run(&t, capacities[c]);
            trace_close(&t);
        }
}

static void by_default_only_a_set_that_is_all_replaced_is_repacked(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 6 };
    static const pr_vid    ids[]   = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED };
    static const struct {
        int         first, n;
        const char *path;
    } steps[] = { { 0, 3, "paired" }, { 2, 4, "paired" }, { 0, 3, "paired" },
                  { 4, 4, "repack" }, { 4, 4, "paired" }, { 0, 0, "paired" } };
    planes x;

    planes_open(&x, 20, 1, cols);
    planes_cache(&x, &options, 10, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const pr_vids        wanted = { ids + steps[i].first, (size_t)steps[i].n };
        const pr_cache_plan *plan;
        pr_slab              view;
        assert_ok(pr_cache_prepare(x.cache, wanted, &plan));
        assert_string_equal(plan->path, steps[i].path);
        assert_ok(pr_cache_place(x.cache, &view));
        planes_check_view(&x, wanted);
        pr_cache_release(x.cache);
    }
    planes_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_the_same_whichever_path_ran),
        cmocka_unit_test(by_default_only_a_set_that_is_all_replaced_is_repacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
