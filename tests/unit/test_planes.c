/* test_planes.c: several stores under one index: rows move together, whatever the stores are; what
 * the setup refuses; and the matrix a packed cache gives. */
#include "support/planes.h"
#include "support/traces.h"

#include "base/json.h"
#include "base/mem.h"

static void every_plane_of_a_view_has_the_rows_in_the_same_slots(void **state)
{
    (void)state;
    enum { N = 60, M = 12, LISTS = 20 };
    static const uint32_t cols[PR_MAX_PLANES] = { 1, 33, 16, 5, 100, 2, 64, 7 };
    test_rng              rng                 = { .key = test_seed() };
    trace                 t;

    trace_open(&t, TRACE_UNEVEN, LISTS, N, M, &rng);
    for (uint32_t num = 1; num <= PR_MAX_PLANES; num++)
        for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_PACKED; mode++) {
            const pr_cache_options options = { .mode   = mode,
                                               .rows   = num % 2 ? M : 2 * M,
                                               .policy = PR_POLICY_LRU };
            planes                 x;
            planes_open(&x, N, num, cols);
            planes_cache(&x, &options, N, NULL);
            for (int l = 0; l < LISTS; l++) {
                const pr_cache_plan *plan;
                pr_slab              view, plane0;
                assert_ok(pr_cache_prepare(x.cache, t.list[l], &plan));
                assert_ok(pr_cache_place(x.cache, &view));
                assert_ok(pr_cache_plane(x.cache, 0, &plane0));
                assert_ptr_equal(view.rows, plane0.rows);
                assert_ptr_equal(view.slot_of_input, plane0.slot_of_input);
                assert_ptr_equal(view.features, plane0.features);
                assert_true(view.ld == plane0.ld && view.num_cols == plane0.num_cols);
                assert_true(view.num_inputs == plane0.num_inputs && !plane0.is_derived);
                planes_check_view(&x, t.list[l]);
                pr_cache_release(x.cache);
                assert_ok(pr_cache_check(x.cache));
            }
            planes_close(&x);
        }
    trace_close(&t);
}

static void figures_count_the_bytes_of_all_planes(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 3, 17, 8 };
    static const pr_vid    ids[]   = { 4, 1, 2 };
    const pr_cache_options options = { .rows = 5 };
    const pr_cache_plan   *plan;
    planes                 x;
    pr_slab                view;

    planes_open(&x, 10, 3, cols);
    planes_cache(&x, &options, 5, NULL);
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 2 }, &plan));
    assert_int_equal(plan->bytes_moved, 2 * (3 + 17 + 8) * sizeof(float));
    assert_ok(pr_cache_place(x.cache, &view));
    pr_cache_release(x.cache);
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
    assert_int_equal(plan->bytes_moved, 1 * (3 + 17 + 8) * sizeof(float));
    assert_int_equal(plan->bytes_gather, 3 * (3 + 17 + 8) * sizeof(float));
    assert_ok(pr_cache_place(x.cache, &view));
    planes_check_view(&x, (pr_vids){ ids, 3 });
    pr_cache_release(x.cache);
    planes_close(&x);
}

enum { ROWS = 21, COLS = 13 };

/* One matrix [ROWS, COLS], mostly zeros, as every kind of store. */
typedef struct kinds {
    float       x[ROWS * (COLS + 3)], transposed[COLS * (ROWS + 2)];
    pr_eid      indptr[ROWS + 1];
    uint32_t    indices[ROWS * COLS];
    float       data[ROWS * COLS];
    pr_features dense, csr;
    pr_store   *store[4]; /* memory, copied, transposed, csr */
} kinds;

static float element(uint32_t v, uint32_t f)
{
    return (v + f) % 3 ? (float)(v * 100 + f + 1) : 0.0f;
}

static void open_kinds(kinds *k)
{
    pr_eid nnz = 0;

    memset(k, 0, sizeof *k);
    for (uint32_t v = 0; v < ROWS; v++) {
        for (uint32_t f = 0; f < COLS; f++) {
            const float x                     = element(v, f);
            k->x[v * (COLS + 3) + f]          = x;
            k->transposed[f * (ROWS + 2) + v] = x;
            if (x != 0.0f) k->indices[nnz] = f, k->data[nnz++] = x;
        }
        k->indptr[v + 1] = nnz;
    }
    k->dense = (pr_features){
        .kind = PR_FEATURES_DENSE, .num_rows = ROWS, .num_cols = COLS, .rows = k->x, .ld = COLS + 3
    };
    k->csr = (pr_features){ .kind     = PR_FEATURES_CSR,
                            .num_rows = ROWS,
                            .num_cols = COLS,
                            .indptr   = k->indptr,
                            .indices  = k->indices,
                            .data     = k->data };
    assert_ok(pr_store_memory(&k->dense, &k->store[0]));
    assert_ok(pr_store_copied(&k->dense, &k->store[1]));
    assert_ok(pr_store_transposed(k->transposed, COLS, ROWS, ROWS + 2, &k->store[2]));
    assert_ok(pr_store_memory(&k->csr, &k->store[3]));
}

