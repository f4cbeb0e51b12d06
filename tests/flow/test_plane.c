/* test_plane.c: a lane that answers from features or from derived rows: answers are the same, and
 * which it has follows from what is asked for. */
#include <math.h>

#include "base/mem.h"
#include "support/rig.h"

#include "pipeline/serve/plane.h"

enum { NODES = 2000, EDGES = 16000, COLS = 128, CLASSES = 7, SEEDS = 8, FEW = 60 };

static const char *path;

/* A lane with a plane, and one that has none. */
typedef struct bed {
    test_rig        rig, plain;
    pri_plane_setup setup;
    pri_plane      *plane;
    pr_store       *csr_store;
    pr_features     csr;
    test_rng        rng;
    uint32_t        changes;
    char            why[256]; /* of the last change */
} bed;

static void open_rigs(bed *t, uint64_t rows, int mode)
{
    test_rig_plan plan = { .path       = path,
                           .num_lanes  = 1,
                           .batch_size = SEEDS,
                           .num_steps  = 1,
                           .cache      = test_cache_options() };

    *t                = (bed){ .rng = { .key = test_seed() } };
    plan.cache.policy = PR_POLICY_SIEVE;
    plan.cache.mode   = mode;
    plan.cache.rows   = rows;
    test_rig_open(&t->plain, &plan);
    test_rig_open(&t->rig, &plan);
    t->setup = (pri_plane_setup){ .lane       = t->rig.lane[0],
                                  .store      = t->rig.store,
                                  .features   = &t->rig.dataset->features,
                                  .model      = t->rig.model,
                                  .cache      = plan.cache,
                                  .max_wanted = pr_sampler_max_inputs(t->rig.lane[0]->sampler) };
}

/* Work of the lane's thread. */
static pr_status create(pri_lane *lane, void *argument)
{
    bed *t = argument;

    (void)lane;
    return pri_plane_create(&t->setup, &t->plane);
}

static void open_plane(bed *t, int derived, bool begins)
{
    t->setup.derived        = derived;
    t->setup.begins_derived = begins;
    assert_ok(pri_lane_run(t->rig.lane[0], create, t));
}

static void close_bed(bed *t)
{
    pri_plane_free(t->plane);
    test_rig_close(&t->rig);
    test_rig_close(&t->plain);
    pr_store_free(t->csr_store);
    free((void *)(uintptr_t)t->csr.indptr);
    free((void *)(uintptr_t)t->csr.indices);
    free((void *)(uintptr_t)t->csr.data);
}

static pr_step run(test_rig *rig, pr_vids seeds, pr_vids *wanted)
{
    pr_step_partition    partition;
    pr_step              row;
    const pri_step_input input = {
        .phase = PR_PHASE_INFER, .seeds = seeds, .model = rig->model, .wanted = wanted
    };

    assert_ok(pri_step_run(rig->lane, 1, &input, &row, &partition));
    return row;
}

static void compare(bed *t)
{
    size_t       ld, ldw;
    const float *got     = pri_nn_logits(t->rig.lane[0]->tape, &ld);
    const float *want    = pri_nn_logits(t->plain.lane[0]->tape, &ldw);
    float        largest = 0;

    for (size_t i = 0; i < SEEDS; i++)
        for (size_t c = 0; c < CLASSES; c++)
            if (fabsf(want[i * ldw + c]) > largest) largest = fabsf(want[i * ldw + c]);
    for (size_t i = 0; i < SEEDS; i++)
        for (size_t c = 0; c < CLASSES; c++) /* products and sums change places */
            assert_true(fabsf(got[i * ld + c] - want[i * ldw + c]) <= 1e-5f * largest);
}

