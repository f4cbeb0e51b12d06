/* test_dataset.c: dataset directories opened: every form of the files gives the same dataset, and
 * the real sets hold what they say. */
#include "support/little.h"

#include <math.h>

enum { N = LITTLE_N, E = LITTLE_E, F = LITTLE_F, C = LITTLE_C, NNZ = LITTLE_NNZ };

static void expect_ids(pr_vids found, const double *wanted, size_t n)
{
    assert_int_equal(found.n, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(found.at[i], (uint32_t)wanted[i]);
}

/* Expect the graph, labels and main split above. */
static void expect_little(const pr_dataset *d)
{
    assert_int_equal(d->graph.num_nodes, N);
    assert_int_equal(d->graph.num_edges, E);
    for (int v = 0; v <= N; v++) assert_int_equal(d->graph.indptr[v], (uint64_t)little_indptr[v]);
    expect_ids((pr_vids){ d->graph.indices, E }, little_indices, E);
    assert_int_equal(d->num_classes, C);
    for (int v = 0; v < N; v++) assert_int_equal(d->labels[v], (int32_t)little_labels[v]);
    assert_true(d->has_split[PR_SPLIT_MAIN]);
    expect_ids(d->split[PR_SPLIT_MAIN].train, little_train, 2);
    expect_ids(d->split[PR_SPLIT_MAIN].val, little_val, 1);
    expect_ids(d->split[PR_SPLIT_MAIN].test, little_test, 1);
}

static void expect_rows(const pr_features *f, const double *rows)
{
    assert_int_equal(f->num_rows, N);
    assert_int_equal(f->num_cols, F);
    for (uint32_t v = 0; v < N; v++)
        for (uint32_t c = 0; c < F; c++) {
            float x = 0;
            if (f->kind == PR_FEATURES_DENSE)
                x = f->rows[v * f->ld + c];
            else
                for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++)
                    if (f->indices[e] == c) x = f->data[e];
            assert_true(x == (float)rows[v * F + c]);
        }
}

static void every_form_of_the_files_gives_the_same_dataset(void **state)
{
    (void)state;
    static const unsigned forms[]     = { CSC | DENSE,       CSC | CSR,         PAIRS | DENSE,
                                          PAIRS | CSR | ALT, CSC | PAIRS | CSR, CSC | DENSE | ALT };
    const char           *directory   = test_directory();
    uint64_t              fingerprint = 0;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const int64_t     live = pri_mem_live();
        const pr_dataset *d;
        little_put(directory, forms[i]);
        assert_ok(little_open(directory, PR_NORM_NONE, &d));
        expect_little(d);
        expect_rows(&d->features, little_rows);
        assert_int_equal(d->features.kind, forms[i] & CSR ? PR_FEATURES_CSR : PR_FEATURES_DENSE);
        assert_string_equal(d->name, "little");
        assert_string_equal(d->path, directory);
        assert_int_equal(d->feature_norm, PR_NORM_NONE);
        assert_int_equal(d->has_split[PR_SPLIT_ALT], (forms[i] & ALT) != 0);
        if (forms[i] & ALT) expect_ids(d->split[PR_SPLIT_ALT].val, little_train, 2);
        if (i == 0) fingerprint = d->fingerprint;
        assert_int_equal(d->fingerprint, fingerprint);
        pr_dataset_close(d);
        assert_int_equal(pri_mem_live(), live);
    }
    pr_dataset_close(NULL);
}

