/* test_cache_variants.c: what only speed may depend on: instruction set, kind of stores, prefetch
 * distances and threads. Slots, figures and every float are the same with all of them. */
#include "support/planes.h"
#include "support/traces.h"

#include <omp.h>

#include "base/checksum.h"
#include "base/isa.h"

enum { N = 400, M = 110, LISTS = 12, PLANES = 3 };

typedef struct variant {
    pr_tuning tuning;
    int       reader, threads;
    bool      usual; /* every row is looked at, not only the digest */
} variant;

static uint64_t digest_view(const planes *x, uint64_t hash)
{
    for (uint32_t p = 0; p < PLANES; p++) {
        pr_slab view;
        assert_ok(pr_cache_plane(x->cache, p, &view));
        hash = pri_checksum(view.slot_of_input, view.num_inputs * sizeof(pr_slot), hash);
        for (uint32_t i = 0; i < view.num_inputs; i++)
            hash = pri_checksum(view.rows + view.slot_of_input[i] * view.ld,
                                view.ld * sizeof(float), hash);
    }
    return hash;
}

static uint64_t digest_packed(const planes *x, uint64_t hash)
{
    for (uint32_t p = 0; p < PLANES; p++) {
        pr_packed all;
        assert_ok(pr_cache_packed(x->cache, p, &all));
        hash = pri_checksum(all.ids, all.num_rows * sizeof *all.ids, hash);
        hash = pri_checksum(all.rows, all.num_rows * all.ld * sizeof(float), hash);
    }
    return hash;
}

/* Take the trace through a cache; every fifth list of a packed one is emptied by a difference. */
static uint64_t run(planes *x, const trace *t, int mode, int policy, const variant *v)
{
    const pr_cache_options options = {
        .mode = mode, .policy = policy, .rows = M + M / 2, .reader = v->reader
    };
    uint64_t hash = 0;

    omp_set_num_threads(v->threads);
    planes_cache(x, &options, N, &v->tuning);
    for (uint32_t l = 0; l < t->num_lists; l++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        assert_ok(pr_cache_foresee(x->cache, t->list[l]));
        assert_ok(pr_cache_prepare_next(x->cache, &plan));
        assert_ok(pr_cache_place(x->cache, &view));
        const uint64_t figures[] = { plan->rows_hit, plan->rows_moved, plan->rows_compacted };
        hash                     = pri_checksum(figures, sizeof figures, hash);
        if (v->usual) planes_check_view(x, t->list[l]);
        hash = digest_view(x, hash);
        pr_cache_release(x->cache);
        if (mode == PR_CACHE_PACKED && l % 5 == 4) {
            pr_packed all;
            pr_vid    half[N];
            assert_ok(pr_cache_packed(x->cache, 0, &all));
            memcpy(half, all.ids, all.num_rows * sizeof *half);
            assert_ok(pr_cache_apply(x->cache, (pr_vids){ NULL, 0 },
                                     (pr_vids){ half, all.num_rows / 2 }, NULL));
            hash = digest_packed(x, hash);
        }
    }
    return hash;
}

static uint64_t run_all(planes *x, const trace *t, const variant *v)
{
    uint64_t hash = run(x, t, PR_CACHE_PACKED, 0, v);
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        if (policy != PR_POLICY_STATIC) hash ^= run(x, t, PR_CACHE_RESIDENT, policy, v);
    return hash;
}

static void neither_slots_nor_rows_depend_on_how_rows_are_copied(void **state)
{
    (void)state;
    static const uint32_t cols[PLANES] = { 25, 128, 3 };
    static const uint32_t aheads[]     = { 0, 1, 7, 1000 };
    const int             threads      = omp_get_max_threads();
    test_rng              rng          = { .key = test_seed() };
    variant               usual        = { .threads = 1, .usual = true };
    planes                x;
    trace                 t;

    trace_open(&t, TRACE_UNEVEN, LISTS, N, M, &rng);
    planes_open(&x, N, PLANES, cols);
    pr_tuning_default(sizeof(float) * 25, &usual.tuning);
    usual.tuning.isa          = PR_ISA_PORTABLE;
    usual.tuning.repack_share = 2;
    const uint64_t want       = run_all(&x, &t, &usual);
    for (int isa = PR_ISA_PORTABLE; isa < PRI_NUM_ISAS; isa++)
        for (int reader = PR_READER_AUTO; reader <= PR_READER_LATER; reader++)
            for (int i = 0; i < 4; i++) {
                variant v             = usual;
                v.usual               = false;
                v.tuning.isa          = isa; /* one the host lacks becomes another */
                v.tuning.row_ahead    = aheads[i];
                v.tuning.index_ahead  = aheads[3 - i];
                v.tuning.stream_bytes = i % 2 ? 0 : UINT64_MAX;
                v.tuning.prefetch_to  = 1 + i / 2;
                v.tuning.thread_bytes = i < 2 ? 0 : 20000;
                v.reader              = reader;
                v.threads             = 1 + i % 3;
                assert_true(run_all(&x, &t, &v) == want);
            }
    omp_set_num_threads(threads);
    planes_close(&x);
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_slots_nor_rows_depend_on_how_rows_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
