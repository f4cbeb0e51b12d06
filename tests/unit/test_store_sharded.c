/* test_store_sharded.c: stores whose rows lie in shards give every row as the features have it,
 * whatever the deal; and what they say about themselves. */
#include "support/deal.h"

#include <unistd.h>

#include "cache/store.h"

enum { MOST_COLS = 700, SLOTS = 300 };

/* Place rows at random, in parts, and compare each with the features. */
static void check_rows(const dealt *d, const pr_store *store, test_rng *rng)
{
    const uint32_t cols  = d->x.num_cols;
    const size_t   ld    = (cols + 15) / 16 * 16;
    float         *slots = aligned_alloc(64, SLOTS * ld * sizeof *slots);
    pri_write      write[SLOTS];
    float          want[MOST_COLS];
    const size_t   n = d->x.num_rows ? test_below(rng, SLOTS) + 1 : 0;

    assert_non_null(slots);
    memset(slots, 0xff, SLOTS * ld * sizeof *slots);
    for (size_t i = 0; i < n; i++) /* all slots once, in another order */
        write[i] = (pri_write){ .id = test_below(rng, d->x.num_rows), .to = (pr_slot)(n - 1 - i) };
    for (size_t i = 0; i < n; i++) memset(slots + i * ld, 0, ld * sizeof *slots);
    const pri_place place = { .write       = write,
                              .n           = n,
                              .rows        = slots,
                              .ld          = ld,
                              .isa         = pri_isa_at_most(PR_ISA_AVX512),
                              .stores      = (pri_stores)test_below(rng, PRI_NUM_STORES),
                              .prefetch_to = 1 + (int)test_below(rng, 2),
                              .row_ahead   = test_below(rng, 100) };
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = begin + 1 + test_below(rng, 200);
        if (end > n) end = n;
        store->calls->place(store, &place, begin, end);
    }
    pri_copy_fence(place.stores);
    for (size_t i = 0; i < n; i++) {
        const float *row = slots + write[i].to * ld;
        dealt_row(d, write[i].id, want);
        assert_memory_equal(row, want, cols * sizeof *want);
        for (size_t c = cols; c < ld; c++) assert_true(row[c] == 0.0f);
    }
    free(slots);
}

/* The features of a store that kernels may read in place are those it was made of. */
static void check_direct(const dealt *d, const pr_store *store)
{
    const pr_features *own = store->calls->direct ? store->calls->direct(store) : NULL;
    float              want[MOST_COLS], got[MOST_COLS];

    assert_int_equal(own != NULL, d->shards.of_row == NULL);
    if (!own) return;
    const dealt copy = { .x = *own };
    assert_int_equal(own->num_rows, d->x.num_rows);
    for (pr_vid v = 0; v < own->num_rows; v++) {
        dealt_row(d, v, want);
        dealt_row(&copy, v, got);
        assert_memory_equal(got, want, own->num_cols * sizeof *want);
    }
}

static void check_store(const dealt *d, test_rng *rng)
{
    pr_store *store = dealt_store(d);

    assert_int_equal(store->num_rows, d->x.num_rows);
    assert_memory_equal(pr_store_shards(store), &d->shards, sizeof d->shards);
    assert_false(pr_store_fetches(store));
    check_rows(d, store, rng);
    check_direct(d, store);
    pr_store_free(store);
}

static void every_row_is_as_the_features_have_it_for_any_deal(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 1, 7, 16, 17, 100, 128, 602 };
    static const uint32_t counts[] = { 1, 2, 3, 8, PR_MAX_SHARDS };
    test_rng              rng      = { .key = test_seed() };

    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++)
            for (int sizes = 0; sizes < 3; sizes++) {
                const pr_vid n = sizes == 0 ? 1 : test_below(&rng, sizes == 1 ? 40 : 3000) + 1;
                dealt        d;
                dealt_open(&d, (pr_feature_kind)kind, n, widths[w], &rng);
                for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                    dealt_ranges(&d, counts[c], 3, 1 + test_below(&rng, 5), &rng);
                    check_store(&d, &rng);
                    dealt_table(&d, counts[c], 3, 1 + test_below(&rng, 5), &rng);
                    check_store(&d, &rng);
                }
                dealt_close(&d);
            }
}

static void a_store_without_rows_can_be_made(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++) {
        dealt d;
        dealt_open(&d, (pr_feature_kind)kind, 0, 5, &rng);
        dealt_ranges(&d, 3, 2, 2, &rng);
        check_store(&d, &rng);
        dealt_table(&d, 3, 2, 2, &rng);
        check_store(&d, &rng);
        dealt_close(&d);
    }
}

