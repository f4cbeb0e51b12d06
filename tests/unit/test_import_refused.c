/* test_import_refused.c: everything that may be wrong with what is imported, and with options. */
#include "unit/import_fixture.h"

/* What a table row puts in place of the small graph's files; NULL keeps it, "" is an empty file. */
static const struct bad_import {
    const char *edges, *rows, *labels;
    pr_status   status;
    const char *words;
} bad_imports[] = {
    { "0 1\nz\n", NULL, NULL, PR_E_INPUT, "edges.txt: line 2: found 'z'" },
    { "0 4\n", NULL, NULL, PR_E_INPUT, "node id 4, must be in 0 .. 3 for the 4 rows of " },
    { "# only a comment\n", NULL, NULL, PR_E_INPUT, "edges.txt: holds no edge" },
    { "", NULL, NULL, PR_E_INPUT, "edges.txt: holds no edge" },
    { NULL, "", NULL, PR_E_INPUT, "rows.csv: holds no feature row" },
    { NULL, "a,b\n", NULL, PR_E_INPUT, "rows.csv: holds no feature row" },
    { NULL, "1,2\n3\n", NULL, PR_E_INPUT,
      "rows.csv: line 2 has 1 columns, the rows before it have 2" },
    { NULL, "1,2\n3,x\n", NULL, PR_E_INPUT,
      "rows.csv: line 2, column 2: found 'x', must be a number" },
    { NULL, "1,2\na,b\n", NULL, PR_E_INPUT, "rows.csv: line 2, column 1: found 'a'" },
    { NULL, "1,2\n3,\n", NULL, PR_E_INPUT, "line 2, column 2: found '', must be a number" },
    { NULL, "1,2\n3,,4\n", NULL, PR_E_INPUT, "line 2, column 2: found '', must be a number" },
    { NULL, "1;2\n", NULL, PR_E_INPUT, "line 1, column 1: found '1;2', must be a number" },
    { NULL, "1,nan\n", NULL, PR_E_INPUT, "line 1, column 2: found 'nan', must be finite" },
    { NULL, "nan,1\n", NULL, PR_E_INPUT, "line 1, column 1: found 'nan', must be finite" },
    { NULL, "1,-inf\n", NULL, PR_E_INPUT, "column 2: found '-inf', must be finite" },
    { NULL, "1,1e39\n", NULL, PR_E_INPUT, "column 2: found '1e39', must be finite in 32 bits" },
    { NULL, NULL, "0\n1\n", PR_E_MISMATCH,
      "labels.csv: has 2 labels, must have one for each of the 4 rows of " },
    { NULL, NULL, "0\n1\n0\n1\n0\n", PR_E_MISMATCH, "labels.csv: line 5: has more labels than" },
    { NULL, NULL, "0\n1\n0\n1.5\n", PR_E_INPUT, "labels.csv: line 4: found '1.5'" },
    { NULL, NULL, "0\n1\n0\nx\n", PR_E_INPUT, "labels.csv: line 4: found 'x'" },
    { NULL, NULL, "0\n1\n0\n-2\n", PR_E_INPUT, "labels.csv: line 4: label -2, must be in -1 .." },
    { NULL, NULL, "0\n1\n0\n1048576\n", PR_E_INPUT, "label 1048576, must be in -1 .. 1048575" },
    { NULL, NULL, "0\n1\n0\n99999999999999999999\n", PR_E_INPUT, "line 4: found '999" },
    { NULL, NULL, "-1\n-1\n-1\n-1\n", PR_E_INPUT, "labels.csv: gives no node a label" },
    { NULL, NULL, "0,1\n4,1\n", PR_E_MISMATCH, "line 2: node id 4 is not one of the 4 rows of " },
    { NULL, NULL, "0,1\n-1,1\n", PR_E_MISMATCH, "line 2: node id -1 is not one of" },
    { NULL, NULL, "0,1\n0,1\n", PR_E_INPUT, "line 2: node id 0 has a label already" },
    { NULL, NULL, "0,1\n1\n", PR_E_INPUT, "line 2 has 1 columns, the lines before it have 2" },
    { NULL, NULL, "0,1,2\n", PR_E_INPUT, "labels.csv: line 1: found '0,1,2'" },
    { NULL, NULL, "", PR_E_MISMATCH, "labels.csv: has 0 labels, must have one for each" },
};

