/* test_reorder.c: a reordered dataset is the old one under its mapping, arc for arc and row for
 * row, can be trained on, and lies closer together. */
#include "support/graphs.h"
#include "support/little.h"

#include <unistd.h>

#include "loaders/permute.h"

static const char *const names[] = { "community", "degree", "bfs", "access" };

/* Write a trace of four steps that want each node in one of two, or in all but a few, and one of
 * evaluation; gives its path, borrowed until the next call.
 *
 *   change   added to the fingerprint */
static const char *trace_of(const char *data, uint64_t change)
{
    static char       path[1024];
    const pr_dataset *d;
    pr_trace_writer  *writer;

    assert_ok(little_open(data, PR_NORM_NONE, &d));
    const pr_vid        N    = d->graph.num_nodes;
    const pr_trace_info info = { "made up", d->fingerprint + change, N, 4, 1 };
    pr_vid             *ids  = calloc(N, sizeof *ids);
    snprintf(path, sizeof path, "%s/trace", test_directory());
    assert_ok(pr_trace_create(path, &info, N, &writer));
    for (uint64_t step = 0; step < 5; step++) {
        size_t n = 0;
        for (pr_vid v = 0; v < N; v++)
            if (v % 10 != 7 && (v / 16 + step) % 2) ids[n++] = v;
        const pr_trace_step frame = { .phase  = step < 4 ? PR_PHASE_TRAIN : PR_PHASE_EVAL,
                                      .step   = step,
                                      .wanted = { ids, n } };
        assert_ok(pr_trace_add(writer, &frame));
    }
    assert_ok(pr_trace_finish(writer));
    free(ids);
    pr_dataset_close(d);
    return path;
}

/* Reorder with defaults into a fresh directory; gives its path, borrowed until the next call. */
static const char *reorder(const char *data, int by, int method, uint32_t threads,
                           pr_reordered *result)
{
    static char               out[1024];
    static pr_reorder_options options;
    const pr_option_group     group = { &pr_reorder_option_table, &options };

    pr_options_init(&group, 1);
    snprintf(out, sizeof out, "%s/reordered", test_directory());
    snprintf(options.data, sizeof options.data, "%s", data);
    snprintf(options.out, sizeof options.out, "%s", out);
    options.by      = by;
    options.method  = method;
    options.threads = threads;
    if (by == PR_REORDER_ACCESS)
        snprintf(options.trace, sizeof options.trace, "%s", trace_of(data, 0));
    assert_ok(pr_reorder(&options, NULL, result));
    return out;
}

/* Read node_ids.npy; free it. Checks that it is a permutation. */
static pr_vid *mapping_of(const char *directory, pr_vid num_nodes)
{
    pr_vid  *old_of_new = calloc(num_nodes, sizeof *old_of_new);
    uint8_t *met        = calloc(num_nodes, 1);
    pr_npy   npy;

    assert_ok(pr_npy_open(little_path(directory, "node_ids.npy"), &npy));
    assert_true(npy.dtype == PR_I64 && npy.num_dims == 1 && npy.shape[0] == num_nodes);
    for (pr_vid v = 0; v < num_nodes; v++) {
        const int64_t id = ((const int64_t *)npy.data)[v];
        assert_true(id >= 0 && id < num_nodes && !met[id]);
        met[id]       = 1;
        old_of_new[v] = (pr_vid)id;
    }
    pr_npy_close(&npy);
    free(met);
    return old_of_new;
}

static int compare_ids(const void *a, const void *b)
{
    const pr_vid x = *(const pr_vid *)a, y = *(const pr_vid *)b;
    return (x > y) - (x < y);
}

static void check_graph(const pr_graph *old, const pr_graph *new, const pr_vid *old_of_new)
{
    assert_int_equal(new->num_nodes, old->num_nodes);
    assert_int_equal(new->num_edges, old->num_edges);
    for (pr_vid v = 0; v < new->num_nodes; v++) {
        const pr_vid o = old_of_new[v];
        const size_t n = (size_t)(new->indptr[v + 1] - new->indptr[v]);
        pr_vid      *a = calloc(n + 1, sizeof *a), *b = calloc(n + 1, sizeof *b);
        assert_int_equal(old->indptr[o + 1] - old->indptr[o], n);
        for (size_t i = 0; i < n; i++) {
            const pr_vid u = new->indices[new->indptr[v] + i];
            if (i > 0) assert_true(u >= new->indices[new->indptr[v] + i - 1]);
            a[i] = old_of_new[u];
            b[i] = old->indices[old->indptr[o] + i];
        }
        qsort(a, n, sizeof *a, compare_ids);
        qsort(b, n, sizeof *b, compare_ids);
        assert_memory_equal(a, b, n * sizeof *a);
        free(a);
        free(b);
    }
}