static void a_lane_fills_the_rows_of_its_own_shards_and_no_others(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };
    dealt    d;
    float    row[16], want[16];

    dealt_open(&d, PR_FEATURES_DENSE, 900, 16, &rng);
    for (int table = 0; table < 2; table++) {
        pr_store *store = NULL;
        if (table)
            dealt_table(&d, 6, 2, 3, &rng);
        else
            dealt_ranges(&d, 6, 2, 3, &rng);
        assert_ok(pr_store_sharded(&d.x, &d.shards, NULL, PR_NUMA_AUTO, &store));
        pr_store_fill(store, 1);
        pr_store_fill(store, 7); /* has none */
        for (pr_vid v = 0; v < d.x.num_rows; v++) {
            const pri_write write                                 = { .id = v, .to = 0 };
            float           slot[16] __attribute__((aligned(64))) = { 0 };
            const pri_place place                                 = { .write       = &write,
                                                                      .n           = 1,
                                                                      .rows        = slot,
                                                                      .ld          = 16,
                                                                      .stores      = PRI_STORES_PLAIN,
                                                                      .prefetch_to = 1,
                                                                      .row_ahead   = 1 };
            store->calls->place(store, &place, 0, 1);
            memcpy(row, slot, sizeof row);
            memset(want, 0, sizeof want);
            if (d.shards.lane[dealt_shard(&d, v)] == 1) dealt_row(&d, v, want);
            assert_memory_equal(row, want, sizeof row);
        }
        pr_store_free(store);
    }
    dealt_close(&d);
}

/* The unit is the least number of rows that fills whole pages, of the larger kind where each shard
 * has eight of them. */
static void the_unit_fills_pages_and_large_shards_begin_on_huge_ones(void **state)
{
    (void)state;
    static const struct {
        uint32_t cols, shards;
        pr_vid   rows;
        uint64_t unit;
    } known[] = {
        { 16, 2, 1000, 64 },       /* rows of 64 bytes */
        { 17, 2, 1000, 32 },       /* of 128 */
        { 602, 2, 1000, 32 },      /* of 2432, an odd multiple of 128 */
        { 1024, 4, 1000, 1 },      /* of 4096 */
        { 2048, 4, 1000, 1 },      /* of two pages */
        { 128, 2, 65536, 4096 },   /* of 512, each shard has 8 huge pages */
        { 128, 2, 65535, 8 },      /* nearly */
        { 602, 2, 300000, 16384 }, /* 38 MiB a unit */
        { 602, 4, 300000, 32 },    /* too few of them */
        { 128, 0, 32768, 4096 },   /* nobody said how many: one */
        { 16, 2, 64 << 20, 32768 },
    };
    static const float row[1];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const pr_features x         = { .kind     = PR_FEATURES_DENSE,
                                        .num_rows = known[i].rows,
                                        .num_cols = known[i].cols,
                                        .rows     = row,
                                        .ld       = known[i].cols };
        const uint64_t    unit      = pr_store_unit(&x, known[i].shards);
        const uint64_t    row_bytes = (known[i].cols + 15) / 16 * 64;
        assert_true(unit * row_bytes % 4096 == 0 || sysconf(_SC_PAGESIZE) != 4096);
        if (sysconf(_SC_PAGESIZE) == 4096) assert_int_equal(unit, known[i].unit);
    }
    const pr_features csr = { .kind = PR_FEATURES_CSR, .num_rows = 1 << 20, .num_cols = 8 };
    assert_int_equal(pr_store_unit(&csr, 2), 1);
    assert_int_equal(pr_store_unit(NULL, 2), 1);
}

/* Shards of several MiB whose borders lie within a huge page: every row is right, and the ranges
 * cover every byte once, in whole pages. */
