/* test_loaders.c: every allocation of the readers and writers of dataset directories fails in
 * turn: out of memory is reported, nothing leaks, nothing half-written stays. */
#include "support/little.h"

#include <dirent.h>

#include "loaders/write.h"

/* A directory to open and how. */
typedef struct source {
    const char     *directory;
    pr_feature_norm norm;
} source;

static pr_status open_source(void *context, void **out)
{
    const source     *s = context;
    const pr_dataset *d;
    const pr_status   st = little_open(s->directory, s->norm, &d);

    *out = (void *)(uintptr_t)d;
    return st;
}

static void close_source(void *dataset)
{
    pr_dataset_close(dataset);
}

static void opening_survives_each_failed_allocation(void **state)
{
    (void)state;
    const double unsorted[] = { 3, 0, 0, 1, 2, 4, 4, 3, 1, 0, 3, 0 };
    const char  *directory  = test_directory();

    little_put(directory, CSC | DENSE);
    test_oom("csc, dense", open_source, close_source, &(source){ directory, PR_NORM_L1 });
    little_put_array(directory, "feat.npy", PR_I8, 2, LITTLE_N, LITTLE_F, little_rows);
    little_put_array(directory, "feat_scale.npy", PR_F32, 1, LITTLE_N, 1, little_starts);
    test_oom("csc, dense int8", open_source, close_source, &(source){ directory, PR_NORM_AUTO });
    little_put_array(directory, "feat.npy", PR_F64, 2, LITTLE_N, LITTLE_F, little_rows);
    test_oom("csc, dense f64", open_source, close_source, &(source){ directory, PR_NORM_AUTO });
    little_put_array(directory, "label.npy", PR_F32, 2, LITTLE_N, 2, (const double[10]){ 1 });
    test_oom("sets of labels", open_source, close_source, &(source){ directory, PR_NORM_AUTO });
    little_put(directory, PAIRS | CSR | ALT);
    little_put_array(directory, "feat_indices.npy", PR_I64, 1, LITTLE_NNZ, 1, little_columns);
    test_oom("sorted pairs, csr", open_source, close_source, &(source){ directory, PR_NORM_AUTO });
    little_put_array(directory, "edge_index.npy", PR_I32, 2, 2, LITTLE_E, unsorted);
    little_put_array(directory, "edge_weight.npy", PR_F64, 1, LITTLE_E, 1, little_weights);
    test_oom("pairs, csr, weights", open_source, close_source,
             &(source){ directory, PR_NORM_NONE });
}

/* Rows of more than 2 MiB come by the page. */
static void large_arrays_survive_each_failed_allocation(void **state)
{
    (void)state;
    enum { ROWS = 600, COLS = 1000 };
    static double     values[ROWS * COLS];
    static uint64_t   starts[ROWS + 1];
    const uint64_t    shape[] = { ROWS, COLS }, num_starts = ROWS + 1, none = 0;
    const char       *directory = test_directory();
    const pr_dataset *d;

    for (int i = 0; i < ROWS * COLS; i++) values[i] = i % 1000 - 500;
    assert_ok(pr_npy_write(little_path(directory, "feat.npy"), PR_F64, 2, shape, values));
    assert_ok(pr_npy_write(little_path(directory, "indptr.npy"), PR_U64, 1, &num_starts, starts));
    assert_ok(pr_npy_write(little_path(directory, "indices.npy"), PR_U32, 1, &none, NULL));
    little_put_text(directory, "meta.json",
                    "{\"num_nodes\": 600, \"num_edges\": 0, \"num_feats\": 1000, "
                    "\"num_classes\": 0}");
    source s = { directory, PR_NORM_L2 };
    test_oom("large rows", open_source, close_source, &s);
    assert_ok(little_open(directory, PR_NORM_NONE, &d));
    for (int i = 0; i < ROWS * COLS; i++) assert_true((double)d->features.rows[i] == values[i]);
    pr_dataset_close(d);
}

/* An array whose elements lie at an odd address is copied. */
static pr_status open_odd(void *context, void **out)
{
    static pr_npy   npy;
    const pr_status st = pr_npy_open(context, &npy);

    *out = st == PR_OK ? &npy : NULL;
    return st;
}

