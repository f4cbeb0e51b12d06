/* test_label_sets.c: any number of labels a node: they are read in every type, refused with words
 * when they are anything but 0 and 1, and kept by whatever writes a dataset. */
#include "support/graphs.h"
#include "support/little.h"

#include <math.h>
#include <sys/stat.h>

#include "loaders/permute.h"
#include "unit/import_fixture.h"

enum { N = LITTLE_N, C = LITTLE_C };

static const double sets[N * C] = { 1, 0, 1, 1, 0, 0, 0, 1, 0, 1 };

/* Give the little dataset with labels of this type. */
static const char *little_sets(pr_dtype dtype, const double *values)
{
    const char *directory = test_directory();

    little_put(directory, CSC | DENSE | ALT);
    little_put_array(directory, "label.npy", dtype, 2, N, C, values);
    return directory;
}

static void expect_sets(const pr_dataset *d)
{
    assert_null(d->labels);
    assert_non_null(d->targets);
    assert_int_equal(d->num_classes, C);
    for (int i = 0; i < N * C; i++) assert_int_equal(d->targets[i], (int)sets[i]);
}

static void every_type_of_numbers_gives_the_same_labels(void **state)
{
    (void)state;
    static const pr_dtype types[] = { PR_BOOL, PR_U8, PR_I32, PR_I64, PR_F32 };
    const int64_t         live    = pri_mem_live();
    uint64_t              first   = 0;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const pr_dataset *d;
        const char       *directory = little_sets(types[i], sets);
        /* node 2 has neither label, and is one of the labelled all the same */
        little_put_array(directory, "train_idx.npy", PR_I64, 1, 2, 1, (const double[]){ 1, 2 });
        assert_ok(little_open(directory, PR_NORM_NONE, &d));
        expect_sets(d);
        if (i == 0) first = d->fingerprint;
        assert_true(d->fingerprint == first);
        pr_dataset_close(d);
        assert_int_equal(pri_mem_live(), live);
    }
    double            other[N * C];
    const pr_dataset *d;
    memcpy(other, sets, sizeof sets);
    other[9] = 0;
    assert_ok(little_open(little_sets(PR_U8, other), PR_NORM_NONE, &d));
    assert_true(d->fingerprint != first);
    pr_dataset_close(d);
}

static void what_is_not_0_or_1_is_refused_by_node_and_label(void **state)
{
    (void)state;
    static const struct {
        pr_dtype    dtype;
        double      bad;
        const char *words;
    } cases[] = {
        { PR_U8, 2, "/label.npy: label 1 of node 3 is 2, must be 0 or 1" },
        { PR_BOOL, 255, "/label.npy: label 1 of node 3 is 255, must be 0 or 1" },
        { PR_I32, 256, "/label.npy: label 1 of node 3 is 256, must be 0 or 1" },
        { PR_I64, -1, "/label.npy: label 1 of node 3 is -1, must be 0 or 1" },
        { PR_I64, 4294967297.0, "/label.npy: label 1 of node 3 is 4294967297, must be 0 or 1" },
        { PR_F32, 0.5, "/label.npy: label 1 of node 3 is 0.5, must be 0 or 1" },
        { PR_F32, NAN, "/label.npy: label 1 of node 3 is nan, must be 0 or 1" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pr_dataset *d;
        double            values[N * C];
        memcpy(values, sets, sizeof sets);
        values[7] = values[9] = cases[i].bad; /* the first offender is named */
        const char *directory = little_sets(cases[i].dtype, values);
        assert_fails(PR_E_INPUT, cases[i].words, little_open(directory, PR_NORM_NONE, &d));
    }
}

static void labels_of_another_shape_or_type_are_refused(void **state)
{
    (void)state;
    const char       *directory = little_sets(PR_U8, sets);
    const double      none[16]  = { 0 };
    const pr_dataset *d;

    little_put_array(directory, "label.npy", PR_BOOL, 2, N, 3, none);
    assert_fails(PR_E_INPUT,
                 "label.npy: has shape (5, 3), must be (5, 2): num_nodes and num_classes of "
                 "meta.json",
                 little_open(directory, PR_NORM_NONE, &d));
    little_put_array(directory, "label.npy", PR_U8, 2, C, N, none);
    assert_fails(PR_E_INPUT, "has shape (2, 5)", little_open(directory, PR_NORM_NONE, &d));
    little_put_array(directory, "label.npy", PR_I64, 2, N, 1, none);
    assert_fails(PR_E_INPUT, "has shape (5, 1)", little_open(directory, PR_NORM_NONE, &d));
    little_put_array(directory, "label.npy", PR_F32, 1, N, 1, none);
    assert_fails(PR_E_INPUT, "holds <f4 elements, must be <i4 or <i8 where each node has one class",
                 little_open(directory, PR_NORM_NONE, &d));
    little_put_array(directory, "label.npy", PR_F64, 2, N, C, none);
    assert_fails(PR_E_INPUT, "holds <f8 elements, must be <i4 or <i8 or <f4 or |u1 or |b1",
                 little_open(directory, PR_NORM_NONE, &d));
    little_put_text(directory, "meta.json",
                    "{\"num_nodes\":5,\"num_edges\":6,\"num_feats\":3,\"num_classes\":0}");
    little_put_array(directory, "label.npy", PR_U8, 2, N, C, none);
    assert_fails(PR_E_INPUT, "has two dimensions, but num_classes of meta.json is 0",
                 little_open(directory, PR_NORM_NONE, &d));
}

/* A directory goes through import and convert; a new order through reorder. */
static void what_writes_a_dataset_keeps_its_labels(void **state)
{
    (void)state;
    const char        *source = little_sets(PR_BOOL, sets), *out = test_directory();
    pr_import_options  import;
    pr_convert_options convert = { .format = PR_ROWS_BF16, .feature_norm = PR_NORM_NONE };
    pr_made            made;
    pr_converted       converted;

    init(&import);
    set(import.source, source);
    set(import.out, in(out, "imported"));
    assert_ok(pr_import(&import, NULL, &made));
    assert_int_equal(made.classes, C);
    const pr_dataset *d = open_dir(in(out, "imported"));
    expect_sets(d);
    pr_dataset_close(d);
    set(convert.data, in(out, "imported"));
    set(convert.out, in(out, "converted"));
    assert_ok(pr_convert(&convert, NULL, &converted));
    d = open_dir(in(out, "converted"));
    expect_sets(d);
    assert_int_equal(d->split[PR_SPLIT_MAIN].train.n, 2);
    pr_dataset_close(d);
}

static void labels_follow_their_nodes_to_a_new_order(void **state)
{
    (void)state;
    const char       *source       = little_sets(PR_I64, sets);
    const pr_vid      old_of_new[] = { 3, 1, 4, 0, 2 };
    const pr_dataset *d            = open_dir(source);
    pri_permuted      p;

    assert_ok(pri_dataset_permute(d, old_of_new, NULL, 1, NULL, &p));
    assert_null(p.arrays.labels);
    for (int v = 0; v < N; v++)
        assert_memory_equal(p.arrays.targets + v * C, d->targets + old_of_new[v] * C, C);
    assert_ok(pri_dataset_write(in(test_directory(), "moved"), &p.arrays, NULL, NULL));
    pri_permuted_clear(&p);
    pr_dataset_close(d);
}

static void an_edge_list_takes_labels_of_two_dimensions(void **state)
{
    (void)state;
    const float       y[]     = { 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0 };
    const uint64_t    shape[] = { 4, 3 }, few[] = { 3, 4 };
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);

    assert_ok(pr_npy_write(in(directory, "y.npy"), PR_F32, 2, shape, y));
    set(o.labels, in(directory, "y.npy"));
    assert_ok(pr_import(&o, NULL, &made));
    assert_int_equal(made.classes, 3);
    assert_int_equal(made.train + made.val + made.test, 4);
    const pr_dataset *d = open_dir(o.out);
    for (int i = 0; i < 12; i++) assert_int_equal(d->targets[i], (int)y[i]);
    pr_dataset_close(d);

    float odd[12];
    memcpy(odd, y, sizeof y);
    odd[5] = 1.5f;
    set(o.out, in(directory, "other"));
    assert_ok(pr_npy_write(in(directory, "y.npy"), PR_F32, 2, shape, odd));
    assert_fails(PR_E_INPUT, "y.npy: element [1, 2] is 1.5, must be 0 or 1",
                 pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(in(directory, "y.npy"), PR_F32, 2, few, y));
    assert_fails(PR_E_MISMATCH, "y.npy: has labels of 3 nodes, must have a row for each of the 4",
                 pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(in(directory, "y.npy"), PR_U64, 2, shape, (const uint64_t[12]){ 0 }));
    assert_fails(PR_E_INPUT, "type <u8, must be |b1 |u1 <i4 <i8 or <f4",
                 pr_import(&o, NULL, &made));
}

