/* test_partitions.c: two caches over the same stores, driven at the same time by two threads with
 * an OpenMP team each. Nothing may race (the sanitizer looks), every row must be right, and each
 * cache must decide as if it were alone. */
#include "support/planes.h"
#include "support/traces.h"

#include <omp.h>
#include <pthread.h>

#include "base/checksum.h"

enum { N = 1500, M = 300, STEPS = 200, WINDOW = 4, PLANES = 2, TEAM = 2 };

typedef struct partition {
    const planes *stores;
    const trace  *lists;
    pr_cache     *cache;
    const char   *wrong; /* what failed first; assertions belong to the main thread */
    uint64_t      digest;
} partition;

static bool is_row(const planes *x, uint32_t plane, pr_vid v, const float *row)
{
    const uint32_t cols = x->store[plane].head.num_cols;
    return row[0] == planes_value(plane, v, 0) && row[cols - 1] == planes_value(plane, v, cols - 1);
}

static bool has_rows(const partition *p, pr_vids wanted)
{
    bool right = true;
    for (uint32_t plane = 0; plane < PLANES; plane++) {
        pr_slab view;
        right = right && pr_cache_plane(p->cache, plane, &view) == PR_OK;
#pragma omp parallel for schedule(static) reduction(&& : right)
        for (size_t i = 0; i < wanted.n; i++) /* the team reads what the team wrote */
            right = right && is_row(p->stores, plane, wanted.at[i],
                                    view.rows + view.slot_of_input[i] * view.ld);
    }
    return right;
}

static void *drive_lookahead(void *context)
{
    partition *p = context;

    omp_set_num_threads(TEAM);
    for (uint32_t l = 0, entered = 0; l < STEPS && !p->wrong; l++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        for (; entered <= l + WINDOW && entered < STEPS; entered++)
            if (pr_cache_foresee(p->cache, p->lists->list[entered]) != PR_OK) p->wrong = "foresee";
        if (pr_cache_prepare_next(p->cache, &plan) != PR_OK ||
            pr_cache_place(p->cache, &view) != PR_OK) {
            p->wrong = "place";
            break;
        }
        if (!has_rows(p, p->lists->list[l])) p->wrong = "rows";
        p->digest = pri_checksum(view.slot_of_input, view.num_inputs * sizeof(pr_slot), p->digest);
        pr_cache_release(p->cache);
    }
    return NULL;
}

/* The difference between two lists. */
static size_t minus(pr_vids a, pr_vids b, pr_vid *out)
{
    size_t n = 0;
    for (size_t i = 0; i < a.n; i++) {
        size_t k = 0;
        while (k < b.n && b.at[k] != a.at[i]) k++;
        if (k == b.n) out[n++] = a.at[i];
    }
    return n;
}

static void *drive_apply(void *context)
{
    partition *p    = context;
    pr_vids    held = { NULL, 0 };

    omp_set_num_threads(TEAM);
    for (uint32_t l = 0; l < STEPS && !p->wrong; l++) {
        pr_vid        in[N], out[N];
        const pr_vids next    = p->lists->list[l];
        const pr_vids added   = { in, minus(next, held, in) };
        const pr_vids removed = { out, minus(held, next, out) };
        if (pr_cache_apply(p->cache, added, removed, NULL) != PR_OK) p->wrong = "apply";
        held = next;
        for (uint32_t plane = 0; plane < PLANES && !p->wrong; plane++) {
            pr_packed all;
            if (pr_cache_packed(p->cache, plane, &all) != PR_OK || all.num_rows != next.n)
                p->wrong = "packed";
            for (uint32_t s = 0; s < all.num_rows && !p->wrong; s++)
                if (!is_row(p->stores, plane, all.ids[s], all.rows + s * all.ld)) p->wrong = "rows";
            p->digest = pri_checksum(all.ids, all.num_rows * sizeof *all.ids, p->digest);
        }
    }
    return NULL;
}

static void open_partition(partition *p, const planes *x, const trace *t, int mode)
{
    const pr_cache_options options        = { .mode   = mode,
                                              .policy = PR_POLICY_LOOKAHEAD,
                                              .rows   = mode == PR_CACHE_PACKED ? 0 : 2 * M };
    const pr_store *const  stores[PLANES] = { x->store[0].inner, x->store[1].inner };
    pr_tuning              tuning;

    *p = (partition){ .stores = x, .lists = t };
    pr_tuning_default(256, &tuning);
    tuning.thread_bytes        = 0; /* every step uses the team */
    const pr_cache_setup setup = { .options    = &options,
                                   .stores     = stores,
                                   .num_planes = PLANES,
                                   .max_wanted = N,
                                   .tuning     = &tuning };
    assert_ok(pr_cache_open(&setup, &p->cache));
}

static void run(int mode, void *(*drive)(void *))
{
    static const uint32_t cols[PLANES] = { 40, 21 };
    test_rng              rng          = { .key = test_seed() };
    uint64_t              alone[2];
    partition             p[2];
    pthread_t             thread[2];
    planes                x;
    trace                 t[2];

    planes_open(&x, N, PLANES, cols);
    for (int i = 0; i < 2; i++)
        trace_open(&t[i], i ? TRACE_UNIFORM : TRACE_STICKY, STEPS, N, M, &rng);
    for (int together = 0; together < 2; together++) {
        for (int i = 0; i < 2; i++) open_partition(&p[i], &x, &t[i], mode);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&thread[i], NULL, drive, &p[i]), 0);
            if (!together) assert_int_equal(pthread_join(thread[i], NULL), 0);
        }
        for (int i = 0; i < 2; i++) {
            if (together) assert_int_equal(pthread_join(thread[i], NULL), 0);
            if (p[i].wrong) fail_msg("partition %d: %s", i, p[i].wrong);
            if (together) assert_true(p[i].digest == alone[i]);
            alone[i] = p[i].digest;
        }
        for (int i = 0; i < 2; i++) {
            assert_ok(pr_cache_check(p[i].cache));
            pr_cache_free(p[i].cache);
        }
    }
    for (int i = 0; i < 2; i++) trace_close(&t[i]);
    planes_close(&x);
}

static void two_partitions_look_ahead_at_the_same_time(void **state)
{
    (void)state;
    run(PR_CACHE_RESIDENT, drive_lookahead);
}

static void two_partitions_apply_differences_at_the_same_time(void **state)
{
    (void)state;
    run(PR_CACHE_PACKED, drive_apply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_partitions_look_ahead_at_the_same_time),
        cmocka_unit_test(two_partitions_apply_differences_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
