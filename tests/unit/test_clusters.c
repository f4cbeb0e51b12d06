/* test_clusters.c: every vertex has a cluster, none too large, the same for any number of threads;
 * planted blocks are found again; odd graphs are no trouble. */
#include "support/blocks.h"

#include "partition/kway.h"

enum { BLOCKS = 40, SIZE = 100, N = BLOCKS * SIZE };

static const int methods[] = { PR_CLUSTERS_METIS, PR_CLUSTERS_PROPAGATION };

static uint32_t block_of[N];

static pr_clusters *find(const pr_graph *graph, int method, uint32_t clusters, uint32_t threads)
{
    const pr_cluster_options options = {
        .clusters = clusters, .method = method, .seed = test_seed(), .threads = threads
    };
    pr_clusters *found;
    assert_ok(pr_clusters_find(graph, &options, &found));
    return found;
}

/* What holds of all clusters. */
static void check(const pr_clusters *c, const pr_graph *graph, uint32_t wanted)
{
    const uint32_t n    = graph->num_nodes;
    uint32_t      *size = calloc(c->num_clusters, sizeof *size), largest = 0;

    if (wanted > n) wanted = n;
    const uint32_t mean = (n + wanted - 1) / wanted;
    assert_int_equal(c->num_nodes, n);
    assert_true(c->num_clusters >= 1 && c->num_clusters <= 2 * wanted + 1);
    for (uint32_t v = 0; v < n; v++) {
        assert_true(c->of_node[v] < c->num_clusters);
        size[c->of_node[v]]++;
    }
    for (uint32_t i = 0; i < c->num_clusters; i++) {
        assert_true(size[i] > 0);
        if (size[i] > largest) largest = size[i];
    }
    assert_int_equal(largest, c->max_size);
    assert_true(largest <= mean + (mean + 1) / 2);
    assert_true(c->cut_share >= 0 && c->cut_share <= 1 && c->elapsed_ns >= 0 && c->why[0]);
    assert_true(c->method == PR_CLUSTERS_METIS || c->method == PR_CLUSTERS_PROPAGATION);
    free(size);
}

/* Of the ordered pairs in one cluster, the share that are in one block, too. */
static double precision(const pr_clusters *c)
{
    static uint32_t count[2 * BLOCKS + 1][BLOCKS];
    double          same = 0, all = 0;

    memset(count, 0, sizeof count);
    for (uint32_t v = 0; v < N; v++) count[c->of_node[v]][block_of[v]]++;
    for (uint32_t i = 0; i < c->num_clusters; i++) {
        double size = 0;
        for (uint32_t b = 0; b < BLOCKS; b++) {
            same += (double)count[i][b] * (count[i][b] - 1.0);
            size += count[i][b];
        }
        all += size * (size - 1);
    }
    return same / all;
}

static void planted_blocks_are_found_again(void **state)
{
    (void)state;
    pri_csc csc;

    test_blocks(BLOCKS, SIZE, 8, 80, block_of, &csc);
    for (int m = 0; m < 2; m++) {
        pr_clusters *c = find(&csc.graph, methods[m], BLOCKS, 0);
        check(c, &csc.graph, BLOCKS);
        printf("%s: %u clusters, %.3f of the pairs from one block (chance %.3f), cut %.3f\n",
               pr_clusters_method_name(c->method), c->num_clusters, precision(c), 1.0 / BLOCKS,
               c->cut_share);
        assert_int_equal(c->method, methods[m]);
        assert_true(precision(c) > 0.6);
        assert_true(c->cut_share < 0.35); /* 0.195 is planted, 0.975 is chance */
        pr_clusters_free(c);
    }
    pri_csc_clear(&csc);
}

static void clusters_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const uint32_t teams[] = { 1, 2, 3, 8 };
    pri_csc               csc;

    test_blocks(BLOCKS, SIZE, 6, 60, block_of, &csc);
    for (int m = 0; m < 2; m++) {
        pr_clusters *want = find(&csc.graph, methods[m], 50, 1);
        for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
            pr_clusters *got = find(&csc.graph, methods[m], 50, teams[t]);
            assert_int_equal(got->num_clusters, want->num_clusters);
            assert_memory_equal(got->of_node, want->of_node, N * sizeof *got->of_node);
            assert_true(got->cut_share == want->cut_share);
            pr_clusters_free(got);
        }
        pr_clusters_free(want);
    }
    pri_csc_clear(&csc);
}

/* Directions, loops, repeated arcs and the order of lists say nothing of who belongs together. */
static void only_who_is_joined_counts(void **state)
{
    (void)state;
    pri_csc csc, both;

    test_blocks(BLOCKS, SIZE, 6, 70, block_of, &csc);
    assert_ok(pri_csc_symmetric(&csc.graph, &(pri_csc_how){ .threads = 2 }, &both));
    const pr_eid E      = csc.graph.num_edges;
    pr_eid      *indptr = calloc(N + 1, sizeof *indptr);
    pr_vid      *to     = calloc(2 * E + N, sizeof *to);
    pr_eid       used   = 0;
    for (uint32_t v = 0; v < N; v++) { /* descending, each arc twice, a loop */
        for (pr_eid e = csc.indptr[v + 1]; e-- > csc.indptr[v];) {
            to[used++] = csc.indices[e];
            to[used++] = csc.indices[e];
        }
        to[used++]    = v;
        indptr[v + 1] = used;
    }
    const pr_graph messy = { .num_nodes = N, .num_edges = used, .indptr = indptr, .indices = to };
    for (int m = 0; m < 2; m++) {
        pr_clusters *a = find(&csc.graph, methods[m], BLOCKS, 2);
        pr_clusters *b = find(&both.graph, methods[m], BLOCKS, 2);
        pr_clusters *c = find(&messy, methods[m], BLOCKS, 2);
        assert_memory_equal(a->of_node, b->of_node, N * sizeof *a->of_node);
        assert_memory_equal(a->of_node, c->of_node, N * sizeof *a->of_node);
        pr_clusters_free(a);
        pr_clusters_free(b);
        pr_clusters_free(c);
    }
    free(to);
    free(indptr);
    pri_csc_clear(&both);
    pri_csc_clear(&csc);
}