/* Answer for nodes below `among`, scattered over the graph; gives what learning gave. */
static pr_status answer(bed *t, uint32_t among, bool compared, pr_step *row)
{
    pr_vid     ids[SEEDS];
    pr_vids    wanted;
    char       why[256];
    const bool was = pri_plane_is_derived(t->plane);

    for (uint32_t i = 0; i < SEEDS; i++) {
        bool again = true;
        while (again) {
            ids[i] = test_below(&t->rng, among) * 977 % NODES;
            again  = false;
            for (uint32_t k = 0; k < i; k++) again = again || ids[k] == ids[i];
        }
    }
    *row = run(&t->rig, (pr_vids){ ids, SEEDS }, &wanted);
    if (compared) {
        (void)run(&t->plain, (pr_vids){ ids, SEEDS }, NULL);
        compare(t);
    }
    const pr_status st = pri_plane_learn(t->plane, wanted, row, SEEDS * 5, why);
    assert_true(was == (strcmp(row->mode, "derived") == 0));
    assert_true((was != pri_plane_is_derived(t->plane)) == (why[0] != '\0'));
    if (why[0]) {
        t->changes++;
        memcpy(t->why, why, sizeof why);
    }
    return st;
}

static void answers(bed *t, uint32_t among, uint32_t num, bool compared)
{
    pr_step row;

    for (uint32_t i = 0; i < num; i++) assert_ok(answer(t, among, compared && i % 5 == 0, &row));
    assert_ok(pr_cache_check(t->rig.lane[0]->cache));
}

static void derived_rows_answer_as_features_do(void **state)
{
    (void)state;
    bed t;

    for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++)
        for (int derived = PR_DERIVED_ON; derived <= PR_DERIVED_OFF; derived++) {
            open_rigs(&t, 300, mode);
            open_plane(&t, derived, false);
            assert_true(pri_plane_is_derived(t.plane) == (derived == PR_DERIVED_ON));
            answers(&t, NODES, 60, true);
            answers(&t, FEW, 200, true);
            assert_int_equal(t.changes, 0);
            close_bed(&t);
        }
}

/* Few nodes are asked for: their rows fit, and are multiplied no more. */
static void a_hot_set_brings_derived_rows(void **state)
{
    (void)state;
    bed t;

    open_rigs(&t, 700, PR_CACHE_RESIDENT);
    open_plane(&t, PR_DERIVED_AUTO, false);
    answers(&t, FEW, 63, true);
    assert_false(pri_plane_is_derived(t.plane));
    answers(&t, FEW, 2000, true);
    assert_int_equal(t.changes, 1);
    assert_true(pri_plane_is_derived(t.plane));
    assert_non_null(strstr(t.why, "derived rows in the slab: a batch has 40 destinations"));
    assert_int_equal(pr_cache_capacity_rows(t.rig.lane[0]->cache), NODES); /* 4 times, or all */
    close_bed(&t);
}

/* Rows that the other slab would have are brought, not only those that are wanted again. */
static void what_the_other_slab_would_hold_is_brought(void **state)
{
    (void)state;
    bed     t;
    pr_step row;

    open_rigs(&t, 700, PR_CACHE_RESIDENT);
    open_plane(&t, PR_DERIVED_AUTO, false);
    answers(&t, NODES, 150, false); /* features of 700; 2000 derived rows would be there */
    for (int i = 0; i < 4000 && !pri_plane_is_derived(t.plane); i++)
        assert_ok(answer(&t, FEW, false, &row));
    assert_true(pri_plane_is_derived(t.plane));
    for (int i = 0; i < 60; i++) assert_ok(answer(&t, FEW, false, &row));
    assert_true(pr_cache_resident_rows(t.rig.lane[0]->cache) > NODES * 3 / 4);
    close_bed(&t);
}

/* All nodes are asked for, and few fit: rows would be computed to be used once. */
static void cold_requests_keep_features_and_bring_them_back(void **state)
{
    (void)state;
    bed t;

    open_rigs(&t, 20, PR_CACHE_RESIDENT);
    open_plane(&t, PR_DERIVED_AUTO, false);
    answers(&t, NODES, 1000, false);
    assert_int_equal(t.changes, 0);
    close_bed(&t);
    open_rigs(&t, 20, PR_CACHE_OFF); /* and where they are nothing moves */
    open_plane(&t, PR_DERIVED_AUTO, true);
    assert_true(pri_plane_is_derived(t.plane));
    answers(&t, NODES, 1000, true);
    assert_int_equal(t.changes, 1);
    assert_false(pri_plane_is_derived(t.plane));
    assert_non_null(strstr(t.why, "features in the slab"));
    assert_string_equal(pr_cache_mode_name(t.rig.lane[0]->cache), "off");
    close_bed(&t);
}