static void bad_files_are_refused_and_leave_nothing(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);
    const int         before    = num_entries(directory);

    for (size_t i = 0; i < sizeof bad_imports / sizeof bad_imports[0]; i++) {
        const struct bad_import *bad = &bad_imports[i];
        text_file(directory, "edges.txt", bad->edges ? bad->edges : small_edges);
        text_file(directory, "rows.csv", bad->rows ? bad->rows : small_rows);
        text_file(directory, "labels.csv", bad->labels ? bad->labels : small_labels);
        assert_fails(bad->status, bad->words, pr_import(&o, NULL, &made));
        assert_int_equal(made.nodes, 0);
        assert_int_equal(num_entries(directory), before);
    }
}

static void bad_arrays_are_refused(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);
    const double      odd[]     = { 1, 2, 3, (double)NAN, 5, 6, 7, 8 };
    const double      large[]   = { 1, 2, 3, 4, 5, 1e300, 7, 8 };
    const int64_t     label[]   = { 0, 1, -2, 0, 0, 0, 0, 0 };
    const uint64_t    shape[] = { 4, 2 }, three = 3, four = 4;

    set(o.features, in(directory, "rows.npy"));
    assert_fails(PR_E_INPUT, "rows.npy: cannot be read: No such file", pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.features, PR_F64, 2, shape, odd));
    assert_fails(PR_E_INPUT, "rows.npy: row 1, column 1 is nan", pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.features, PR_F64, 2, shape, large));
    assert_fails(PR_E_INPUT, "rows.npy: row 2, column 1 is 1e+300, must be finite in 32 bits",
                 pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.features, PR_F64, 1, shape, large));
    assert_fails(PR_E_INPUT, "shape (4,), must be (nodes, columns)", pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.features, PR_I64, 2, shape, label));
    assert_fails(PR_E_INPUT, "are of type <i8, must be <f4 or <f8", pr_import(&o, NULL, &made));
    const uint64_t empty[] = { 0, 2 };
    assert_ok(pr_npy_write(o.features, PR_F32, 2, empty, NULL));
    assert_fails(PR_E_INPUT, "shape (0, 2), must be 1 ..", pr_import(&o, NULL, &made));

    small(&o);
    set(o.labels, in(directory, "labels.npy"));
    assert_ok(pr_npy_write(o.labels, PR_I64, 1, &four, label));
    assert_fails(PR_E_INPUT, "labels.npy: element 2 is -2, must be in -1 ..",
                 pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.labels, PR_I64, 1, &three, label));
    assert_fails(PR_E_MISMATCH, "labels.npy: has 3 labels, must have one for each of the 4 rows of",
                 pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.labels, PR_I64, 2, shape, label));
    assert_fails(PR_E_INPUT, "element [1, 0] is -2, must be 0 or 1", pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.labels, PR_F64, 1, &four, large));
    assert_fails(PR_E_INPUT, "are of type <f8, must be whole numbers", pr_import(&o, NULL, &made));
}