static void check_features(const pr_features *old, const pr_features *new, const pr_vid *old_of_new)
{
    assert_int_equal(new->kind, old->kind);
    assert_int_equal(new->num_cols, old->num_cols);
    for (pr_vid v = 0; v < new->num_rows; v++) {
        const pr_vid o = old_of_new[v];
        if (new->kind == PR_FEATURES_DENSE) {
            assert_memory_equal(new->rows + v *new->ld, old->rows + o * old->ld,
                                new->num_cols * sizeof(float));
            continue;
        }
        const pr_eid a = new->indptr[v], b = old->indptr[o], n = new->indptr[v + 1] - a;
        assert_int_equal(old->indptr[o + 1] - b, n);
        assert_memory_equal(new->indices + a, old->indices + b, n * sizeof *new->indices);
        assert_memory_equal(new->data + a, old->data + b, n * sizeof *new->data);
    }
}

/* The lists are the old ones under the mapping; that they ascend was checked when opening. */
static void check_list(pr_vids old, pr_vids new, const pr_vid *old_of_new, pr_vid num_nodes)
{
    uint8_t *in_old = calloc(num_nodes, 1);

    assert_int_equal(old.n, new.n);
    for (size_t i = 0; i < old.n; i++) in_old[old.at[i]] = 1;
    for (size_t i = 0; i < new.n; i++) assert_true(in_old[old_of_new[new.at[i]]]--);
    free(in_old);
}

static void check_dataset(const char *from, const char *to)
{
    const pr_dataset *old, *new;

    assert_ok(little_open(from, PR_NORM_NONE, &old));
    assert_ok(little_open(to, PR_NORM_NONE, &new));
    const pr_vid N          = old->graph.num_nodes;
    pr_vid      *old_of_new = mapping_of(to, N);
    assert_string_equal(new->name, old->name);
    check_graph(&old->graph, &new->graph, old_of_new);
    check_features(&old->features, &new->features, old_of_new);
    assert_int_equal(new->num_classes, old->num_classes);
    for (pr_vid v = 0; v < N; v++) assert_int_equal(new->labels[v], old->labels[old_of_new[v]]);
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        assert_int_equal(new->has_split[s], old->has_split[s]);
        if (!old->has_split[s]) continue;
        check_list(old->split[s].train, new->split[s].train, old_of_new, N);
        check_list(old->split[s].val, new->split[s].val, old_of_new, N);
        check_list(old->split[s].test, new->split[s].test, old_of_new, N);
    }
    free(old_of_new);
    pr_dataset_close(old);
    pr_dataset_close(new);
}

static const char *planted(void)
{
    static const char *path;
    if (!path) path = test_planted(3000, 30000, 16, 5);
    return path;
}

static void a_reordered_dataset_is_the_old_one_under_its_mapping(void **state)
{
    (void)state;
    const char  *little = test_directory();
    pr_reordered r;

    for (int by = PR_REORDER_COMMUNITY; by <= PR_REORDER_ACCESS; by++) {
        check_dataset(planted(), reorder(planted(), by, PR_CLUSTERS_AUTO, 0, &r));
        assert_true(r.after.gap_bits < r.before.gap_bits);
        assert_true(r.after.same_page > r.before.same_page);
        assert_true(r.made.nodes == 3000 && r.made.peak_bytes > 0 && r.elapsed_ns >= r.order_ns);
        assert_int_equal(r.clusters > 0, by == PR_REORDER_COMMUNITY);
        assert_int_equal(r.trace_steps, by == PR_REORDER_ACCESS ? 4 : 0);
        printf("%s: %.2f bits, %.2f before\n", names[by], r.after.gap_bits, r.before.gap_bits);
        little_put(little, CSC | CSR | ALT); /* directed, no label at a node, sparse, two splits */
        check_dataset(little, reorder(little, by, PR_CLUSTERS_AUTO, 0, &r));
        little_put(little, PAIRS | DENSE);
        check_dataset(little, reorder(little, by, PR_CLUSTERS_PROPAGATION, 0, &r));
    }
}