static void planted_labels_are_sets_that_neighbours_share(void **state)
{
    (void)state;
    pr_gen_options    o;
    pr_made           made;
    const char       *directory[2];
    uint64_t          num = 0, kept = 0, chance = 0;
    const pr_dataset *d;

    for (uint32_t i = 0; i < 2; i++) {
        pr_options_init(&(pr_option_group){ &pr_gen_option_table, &o }, 1);
        o.nodes       = 3000;
        o.edges       = 30000;
        o.classes     = 12;
        o.features    = 8;
        o.multi_label = true;
        o.threads     = 1 + 2 * i;
        directory[i]  = test_directory();
        set(o.out, in(directory[i], "made"));
        assert_ok(pr_generate(&o, NULL, &made));
    }
    const pr_dataset *other = open_dir(in(directory[1], "made"));
    d                       = open_dir(in(directory[0], "made"));
    assert_int_equal(d->fingerprint, other->fingerprint); /* for any number of threads */
    for (size_t i = 0; i < (size_t)d->graph.num_nodes * 12; i++) num += d->targets[i];
    assert_true(num > 2 * 3000 && num < 4 * 3000);
    for (pr_vid v = 0; v < d->graph.num_nodes; v++)
        for (pr_eid e = d->graph.indptr[v]; e < d->graph.indptr[v + 1]; e++)
            for (uint32_t c = 0; c < 12; c++) {
                const uint8_t mine = d->targets[(size_t)v * 12 + c];
                kept += mine & d->targets[(size_t)d->graph.indices[e] * 12 + c];
                chance += mine & d->targets[(size_t)((v + 7 * e) % 3000) * 12 + c];
            }
    assert_true((double)kept > 1.5 * (double)chance);
    pr_dataset_close(d);
    pr_dataset_close(other);
    o.kind = 1;
    set(o.out, in(directory[0], "rmat"));
    assert_fails(PR_E_ARG, "--multi-label goes with --kind planted", pr_generate(&o, NULL, &made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_numbers_gives_the_same_labels),
        cmocka_unit_test(what_is_not_0_or_1_is_refused_by_node_and_label),
        cmocka_unit_test(labels_of_another_shape_or_type_are_refused),
        cmocka_unit_test(what_writes_a_dataset_keeps_its_labels),
        cmocka_unit_test(labels_follow_their_nodes_to_a_new_order),
        cmocka_unit_test(an_edge_list_takes_labels_of_two_dimensions),
        cmocka_unit_test(planted_labels_are_sets_that_neighbours_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