static void close_odd(void *npy)
{
    pr_npy_close(npy);
}

static void an_odd_array_survives_each_failed_allocation(void **state)
{
    (void)state;
    static const char bytes[] = "\x93NUMPY\x01\x00\x37\x00"
                                "{'descr':'<i4','fortran_order':False,'shape':(2,)}     "
                                "\x01\x00\x00\x00\x02\x00\x00";
    const char       *path    = test_file(test_directory(), "odd.npy", bytes, sizeof bytes);
    test_oom("odd array", open_odd, close_odd, (void *)(uintptr_t)path);
}

static pri_dataset_arrays arrays_of(const pr_dataset *d)
{
    return (pri_dataset_arrays){ .name        = d->name,
                                 .graph       = d->graph,
                                 .features    = d->features,
                                 .labels      = d->labels,
                                 .num_classes = d->num_classes,
                                 .has_split   = { true, false },
                                 .split       = { d->split[PR_SPLIT_MAIN] } };
}

typedef struct copy {
    const char       *parent, *out;
    const pr_dataset *from;
} copy;

static int num_entries(const char *path)
{
    DIR *list = opendir(path);
    int  n    = 0;
    assert_non_null(list);
    while (readdir(list)) n++;
    assert_int_equal(closedir(list), 0);
    return n - 2;
}

static pr_status write_copy(void *context, void **out)
{
    const copy              *c      = context;
    const pri_dataset_arrays arrays = arrays_of(c->from);
    const pr_status          st     = pri_dataset_write(c->out, &arrays, NULL, NULL);

    assert_int_equal(num_entries(c->parent), st == PR_OK ? 1 : 0);
    *out = st == PR_OK ? context : NULL;
    return st;
}

static void nothing(void *context)
{
    (void)context;
}

static void writing_survives_each_failed_allocation(void **state)
{
    (void)state;
    const char *from = test_directory(), *parent = test_directory();
    char        out[512];
    copy        c = { parent, out, NULL };

    snprintf(out, sizeof out, "%s/new", parent);
    little_put(from, CSC | CSR);
    assert_ok(little_open(from, PR_NORM_NONE, &c.from));
    test_oom("dataset write", write_copy, nothing, &c);
    pr_dataset_close(c.from);
}

static pr_status convert_copy(void *context, void **out)
{
    const copy        *c    = context;
    pr_convert_options o    = { .format = PR_ROWS_INT8 };
    pr_converted       said = { 0 };

    snprintf(o.data, sizeof o.data, "%s", c->from->path);
    snprintf(o.out, sizeof o.out, "%s", c->out);
    const pr_status st = pr_convert(&o, NULL, &said);
    assert_int_equal(num_entries(c->parent), st == PR_OK ? 1 : 0);
    *out = st == PR_OK ? context : NULL;
    return st;
}

static void converting_survives_each_failed_allocation(void **state)
{
    (void)state;
    const char *from = test_directory(), *parent = test_directory();
    char        out[512];
    copy        c = { parent, out, NULL };

    snprintf(out, sizeof out, "%s/new", parent);
    little_put(from, CSC | CSR);
    little_put_array(from, "node_ids.npy", PR_I64, 1, LITTLE_N, 1, little_starts);
    assert_ok(little_open(from, PR_NORM_NONE, &c.from));
    test_oom("convert", convert_copy, nothing, &c);
    pr_dataset_close(c.from);
}

static pr_status split_nodes(void *context, void **out)
{
    static const int32_t labels[100];
    pr_split             split;
    pr_vid              *memory;
    (void)context;

    const pr_status st = pri_split_by_hash(labels, 100, 50, 20, 3, &split, &memory);
    *out               = memory;
    return st;
}

static void splitting_survives_each_failed_allocation(void **state)
{
    (void)state;
    test_oom("split by hash", split_nodes, pri_free, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_survives_each_failed_allocation),
        cmocka_unit_test(large_arrays_survive_each_failed_allocation),
        cmocka_unit_test(an_odd_array_survives_each_failed_allocation),
        cmocka_unit_test(writing_survives_each_failed_allocation),
        cmocka_unit_test(converting_survives_each_failed_allocation),
        cmocka_unit_test(splitting_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