/* Give the weight of the one arc u -> v. */
static float weight_of(const pr_graph *graph, pr_vid u, pr_vid v)
{
    pr_eid e = graph->indptr[v];
    while (graph->indices[e] != u) e++;
    assert_true(e < graph->indptr[v + 1]);
    return graph->weights[e];
}

static void weights_of_a_dataset_follow_their_arcs(void **state)
{
    (void)state;
    const double      weights[] = { 0.5, 1, 2, 4, 8, 16 };
    const char       *little    = test_directory();
    const pr_dataset *old, *new;
    pr_reordered      r;

    little_put(little, CSC | DENSE);
    little_put_array(little, "edge_weight.npy", PR_F32, 1, LITTLE_E, 1, weights);
    for (int by = PR_REORDER_COMMUNITY; by <= PR_REORDER_ACCESS; by++) {
        const char *to  = reorder(little, by, PR_CLUSTERS_AUTO, 0, &r);
        pr_vid     *map = mapping_of(to, LITTLE_N);
        assert_ok(little_open(little, PR_NORM_NONE, &old));
        assert_ok(little_open(to, PR_NORM_NONE, &new));
        assert_non_null(new->graph.weights);
        for (pr_vid v = 0; v < LITTLE_N; v++)
            for (pr_eid e = new->graph.indptr[v]; e < new->graph.indptr[v + 1]; e++)
                assert_true(new->graph.weights[e] ==
                            weight_of(&old->graph, map[new->graph.indices[e]], map[v]));
        pr_dataset_close(old);
        pr_dataset_close(new);
        free(map);
    }
}

/* Loops and repeated arcs are the owner's. */
static void nothing_is_dropped(void **state)
{
    (void)state;
    const double pairs[] = { 0, 0, 1, 1, 1, 4, 0, 0, 2, 2, 2, 0 }; /* sources, then destinations */
    const char  *little  = test_directory();
    pr_reordered r;

    little_put(little, PAIRS | DENSE);
    little_put_array(little, "edge_index.npy", PR_I32, 2, 2, LITTLE_E, pairs);
    for (int by = PR_REORDER_COMMUNITY; by <= PR_REORDER_ACCESS; by++) {
        check_dataset(little, reorder(little, by, PR_CLUSTERS_AUTO, 0, &r));
        assert_int_equal(r.made.edges, LITTLE_E);
    }
}

static void the_order_does_not_depend_on_threads(void **state)
{
    (void)state;
    pr_reordered r;
    pr_vid      *want[5] = { NULL };

    for (uint32_t threads = 1; threads <= 3; threads += 2)
        for (int how = 0; how < 5; how++) {
            const int   by     = how < 4 ? how : PR_REORDER_COMMUNITY;
            const int   method = how < 4 ? PR_CLUSTERS_METIS : PR_CLUSTERS_PROPAGATION;
            const char *to     = reorder(planted(), by, method, threads, &r);
            pr_vid     *got    = mapping_of(to, 3000);
            if (threads == 1) want[how] = got;
            assert_memory_equal(got, want[how], 3000 * sizeof *got);
            if (threads > 1) free(got);
        }
    for (int how = 0; how < 5; how++) free(want[how]);
}

static void a_reordered_dataset_can_be_trained_on(void **state)
{
    (void)state;
    static pr_train_setup setup;
    pr_train_result       result;
    pr_reordered          r;

    test_setup(&setup, reorder(planted(), PR_REORDER_COMMUNITY, PR_CLUSTERS_AUTO, 0, &r));
    setup.model.hidden = 16;
    setup.train.epochs = 8;
    assert_ok(pr_train(&setup, NULL, &result));
    printf("test accuracy %.3f\n", result.test_accuracy);
    assert_true(result.test_accuracy > 0.35); /* 5 classes */
}

