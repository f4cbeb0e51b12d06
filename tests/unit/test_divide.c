/* test_divide.c: parts are even in what they promise and cut few arcs, the same for any number of
 * threads; odd graphs are no trouble. */
#include "support/blocks.h"

#include <math.h>

enum { BLOCKS = 40, SIZE = 100, N = BLOCKS * SIZE, MAX_PAIRS = 2000 };

static const int methods[] = { PR_CLUSTERS_METIS, PR_CLUSTERS_PROPAGATION };

static uint32_t block_of[N];

static pr_parts *find(const pr_graph *graph, pr_vids train, pr_parts_options options)
{
    pr_parts *found;
    options.seed = test_seed();
    assert_ok(pr_parts_find(graph, train, &options, &found));
    return found;
}

/* So near to even, or as near as whole numbers come. */
static void check_even(const char *what, double slack, uint64_t total, uint32_t parts,
                       uint64_t least, uint64_t most)
{
    const double mean = (double)total / parts;
    if ((double)least < (1 - slack) * mean - 1 || (double)most > (1 + slack) * mean + 1)
        fail_msg("%s: %llu .. %llu a part, the mean is %.2f", what, (unsigned long long)least,
                 (unsigned long long)most, mean);
}

/* What holds of all parts; counts everything again. */
static void check(const pr_parts *p, const pr_graph *graph, pr_vids train, uint32_t wanted)
{
    uint64_t nodes[PR_MAX_PARTS] = { 0 }, trains[PR_MAX_PARTS] = { 0 }, arcs[PR_MAX_PARTS] = { 0 };
    uint64_t cut = 0, num_arcs = 0;

    assert_int_equal(p->num_nodes, graph->num_nodes);
    assert_int_equal(p->num_parts, wanted);
    for (uint32_t v = 0; v < graph->num_nodes; v++) {
        assert_true(p->of_node[v] < wanted);
        nodes[p->of_node[v]]++;
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
            arcs[p->of_node[v]]++;
            num_arcs += graph->indices[e] != v;
            cut += p->of_node[v] != p->of_node[graph->indices[e]];
        }
    }
    for (size_t i = 0; i < train.n; i++) trains[p->of_node[train.at[i]]]++;
    uint64_t low[3] = { nodes[0], trains[0], arcs[0] }, high[3] = { nodes[0], trains[0], arcs[0] };
    for (uint32_t i = 0; i < wanted; i++) {
        const uint64_t has[3] = { nodes[i], trains[i], arcs[i] };
        assert_true(nodes[i] > 0);
        for (int k = 0; k < 3; k++) {
            if (has[k] < low[k]) low[k] = has[k];
            if (has[k] > high[k]) high[k] = has[k];
        }
    }
    assert_true(p->min_nodes == low[0] && p->max_nodes == high[0]);
    assert_true(p->min_train == low[1] && p->max_train == high[1]);
    assert_true(p->min_arcs == low[2] && p->max_arcs == high[2]);
    check_even("nodes", 0.03, graph->num_nodes, wanted, low[0], high[0]);
    if (p->balance == PR_BALANCE_TRAIN) check_even("train", 0.03, train.n, wanted, low[1], high[1]);
    assert_true(fabs(p->cut_share - (num_arcs ? (double)cut / (double)num_arcs : 0)) < 1e-12);
    assert_true(fabs(p->hash_share - 1.0 / wanted) < 1e-12);
    assert_true(p->range_share >= 0 && p->range_share <= 1);
    assert_true(p->elapsed_ns >= 0 && p->why[0]);
    assert_true(p->method == PR_CLUSTERS_METIS || p->method == PR_CLUSTERS_PROPAGATION);
}

static void planted_blocks_are_kept_together(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 2, 3, 8, 16 };
    const pr_vids         none     = { 0 };
    pri_csc               csc;

    test_blocks(BLOCKS, SIZE, 8, 80, block_of, &csc);
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            const uint32_t P = counts[i];
            pr_parts      *p =
                find(&csc.graph, none, (pr_parts_options){ .parts = P, .method = methods[m] });
            check(p, &csc.graph, none, P);
            printf("%2u parts by %s: cut %.3f, by hashing %.3f\n", P,
                   pr_clusters_method_name(p->method), p->cut_share, 1 - p->hash_share);
            assert_int_equal(p->method, methods[m]);
            assert_int_equal(p->balance, PR_BALANCE_NODES);
            assert_true(p->cut_share < 0.5 * (1 - p->hash_share)); /* 0.2 of it is planted */
            pr_parts_free(p);
        }
    pri_csc_clear(&csc);
}

