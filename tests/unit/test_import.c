/* test_import.c: edge lists with features and labels, and dataset directories, made into dataset
 * directories. */
#include "loaders/import_memory.h"
#include "unit/import_fixture.h"

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
    /* Memory begins with what the process has, in whole units: a moment later it may be one more or
     * less, in both figures. All else is the same. */
    const int64_t later = (int64_t)(wet.peak_bytes - dry.peak_bytes);
    assert_true(later == 0 || later == PRI_IMPORT_BASE_UNIT || later == -PRI_IMPORT_BASE_UNIT);
    wet.peak_bytes -= (uint64_t)later;
    wet.least_bytes -= (uint64_t)later;
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

/* Loops and equal arcs as asked for: edges.txt has 0->1, 1->0, twice 2->1, 3->3, 0->3. */
static void loops_and_equal_arcs_are_as_asked_for(void **state)
{
    (void)state;
    static const struct {
        int      duplicates, self_loops;
        uint64_t edges, loops, equal;
        pr_eid   indptr[5];
        pr_vid   indices[9];
    } cases[] = {
        { 0, 0, 4, 1, 1, { 0, 1, 3, 3, 4 }, { 1, 0, 2, 0 } },
        { 1, 0, 5, 1, 0, { 0, 1, 4, 4, 5 }, { 1, 0, 2, 2, 0 } },
        { 0, 1, 5, 0, 1, { 0, 1, 3, 3, 5 }, { 1, 0, 2, 0, 3 } },
        { 0, 2, 8, 0, 1, { 0, 2, 5, 6, 8 }, { 0, 1, 0, 1, 2, 2, 0, 3 } },
        { 1, 2, 9, 0, 0, { 0, 2, 6, 7, 9 }, { 0, 1, 0, 1, 2, 2, 2, 0, 3 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pr_import_options o;
        pr_made           made;
        small(&o);
        o.duplicates = cases[i].duplicates;
        o.self_loops = cases[i].self_loops;
        assert_ok(pr_import(&o, NULL, &made));
        assert_int_equal(made.edges, cases[i].edges);
        assert_int_equal(made.self_loops_dropped, cases[i].loops);
        assert_int_equal(made.duplicates_dropped, cases[i].equal);
        const pr_dataset *d = open_dir(o.out);
        assert_memory_equal(d->graph.indptr, cases[i].indptr, sizeof cases[i].indptr);
        assert_memory_equal(d->graph.indices, cases[i].indices,
                            cases[i].edges * sizeof *cases[i].indices);
        pr_dataset_close(d);
    }
}

typedef struct heard {
    int      calls;
    uint64_t done, total;
    bool     read, sorted;
} heard;

static void hear(void *context, const char *stage, uint64_t done, uint64_t total)
{
    heard *h = context;
    h->calls++;
    h->read |= !strcmp(stage, "read edges");
    h->sorted |= !strcmp(stage, "sort arcs");
    assert_true(total > 0 && done <= total);
}

static void progress_is_told_of_every_stage(void **state)
{
    (void)state;
    pr_import_options o;
    pr_made           made;
    heard             h     = { 0 };
    const pr_watch    watch = { .progress = hear, .context = &h };

    small(&o);
    assert_ok(pr_import(&o, &watch, &made));
    assert_true(h.read && h.sorted && h.calls < 20);
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
        cmocka_unit_test(loops_and_equal_arcs_are_as_asked_for),
        cmocka_unit_test(progress_is_told_of_every_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
