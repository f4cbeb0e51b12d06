/* test_apply_runs.c: long random runs of pr_cache_apply, mixed with prepare and place, over several
 * planes: packed, the right rows, the fewest writes, the same for any number of threads. */
#include "support/planes.h"

#include <omp.h>

#include "base/checksum.h"

typedef struct random_case {
    uint32_t n, most, num_planes, steps;
    double   repack_share;
    bool     with_place; /* every third step is a prepare and place */
} random_case;

/* A random difference: about `share` percent of the rows leave, as many come, give or take. */
static void draw_difference(test_rng *rng, uint32_t *order, uint32_t n, uint32_t n_before,
                            uint32_t most, pr_vids *added, pr_vids *removed)
{
    const uint32_t share = test_below(rng, 3) ? test_below(rng, 20) : test_below(rng, 101);
    const uint32_t out   = test_below(rng, n_before * share / 100 + 1);
    const uint32_t room = most - (n_before - out), rest = n - n_before;
    uint32_t       in = test_below(rng, 4) ? out + test_below(rng, 4) : test_below(rng, room + 1);

    if (in > room) in = room;
    if (in > rest) in = rest;
    for (uint32_t i = 0; i < out; i++) { /* residents are order[0 .. n_before) */
        const uint32_t j = i + test_below(rng, n_before - i), v = order[j];
        order[j] = order[i], order[i] = v;
    }
    for (uint32_t i = 0; i < in; i++) {
        const uint32_t j = n_before + i + test_below(rng, rest - i), v = order[j];
        order[j] = order[n_before + i], order[n_before + i] = v;
    }
    *removed = (pr_vids){ order, out };
    *added   = (pr_vids){ order + n_before, in };
}

/* Let the residents, in slot order, be order[0 .. n), the other rows behind them. */
static uint32_t learn_order(const planes *x, uint32_t *order)
{
    bool     *held = test_room(x->n, sizeof *held);
    uint32_t  at;
    pr_packed all;

    assert_ok(pr_cache_packed(x->cache, 0, &all));
    for (at = 0; at < all.num_rows; at++) {
        assert_true(all.ids[at] < x->n && !held[all.ids[at]]);
        held[order[at] = all.ids[at]] = true;
    }
    for (uint32_t v = 0; v < x->n; v++)
        if (!held[v]) order[at++] = v;
    free(held);
    return all.num_rows;
}

/* Check a state after a difference: who may stay stayed, and the set is what it must be. Gives how
 * many rows moved. */
static uint32_t check_set(const planes *x, const pr_vid *before, uint32_t n_before, pr_vids added,
                          pr_vids removed)
{
    const uint32_t n_after = n_before + (uint32_t)added.n - (uint32_t)removed.n;
    bool          *should  = test_room(x->n, sizeof *should);
    uint32_t       moved   = 0;
    pr_packed      all;

    assert_ok(pr_cache_packed(x->cache, 0, &all));
    assert_int_equal(all.num_rows, n_after);
    for (uint32_t s = 0; s < n_before; s++) should[before[s]] = true;
    for (size_t i = 0; i < removed.n; i++) should[removed.at[i]] = false;
    for (uint32_t s = 0; s < n_before; s++) {
        if (s < n_after && should[before[s]]) assert_int_equal(all.ids[s], before[s]);
        moved += s >= n_after && should[before[s]];
    }
    for (size_t i = 0; i < added.n; i++) should[added.at[i]] = true;
    for (uint32_t s = 0; s < n_after; s++) {
        assert_true(should[all.ids[s]]);
        should[all.ids[s]] = false; /* each once */
    }
    free(should);
    return moved;
}

/* The cache's statistics grew by this plan. */
static void check_growth(const planes *x, const pr_cache_stats *before, const pr_cache_plan *plan)
{
    pr_cache_stats now;

    pr_cache_statistics(x->cache, &now);
    assert_int_equal(now.steps, before->steps + 1);
    assert_int_equal(now.repacks, before->repacks + (strcmp(plan->path, "repack") == 0));
    assert_int_equal(now.rows_wanted, before->rows_wanted + plan->num_wanted);
    assert_int_equal(now.rows_hit, before->rows_hit + plan->rows_hit);
    assert_int_equal(now.rows_added, before->rows_added + plan->rows_added);
    assert_int_equal(now.rows_victim, before->rows_victim + plan->rows_victim);
    assert_int_equal(now.rows_compacted, before->rows_compacted + plan->rows_compacted);
    assert_int_equal(now.rows_moved, before->rows_moved + plan->rows_moved);
    assert_int_equal(now.rows_first, before->rows_first + plan->rows_first);
    assert_int_equal(now.bytes_moved, before->bytes_moved + plan->bytes_moved);
    assert_int_equal(now.bytes_gather, before->bytes_gather + plan->bytes_gather);
}