/* All who train are in two of forty blocks; every part gets as many. */
static void training_nodes_of_one_corner_are_spread(void **state)
{
    (void)state;
    static pr_vid ids[2 * SIZE];
    pr_vids       train = { ids, 0 };
    pri_csc       csc;

    test_blocks(BLOCKS, SIZE, 8, 80, block_of, &csc);
    for (uint32_t v = 0; v < N; v++)
        if (block_of[v] < 2) ids[train.n++] = v;
    for (int m = 0; m < 2; m++)
        for (uint32_t P = 2; P <= 8; P *= 2) {
            pr_parts *p =
                find(&csc.graph, train, (pr_parts_options){ .parts = P, .method = methods[m] });
            check(p, &csc.graph, train, P);
            assert_int_equal(p->balance, PR_BALANCE_TRAIN);
            assert_true(p->cut_share < 0.6 * (1 - p->hash_share));
            pr_parts_free(p);
            p = find(&csc.graph, train,
                     (pr_parts_options){
                         .parts = P, .method = methods[m], .balance = PR_BALANCE_NODES });
            check(p, &csc.graph, train, P);
            assert_int_equal(p->balance, PR_BALANCE_NODES);
            pr_parts_free(p);
        }
    pri_csc_clear(&csc);
}

/* The first 400 nodes have arcs from 20 others each, the rest from 2. */
static void arcs_are_spread_when_they_are_to_be_even(void **state)
{
    (void)state;
    static pr_vid pair[2 * 20 * N];
    const pr_vids none = { 0 };
    uint64_t      n    = 0;
    test_rng      rng  = { test_seed(), 5 };
    pri_csc       csc;

    for (uint32_t v = 0; v < N; v++)
        for (int i = 0; i < (v < 400 ? 20 : 2); i++) {
            pair[n++] = v / 400 * 400 + test_below(&rng, 400);
            pair[n++] = v;
        }
    test_graph_of(pair, n / 2, N, false, &csc);
    for (int m = 0; m < 2; m++) {
        pr_parts *p = find(
            &csc.graph, none,
            (pr_parts_options){ .parts = 4, .method = methods[m], .balance = PR_BALANCE_EDGES });
        check(p, &csc.graph, none, 4);
        check_even("arcs", 0.05, /* they come in lumps */
                   csc.graph.num_edges, 4, p->min_arcs, p->max_arcs);
        assert_int_equal(p->balance, PR_BALANCE_EDGES);
        pr_parts_free(p);
    }
    pri_csc_clear(&csc);
}

static void parts_do_not_depend_on_threads(void **state)
{
    (void)state;
    static pr_vid ids[N / 3];
    pr_vids       train = { ids, 0 };
    pri_csc       csc;

    for (uint32_t v = 0; v + 3 < N; v += 3) ids[train.n++] = v;
    test_blocks(BLOCKS, SIZE, 6, 60, block_of, &csc);
    for (int m = 0; m < 2; m++) {
        pr_parts_options how  = { .parts = 8, .method = methods[m], .threads = 1 };
        pr_parts        *want = find(&csc.graph, train, how);
        for (how.threads = 2; how.threads <= 5; how.threads += 3) {
            pr_parts *got = find(&csc.graph, train, how);
            assert_memory_equal(got->of_node, want->of_node, N);
            assert_true(got->cut_share == want->cut_share && got->range_share == want->range_share);
            pr_parts_free(got);
        }
        pr_parts_free(want);
    }
    pri_csc_clear(&csc);
}

/* Sixteen blocks in four groups that share a third of their arcs: sixteen parts, dealt to four
 * lanes in runs, keep the groups together. */
static void runs_of_parts_are_good_parts(void **state)
{
    (void)state;
    enum { GROUP = N / 4, SMALL = N / 16 };
    static pr_vid pair[2 * 8 * N];
    const pr_vids none = { 0 };
    test_rng      rng  = { test_seed(), 6 };
    uint64_t      n = 0, cut = 0;
    pri_csc       csc;

    for (uint32_t v = 0; v < N; v++) /* blocks are scattered: of v is v % 16 */
        for (int i = 0; i < 8; i++) {
            const uint32_t in_block = test_below(&rng, SMALL) * 16 + v % 16;
            const uint32_t in_group = test_below(&rng, GROUP) * 4 + v % 4;
            pair[n++]               = v;
            pair[n++]               = i < 5 ? in_block : i < 7 ? in_group : test_below(&rng, N);
        }
    test_graph_of(pair, n / 2, N, true, &csc);
    const pr_graph *g = &csc.graph;
    for (int m = 0; m < 2; m++) {
        pr_parts *p = find(g, none, (pr_parts_options){ .parts = 16, .method = methods[m] });
        cut         = 0;
        for (uint32_t v = 0; v < N; v++)
            for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
                cut += p->of_node[v] / 4 != p->of_node[g->indices[e]] / 4;
        const double share = (double)cut / (double)g->num_edges;
        printf("%s: cut %.3f between 16 parts, %.3f between 4 runs of them\n",
               pr_clusters_method_name(methods[m]), p->cut_share, share);
        assert_true(share < 0.2); /* 0.094 is planted, 0.75 is chance */
        pr_parts_free(p);
    }
    pri_csc_clear(&csc);
}

enum { ODD_N = 60, NUM_SHAPES = 6 };

