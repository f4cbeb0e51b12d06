/* test_shards.c: lanes fill their shards at the same time, each with an OpenMP team, and then place
 * rows of all shards at the same time. Nothing may race (the sanitizer looks), every row must be
 * right. */
#include "support/deal.h"
#include "support/traces.h"

#include <omp.h>
#include <pthread.h>

enum { N = 2000, M = 250, LISTS = 25, LANES = 3, TEAM = 2, COLS = 24 };

typedef struct lane {
    uint32_t           index;
    const dealt       *d;
    pr_store          *store;
    pr_cache          *cache;
    const trace       *lists;
    pthread_barrier_t *filled;
    uint64_t           bytes_local, bytes_moved;
    const char        *wrong; /* what failed first; assertions belong to the main thread */
} lane;

static bool is_right(const lane *l, pr_vid v, const float *row)
{
    float want[COLS];
    dealt_row(l->d, v, want);
    return !memcmp(row, want, sizeof want);
}

static void *drive(void *context)
{
    lane *l = context;

    omp_set_num_threads(TEAM);
    pr_store_fill(l->store, l->index);
    pthread_barrier_wait(l->filled);
    for (uint32_t i = 0; i < LISTS && !l->wrong; i++) {
        const pr_vids        wanted = l->lists->list[i];
        const pr_cache_plan *plan;
        pr_slab              view;
        if (pr_cache_prepare(l->cache, wanted, &plan) != PR_OK) l->wrong = "prepare";
        if (l->wrong || pr_cache_place(l->cache, &view) != PR_OK) {
            l->wrong = "place";
            break;
        }
        l->bytes_local += (uint64_t)plan->bytes_local;
        l->bytes_moved += plan->bytes_moved;
        for (size_t k = 0; k < wanted.n; k++)
            if (!is_right(l, wanted.at[k], view.rows + view.slot_of_input[k] * view.ld))
                l->wrong = "rows";
        pr_cache_release(l->cache);
    }
    return NULL;
}

static void run(pr_feature_kind kind, bool table)
{
    test_rng          rng   = { .key = test_seed() };
    pr_store         *store = NULL;
    pthread_barrier_t filled;
    pthread_t         thread[LANES];
    lane              lanes[LANES];
    trace             t[LANES];
    dealt             d;
    pr_tuning         tuning;

    pr_tuning_default(COLS * sizeof(float), &tuning);
    tuning.thread_bytes = 0; /* every step uses the team */
    dealt_open(&d, kind, N, COLS, &rng);
    (table ? dealt_table : dealt_ranges)(&d, 5, LANES, LANES, &rng);
    assert_ok(pr_store_sharded(&d.x, &d.shards, NULL, PR_NUMA_AUTO, &store));
    assert_int_equal(pthread_barrier_init(&filled, NULL, LANES), 0);
    for (uint32_t i = 0; i < LANES; i++) {
        const pr_cache_options o     = { .mode = i ? PR_CACHE_RESIDENT : PR_CACHE_PACKED,
                                         .rows = i ? 2 * M : 0 };
        const pr_cache_setup   setup = { .options    = &o,
                                         .stores     = (const pr_store *const[]){ store },
                                         .num_planes = 1,
                                         .max_wanted = N,
                                         .tuning     = &tuning,
                                         .numa_node  = (int32_t)i };
        trace_open(&t[i], i ? TRACE_SKEWED : TRACE_STICKY, LISTS, N, M, &rng);
        lanes[i] = (lane){ .index = i, .d = &d, .store = store, .lists = &t[i], .filled = &filled };
        assert_ok(pr_cache_open(&setup, &lanes[i].cache));
    }
    for (uint32_t i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, drive, &lanes[i]), 0);
    for (uint32_t i = 0; i < LANES; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (uint32_t i = 0; i < LANES; i++) {
        if (lanes[i].wrong) fail_msg("lane %u: %s", i, lanes[i].wrong);
        assert_true(lanes[i].bytes_local <= lanes[i].bytes_moved);
        assert_ok(pr_cache_check(lanes[i].cache));
        pr_cache_free(lanes[i].cache);
        trace_close(&t[i]);
    }
    pthread_barrier_destroy(&filled);
    pr_store_free(store);
    dealt_close(&d);
}

static void lanes_fill_and_place_at_the_same_time_over_ranges(void **state)
{
    (void)state;
    run(PR_FEATURES_DENSE, false);
    run(PR_FEATURES_CSR, false);
}

static void lanes_fill_and_place_at_the_same_time_over_a_table(void **state)
{
    (void)state;
    run(PR_FEATURES_DENSE, true);
    run(PR_FEATURES_CSR, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_fill_and_place_at_the_same_time_over_ranges),
        cmocka_unit_test(lanes_fill_and_place_at_the_same_time_over_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
