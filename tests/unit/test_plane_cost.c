/* test_plane_cost.c: what decides between features and derived rows: the statements of
 * plane_cost.h, whatever the constants are. */
#include "pipeline/serve/plane_cost.h"
#include "support/support.h"

static const pri_plane_rows wide = {
    .kind = PR_MODEL_SAGE, .in = 1024, .out = 64, .derived = 128, .moves = true
};
static const pri_plane_load batch = {
    .batches = 1, .inputs = 900, .dst = 300, .edges = 1500, .misses = 200, .misses_derived = 200
};

static void rows_that_are_computed_once_pay_when_fewer_miss_than_are_multiplied(void **state)
{
    (void)state;
    pri_plane_rows rows = wide;
    pri_plane_load load = batch;

    rows.in    = 64; /* as wide as the outputs: edges cost the same */
    load.edges = 0;
    for (double miss = 0; miss <= 600; miss += 20) {
        load.misses           = 0;
        load.misses_derived   = miss;
        const double features = pri_plane_features_ns(&rows, &load);
        const double derived  = pri_plane_derived_ns(&rows, &load);
        if (miss >= load.dst) assert_true(derived > features);
        if (miss == 0) assert_true(derived < features);
    }
}

static void narrower_rows_save_what_edges_read(void **state)
{
    (void)state;
    pri_plane_load load = batch, more = batch;

    load.misses_derived = more.misses_derived = 2 * load.dst; /* products are not saved */
    more.edges                                = 1e6;
    assert_true(pri_plane_derived_ns(&wide, &load) > pri_plane_features_ns(&wide, &load));
    assert_true(pri_plane_derived_ns(&wide, &more) < pri_plane_features_ns(&wide, &more));
}

static void what_misses_costs_and_what_does_not_move_costs_nothing(void **state)
{
    (void)state;
    pri_plane_rows rows = wide;
    pri_plane_load load = batch, more = batch;

    more.misses += 10;
    more.misses_derived += 10;
    assert_true(pri_plane_features_ns(&rows, &more) > pri_plane_features_ns(&rows, &load));
    assert_true(pri_plane_derived_ns(&rows, &more) > pri_plane_derived_ns(&rows, &load));
    const double from_memory = pri_plane_row_ns(&rows, true);
    rows.reads               = true;
    assert_true(pri_plane_row_ns(&rows, true) > from_memory);
    rows.moves = rows.reads = false;
    assert_true(pri_plane_row_ns(&rows, false) == 0);
    assert_true(pri_plane_features_ns(&rows, &more) == pri_plane_features_ns(&rows, &load));
}

/* gat multiplies all inputs, so that fewer misses than those are enough. */
static void each_kind_is_compared_with_what_it_does(void **state)
{
    (void)state;
    pri_plane_rows gat = wide, sparse = wide;
    pri_plane_load load = batch;

    gat.kind            = PR_MODEL_GAT;
    gat.out             = gat.derived;
    load.misses         = 0;
    load.misses_derived = load.inputs / 2;
    assert_true(pri_plane_derived_ns(&gat, &load) < pri_plane_features_ns(&gat, &load));
    sparse.terms = 10; /* of 1024 */
    sparse.moves = false;
    assert_true(pri_plane_features_ns(&sparse, &load) < pri_plane_features_ns(&wide, &load));
    assert_true(pri_plane_row_ns(&sparse, true) < pri_plane_row_ns(&wide, true));
    load.misses_derived = 0;
    assert_true(pri_plane_derived_ns(&sparse, &load) < pri_plane_features_ns(&sparse, &load));
}

static void edges_of_the_first_layer_are_a_part_of_all(void **state)
{
    (void)state;
    assert_true(pri_plane_first_edges(1, 50, 50, 700) == 700);
    assert_true(pri_plane_first_edges(2, 10, 90, 1000) == 900);
    assert_true(pri_plane_first_edges(3, 10, 1000, 11100) == 10000);
    assert_true(pri_plane_first_edges(2, 0, 0, 0) == 0);
}

static void rows_are_those_of_the_model(void **state)
{
    (void)state;
    static const pr_eid indptr[] = { 0, 3, 3, 12 };
    const pr_features   dense    = { .num_rows = 3, .num_cols = 20 };
    const pr_features   csr      = {
               .kind = PR_FEATURES_CSR, .num_rows = 3, .num_cols = 20, .indptr = indptr
    };
    const pr_model_options o = { .kind = PR_MODEL_SAGE, .hidden = 8 };
    const pr_model_options g = { .kind = PR_MODEL_GAT, .hidden = 8, .heads = 2, .out_heads = 1 };
    pr_model              *model;

    assert_ok(pr_model_create(&o, 2, 20, 5, 1, &model));
    pri_plane_rows rows = pri_plane_rows_of(model, &dense, true, true);
    assert_true(rows.in == 20 && rows.out == 8 && rows.derived == 16 && rows.terms == 0);
    assert_true(rows.moves && rows.reads);
    rows = pri_plane_rows_of(model, &csr, false, true);
    assert_true(rows.terms == 4 && !rows.moves && !rows.reads);
    rows = pri_plane_rows_of(model, &csr, true, false); /* expanded */
    assert_true(rows.terms == 0 && rows.moves);
    pr_model_free(model);
    assert_ok(pr_model_create(&g, 2, 20, 5, 1, &model));
    rows = pri_plane_rows_of(model, &dense, true, false);
    assert_true(rows.out == 8 && rows.derived == 8);
    pr_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_computed_once_pay_when_fewer_miss_than_are_multiplied),
        cmocka_unit_test(narrower_rows_save_what_edges_read),
        cmocka_unit_test(what_misses_costs_and_what_does_not_move_costs_nothing),
        cmocka_unit_test(each_kind_is_compared_with_what_it_does),
        cmocka_unit_test(edges_of_the_first_layer_are_a_part_of_all),
        cmocka_unit_test(rows_are_those_of_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