static void close_kinds(kinds *k)
{
    for (int i = 0; i < 4; i++) pr_store_free(k->store[i]);
}

static void check_kinds(const pr_cache *cache, pr_vids wanted)
{
    for (uint32_t p = 0; p < 4; p++) {
        pr_slab view;
        assert_ok(pr_cache_plane(cache, p, &view));
        for (size_t i = 0; i < wanted.n; i++)
            for (uint32_t f = 0; f < view.ld; f++)
                assert_true(view.rows[view.slot_of_input[i] * view.ld + f] ==
                            (f < COLS ? element(wanted.at[i], f) : 0.0f));
    }
}

static void stores_of_every_kind_may_stand_side_by_side(void **state)
{
    (void)state;
    kinds    k;
    test_rng rng = { .key = test_seed() };
    trace    t;

    open_kinds(&k);
    trace_open(&t, TRACE_STICKY, 30, ROWS, 8, &rng);
    memset(k.transposed, 0x55, sizeof k.transposed); /* copies need it no more */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pr_store_row_bytes(k.store[i]), COLS * sizeof(float));
    for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_PACKED; mode++) {
        const pr_cache_options options = { .mode = mode, .rows = 10 };
        const pr_cache_setup   setup   = {
                .options    = &options,
                .stores     = (const pr_store *const *)k.store,
                .num_planes = 4,
                .max_wanted = ROWS,
        };
        pr_cache *cache;
        assert_ok(pr_cache_open(&setup, &cache));
        for (uint32_t l = 0; l < t.num_lists; l++) {
            const pr_cache_plan *plan;
            pr_slab              view;
            assert_ok(pr_cache_prepare(cache, t.list[l], &plan));
            assert_ok(pr_cache_place(cache, &view));
            check_kinds(cache, t.list[l]);
            pr_cache_release(cache);
            assert_ok(pr_cache_check(cache));
        }
        pr_cache_free(cache);
    }
    trace_close(&t);
    close_kinds(&k);
}

static void mode_off_reads_each_plane_where_its_store_is(void **state)
{
    (void)state;
    kinds                  k;
    static const pr_vid    ids[]   = { 7, 0, 20 };
    const pr_cache_options options = { .mode = PR_CACHE_OFF };
    const pr_cache_plan   *plan;
    pr_slab                view;
    pr_cache              *cache;

    open_kinds(&k);
    const pr_cache_setup setup = { .options    = &options,
                                   .stores     = (const pr_store *const *)k.store,
                                   .num_planes = 4,
                                   .max_wanted = 3 };
    assert_ok(pr_cache_open(&setup, &cache));
    assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, 3 }, &plan));
    assert_int_equal(plan->rows_direct, 3);
    assert_int_equal(plan->bytes_gather, 3 * 4 * COLS * sizeof(float));
    assert_ok(pr_cache_place(cache, &view));
    for (uint32_t p = 0; p < 4; p++) {
        assert_ok(pr_cache_plane(cache, p, &view));
        assert_memory_equal(view.slot_of_input, ids, sizeof ids);
        if (p == 3) {
            assert_true(view.features && view.features->kind == PR_FEATURES_CSR);
        } else {
            for (uint32_t i = 0; i < 3; i++)
                for (uint32_t f = 0; f < COLS; f++)
                    assert_true(view.rows[ids[i] * view.ld + f] == element(ids[i], f));
        }
    }
    pr_cache_release(cache);
    pr_cache_free(cache);
    close_kinds(&k);
}

static void setups_that_cannot_be_are_refused(void **state)
{
    (void)state;
    kinds             k;
    static float      rows[ROWS + 1];
    const pr_features longer = { .num_rows = ROWS + 1, .num_cols = 1, .rows = rows, .ld = 1 };
    pr_store         *other;
    pr_cache_options  options = { .rows = 4 };

    open_kinds(&k);
    assert_ok(pr_store_memory(&longer, &other));
    const pr_store *stores[PR_MAX_PLANES + 1] = { k.store[0], k.store[1], other };
    pr_cache       *cache                     = (pr_cache *)&k;
    pr_cache_setup  setup                     = {
                             .options = &options, .stores = stores, .num_planes = 3, .max_wanted = 5
    };
    assert_fails(PR_E_ARG, "22", pr_cache_open(&setup, &cache));
    assert_null(cache);
    setup.num_planes = 0;
    assert_fails(PR_E_ARG, "0", pr_cache_open(&setup, &cache));
    setup.num_planes = PR_MAX_PLANES + 1;
    assert_fails(PR_E_ARG, "8", pr_cache_open(&setup, &cache));
    setup.num_planes = 2;
    stores[1]        = NULL;
    assert_fails(PR_E_ARG, "NULL", pr_cache_open(&setup, &cache));
    stores[1]      = k.store[1];
    options.policy = PR_POLICY_STATIC;
    assert_fails(PR_E_ARG, "scores", pr_cache_open(&setup, &cache));
    assert_null(cache);
    setup.options = NULL;
    assert_fails(PR_E_ARG, "NULL", pr_cache_open(&setup, &cache));
    assert_fails(PR_E_ARG, "NULL", pr_cache_open(NULL, &cache));
    setup.options = &options;
    assert_fails(PR_E_ARG, "NULL", pr_cache_open(&setup, NULL));
    pr_store_free(other);
    close_kinds(&k);
}