static void every_integer_and_real_type_gives_the_same_dataset(void **state)
{
    (void)state;
    static const pr_dtype ids[]       = { PR_I32, PR_U32, PR_I64, PR_U64 };
    const char           *directory   = test_directory();
    uint64_t              fingerprint = 0;

    for (unsigned i = 0; i < 4; i++)
        for (unsigned pairs = 0; pairs < 2; pairs++) {
            const pr_dataset *d;
            little_put(directory, (pairs ? PAIRS : CSC) | CSR);
            if (pairs) {
                little_put_array(directory, "edge_index.npy", ids[i], 2, 2, E, little_pairs);
            } else {
                little_put_array(directory, "indptr.npy", i % 2 ? PR_U64 : PR_I64, 1, N + 1, 1,
                                 little_indptr);
                little_put_array(directory, "indices.npy", ids[i], 1, E, 1, little_indices);
            }
            little_put_array(directory, "feat_indptr.npy", i % 2 ? PR_U64 : PR_I64, 1, N + 1, 1,
                             little_starts);
            little_put_array(directory, "feat_indices.npy", ids[i], 1, NNZ, 1, little_columns);
            little_put_array(directory, "feat_data.npy", i % 2 ? PR_F64 : PR_F32, 1, NNZ, 1,
                             little_values);
            little_put_array(directory, "label.npy", i % 2 ? PR_I32 : PR_I64, 1, N, 1,
                             little_labels);
            little_put_array(directory, "train_idx.npy", ids[i], 1, 2, 1, little_train);
            assert_ok(little_open(directory, PR_NORM_NONE, &d));
            expect_little(d);
            expect_rows(&d->features, little_rows);
            if (!fingerprint) fingerprint = d->fingerprint;
            assert_int_equal(d->fingerprint, fingerprint);
            pr_dataset_close(d);
        }
    little_put(directory, CSC | DENSE);
    little_put_array(directory, "feat.npy", PR_F64, 2, N, F, little_rows);
    const pr_dataset *d;
    assert_ok(little_open(directory, PR_NORM_NONE, &d));
    expect_rows(&d->features, little_rows);
    pr_dataset_close(d);
}

static void arcs_in_any_order_are_sorted_by_destination_and_keep_their_order(void **state)
{
    (void)state;
    /* destinations 4 3 1 0 3 0: within each destination the sources come in the little order */
    const double      pairs[]   = { 3, 0, 0, 1, 2, 4, 4, 3, 1, 0, 3, 0 };
    const char       *directory = test_directory();
    const pr_dataset *sorted, *shuffled;

    little_put(directory, PAIRS | DENSE);
    assert_ok(little_open(directory, PR_NORM_NONE, &sorted));
    little_put_array(directory, "edge_index.npy", PR_I32, 2, 2, E, pairs);
    assert_ok(little_open(directory, PR_NORM_NONE, &shuffled));
    expect_little(shuffled);
    assert_int_equal(sorted->fingerprint, shuffled->fingerprint);
    pr_dataset_close(sorted);
    pr_dataset_close(shuffled);
}

static void weights_go_where_their_arcs_go(void **state)
{
    (void)state;
    static const unsigned forms[] = { CSC | DENSE, PAIRS | DENSE, PAIRS | CSR };
    /* destinations 4 3 1 0 3 0, as above */
    const double      pairs[]     = { 3, 0, 0, 1, 2, 4, 4, 3, 1, 0, 3, 0 };
    const double      shuffled[]  = { 0.125, 2, 0, 0.5, 3.25, 1 };
    const char       *directory   = test_directory();
    const int64_t     live        = pri_mem_live();
    uint64_t          fingerprint = 0, without;
    const pr_dataset *d;

    little_put(directory, CSC | DENSE);
    assert_ok(little_open(directory, PR_NORM_NONE, &d));
    assert_null(d->graph.weights);
    without = d->fingerprint;
    pr_dataset_close(d);
    for (int i = 0; i < 6; i++) { /* three forms, f32 and f64; the second also out of order */
        const pr_dtype dtype = i % 2 ? PR_F64 : PR_F32;
        const bool     mixed = forms[i / 2] & PAIRS && i % 2;
        little_put(directory, forms[i / 2] | WEIGHTS);
        if (mixed) little_put_array(directory, "edge_index.npy", PR_I32, 2, 2, E, pairs);
        little_put_array(directory, "edge_weight.npy", dtype, 1, E, 1,
                         mixed ? shuffled : little_weights);
        assert_ok(little_open(directory, PR_NORM_NONE, &d));
        expect_little(d);
        for (int e = 0; e < E; e++) assert_true((double)d->graph.weights[e] == little_weights[e]);
        if (i == 0) fingerprint = d->fingerprint;
        assert_true(d->fingerprint == fingerprint && fingerprint != without);
        pr_dataset_close(d);
        assert_int_equal(pri_mem_live(), live);
    }
}

