/* test_store_read.c: rows by id out of every store, in every format, without a cache. */
#include "support/disk_rows.h"

enum { N = 300, M = 290 }; /* more than a panel, in pieces of any width */

typedef enum way { IN_PLACE, COPIED, DIRECT, SHARDED, DEALT, NUM_WAYS } way;

static uint8_t of_row[N];

static pr_status open_store(const pr_features *x, way how, pr_store **out)
{
    const pr_shards one = { .num_shards = 1, .node = { -1 }, .first = { 0, x->num_rows } };
    pr_shards       two = { .num_shards = 2, .node = { -1, -1 }, .of_row = of_row };
    pr_status       st;

    switch (how) {
    case IN_PLACE: return pr_store_memory(x, out);
    case COPIED: return pr_store_copied(x, out);
    case DIRECT: return pr_store_direct(x, out);
    case SHARDED: st = pr_store_sharded(x, &one, NULL, PR_NUMA_AUTO, out); break;
    default: st = pr_store_sharded(x, &two, NULL, PR_NUMA_AUTO, out); break;
    }
    for (uint32_t lane = 0; lane < 2 && st == PR_OK; lane++) pr_store_fill(*out, lane);
    return st;
}

/* Repeated ids are fine, and what lies between rows stays. */
static void compare(const pr_store *store, const float *truth, uint32_t cols, test_rng *rng)
{
    const size_t ld  = cols + 3;
    float       *out = malloc(M * ld * sizeof *out);
    pr_vid       ids[M];

    assert_non_null(out);
    for (size_t i = 0; i < M * ld; i++) out[i] = -7.0f;
    for (size_t i = 0; i < M; i++) ids[i] = test_below(rng, N);
    assert_ok(pr_store_read(store, (pr_vids){ ids, M }, out, ld));
    for (size_t i = 0; i < M; i++) {
        assert_memory_equal(out + i * ld, truth + (size_t)ids[i] * cols, cols * sizeof *out);
        for (size_t c = cols; c < ld; c++) assert_true(out[i * ld + c] == -7.0f);
    }
    free(out);
}

static void any_store_gives_rows_by_id(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 1, 16, 33, 1000, 5000 };
    test_rng              rng      = { .key = test_seed() };
    disk_rows             rows;
    pr_store             *store;

    for (uint32_t v = 0; v < N; v++) of_row[v] = test_below(&rng, 2) != 0;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            disk_rows_open(&rows, format, N, widths[w], 128, &rng);
            for (way how = IN_PLACE; how < NUM_WAYS; how++) {
                if (how >= SHARDED && format != PR_ROWS_F32) continue; /* refused */
                assert_ok(open_store(&rows.features, how, &store));
                compare(store, rows.truth, widths[w], &rng);
                pr_store_free(store);
            }
            disk_rows_close(&rows);
        }
}

static void rows_of_csr_come_expanded(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };
    enum { COLS = 40 };
    static pr_eid   indptr[N + 1];
    static uint32_t indices[N * COLS];
    static float    data[N * COLS], truth[N * COLS];
    pr_features     x = { .kind     = PR_FEATURES_CSR,
                          .num_rows = N,
                          .num_cols = COLS,
                          .indptr   = indptr,
                          .indices  = indices,
                          .data     = data };
    pr_store       *store;

    for (uint32_t v = 0; v < N; v++) {
        indptr[v + 1] = indptr[v];
        for (uint32_t c = 0; c < COLS; c++) {
            if (test_below(&rng, 8)) continue;
            indices[indptr[v + 1]] = c;
            data[indptr[v + 1]++] = truth[v * COLS + c] = (float)(1 + test_below(&rng, 99));
        }
    }
    for (way how = IN_PLACE; how < NUM_WAYS; how++) {
        if (how == COPIED || how == DIRECT) continue; /* not for sparse rows */
        assert_ok(open_store(&x, how, &store));
        compare(store, truth, COLS, &rng);
        pr_store_free(store);
    }
}

/* As a plan's rows are looked at: nothing that is not finite comes out. */
static void a_value_that_is_not_finite_is_named(void **state)
{
    (void)state;
    enum { BAD = 123, COLS = 40 };
    test_rng     rng    = { .key = test_seed() };
    const pr_vid good[] = { 1, 122 }, bad[] = { 9, BAD };
    float        out[2 * COLS];
    disk_rows    rows;
    pr_store    *store;

    for (int format = PR_ROWS_F32; format < PR_ROWS_INT8; format++) {
        disk_rows_open(&rows, format, N, COLS, 128, &rng);
        disk_rows_spoil(&rows, BAD, 5);
        rows.file.checked = false;
        for (int direct = 0; direct < 2; direct++) {
            assert_ok(open_store(&rows.features, direct ? DIRECT : IN_PLACE, &store));
            assert_ok(pr_store_read(store, (pr_vids){ good, 2 }, out, COLS));
            assert_fails(PR_E_INPUT, "row 123",
                         pr_store_read(store, (pr_vids){ bad, 2 }, out, COLS));
            pr_store_free(store);
        }
        disk_rows_close(&rows);
    }
}

static void what_is_not_there_is_refused(void **state)
{
    (void)state;
    static const float x[8];
    const pr_features  features = { .num_rows = 2, .num_cols = 4, .rows = x, .ld = 4 };
    const pr_vid       ids[]    = { 0, 2 };
    float              out[8]   = { 5 };
    pr_store          *store;

    assert_ok(pr_store_memory(&features, &store));
    assert_fails(PR_E_RANGE, "ids[1] is row 2, the store has 2",
                 pr_store_read(store, (pr_vids){ ids, 2 }, out, 4));
    assert_true(out[0] == 5);
    assert_fails(PR_E_ARG, "out is NULL", pr_store_read(store, (pr_vids){ ids, 1 }, NULL, 4));
    assert_fails(PR_E_ARG, "store is NULL", pr_store_read(NULL, (pr_vids){ ids, 1 }, out, 4));
    assert_fails(PR_E_ARG, "3 elements apart", pr_store_read(store, (pr_vids){ ids, 2 }, out, 3));
    assert_ok(pr_store_read(store, (pr_vids){ NULL, 0 }, NULL, 4));
    pr_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_store_gives_rows_by_id),
        cmocka_unit_test(rows_of_csr_come_expanded),
        cmocka_unit_test(a_value_that_is_not_finite_is_named),
        cmocka_unit_test(what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
