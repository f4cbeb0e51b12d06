/* test_store.c: stores over features in memory: sparse rows become dense ones in the slab, and
 * features that cannot be are refused. */
#include "support/support.h"

static const pr_eid      csr_indptr[]  = { 0, 2, 2, 5 };
static const uint32_t    csr_indices[] = { 0, 17, 3, 4, 16 };
static const float       csr_data[]    = { 1.5f, -2.0f, 0.0f, 8.0f, 3.0f };
static const pr_features csr           = { .kind     = PR_FEATURES_CSR,
                                           .num_rows = 3,
                                           .num_cols = 18,
                                           .indptr   = csr_indptr,
                                           .indices  = csr_indices,
                                           .data     = csr_data };

static void sparse_rows_are_expanded_on_admission(void **state)
{
    (void)state;
    const pr_cache_options o = { .mode = PR_CACHE_RESIDENT, .rows = 1 };
    const pr_cache_plan   *plan;
    pr_store              *store;
    pr_cache              *cache;
    pr_slab                view;

    assert_ok(pr_store_memory(&csr, &store));
    assert_int_equal(pr_store_row_bytes(store), 72);
    assert_ok(pr_cache_create(&o, store, 3, &cache));
    for (int round = 0; round < 3; round++) { /* slots are used again: old values must go */
        const pr_vid ids[] = { 2, 1, 0 };
        assert_ok(pr_cache_prepare(cache, (pr_vids){ ids + round % 2, 2 }, &plan));
        assert_ok(pr_cache_place(cache, &view));
        assert_int_equal(view.ld, 32);
        for (uint32_t i = 0; i < 2; i++) {
            const pr_vid v        = ids[round % 2 + (int)i];
            float        want[32] = { 0 };
            for (pr_eid e = csr_indptr[v]; e < csr_indptr[v + 1]; e++)
                want[csr_indices[e]] = csr_data[e];
            assert_memory_equal(view.rows + view.slot_of_input[i] * view.ld, want, sizeof want);
        }
        pr_cache_release(cache);
        assert_ok(pr_cache_check(cache));
    }
    pr_cache_free(cache);
    pr_store_free(store);
}

static void off_hands_sparse_features_on(void **state)
{
    (void)state;
    const pr_cache_options o = { .mode = PR_CACHE_OFF };
    const pr_cache_plan   *plan;
    const pr_vid           ids[] = { 2, 0 };
    pr_store              *store;
    pr_cache              *cache;
    pr_slab                view;

    assert_ok(pr_store_memory(&csr, &store));
    assert_ok(pr_cache_create(&o, store, 3, &cache));
    assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, 2 }, &plan));
    assert_ok(pr_cache_place(cache, &view));
    assert_ptr_equal(view.features, &csr);
    assert_null(view.rows);
    assert_int_equal(view.num_cols, 18);
    assert_memory_equal(view.slot_of_input, ids, sizeof ids);
    pr_cache_free(cache);
    pr_store_free(store);
}

static void more_ids_than_rows_are_refused_before_they_overflow_anything(void **state)
{
    (void)state;
    const pr_cache_options o = { .mode = PR_CACHE_PACKED };
    const pr_cache_plan   *plan;
    const pr_vid           ids[] = { 0, 1, 2, 1, 0 };
    pr_store              *store;
    pr_cache              *cache;

    assert_ok(pr_store_memory(&csr, &store));
    assert_ok(pr_cache_create(&o, store, UINT32_MAX, &cache));
    assert_fails(PR_E_ARG, "wanted[3] is row 1",
                 pr_cache_prepare(cache, (pr_vids){ ids, 5 }, &plan));
    assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, 3 }, &plan));
    pr_cache_free(cache);
    pr_store_free(store);
}