/* Ids from before `import --remap` stay with their nodes, through two orders. */
static void original_ids_follow_their_nodes(void **state)
{
    (void)state;
    const double ids[]  = { 100, 101, 102, 103, 104 };
    const char  *little = test_directory();
    pr_reordered r;
    pr_npy       got;

    little_put(little, CSC | DENSE);
    little_put_array(little, "ids.npy", PR_I64, 1, LITTLE_N, 1, ids);
    const char *to  = reorder(little, PR_REORDER_DEGREE, 0, 0, &r);
    pr_vid     *map = mapping_of(to, LITTLE_N);
    assert_ok(pr_npy_open(little_path(to, "ids.npy"), &got));
    for (int v = 0; v < LITTLE_N; v++)
        assert_int_equal(((const int64_t *)got.data)[v], 100 + (int)map[v]);
    pr_npy_close(&got);
    free(map);
    little_put_array(little, "ids.npy", PR_I64, 1, LITTLE_N - 1, 1, ids);
    static pr_reorder_options options;
    pr_options_init(&(pr_option_group){ &pr_reorder_option_table, &options }, 1);
    snprintf(options.data, sizeof options.data, "%s", little);
    snprintf(options.out, sizeof options.out, "%s/new", test_directory());
    assert_fails(PR_E_INPUT, "ids.npy: must hold one <i8 for each of the 5 nodes",
                 pr_reorder(&options, NULL, &r));
    assert_int_not_equal(access(options.out, F_OK), 0);
}

static void weights_follow_their_arcs(void **state)
{
    (void)state;
    enum { N = 3, E = 40 };
    float            rows[N] = { 0 }, weights[E];
    pr_vid           indices[E];
    const pr_eid     indptr[N + 1] = { 0, 2, E - 1, E };
    const pr_vid     old_of_new[N] = { 2, 0, 1 }, new_of_old[N] = { 1, 2, 0 };
    pri_permuted     p;
    const pr_dataset d = {
        .name     = "weighted",
        .graph    = { N, E, indptr, indices, weights },
        .features = { .num_rows = N, .num_cols = 1, .rows = rows, .ld = 1 },
    };

    for (int e = 0; e < E; e++) { /* the weight tells of the source and the arc */
        indices[e] = (pr_vid)((e * 7) % N);
        weights[e] = (float)(100 * (int)indices[e] + e);
    }
    assert_ok(pri_dataset_permute(&d, old_of_new, NULL, 2, NULL, &p));
    const pr_graph *g = &p.arrays.graph;
    for (pr_vid v = 0; v < N; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            const int w = (int)g->weights[e], arc = w % 100;
            assert_int_equal(g->indices[e], new_of_old[w / 100]);
            assert_int_equal(g->indices[e], new_of_old[indices[arc]]);
            assert_true(arc >= (int)indptr[old_of_new[v]] && arc < (int)indptr[old_of_new[v] + 1]);
            if (e == g->indptr[v]) continue;
            assert_true(g->indices[e] > g->indices[e - 1] ||
                        (g->indices[e] == g->indices[e - 1] && g->weights[e] > g->weights[e - 1]));
        }
    pri_permuted_clear(&p);
}

static void what_cannot_be_made_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    static const volatile int asked = 130;
    static pr_reorder_options options;
    pr_reordered              r;

    pr_options_init(&(pr_option_group){ &pr_reorder_option_table, &options }, 1);
    assert_fails(PR_E_ARG, "--data is missing", pr_reorder(&options, NULL, &r));
    snprintf(options.data, sizeof options.data, "%s", planted());
    assert_fails(PR_E_ARG, "--out is missing", pr_reorder(&options, NULL, &r));
    snprintf(options.out, sizeof options.out, "%s", planted());
    assert_fails(PR_E_ARG, "is not empty", pr_reorder(&options, NULL, &r));
    snprintf(options.out, sizeof options.out, "%s/new", test_directory());
    for (int by = PR_REORDER_COMMUNITY; by <= PR_REORDER_ACCESS; by++) {
        options.by = by;
        if (by == PR_REORDER_ACCESS)
            snprintf(options.trace, sizeof options.trace, "%s", trace_of(planted(), 0));
        assert_fails(PR_E_INTERRUPTED, "interrupted", pr_reorder(&options, &asked, &r));
        assert_int_not_equal(access(options.out, F_OK), 0);
    }
}