static void too_little_memory_is_refused_with_what_is_enough(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;

    small(&o);
    o.dry_run = true;
    assert_ok(pr_import(&o, NULL, &made));
    assert_true(made.least_bytes > 0 && made.least_bytes <= made.peak_bytes);
    assert_int_equal(made.num_passes, 1);
    o.memory = 1 << 20;
    assert_fails(PR_E_RANGE, "--memory is 1048576 bytes, must be at least ",
                 pr_import(&o, NULL, &made));
    o.memory = (uint64_t)1 << 34;
    assert_ok(pr_import(&o, NULL, &made));
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);

    o.nodes = 5;
    assert_fails(PR_E_MISMATCH, "--nodes is 5, but ", pr_import(&o, NULL, &made));
    o.nodes = 4;
    o.remap = true;
    assert_fails(PR_E_ARG, "--nodes does not go with --remap", pr_import(&o, NULL, &made));
    o.nodes = 0;
    text_file(directory, "edges.txt", "5 6\n");
    assert_fails(PR_E_MISMATCH, "edges.txt: has 2 distinct node ids, but ",
                 pr_import(&o, NULL, &made));
    small(&o);
    o.train_percent = 70, o.val_percent = 40;
    assert_fails(PR_E_ARG, "--train-percent 70 and --val-percent 40", pr_import(&o, NULL, &made));
    small(&o);
    o.features[0] = '\0';
    assert_fails(PR_E_ARG, "no features: give --features", pr_import(&o, NULL, &made));
    small(&o);
    o.source[0] = '\0';
    assert_fails(PR_E_ARG, "no source", pr_import(&o, NULL, &made));
    small(&o);
    o.out[0] = '\0';
    assert_fails(PR_E_ARG, "--out is empty", pr_import(&o, NULL, &made));
    small(&o);
    o.format = 1;
    assert_fails(PR_E_INPUT, "is not a directory, which --format dir needs",
                 pr_import(&o, NULL, &made));
    small(&o);
    o.format = 7;
    assert_fails(PR_E_ARG, "--format is choice 7", pr_import(&o, NULL, &made));
    small(&o);
    set(o.source, directory);
    assert_fails(PR_E_ARG, "--features goes with an edge list", pr_import(&o, NULL, &made));
    o.format = 2;
    assert_fails(PR_E_INPUT, "is a directory", pr_import(&o, NULL, &made));
    for (int i = 0; i < 3; i++) {
        static const char *const words[] = { "--duplicates goes with an edge list",
                                             "--self-loops goes with an edge list",
                                             "--memory goes with an edge list" };
        init(&o);
        set(o.source, directory);
        set(o.out, in(directory, "out"));
        if (i == 0) o.duplicates = 1;
        if (i == 1) o.self_loops = 1;
        if (i == 2) o.memory = 1 << 30;
        assert_fails(PR_E_ARG, words[i], pr_import(&o, NULL, &made));
    }
    small(&o);
    set(o.source, "/nowhere/edges.txt");
    assert_fails(PR_E_INPUT, "/nowhere/edges.txt: cannot be read", pr_import(&o, NULL, &made));
    small(&o);
    set(o.out, directory);
    assert_fails(PR_E_ARG, "is not empty", pr_import(&o, NULL, &made));
    assert_fails(PR_E_ARG, "options is NULL", pr_import(NULL, NULL, &made));
    assert_fails(PR_E_ARG, "made is NULL", pr_import(&o, NULL, NULL));
}

static void a_pipe_is_refused_and_not_waited_for(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);

    assert_int_equal(mkfifo(in(directory, "pipe"), 0666), 0);
    set(o.source, in(directory, "pipe"));
    assert_fails(PR_E_INPUT, "pipe: is not a regular file", pr_import(&o, NULL, &made));
    small(&o);
    set(o.features, in(directory, "pipe"));
    assert_fails(PR_E_INPUT, "pipe: is not a regular file", pr_import(&o, NULL, &made));
}

static void split_options_are_refused_where_there_is_a_split(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    const char       *directory = small(&o);

    assert_ok(pr_import(&o, NULL, &made));
    for (int i = 0; i < 3; i++) {
        init(&o);
        set(o.source, in(directory, "out"));
        set(o.out, in(directory, "again"));
        if (i == 0) o.train_percent = 50;
        if (i == 1) o.val_percent = 10;
        if (i == 2) o.seed = 7;
        static const char *const words[] = { "--train-percent goes with", "--val-percent goes with",
                                             "--seed goes with" };
        assert_fails(PR_E_ARG, words[i], pr_import(&o, NULL, &made));
    }
}

static void an_interrupted_import_leaves_nothing(void **state)
{
    (void)state;
    const volatile int stop  = 1;
    const pr_watch     watch = { .stop = &stop };
    pr_import_options  o;
    pr_made            made;
    const char        *directory = small(&o);
    const int          before    = num_entries(directory);

    assert_fails(PR_E_INTERRUPTED, "interrupted", pr_import(&o, &watch, &made));
    assert_int_equal(num_entries(directory), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_and_leave_nothing),
        cmocka_unit_test(bad_arrays_are_refused),
        cmocka_unit_test(too_little_memory_is_refused_with_what_is_enough),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_pipe_is_refused_and_not_waited_for),
        cmocka_unit_test(split_options_are_refused_where_there_is_a_split),
        cmocka_unit_test(an_interrupted_import_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