/* Write the pairs of an odd graph. */
static void odd_graph(int shape, pri_csc *out)
{
    static pr_vid pair[2 * MAX_PAIRS];
    uint64_t      n = 0;

    for (pr_vid v = 0; v < ODD_N; v++) {
        const pr_vid to[NUM_SHAPES] = {
            v,                       /* loops, which are dropped: no arcs */
            0,                       /* a star */
            v < 3 ? (v + 1) % 3 : v, /* a triangle, and isolated nodes */
            (v + 1) % ODD_N,         /* a ring */
            v ^ 1,                   /* pairs */
            v / 2                    /* a tree */
        };
        pair[n++] = v;
        pair[n++] = to[shape];
    }
    test_graph_of(pair, n / 2, ODD_N, false, out);
}

static void odd_graphs_and_odd_numbers_of_parts_are_no_trouble(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 7, 30, ODD_N };
    static const pr_vid   ids[]    = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    pri_csc               csc;

    for (int shape = 0; shape < NUM_SHAPES; shape++) {
        odd_graph(shape, &csc);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (int method = 0; method <= PR_CLUSTERS_PROPAGATION; method++)
                for (size_t n = 0; n <= 10; n += 10) {
                    const pr_vids train = { ids, n };
                    if (method == PR_CLUSTERS_METIS && counts[i] > ODD_N / 2) continue;
                    pr_parts *p = find(
                        &csc.graph, train,
                        (pr_parts_options){ .parts = counts[i], .method = method, .threads = 1 });
                    check(p, &csc.graph, train, counts[i]);
                    pr_parts_free(p);
                }
        pri_csc_clear(&csc);
    }
}

static void the_method_and_its_reason_are_said(void **state)
{
    (void)state;
    const pr_vids none = { 0 };
    pri_csc       csc;

    odd_graph(3, &csc);
    pr_parts *p = find(&csc.graph, none, (pr_parts_options){ .parts = 1 });
    assert_string_equal(p->why, "one part is all nodes");
    pr_parts_free(p);
    p = find(&csc.graph, none, (pr_parts_options){ .parts = 2 });
    assert_int_equal(p->method, PR_CLUSTERS_METIS);
    assert_non_null(strstr(p->why, "which fits"));
    pr_parts_free(p);
    p = find(&csc.graph, none, (pr_parts_options){ .parts = 31 });
    assert_int_equal(p->method, PR_CLUSTERS_PROPAGATION);
    assert_non_null(strstr(p->why, "METIS wants two"));
    pr_parts_free(p);
    pri_csc_clear(&csc);
    odd_graph(0, &csc);
    p = find(&csc.graph, none, (pr_parts_options){ .parts = 2 });
    assert_string_equal(p->why, "there are no arcs to go by");
    pr_parts_free(p);
    pri_csc_clear(&csc);
}

static void what_cannot_be_divided_is_said(void **state)
{
    (void)state;
    static const volatile int asked = 1;
    static const pr_vid       ids[] = { ODD_N };
    const pr_vids             none = { 0 }, beyond = { ids, 1 };
    pr_parts                 *p;
    pri_csc                   csc;

    odd_graph(3, &csc);
#define FAILS(code, words, train, ...)                                                             \
    assert_fails(code, words,                                                                      \
                 pr_parts_find(&csc.graph, train, &(pr_parts_options){ __VA_ARGS__ }, &p));        \
    assert_null(p)
    FAILS(PR_E_ARG, "0 parts, must be in 1..128", none, .parts = 0);
    FAILS(PR_E_ARG, "129 parts, must be in 1..128", none, .parts = 129);
    FAILS(PR_E_ARG, "61 parts of 60 nodes", none, .parts = 61);
    FAILS(PR_E_ARG, "method is 3, must be in 0..2", none, .parts = 2, .method = 3);
    FAILS(PR_E_ARG, "balance is -1, must be in 0..3", none, .parts = 2, .balance = -1);
    FAILS(PR_E_ARG, "training nodes cannot be balanced", none, .parts = 2,
          .balance = PR_BALANCE_TRAIN);
    FAILS(PR_E_RANGE, "training node 0 is 60, must be in 0..59", beyond, .parts = 2);
    FAILS(PR_E_ARG, "METIS: 31 parts of 60 nodes", none, .parts = 31, .method = PR_CLUSTERS_METIS);
    for (int method = 0; method <= PR_CLUSTERS_PROPAGATION; method++)
        FAILS(PR_E_INTERRUPTED, "interrupted", none, .parts = 2, .method = method, .stop = &asked);
    pri_csc_clear(&csc);
    odd_graph(0, &csc);
    FAILS(PR_E_ARG, "edges cannot be balanced", none, .parts = 2, .balance = PR_BALANCE_EDGES);
    pri_csc_clear(&csc);
#undef FAILS
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_blocks_are_kept_together),
        cmocka_unit_test(training_nodes_of_one_corner_are_spread),
        cmocka_unit_test(arcs_are_spread_when_they_are_to_be_even),
        cmocka_unit_test(parts_do_not_depend_on_threads),
        cmocka_unit_test(runs_of_parts_are_good_parts),
        cmocka_unit_test(odd_graphs_and_odd_numbers_of_parts_are_no_trouble),
        cmocka_unit_test(the_method_and_its_reason_are_said),
        cmocka_unit_test(what_cannot_be_divided_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