static void the_fingerprint_tells_arcs_labels_and_counts_apart(void **state)
{
    (void)state;
    const double      arcs[] = { 1, 4, 0, 0, 2, 1 }, labels[] = { 0, 1, -1, 1, 1 };
    const char       *directory = test_directory();
    uint64_t          found[4];
    const pr_dataset *d;

    for (int i = 0; i < 4; i++) {
        little_put(directory, CSC | DENSE);
        if (i == 1) little_put_array(directory, "indices.npy", PR_U32, 1, E, 1, arcs);
        if (i == 2) little_put_array(directory, "label.npy", PR_I32, 1, N, 1, labels);
        if (i == 3)
            little_put_text(directory, "meta.json",
                            "{\"num_nodes\":5,\"num_edges\":6,\"num_feats\":3,\"num_classes\":3}");
        assert_ok(little_open(directory, PR_NORM_NONE, &d));
        found[i] = d->fingerprint;
        for (int j = 0; j < i; j++) assert_true(found[i] != found[j]);
        pr_dataset_close(d);
    }
}

static void arrays_that_fit_are_used_in_place(void **state)
{
    (void)state;
    const char       *directory = test_directory();
    const pr_dataset *d;

    little_put(directory, CSC | DENSE);
    little_put_array(directory, "indices.npy", PR_U32, 1, E, 1, little_indices);
    little_put_array(directory, "label.npy", PR_I32, 1, N, 1, little_labels);
    little_put_array(directory, "train_idx.npy", PR_I32, 1, 2, 1, little_train);
    little_put_array(directory, "val_idx.npy", PR_U32, 1, 1, 1, little_val);
    little_put_array(directory, "test_idx.npy", PR_U32, 1, 1, 1, little_test);
    const int64_t live = pri_mem_live();
    assert_ok(little_open(directory, PR_NORM_AUTO, &d));
    assert_int_equal(pri_mem_live(), live + 1); /* the dataset itself */
    expect_little(d);
    pr_dataset_close(d);
}

static void rows_are_scaled_as_asked(void **state)
{
    (void)state;
    const double r5 = sqrt(5), r41 = sqrt(41);
    const double l1[] = { 1. / 3, 0, 2. / 3, 0, -1, 0, 0, 0, 0, 4. / 9, 5. / 9, 0, 0, 0, 1 };
    const double l2[] = { 1 / r5, 0, 2 / r5, 0, -1, 0, 0, 0, 0, 4 / r41, 5 / r41, 0, 0, 0, 1 };
    static const struct {
        unsigned        form;
        pr_dtype        dtype;
        pr_feature_norm asked, applied;
    } cases[] = {
        { DENSE, PR_F32, PR_NORM_AUTO, PR_NORM_NONE }, { CSR, PR_F32, PR_NORM_AUTO, PR_NORM_L2 },
        { DENSE, PR_F32, PR_NORM_L1, PR_NORM_L1 },     { CSR, PR_F32, PR_NORM_L1, PR_NORM_L1 },
        { DENSE, PR_F32, PR_NORM_L2, PR_NORM_L2 },     { CSR, PR_F32, PR_NORM_L2, PR_NORM_L2 },
        { DENSE, PR_F64, PR_NORM_L2, PR_NORM_L2 },     { CSR, PR_F64, PR_NORM_L1, PR_NORM_L1 },
        { DENSE, PR_F64, PR_NORM_NONE, PR_NORM_NONE }, { CSR, PR_F32, PR_NORM_NONE, PR_NORM_NONE },
    };
    const char *directory = test_directory();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pr_dataset *d;
        little_put(directory, CSC | cases[i].form);
        if (cases[i].form == DENSE)
            little_put_array(directory, "feat.npy", cases[i].dtype, 2, N, F, little_rows);
        else
            little_put_array(directory, "feat_data.npy", cases[i].dtype, 1, NNZ, 1, little_values);
        assert_ok(little_open(directory, cases[i].asked, &d));
        assert_int_equal(d->feature_norm, cases[i].applied);
        expect_rows(&d->features, cases[i].applied == PR_NORM_L1   ? l1
                                  : cases[i].applied == PR_NORM_L2 ? l2
                                                                   : little_rows);
        pr_dataset_close(d);
    }
}