/* Which of the two it is depends on batches alone: two lanes that get the same ones change
 * together. */
static void changes_do_not_depend_on_timing(void **state)
{
    (void)state;
    uint32_t changed[2] = { 0 };
    bed      t;
    pr_step  row;

    for (int turn = 0; turn < 2; turn++) {
        open_rigs(&t, 700, PR_CACHE_RESIDENT);
        open_plane(&t, PR_DERIVED_AUTO, false);
        for (uint32_t i = 0; i < 2000 && !changed[turn]; i++) {
            assert_ok(answer(&t, FEW, turn == 1, &row));
            if (pri_plane_is_derived(t.plane)) changed[turn] = i;
        }
        close_bed(&t);
    }
    assert_true(changed[0] > 0);
    assert_int_equal(changed[0], changed[1]);
}

/* Give the lane rows of CSR, read where they are. */
static void make_sparse(bed *t)
{
    const pr_features *x       = &t->rig.dataset->features;
    pr_eid            *indptr  = calloc(NODES + 1, sizeof *indptr);
    uint32_t          *indices = calloc((size_t)NODES * COLS, sizeof *indices);
    float             *data    = calloc((size_t)NODES * COLS, sizeof *data);
    pr_cache          *cache, *old;

    assert_true(indptr && indices && data);
    for (pr_vid v = 0; v < NODES; v++) {
        indptr[v + 1] = indptr[v];
        for (uint32_t c = 0; c < COLS; c++) {
            indices[indptr[v + 1]] = c;
            data[indptr[v + 1]++]  = x->rows[v * x->ld + c];
        }
    }
    t->csr = (pr_features){ .kind     = PR_FEATURES_CSR,
                            .num_rows = NODES,
                            .num_cols = COLS,
                            .indptr   = indptr,
                            .indices  = indices,
                            .data     = data };
    assert_ok(pr_store_memory(&t->csr, &t->csr_store));
    assert_ok(pr_cache_create(&t->setup.cache, t->csr_store, t->setup.max_wanted, &cache));
    assert_ok(pri_lane_swap_cache(t->rig.lane[0], cache, &old));
    pr_cache_free(old);
    t->setup.store    = t->csr_store;
    t->setup.features = &t->csr;
}

static void sparse_rows_become_derived_ones_too(void **state)
{
    (void)state;
    bed t;

    open_rigs(&t, NODES, PR_CACHE_OFF);
    make_sparse(&t);
    open_plane(&t, PR_DERIVED_AUTO, false);
    answers(&t, FEW, 1500, true);
    assert_true(pri_plane_is_derived(t.plane));
    assert_int_equal(t.changes, 1);
    close_bed(&t);
}

static void derived_rows_have_the_bytes_of_features(void **state)
{
    (void)state;
    static const uint64_t features[] = { 100, 300, NODES }, derived[] = { 400, 1200, NODES };
    bed                   t;

    for (int i = 0; i < 3; i++) {
        open_rigs(&t, features[i], PR_CACHE_RESIDENT); /* of 512 bytes; derived rows have 128 */
        open_plane(&t, PR_DERIVED_ON, false);
        assert_int_equal(pr_cache_capacity_rows(t.rig.lane[0]->cache), derived[i]);
        close_bed(&t);
    }
}

static void a_new_slab_is_warmed_before_the_first_batch(void **state)
{
    (void)state;
    pr_vid  ids[NODES];
    pr_step row;
    bed     t;

    for (pr_vid v = 0; v < NODES; v++) ids[v] = (v * 7 + 3) % NODES;
    open_rigs(&t, 300, PR_CACHE_RESIDENT); /* 1200 derived rows */
    open_plane(&t, PR_DERIVED_ON, false);
    assert_ok(pri_plane_warm(t.plane, (pr_vids){ ids, 1100 }));
    assert_int_equal(pr_cache_resident_rows(t.rig.lane[0]->cache), 1100);
    assert_ok(pri_plane_warm(t.plane, (pr_vids){ ids + 1100, 900 }));
    assert_int_equal(pr_cache_resident_rows(t.rig.lane[0]->cache), 1200);
    assert_ok(answer(&t, FEW, true, &row));
    assert_ok(pr_cache_check(t.rig.lane[0]->cache));
    close_bed(&t);
}