/* Apply a difference and check all of it; the set before is order[0 .. n_before), in slot order. */
static void random_apply(planes *x, const random_case *given, test_rng *rng, uint32_t *order,
                         uint32_t n_before)
{
    const pr_cache_plan *plan;
    pr_cache_stats       stats;
    pr_vids              added, removed;
    pr_vid              *before = test_room(n_before, sizeof *before);

    memcpy(before, order, n_before * sizeof *before);
    draw_difference(rng, order, x->n, n_before, given->most, &added, &removed);
    planes_remember(x);
    pr_cache_statistics(x->cache, &stats);
    assert_ok(pr_cache_apply(x->cache, added, removed, &plan));
    check_growth(x, &stats, plan);
    const uint32_t moved  = check_set(x, before, n_before, added, removed);
    const uint64_t writes = added.n + moved;
    for (uint32_t p = 0; p < x->num_planes; p++) assert_int_equal(planes_changed(x, p), writes);
    assert_int_equal(plan->rows_compacted, moved);
    assert_int_equal(plan->bytes_bound * (int64_t)plan->num_wanted, writes * plan->bytes_gather);
    if (strcmp(plan->path, "repack") == 0) {
        assert_true((double)writes >= given->repack_share * (double)plan->num_wanted);
        assert_int_equal(plan->rows_moved, plan->num_wanted);
    } else {
        assert_int_equal(plan->rows_moved, writes);
    }
    free(before);
}

/* Prepare and place some of the residents and some other rows. */
static void random_place(planes *x, const random_case *given, test_rng *rng, uint32_t *order,
                         uint32_t n_before)
{
    const pr_cache_plan *plan;
    pr_slab              view;
    const uint32_t       m = test_below(rng, given->most + 1);

    for (uint32_t i = 0; i < m; i++) {
        const bool     again = i < n_before && test_below(rng, 10) < 7;
        const uint32_t j = i + test_below(rng, (again ? n_before : x->n) - i), v = order[j];
        order[j] = order[i], order[i] = v;
    }
    const pr_vids wanted = { order, m };
    assert_ok(pr_cache_prepare(x->cache, wanted, &plan));
    assert_fails(PR_E_ARG, "", pr_cache_apply(x->cache, wanted, wanted, NULL));
    assert_ok(pr_cache_place(x->cache, &view));
    planes_check_view(x, wanted);
    pr_cache_release(x->cache);
}

static uint64_t digest(const planes *x, uint64_t hash)
{
    for (uint32_t p = 0; p < x->num_planes; p++) {
        pr_packed all;
        assert_ok(pr_cache_packed(x->cache, p, &all));
        hash = pri_checksum(all.ids, all.num_rows * sizeof *all.ids, hash);
        hash = pri_checksum(all.rows, all.num_rows * all.ld * sizeof *all.rows, hash);
    }
    return hash;
}

static uint64_t random_run(const random_case *given)
{
    static const uint32_t  cols[]  = { 40, 7, 130 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED };
    test_rng               rng     = { .key = test_seed() };
    uint32_t              *order   = test_room(given->n, sizeof *order);
    uint64_t               hash    = 0;
    pr_tuning              tuning;
    planes                 x;

    pr_tuning_default(160, &tuning);
    tuning.repack_share = given->repack_share;
    tuning.thread_bytes = 16 << 10;
    planes_open(&x, given->n, given->num_planes, cols);
    planes_cache(&x, &options, given->most, &tuning);
    for (uint32_t i = 0; i < given->steps; i++) {
        const uint32_t n_before = learn_order(&x, order);
        if (given->with_place && i % 3 == 1)
            random_place(&x, given, &rng, order, n_before);
        else
            random_apply(&x, given, &rng, order, n_before);
        const uint32_t n_after = learn_order(&x, order);
        planes_check_packed(&x, order, n_after);
        hash = digest(&x, hash);
    }
    planes_close(&x);
    free(order);
    return hash;
}

static void random_runs_keep_every_plane_packed_for_any_number_of_threads(void **state)
{
    (void)state;
    static const random_case cases[] = {
        { 300, 200, 1, 60, 2, false },   { 300, 300, 2, 60, 1, true },
        { 3000, 1200, 3, 12, 2, true },  { 3000, 1200, 3, 12, 0.5, true },
        { 2000, 1500, 2, 12, 0, false }, { 50, 7, 3, 100, 1, true },
    };
    const int threads = omp_get_max_threads();

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        omp_set_num_threads(1);
        const uint64_t alone = random_run(&cases[c]);
        for (int t = 2; t <= 3; t++) {
            omp_set_num_threads(t);
            assert_true(random_run(&cases[c]) == alone);
        }
    }
    omp_set_num_threads(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs_keep_every_plane_packed_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