static void a_view_is_asked_for_by_plane_while_it_lives(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 3, 5 };
    static const pr_vid    ids[]   = { 1 };
    const pr_cache_options options = { .rows = 4 };
    const pr_cache_plan   *plan;
    pr_slab                view;
    pr_packed              all;
    planes                 x;

    planes_open(&x, 10, 2, cols);
    planes_cache(&x, &options, 4, NULL);
    assert_fails(PR_E_ARG, "live", pr_cache_plane(x.cache, 0, &view));
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 1 }, &plan));
    assert_fails(PR_E_ARG, "live", pr_cache_plane(x.cache, 0, &view));
    assert_ok(pr_cache_place(x.cache, &view));
    assert_ok(pr_cache_plane(x.cache, 1, &view));
    assert_fails(PR_E_RANGE, "2", pr_cache_plane(x.cache, 2, &view));
    assert_fails(PR_E_ARG, "packed", pr_cache_packed(x.cache, 0, &all)); /* mode resident */
    pr_cache_release(x.cache);
    assert_fails(PR_E_ARG, "live", pr_cache_plane(x.cache, 1, &view));
    planes_close(&x);
}

static void a_packed_cache_is_one_matrix_a_plane(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 3, 20 };
    static const pr_vid    ids[]   = { 6, 2, 9 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED };
    pr_packed              all;
    planes                 x;

    planes_open(&x, 10, 2, cols);
    planes_cache(&x, &options, 4, NULL);
    planes_check_packed(&x, ids, 0); /* empty at first */
    assert_ok(pr_cache_apply(x.cache, (pr_vids){ ids, 3 }, (pr_vids){ NULL, 0 }, NULL));
    planes_check_packed(&x, ids, 3);
    assert_fails(PR_E_RANGE, "2", pr_cache_packed(x.cache, 2, &all));
    assert_fails(PR_E_ARG, "NULL", pr_cache_packed(x.cache, 0, NULL));
    planes_close(&x);
}

static void a_difference_does_not_allocate(void **state)
{
    (void)state;
    static const uint32_t  cols[]  = { 3, 20 };
    static const pr_vid    ids[]   = { 6, 2, 9 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED };
    planes                 x;

    planes_open(&x, 10, 2, cols);
    planes_cache(&x, &options, 4, NULL);
    const uint64_t calls = pri_mem_calls();
    for (uint32_t i = 0; i < 9; i++) {
        const pr_vids none = { NULL, 0 }, some = { ids, 1 + i % 3 };
        assert_ok(pr_cache_apply(x.cache, some, none, NULL));
        assert_ok(pr_cache_apply(x.cache, none, some, NULL));
    }
    assert_int_equal(pri_mem_calls(), calls);
    planes_close(&x);
}

static void a_cache_says_what_it_runs_with(void **state)
{
    (void)state;
    static const uint32_t  cols[] = { 16 };
    static const char     *keys[] = { "isa",          "row_ahead",    "index_ahead", "thread_bytes",
                                      "stream_bytes", "repack_share", "huge_pages" };
    const pr_cache_options options = { .rows = 4 };
    pr_tuning              tuning;
    int64_t                ahead;
    planes                 x;

    pr_tuning_default(64, &tuning);
    tuning.row_ahead = 11;
    planes_open(&x, 10, 1, cols);
    planes_cache(&x, &options, 4, &tuning);
    pr_json *json = pr_cache_describe(x.cache);
    assert_non_null(json);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!pri_json_find(json, keys[i])) fail_msg("%s is missing", keys[i]);
    assert_true(pri_json_as_int(pri_json_find(json, "row_ahead"), &ahead));
    assert_int_equal(ahead, 11);
    pr_json_free(json);
    planes_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plane_of_a_view_has_the_rows_in_the_same_slots),
        cmocka_unit_test(figures_count_the_bytes_of_all_planes),
        cmocka_unit_test(stores_of_every_kind_may_stand_side_by_side),
        cmocka_unit_test(mode_off_reads_each_plane_where_its_store_is),
        cmocka_unit_test(setups_that_cannot_be_are_refused),
        cmocka_unit_test(a_view_is_asked_for_by_plane_while_it_lives),
        cmocka_unit_test(a_packed_cache_is_one_matrix_a_plane),
        cmocka_unit_test(a_difference_does_not_allocate),
        cmocka_unit_test(a_cache_says_what_it_runs_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