static void stores_refuse_features_that_cannot_be(void **state)
{
    (void)state;
    static const float  row[4] = { 0 };
    static const pr_eid one[]  = { 0, 1 };
    static const struct {
        pr_features features;
        pr_status   code;
        const char *words;
    } cases[] = {
        { { .kind = PR_FEATURES_DENSE, .num_rows = 1, .rows = row, .ld = 4 }, PR_E_ARG, "columns" },
        { { .num_rows = 1, .num_cols = 4, .rows = row, .ld = 3 },
          PR_E_ARG,
          "4 columns but rows 3" },
        { { .num_rows = 1, .num_cols = 4, .ld = 4 }, PR_E_ARG, "no rows" },
        { { .num_rows = UINT32_MAX, .num_cols = 4, .rows = row, .ld = 4 }, PR_E_RANGE, "at most" },
        { { .kind = PR_FEATURES_CSR, .num_rows = 1, .num_cols = 4 }, PR_E_ARG, "indptr" },
        { { .kind = PR_FEATURES_CSR, .num_rows = 1, .num_cols = 4, .indptr = one },
          PR_E_ARG,
          "no indices" },
        { { .kind = (pr_feature_kind)7, .num_cols = 4 }, PR_E_ARG, "kind 7" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pr_store *store = (pr_store *)(uintptr_t)&cases;
        assert_fails(cases[i].code, cases[i].words, pr_store_memory(&cases[i].features, &store));
        assert_null(store);
    }
    pr_store *store;
    assert_fails(PR_E_ARG, "NULL", pr_store_memory(NULL, &store));
    assert_fails(PR_E_ARG, "NULL", pr_store_memory(&csr, NULL));
    pr_store_free(NULL);
    pr_cache_free(NULL);
    pr_cache_release(NULL);
}

static void copied_and_transposed_stores_refuse_what_they_cannot_hold(void **state)
{
    (void)state;
    static const float matrix[6] = { 1, 2, 3, 4, 5, 6 };
    const pr_features  narrow    = { .num_rows = 1, .num_cols = 4, .rows = matrix, .ld = 3 };
    const pr_features  endless   = {
           .num_rows = PR_MAX_NODES, .num_cols = UINT32_MAX, .rows = matrix, .ld = UINT32_MAX
    };
    pr_store *store = (pr_store *)(uintptr_t)&narrow;

    assert_fails(PR_E_ARG, "csr", pr_store_copied(&csr, &store));
    assert_null(store);
    assert_fails(PR_E_ARG, "4 columns but rows 3", pr_store_copied(&narrow, &store));
    assert_fails(PR_E_NOMEM, "4294967294 rows", pr_store_copied(&endless, &store));
    assert_null(store);
    assert_fails(PR_E_ARG, "NULL", pr_store_copied(NULL, &store));
    assert_fails(PR_E_ARG, "NULL", pr_store_copied(&narrow, NULL));
    assert_fails(PR_E_ARG, "3 columns but rows 2", pr_store_transposed(matrix, 2, 3, 2, &store));
    assert_fails(PR_E_ARG, "0 rows", pr_store_transposed(matrix, 0, 3, 3, &store));
    assert_fails(PR_E_RANGE, "at most", pr_store_transposed(matrix, 1, UINT32_MAX, 6, &store));
    assert_fails(PR_E_ARG, "NULL", pr_store_transposed(NULL, 2, 3, 3, &store));
    assert_null(store);
    assert_fails(PR_E_ARG, "NULL", pr_store_transposed(matrix, 2, 3, 3, NULL));
}

/* Sizes around the tiles the transposition works in. */
static void a_transposed_store_has_the_columns_of_its_matrix(void **state)
{
    (void)state;
    static const uint32_t  sizes[] = { 1, 2, 15, 16, 17, 33, 100 };
    static float           matrix[100 * 103];
    const pr_cache_options o = { .mode = PR_CACHE_OFF };

    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) matrix[i] = (float)i;
    for (size_t r = 0; r < sizeof sizes / sizeof *sizes; r++)
        for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
            const uint32_t       num_rows = sizes[r], num_cols = sizes[c], ld = num_cols + c % 4;
            const pr_vid         last = num_cols - 1;
            const pr_cache_plan *plan;
            pr_store            *store;
            pr_cache            *cache;
            pr_slab              view;
            assert_ok(pr_store_transposed(matrix, num_rows, num_cols, ld, &store));
            assert_int_equal(pr_store_row_bytes(store), num_rows * sizeof(float));
            assert_ok(pr_cache_create(&o, store, 1, &cache));
            assert_ok(pr_cache_prepare(cache, (pr_vids){ &last, 1 }, &plan));
            assert_ok(pr_cache_place(cache, &view));
            for (pr_vid v = 0; v < num_cols; v++)
                for (uint32_t f = 0; f < num_rows; f++)
                    assert_true(view.rows[v * view.ld + f] == matrix[f * ld + v]);
            pr_cache_free(cache);
            pr_store_free(store);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparse_rows_are_expanded_on_admission),
        cmocka_unit_test(off_hands_sparse_features_on),
        cmocka_unit_test(more_ids_than_rows_are_refused_before_they_overflow_anything),
        cmocka_unit_test(stores_refuse_features_that_cannot_be),
        cmocka_unit_test(copied_and_transposed_stores_refuse_what_they_cannot_hold),
        cmocka_unit_test(a_transposed_store_has_the_columns_of_its_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