static void ranges_cover_the_store_and_say_node_and_lane(void **state)
{
    (void)state;
    test_rng   rng    = { .key = test_seed() };
    pr_ranges *ranges = calloc(1, sizeof *ranges);
    dealt      d;

    assert_non_null(ranges);
    dealt_open(&d, PR_FEATURES_DENSE, 20000, 100, &rng); /* 8.5 MiB */
    dealt_ranges(&d, 5, 3, 2, &rng);
    d.shards.first[1] = 64 * 3, d.shards.first[2] = 64 * 100, d.shards.first[3] = 64 * 101,
    d.shards.first[4] = 64 * 200;
    pr_store *store   = dealt_store(&d);
    check_rows(&d, store, &rng);
    ranges->numa_node = 77;
    ranges->lane      = 9;
    pr_store_ranges(store, ranges);
    assert_int_equal(ranges->num, 5);
    assert_int_equal(ranges->numa_node, 77);
    assert_int_equal(ranges->lane, 9);
    size_t bytes = 0;
    for (uint32_t i = 0; i < ranges->num; i++) {
        const pr_range *r = &ranges->at[i];
        assert_string_equal(r->what, "shard");
        assert_int_equal(r->numa_node, i % 3);
        assert_int_equal(r->lane, i % 2);
        assert_int_equal((uintptr_t)r->at % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
        assert_ptr_equal(r->at, (const char *)ranges->at[0].at + bytes);
        bytes += r->bytes;
    }
    assert_int_equal(bytes, 20000 * 112 * sizeof(float));
    pr_store_free(store);
    dealt_close(&d);
    free(ranges);
}

static void deals_that_cannot_be_are_named(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    dealt     d;
    pr_store *store = NULL;

    dealt_open(&d, PR_FEATURES_DENSE, 1000, 16, &rng);
    dealt_ranges(&d, 3, 2, 2, &rng);
    d.shards.first[1]    = 128;
    d.shards.first[2]    = 640;
    const pr_shards good = d.shards;
    pr_shards       bad;
#define REFUSES(code, words, ...)                                                                  \
    do {                                                                                           \
        bad = good;                                                                                \
        __VA_ARGS__;                                                                               \
        assert_fails(code, words, pr_store_sharded(&d.x, &bad, NULL, PR_NUMA_AUTO, &store));       \
        assert_null(store);                                                                        \
    } while (0)
    REFUSES(PR_E_ARG, "the store has 0 shards, must have 1..128", bad.num_shards = 0);
    REFUSES(PR_E_ARG, "the store has 129 shards", bad.num_shards = 129);
    REFUSES(PR_E_ARG, "shard 1 is on NUMA node -2", bad.node[1] = -2);
    REFUSES(PR_E_ARG, "worked for by lane 64, must be below 64", bad.lane[2] = 64);
    REFUSES(PR_E_ARG, "shard 0 begins at row 64, must at 0", bad.first[0] = 64);
    REFUSES(PR_E_ARG, "shard 1 begins at row 704, behind shard 2, which begins at row 640",
            bad.first[1] = 704);
    REFUSES(PR_E_ARG, "the shards end at row 999, the store has 1000", bad.first[3] = 999);
    if (sysconf(_SC_PAGESIZE) == 4096)
        REFUSES(PR_E_ARG, "shard 2 begins at row 641, must at a multiple of 64 (pr_store_unit)",
                bad.first[2] = 641);
    d.of_row[999] = 3;
    REFUSES(PR_E_RANGE, "row 999 is in shard 3, there are 3", bad.of_row = d.of_row);
    assert_fails(PR_E_ARG, "shards is NULL",
                 pr_store_sharded(&d.x, NULL, NULL, PR_NUMA_AUTO, &store));
    assert_fails(PR_E_ARG, "features is NULL",
                 pr_store_sharded(NULL, &good, NULL, PR_NUMA_AUTO, &store));
    assert_fails(PR_E_ARG, "NUMA mode is 3",
                 pr_store_sharded(&d.x, &good, NULL, (pr_numa_mode)3, &store));
    assert_fails(PR_E_ARG, "out is NULL", pr_store_sharded(&d.x, &good, NULL, PR_NUMA_AUTO, NULL));
    dealt_close(&d);
}

static void mode_off_reads_ranges_in_place_and_names_a_way_for_the_rest(void **state)
{
    (void)state;
    const pr_cache_options o     = { .mode = PR_CACHE_OFF };
    const pr_vid           ids[] = { 7, 100, 3 };
    test_rng               rng   = { .key = test_seed() };
    const pr_cache_plan   *plan;
    pr_cache              *cache = NULL;
    pr_slab                view;
    float                  want[20];
    dealt                  d;

    dealt_open(&d, PR_FEATURES_DENSE, 200, 20, &rng);
    dealt_ranges(&d, 3, 2, 2, &rng);
    pr_store *store = dealt_store(&d);
    assert_ok(pr_cache_create(&o, store, 3, &cache));
    assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, 3 }, &plan));
    assert_int_equal(plan->bytes_local, 0);
    assert_int_equal(plan->bytes_remote, 0);
    assert_ok(pr_cache_place(cache, &view));
    for (uint32_t i = 0; i < 3; i++) {
        dealt_row(&d, ids[i], want);
        assert_memory_equal(view.rows + view.slot_of_input[i] * view.ld, want, sizeof want);
    }
    pr_cache_free(cache);
    pr_store_free(store);

    dealt_table(&d, 3, 2, 2, &rng);
    store = dealt_store(&d);
    assert_fails(PR_E_UNSUPPORTED, "use --cache.store in-place, or shards that are ranges",
                 pr_cache_create(&o, store, 3, &cache));
    pr_store_free(store);
    dealt_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_as_the_features_have_it_for_any_deal),
        cmocka_unit_test(a_store_without_rows_can_be_made),
        cmocka_unit_test(a_lane_fills_the_rows_of_its_own_shards_and_no_others),
        cmocka_unit_test(the_unit_fills_pages_and_large_shards_begin_on_huge_ones),
        cmocka_unit_test(ranges_cover_the_store_and_say_node_and_lane),
        cmocka_unit_test(deals_that_cannot_be_are_named),
        cmocka_unit_test(mode_off_reads_ranges_in_place_and_names_a_way_for_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