enum { ODD_N = 60 };

/* Write the pairs of an odd graph; gives how many vertices it has. */
static uint32_t odd_graph(int shape, pr_vid *pair, uint64_t *num_pairs)
{
    uint64_t n         = 0;
    uint32_t num_nodes = ODD_N;

    if (shape == 0) num_nodes = 1;
    if (shape == 2) num_nodes = 2;
    if (shape == 2 || shape == 3) pair[n++] = 0, pair[n++] = 1; /* one arc; in a large graph */
    for (pr_vid v = 1; v < ODD_N; v++) {
        if (shape == 4) pair[n++] = v, pair[n++] = 0;                   /* a star */
        if (shape == 5) pair[n++] = v - 1, pair[n++] = v;               /* a path */
        if (shape == 6 && v % 2 == 1) pair[n++] = v - 1, pair[n++] = v; /* pairs */
        if (shape == 7) pair[n++] = v, pair[n++] = v;                   /* loops only */
    }
    for (pr_vid v = 0; shape == 8 && v < 8; v++) /* a clique and many alone */
        for (pr_vid u = 0; u < v; u++) pair[n++] = u, pair[n++] = v;
    *num_pairs = n / 2;
    return num_nodes;
}

static void odd_graphs_are_no_trouble(void **state)
{
    (void)state;
    static const uint32_t wanted[] = { 1, 2, 3, 29, 30, 31, 59, 60, 61, 1000 };
    pr_vid                pair[2 * ODD_N * ODD_N];

    for (int shape = 0; shape <= 8; shape++) {
        pri_csc        csc;
        uint64_t       num_pairs;
        const uint32_t n = odd_graph(shape, pair, &num_pairs);
        test_graph_of(pair, num_pairs, n, false, &csc);
        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
            for (int method = PR_CLUSTERS_AUTO; method <= PR_CLUSTERS_PROPAGATION; method++) {
                pr_clusters *c = find(&csc.graph, method, wanted[w], 2);
                check(c, &csc.graph, wanted[w]);
                pr_clusters_free(c);
            }
        pri_csc_clear(&csc);
    }
}

static void the_number_of_clusters_follows_the_graph_when_not_given(void **state)
{
    (void)state;
    pri_csc csc;

    test_blocks(BLOCKS, SIZE, 6, 60, block_of, &csc);
    pr_clusters *c = find(&csc.graph, PR_CLUSTERS_AUTO, 0, 1);
    assert_true(c->num_clusters >= 4 && c->num_clusters <= 15); /* 4000 / 512 is 7 */
    assert_int_equal(c->method, PR_CLUSTERS_METIS);
    assert_non_null(strstr(c->why, "fits"));
    pr_clusters_free(c);
    pri_csc_clear(&csc);
}

static void bad_options_are_refused_and_a_stop_is_obeyed(void **state)
{
    (void)state;
    static const volatile int asked = 143;
    pr_cluster_options        o     = { .method = 3 };
    pr_clusters              *c;
    pri_csc                   csc;

    test_blocks(4, 50, 6, 60, block_of, &csc);
    assert_fails(PR_E_ARG, "method is 3, must be in 0..2", pr_clusters_find(&csc.graph, &o, &c));
    o = (pr_cluster_options){ .clusters = PR_MAX_CLUSTERS + 1 };
    assert_fails(PR_E_ARG, "must be at most 1000000", pr_clusters_find(&csc.graph, &o, &c));
    for (int m = 0; m < 2; m++) {
        o = (pr_cluster_options){ .method = methods[m], .stop = &asked };
        assert_fails(PR_E_INTERRUPTED, "interrupted", pr_clusters_find(&csc.graph, &o, &c));
        assert_null(c);
    }
    pr_clusters_free(NULL);
    pri_csc_clear(&csc);
}

/* METIS has signed 32-bit numbers. Nothing is read of the arrays. */
static void what_metis_cannot_number_is_known(void **state)
{
    (void)state;
    pri_adjacency a = { .graph = { .num_nodes = 10, .num_edges = INT32_MAX - 1 } };

    assert_true(pri_kway_fits(&a));
    a.graph.num_edges = INT32_MAX;
    assert_false(pri_kway_fits(&a));
    a.graph.num_edges = 5;
    a.graph.num_nodes = INT32_MAX;
    assert_false(pri_kway_fits(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_blocks_are_found_again),
        cmocka_unit_test(clusters_do_not_depend_on_threads),
        cmocka_unit_test(only_who_is_joined_counts),
        cmocka_unit_test(odd_graphs_are_no_trouble),
        cmocka_unit_test(the_number_of_clusters_follows_the_graph_when_not_given),
        cmocka_unit_test(bad_options_are_refused_and_a_stop_is_obeyed),
        cmocka_unit_test(what_metis_cannot_number_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
