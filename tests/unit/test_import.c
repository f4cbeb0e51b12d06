/* test_import.c: edge lists with features and labels, and dataset directories, made into dataset
 * directories; and everything that may be wrong with them. */
#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loaders/write.h"

static void init(pr_import_options *o)
{
    const pr_option_group group = { &pr_import_option_table, o };
    pr_options_init(&group, 1);
}

static void set(char member[PR_TEXT_BYTES], const char *text)
{
    snprintf(member, PR_TEXT_BYTES, "%s", text);
}

static const char *text_file(const char *directory, const char *name, const char *text)
{
    return test_file(directory, name, text, strlen(text));
}

/* Give directory/name, borrowed until the fourth next call. */
static const char *in(const char *directory, const char *name)
{
    static char paths[4][2 * PR_TEXT_BYTES];
    static int  next;
    char       *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static const pr_dataset *open_dir(const char *directory)
{
    static pr_dataset_options o;
    const pr_dataset         *d;

    set(o.data, directory);
    o.feature_norm = PR_NORM_NONE;
    assert_ok(pr_dataset_open(&o, &d));
    return d;
}

static int num_entries(const char *directory)
{
    DIR *list = opendir(directory);
    int  n    = 0;
    assert_non_null(list);
    while (readdir(list)) n++;
    closedir(list);
    return n - 2;
}

static void expect_list(pr_vids list, size_t n, const pr_vid *want)
{
    assert_int_equal(list.n, n);
    if (n > 0) assert_memory_equal(list.at, want, n * sizeof *want);
}

static pr_vids part(const pr_split *split, int p)
{
    return p == 0 ? split->train : p == 1 ? split->val : split->test;
}

static const char small_edges[]  = "# four nodes\n0 1\n1 0\n2 1\n2 1\n3 3\n0 3\n";
static const char small_rows[]   = "a,b\n1,2\n3,4\n5,-6e1\n7,.5\n";
static const char small_labels[] = "0\n1\n-1\n2\n";

/* An options struct for the small graph in a fresh directory, out not made yet. */
static const char *small(pr_import_options *o)
{
    const char *directory = test_directory();

    init(o);
    set(o->source, text_file(directory, "edges.txt", small_edges));
    set(o->features, text_file(directory, "rows.csv", small_rows));
    set(o->labels, text_file(directory, "labels.csv", small_labels));
    set(o->out, in(directory, "out"));
    return directory;
}

static void an_edge_list_becomes_a_dataset(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;

    small(&o);
    assert_ok(pr_import(&o, NULL, &made));
    const pr_dataset *d         = open_dir(o.out);
    const pr_eid      indptr[]  = { 0, 1, 3, 3, 4 };
    const pr_vid      indices[] = { 1, 0, 2, 0 };
    const float       rows[]    = { 1, 2, 3, 4, 5, -60, 7, 0.5f };
    const int32_t     labels[]  = { 0, 1, -1, 2 };
    assert_string_equal(d->name, "out");
    assert_int_equal(d->graph.num_nodes, 4);
    assert_memory_equal(d->graph.indptr, indptr, sizeof indptr);
    assert_memory_equal(d->graph.indices, indices, sizeof indices);
    assert_memory_equal(d->features.rows, rows, sizeof rows);
    assert_memory_equal(d->labels, labels, sizeof labels);
    assert_int_equal(d->num_classes, 3);
    assert_true(d->has_split[PR_SPLIT_MAIN] && !d->has_split[PR_SPLIT_ALT]);
    const pr_split *split = &d->split[PR_SPLIT_MAIN];
    assert_int_equal(split->train.n + split->val.n + split->test.n, 3);
    assert_int_equal(made.nodes, 4);
    assert_int_equal(made.edges, 4);
    assert_int_equal(made.features, 2);
    assert_int_equal(made.classes, 3);
    assert_int_equal(made.train, split->train.n);
    assert_int_equal(made.val, split->val.n);
    assert_int_equal(made.test, split->test.n);
    assert_int_equal(made.self_loops_dropped, 1);
    assert_int_equal(made.duplicates_dropped, 1);
    assert_true(made.peak_bytes > 0);
    pr_dataset_close(d);
}

static void undirected_stores_both_directions(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;

    small(&o);
    o.undirected = true;
    assert_ok(pr_import(&o, NULL, &made));
    const pr_dataset *d         = open_dir(o.out);
    const pr_eid      indptr[]  = { 0, 2, 4, 5, 6 };
    const pr_vid      indices[] = { 1, 3, 0, 2, 1, 0 };
    assert_memory_equal(d->graph.indptr, indptr, sizeof indptr);
    assert_memory_equal(d->graph.indices, indices, sizeof indices);
    assert_int_equal(made.self_loops_dropped, 1);
    assert_int_equal(made.duplicates_dropped, 10 - 6);
    pr_dataset_close(d);
}

static void a_graph_without_labels_has_no_split(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;

    small(&o);
    o.labels[0] = '\0';
    assert_ok(pr_import(&o, NULL, &made));
    const pr_dataset *d = open_dir(o.out);
    assert_null(d->labels);
    assert_false(d->has_split[PR_SPLIT_MAIN]);
    assert_int_equal(made.classes + made.train + made.val + made.test, 0);
    pr_dataset_close(d);
}

/* Rows and one-column labels follow the ascending ids; two columns speak of the ids. */
static void remap_keeps_the_ids(void **state)
{
    (void)state;
    const char       *directory = test_directory();
    const char *const labels[]  = { "0\n1\n2\n", "id,label\n9000000000,2\n7,0\n70,1\n" };
    pr_import_options o;
    pr_made           made;

    for (int form = 0; form < 2; form++) {
        init(&o);
        o.remap = true;
        set(o.source, text_file(directory, "edges.txt", "9000000000 7\n70 9000000000\n"));
        set(o.features, text_file(directory, "rows.csv", "7\n70\n900\n"));
        set(o.labels, text_file(directory, "labels.csv", labels[form]));
        set(o.out, in(directory, form ? "two" : "one"));
        assert_ok(pr_import(&o, NULL, &made));
        const pr_dataset *d        = open_dir(o.out);
        const pr_eid      indptr[] = { 0, 1, 1, 2 };
        const pr_vid      index[]  = { 2, 1 };
        const float       rows[]   = { 7, 70, 900 };
        const int32_t     want[]   = { 0, 1, 2 };
        const int64_t     ids[]    = { 7, 70, 9000000000 };
        assert_memory_equal(d->graph.indptr, indptr, sizeof indptr);
        assert_memory_equal(d->graph.indices, index, sizeof index);
        assert_memory_equal(d->features.rows, rows, sizeof rows);
        assert_memory_equal(d->labels, want, sizeof want);
        pr_npy npy;
        assert_ok(pr_npy_open(in(o.out, "ids.npy"), &npy));
        assert_int_equal(npy.dtype, PR_I64);
        assert_int_equal(npy.shape[0], 3);
        assert_memory_equal(npy.data, ids, sizeof ids);
        pr_npy_close(&npy);
        pr_dataset_close(d);

        init(&o); /* and a directory keeps its ids.npy */
        set(o.source, in(directory, form ? "two" : "one"));
        set(o.out, in(directory, form ? "two again" : "one again"));
        assert_ok(pr_import(&o, NULL, &made));
        assert_ok(pr_npy_open(in(o.out, "ids.npy"), &npy));
        assert_memory_equal(npy.data, ids, sizeof ids);
        pr_npy_close(&npy);
    }
}

static void numpy_arrays_are_taken_in_both_widths(void **state)
{
    (void)state;
    const double   wide[]   = { 1, 2, 3, 4, 5, -60, 7, 0.5 };
    const float    narrow[] = { 1, 2, 3, 4, 5, -60, 7, 0.5f };
    const int64_t  l64[]    = { 0, 1, -1, 2 };
    const int32_t  l32[]    = { 0, 1, -1, 2 };
    const uint64_t shape[] = { 4, 2 }, column[] = { 4, 1 };

    for (int form = 0; form < 2; form++) {
        pr_import_options o;
        pr_made           made;
        const char       *directory = small(&o);
        set(o.features, in(directory, "rows.npy"));
        set(o.labels, in(directory, "labels.npy"));
        assert_ok(pr_npy_write(o.features, form ? PR_F64 : PR_F32, 2, shape,
                               form ? (const void *)wide : narrow));
        assert_ok(pr_npy_write(o.labels, form ? PR_I64 : PR_I32, form ? 2 : 1, column,
                               form ? (const void *)l64 : l32));
        assert_ok(pr_import(&o, NULL, &made));
        const pr_dataset *d = open_dir(o.out);
        assert_memory_equal(d->features.rows, narrow, sizeof narrow);
        assert_memory_equal(d->labels, l32, sizeof l32);
        pr_dataset_close(d);
    }
}

static void a_dry_run_counts_and_writes_nothing(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           dry, wet;
    const char       *directory = small(&o);
    const int         before    = num_entries(directory);

    o.dry_run = true;
    assert_ok(pr_import(&o, NULL, &dry));
    assert_int_equal(num_entries(directory), before);
    o.dry_run = false;
    assert_ok(pr_import(&o, NULL, &wet));
    assert_memory_equal(&dry, &wet, sizeof dry);
    o.dry_run = true; /* and needs no --out, nor minds what is there */
    assert_ok(pr_import(&o, NULL, &dry));
    o.out[0] = '\0';
    assert_ok(pr_import(&o, NULL, &dry));
}

/* A generated graph, written as text in random order with noise, comes back the same. */
static void a_graph_survives_the_way_through_text(void **state)
{
    (void)state;
    const char       *directory = test_directory();
    pr_gen_options    g;
    pr_import_options o;
    pr_made           made, again;
    test_rng          rng = { .key = test_seed() };

    pr_options_init(&(pr_option_group){ &pr_gen_option_table, &g }, 1);
    g.nodes = 500, g.edges = 4000, g.features = 5, g.classes = 3;
    set(g.out, in(directory, "graph"));
    assert_ok(pr_generate(&g, NULL, &made));
    const pr_dataset *d    = open_dir(g.out);
    FILE             *file = fopen(in(directory, "edges.csv"), "w");
    assert_non_null(file);
    for (pr_vid n = 0; n < d->graph.num_nodes; n++) {
        const pr_vid v = (n * 7) % 500; /* not in order */
        for (pr_eid e = d->graph.indptr[v]; e < d->graph.indptr[v + 1]; e++)
            fprintf(file, "%u,%u\n", d->graph.indices[e], v);
        if (test_below(&rng, 4) == 0) fprintf(file, "# comment\n%u,%u\n", v, v);
    }
    fclose(file);
    file = fopen(in(directory, "labels.csv"), "w");
    assert_non_null(file);
    for (pr_vid v = 500; v-- > 0;) fprintf(file, "%u\t%d\n", v, d->labels[v]);
    fclose(file);
    file = fopen(in(directory, "rows.txt"), "w");
    assert_non_null(file);
    for (pr_vid v = 0; v < 500; v++)
        for (int f = 0; f < 5; f++)
            fprintf(file, "%.9g%c", (double)d->features.rows[v * 5 + (pr_vid)f],
                    f < 4 ? ' ' : '\n');
    fclose(file);

    init(&o);
    set(o.source, in(directory, "edges.csv"));
    set(o.features, in(directory, "rows.txt"));
    set(o.labels, in(directory, "labels.csv"));
    set(o.out, in(directory, "back"));
    assert_ok(pr_import(&o, NULL, &again));
    const pr_dataset *b = open_dir(o.out);
    assert_int_equal(b->fingerprint, d->fingerprint); /* arcs, labels, counts */
    assert_memory_equal(b->features.rows, d->features.rows, 500 * 5 * sizeof(float));
    for (int p = 0; p < 3; p++) { /* the same seed gives the same split */
        const pr_vids want = part(&d->split[0], p);
        expect_list(part(&b->split[0], p), want.n, want.at);
    }
    assert_int_equal(again.edges, made.edges);
    assert_int_equal(again.duplicates_dropped, 0);
    assert_true(again.self_loops_dropped > 0);
    pr_dataset_close(b);
    pr_dataset_close(d);
}

static void a_directory_is_written_anew_in_canonical_form(void **state)
{
    (void)state;
    const char       *directory = test_directory();
    const int64_t     pairs[]   = { 3, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 2 }; /* 1->1, twice 0->1 */
    const float       rows[]    = { 1, 2, 3, 4 };
    const int64_t     labels[] = { 0, 1, 0, 1 }, train[] = { 0, 2 }, val[] = { 3 }, test[] = { 1 };
    const uint64_t    edge_shape[] = { 2, 6 }, row_shape[] = { 4, 1 }, four = 4, two = 2, one = 1;
    const char        meta[] = "{\"name\": \"old\", \"num_nodes\": 4, \"num_edges\": 6, "
                               "\"num_feats\": 1, \"num_classes\": 2}";
    pr_import_options o;
    pr_made           made;
    char              source[PR_TEXT_BYTES];

    snprintf(source, sizeof source, "%s/source", directory);
    assert_int_equal(mkdir(source, 0777), 0);
    assert_ok(pr_npy_write(in(source, "edge_index.npy"), PR_I64, 2, edge_shape, pairs));
    assert_ok(pr_npy_write(in(source, "feat.npy"), PR_F32, 2, row_shape, rows));
    assert_ok(pr_npy_write(in(source, "label.npy"), PR_I64, 1, &four, labels));
    assert_ok(pr_npy_write(in(source, "alt_train_idx.npy"), PR_I64, 1, &two, train));
    assert_ok(pr_npy_write(in(source, "alt_val_idx.npy"), PR_I64, 1, &one, val));
    assert_ok(pr_npy_write(in(source, "alt_test_idx.npy"), PR_I64, 1, &one, test));
    text_file(source, "meta.json", meta);
    init(&o);
    set(o.source, in(directory, "source/"));
    set(o.out, in(directory, "made/"));
    assert_ok(pr_import(&o, NULL, &made));
    const pr_dataset *d         = open_dir(o.out);
    const pr_eid      indptr[]  = { 0, 1, 3, 4, 4 };
    const pr_vid      indices[] = { 1, 0, 3, 0 };
    assert_string_equal(d->name, "old");
    assert_memory_equal(d->graph.indptr, indptr, sizeof indptr);
    assert_memory_equal(d->graph.indices, indices, sizeof indices);
    assert_int_equal(made.edges, 4);
    assert_int_equal(made.self_loops_dropped, 1);
    assert_int_equal(made.duplicates_dropped, 1);
    assert_true(d->has_split[PR_SPLIT_MAIN] && d->has_split[PR_SPLIT_ALT]); /* main: by hash */
    expect_list(d->split[PR_SPLIT_ALT].train, 2, (const pr_vid[]){ 0, 2 });
    expect_list(d->split[PR_SPLIT_ALT].val, 1, (const pr_vid[]){ 3 });
    expect_list(d->split[PR_SPLIT_ALT].test, 1, (const pr_vid[]){ 1 });
    pr_dataset_close(d);
}

static void real_datasets_keep_everything(void **state)
{
    (void)state;
    const char *const names[] = { "cora", "coauthor_cs", "amazon_photo" };

    for (int i = 0; i < 3; i++) {
        const char       *path = test_data(names[i]);
        pr_import_options o;
        pr_made           made;
        if (!path) skip();
        init(&o);
        set(o.source, path);
        set(o.out, in(test_directory(), "out"));
        assert_ok(pr_import(&o, NULL, &made));
        const pr_dataset *a = open_dir(o.source), *b = open_dir(o.out);
        assert_int_equal(a->fingerprint, b->fingerprint);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->features.kind, b->features.kind);
        for (int s = 0; s < PR_NUM_SPLITS; s++) {
            assert_int_equal(a->has_split[s], b->has_split[s]);
            for (int p = 0; p < 3; p++) {
                const pr_vids want = part(&a->split[s], p);
                expect_list(part(&b->split[s], p), want.n, want.at);
            }
        }
        assert_int_equal(made.self_loops_dropped + made.duplicates_dropped, 0);
        pr_dataset_close(a);
        pr_dataset_close(b);
    }
}

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
    assert_fails(PR_E_INPUT, "shape (4, 2), must be (nodes,)", pr_import(&o, NULL, &made));
    assert_ok(pr_npy_write(o.labels, PR_F64, 1, &four, large));
    assert_fails(PR_E_INPUT, "are of type <f8, must be whole numbers", pr_import(&o, NULL, &made));
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
        cmocka_unit_test(an_edge_list_becomes_a_dataset),
        cmocka_unit_test(undirected_stores_both_directions),
        cmocka_unit_test(a_graph_without_labels_has_no_split),
        cmocka_unit_test(remap_keeps_the_ids),
        cmocka_unit_test(numpy_arrays_are_taken_in_both_widths),
        cmocka_unit_test(a_dry_run_counts_and_writes_nothing),
        cmocka_unit_test(a_graph_survives_the_way_through_text),
        cmocka_unit_test(a_directory_is_written_anew_in_canonical_form),
        cmocka_unit_test(real_datasets_keep_everything),
        cmocka_unit_test(bad_files_are_refused_and_leave_nothing),
        cmocka_unit_test(bad_arrays_are_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_pipe_is_refused_and_not_waited_for),
        cmocka_unit_test(split_options_are_refused_where_there_is_a_split),
        cmocka_unit_test(an_interrupted_import_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