static void a_graph_without_labels_or_arcs_or_splits_is_read(void **state)
{
    (void)state;
    const double      zeros[6] = { 0 }, none[] = { -1, -1, -1, -1, -1 };
    const char       *directory = test_directory();
    const pr_dataset *d;

    for (int labels = 0; labels < 2; labels++)
        for (int pairs = 0; pairs < 2; pairs++) {
            little_put(directory, DENSE);
            for (int i = 8; i < 12; i++) (void)remove(little_path(directory, little_files[i]));
            little_put_text(directory, "meta.json",
                            "{\"num_nodes\":5,\"num_edges\":0,\"num_feats\":3,\"num_classes\":0}");
            if (labels) little_put_array(directory, "label.npy", PR_I64, 1, N, 1, none);
            if (pairs) {
                little_put_array(directory, "edge_index.npy", PR_I64, 2, 2, 0, zeros);
            } else {
                little_put_array(directory, "indptr.npy", PR_I64, 1, N + 1, 1, zeros);
                little_put_array(directory, "indices.npy", PR_U32, 1, 0, 1, zeros);
            }
            assert_ok(little_open(directory, PR_NORM_AUTO, &d));
            assert_null(d->labels);
            assert_int_equal(d->num_classes, 0);
            assert_false(d->has_split[PR_SPLIT_MAIN]);
            assert_false(d->has_split[PR_SPLIT_ALT]);
            for (int v = 0; v <= N; v++) assert_int_equal(d->graph.indptr[v], 0);
            const char *slash = strrchr(directory, '/');
            assert_string_equal(d->name, slash + 1); /* the directory's */
            pr_dataset_close(d);
        }
}

/* The real sets and what their meta.json says of them. */
static void the_real_sets_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        pr_vid      nodes;
        pr_eid      edges;
        uint32_t    features, classes;
        uint64_t    nnz; /* 0: dense */
        size_t      part[PR_NUM_SPLITS][3];
    } sets[] = {
        { "cora", 2708, 10556, 1433, 7, 49216, { { 140, 500, 1000 }, { 1208, 500, 1000 } } },
        { "citeseer", 3327, 9104, 3703, 6, 105165, { { 120, 500, 1000 }, { 1812, 500, 1000 } } },
        { "coauthor_cs",
          18333,
          163788,
          6805,
          15,
          1092079,
          { { 11000, 3666, 3667 }, { 300, 450, 17583 } } },
        { "amazon_photo", 7650, 238162, 745, 8, 0, { { 4590, 1530, 1530 }, { 160, 240, 7250 } } },
        { "musae_facebook",
          22470,
          341646,
          4714,
          4,
          314583,
          { { 13482, 4494, 4494 }, { 80, 120, 22270 } } },
    };
    int num_read = 0;

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const pr_dataset *d;
        const char       *path = test_data(sets[i].name);
        if (!path) continue;
        assert_ok(little_open(path, PR_NORM_AUTO, &d));
        const pr_features *f = &d->features;
        assert_string_equal(d->name, sets[i].name);
        assert_int_equal(d->graph.num_nodes, sets[i].nodes);
        assert_int_equal(d->graph.num_edges, sets[i].edges);
        assert_int_equal(f->num_cols, sets[i].features);
        assert_int_equal(d->num_classes, sets[i].classes);
        assert_int_equal(d->feature_norm, sets[i].nnz ? PR_NORM_L2 : PR_NORM_NONE);
        if (sets[i].nnz) assert_int_equal(f->indptr[f->num_rows], sets[i].nnz);
        for (int s = 0; s < PR_NUM_SPLITS; s++) {
            assert_true(d->has_split[s]);
            assert_int_equal(d->split[s].train.n, sets[i].part[s][0]);
            assert_int_equal(d->split[s].val.n, sets[i].part[s][1]);
            assert_int_equal(d->split[s].test.n, sets[i].part[s][2]);
        }
        for (pr_vid v = 0; sets[i].nnz && v < d->graph.num_nodes; v++) {
            double sum = 0;
            for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++)
                sum += (double)f->data[e] * (double)f->data[e];
            /* 2^-24 relative in each of at most a few thousand squares */
            assert_true(sum == 0 || fabs(sum - 1) < 1e-6);
        }
        pr_dataset_close(d);
        num_read++;
    }
    if (num_read == 0) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_the_files_gives_the_same_dataset),
        cmocka_unit_test(every_integer_and_real_type_gives_the_same_dataset),
        cmocka_unit_test(arcs_in_any_order_are_sorted_by_destination_and_keep_their_order),
        cmocka_unit_test(weights_go_where_their_arcs_go),
        cmocka_unit_test(the_fingerprint_tells_arcs_labels_and_counts_apart),
        cmocka_unit_test(arrays_that_fit_are_used_in_place),
        cmocka_unit_test(rows_are_scaled_as_asked),
        cmocka_unit_test(a_graph_without_labels_or_arcs_or_splits_is_read),
        cmocka_unit_test(the_real_sets_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