static void a_trace_must_be_of_the_dataset_and_have_a_step(void **state)
{
    (void)state;
    static pr_reorder_options options;
    const char               *other = test_planted(3100, 30000, 16, 5), *path;
    const pr_dataset         *d;
    pr_reordered              r;
    char                      words[2][128];

    pr_options_init(&(pr_option_group){ &pr_reorder_option_table, &options }, 1);
    snprintf(options.data, sizeof options.data, "%s", planted());
    snprintf(options.out, sizeof options.out, "%s/new", test_directory());
    options.by = PR_REORDER_ACCESS;
    assert_fails(PR_E_ARG, "--by access needs --trace", pr_reorder(&options, NULL, &r));
    snprintf(options.trace, sizeof options.trace, "%s", trace_of(other, 0));
    assert_fails(PR_E_MISMATCH, "is of 3100 nodes (dataset 'made up')",
                 pr_reorder(&options, NULL, &r));
    assert_non_null(strstr(pr_error_message(), "has 3000"));
    path = trace_of(planted(), 1);
    snprintf(options.trace, sizeof options.trace, "%s", path);
    assert_ok(little_open(planted(), PR_NORM_NONE, &d));
    for (uint64_t i = 0; i < 2; i++)
        snprintf(words[i], sizeof words[i], i ? "fingerprint %016llx ('made up')" : "has %016llx",
                 (unsigned long long)(d->fingerprint + i));
    pr_dataset_close(d);
    assert_fails(PR_E_MISMATCH, words[1], pr_reorder(&options, NULL, &r));
    assert_non_null(strstr(pr_error_message(), words[0]));
    snprintf(options.trace, sizeof options.trace, "%s", trace_of(planted(), 0));
    assert_int_equal(truncate(options.trace, 400), 0); /* in its first frame */
    assert_fails(PR_E_INPUT, "has no whole training step", pr_reorder(&options, NULL, &r));
    options.by = PR_REORDER_DEGREE;
    assert_fails(PR_E_ARG, "--trace goes with --by access only", pr_reorder(&options, NULL, &r));
    assert_int_not_equal(access(options.out, F_OK), 0);
}

/* The whole way: a run's trace, the order it gives, and a run on the dataset in that order. */
static void a_run_gives_the_trace_that_orders_its_dataset(void **state)
{
    (void)state;
    static pr_train_setup     setup;
    static pr_reorder_options options;
    pr_train_result           result;
    pr_reordered              r;

    test_setup(&setup, planted());
    snprintf(setup.train.trace, sizeof setup.train.trace, "%s/trace", test_directory());
    setup.train.steps  = 40;
    setup.model.hidden = 16;
    assert_ok(pr_train(&setup, NULL, &result));
    pr_options_init(&(pr_option_group){ &pr_reorder_option_table, &options }, 1);
    snprintf(options.data, sizeof options.data, "%s", planted());
    snprintf(options.out, sizeof options.out, "%s/new", test_directory());
    snprintf(options.trace, sizeof options.trace, "%s", setup.train.trace);
    options.by = PR_REORDER_ACCESS;
    assert_ok(pr_reorder(&options, NULL, &r));
    assert_int_equal(r.trace_steps, 40);
    assert_int_equal(r.trace_kept, 40);
    assert_true(r.nodes_wanted > 1500 && r.nodes_wanted <= 3000);
    check_dataset(planted(), options.out);
    test_setup(&setup, options.out);
    setup.train.steps  = 5;
    setup.model.hidden = 16;
    assert_ok(pr_train(&setup, NULL, &result));
    assert_int_equal(result.steps, 5);
}

/* Four nodes a page: arcs 0-1, 0-3 are on one, 0-4 is not. */
static void locality_is_counted_by_pages_and_bits(void **state)
{
    (void)state;
    const pr_eid      indptr[]  = { 0, 4, 4, 4, 4, 4 };
    const pr_vid      indices[] = { 0, 1, 3, 4 };
    const pr_graph    graph     = { 5, 4, indptr, indices, NULL };
    const pr_locality l         = pr_locality_measure(&graph, 1024, 2);

    assert_true(l.same_page > 0.6666 && l.same_page < 0.6667);
    assert_true(l.same_huge_page == 1);
    assert_true(l.gap_bits > 1.77397 && l.gap_bits < 1.77398); /* (1 + 2 + log2 5) / 3 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reordered_dataset_is_the_old_one_under_its_mapping),
        cmocka_unit_test(nothing_is_dropped),
        cmocka_unit_test(the_order_does_not_depend_on_threads),
        cmocka_unit_test(a_reordered_dataset_can_be_trained_on),
        cmocka_unit_test(original_ids_follow_their_nodes),
        cmocka_unit_test(weights_follow_their_arcs),
        cmocka_unit_test(weights_of_a_dataset_follow_their_arcs),
        cmocka_unit_test(what_cannot_be_made_is_said_and_leaves_nothing),
        cmocka_unit_test(a_trace_must_be_of_the_dataset_and_have_a_step),
        cmocka_unit_test(a_run_gives_the_trace_that_orders_its_dataset),
        cmocka_unit_test(locality_is_counted_by_pages_and_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