static void a_batch_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    bed     t;
    pr_step row;

    open_rigs(&t, 20, PR_CACHE_RESIDENT);
    open_plane(&t, PR_DERIVED_AUTO, false);
    answers(&t, NODES, 10, false);
    const uint64_t before = pri_mem_calls();
    for (int i = 0; i < 200; i++) assert_ok(answer(&t, NODES, false, &row));
    assert_int_equal(pri_mem_calls(), before);
    close_bed(&t);
}

/* Whatever cannot be had when the other rows are made, or brought: the lane answers on. */
static void a_change_that_fails_leaves_the_plane_as_it_was(void **state)
{
    (void)state;
    uint32_t failures = 0;
    bool     changed  = false;
    pr_step  row;
    bed      t;

    open_rigs(&t, 700, PR_CACHE_RESIDENT);
    while (!changed) {
        open_plane(&t, PR_DERIVED_AUTO, false);
        const int64_t live = pri_mem_live();
        pr_status     st   = PR_OK;
        t.changes          = 0;
        pri_mem_fail_at(failures);
        for (int i = 0; i < 3000 && st == PR_OK && !t.changes; i++)
            st = answer(&t, FEW, false, &row);
        pri_mem_fail_at(-1);
        changed = st == PR_OK;
        assert_int_equal(st, changed ? PR_OK : PR_E_NOMEM);
        assert_true(pri_plane_is_derived(t.plane) == changed);
        if (!changed) assert_int_equal(pri_mem_live(), live);
        assert_ok(answer(&t, FEW, true, &row));
        if (changed) break;
        failures++;
        pri_plane_free(t.plane);
        t.plane = NULL;
    }
    assert_true(failures > 10);
    close_bed(&t);
}

static void models_without_derived_rows_keep_features(void **state)
{
    (void)state;
    const pr_model_options options = { .hidden = 16, .residual = true };
    pr_model              *model;
    bed                    t;

    open_rigs(&t, 700, PR_CACHE_RESIDENT);
    assert_ok(pr_model_create(&options, 2, COLS, CLASSES, 3, &model));
    t.setup.model   = model;
    t.setup.derived = PR_DERIVED_ON;
    assert_fails(PR_E_UNSUPPORTED, "no rows to derive", pri_lane_run(t.rig.lane[0], create, &t));
    assert_null(t.plane);
    open_plane(&t, PR_DERIVED_AUTO, true);
    answers(&t, FEW, 1000, true);
    assert_int_equal(t.changes, 0);
    close_bed(&t);
    pr_model_free(model);
}

static pr_status create_plane(void *context, void **out)
{
    bed *t = context;

    const pr_status st = pri_lane_run(t->rig.lane[0], create, t);
    *out               = t->plane;
    t->plane           = NULL;
    return st;
}

static void free_plane(void *plane)
{
    pri_plane_free(plane);
}

static void a_plane_is_created_whole_or_not_at_all(void **state)
{
    (void)state;
    bed t;

    open_rigs(&t, 700, PR_CACHE_RESIDENT);
    t.setup.derived = PR_DERIVED_AUTO;
    test_oom("pri_plane_create", create_plane, free_plane, &t);
    close_bed(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derived_rows_answer_as_features_do),
        cmocka_unit_test(a_hot_set_brings_derived_rows),
        cmocka_unit_test(what_the_other_slab_would_hold_is_brought),
        cmocka_unit_test(cold_requests_keep_features_and_bring_them_back),
        cmocka_unit_test(changes_do_not_depend_on_timing),
        cmocka_unit_test(sparse_rows_become_derived_ones_too),
        cmocka_unit_test(derived_rows_have_the_bytes_of_features),
        cmocka_unit_test(a_new_slab_is_warmed_before_the_first_batch),
        cmocka_unit_test(a_batch_takes_nothing_from_the_heap),
        cmocka_unit_test(a_change_that_fails_leaves_the_plane_as_it_was),
        cmocka_unit_test(models_without_derived_rows_keep_features),
        cmocka_unit_test(a_plane_is_created_whole_or_not_at_all),
    };
    path = test_planted(NODES, EDGES, COLS, CLASSES);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
