/* test_link_edges.c: edges dealt to training, validation and test: by hash and by lists, and lists
 * that are refused; and what a step of edges becomes. */
#include "support/graphs.h"

#include <math.h>

#include "loaders/pair_set.h"
#include "loaders/permute.h"
#include "pipeline/link_batch.h"
#include "pipeline/link_edges.h"

enum { PARTS = 3 };

static const char *planted(void)
{
    static const char *path;
    if (!path) path = test_planted(2000, 24000, 4, 3);
    return path;
}

static pr_link_options defaults(void)
{
    pr_link_options       options;
    const pr_option_group group = { &pr_link_option_table, &options };

    pr_options_init(&group, 1);
    return options;
}

static bool has_arc(const pr_graph *g, pr_vid u, pr_vid v)
{
    for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
        if (g->indices[e] == u) return true;
    return false;
}

/* Every part's edges are in no other part; those held out have no arc left, in either direction;
 * training has one edge for every pair that has an arc left. */
static void check_parts(const pr_graph *whole, const pri_link_edges *edges)
{
    const pr_graph *g    = &edges->graph;
    pri_pair_set    seen = { 0 }, pairs = { 0 };
    size_t          num[PARTS], left    = 0;

    for (int p = 0; p < PARTS; p++) num[p] = edges->part[p].n;
    assert_ok(pri_pair_set_init(&seen, num[0] + num[1] + num[2]));
    assert_ok(pri_pair_set_init(&pairs, whole->num_edges));
    for (int p = 0; p < PARTS; p++)
        for (size_t i = 0; i < num[p]; i++) {
            const pr_vid a = edges->part[p].ends[2 * i], b = edges->part[p].ends[2 * i + 1];
            assert_true(pri_pair_set_add(&seen, a, b));
            assert_true(has_arc(whole, a, b) || has_arc(whole, b, a));
            if (p == PRI_LINK_TRAIN) continue;
            assert_false(has_arc(g, a, b) || has_arc(g, b, a));
        }
    assert_int_equal(g->num_nodes, whole->num_nodes);
    assert_int_equal(g->indptr[g->num_nodes], g->num_edges);
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
            if (g->indices[e] != v) left += pri_pair_set_add(&pairs, g->indices[e], v);
    assert_int_equal(left, num[PRI_LINK_TRAIN]);
    for (pr_vid v = 0; v < whole->num_nodes; v++)
        for (pr_eid e = whole->indptr[v]; e < whole->indptr[v + 1]; e++)
            if (whole->indices[e] != v) assert_true(pri_pair_set_has(&seen, whole->indices[e], v));
    pri_pair_set_clear(&seen);
    pri_pair_set_clear(&pairs);
}

static void parts_are_disjoint_have_their_shares_and_leave_the_graph(void **state)
{
    (void)state;
    const pr_dataset     *data    = test_open(planted());
    const pr_link_options options = defaults();
    pri_link_edges        edges, again, other;

    assert_ok(pri_link_edges_make(data, &options, 1, &edges));
    assert_false(edges.listed);
    check_parts(&data->graph, &edges);
    const double all =
        (double)(edges.part[0].n + edges.part[1].n + edges.part[2].n); /* six deviations: */
    assert_true(fabs((double)edges.part[PRI_LINK_VAL].n - 0.05 * all) < 6 * sqrt(0.05 * all));
    assert_true(fabs((double)edges.part[PRI_LINK_TEST].n - 0.1 * all) < 6 * sqrt(0.1 * all));

    assert_ok(pri_link_edges_make(data, &options, 1, &again));
    assert_ok(pri_link_edges_make(data, &options, 2, &other));
    for (int p = 0; p < PARTS; p++) {
        assert_int_equal(edges.part[p].n, again.part[p].n);
        assert_memory_equal(edges.part[p].ends, again.part[p].ends,
                            2 * edges.part[p].n * sizeof(pr_vid));
    }
    const size_t least = edges.part[2].n < other.part[2].n ? edges.part[2].n : other.part[2].n;
    assert_memory_not_equal(edges.part[2].ends, other.part[2].ends, 2 * least * sizeof(pr_vid));
    pri_link_edges_clear(&edges);
    pri_link_edges_clear(&again);
    pri_link_edges_clear(&other);
    pr_dataset_close(data);
}

/* Arcs in one direction, parallel ones and loops: an edge is a pair, and loops stay. */
static void an_edge_is_a_pair_however_it_is_stored(void **state)
{
    (void)state;
    static const pr_eid indptr[]  = { 0, 3, 5, 6, 8 };
    static const pr_vid indices[] = { 1, 1, 0, 3, 0, 2, 1, 0 };
    static const float  weights[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const pr_dataset data = { .path = test_path(""), .graph = { 4, 8, indptr, indices, weights } };
    pr_link_options  options = defaults();
    pri_link_edges   edges;

    options.val_share = options.test_share = 0;
    assert_ok(pri_link_edges_make(&data, &options, 1, &edges));
    static const pr_vid want[] = { 0, 1, 0, 3, 1, 3 };
    assert_int_equal(edges.part[PRI_LINK_TRAIN].n, 3);
    assert_memory_equal(edges.part[PRI_LINK_TRAIN].ends, want, sizeof want);
    assert_int_equal(edges.graph.num_edges, 8);
    assert_memory_equal(edges.graph.weights, weights, sizeof weights);
    pri_link_edges_clear(&edges);

    options.val_share = options.test_share = 0.45; /* some seed holds out an edge or two */
    for (uint64_t seed = 1; seed < 20; seed++) {
        const pr_status st = pri_link_edges_make(&data, &options, seed, &edges);
        if (st != PR_OK) continue;
        check_parts(&data.graph, &edges);
        assert_true(has_arc(&edges.graph, 0, 0) && has_arc(&edges.graph, 2, 2));
        for (pr_vid v = 0, e = 0; v < 4; v++) /* weights stay with their arcs */
            for (pr_eid at = edges.graph.indptr[v]; at < edges.graph.indptr[v + 1]; at++) {
                while (weights[e] != edges.graph.weights[at]) e++;
                assert_int_equal(indices[e], edges.graph.indices[at]);
            }
        pri_link_edges_clear(&edges);
    }
    options.val_share = options.test_share = 0.5;
    assert_fails(PR_E_ARG, "less than 1", pri_link_edges_make(&data, &options, 1, &edges));
}

/* ---- lists ---- */

/* Give a copy of the planted set in a directory of its own, for lists to be put beside it. */
static const char *listed_set(void)
{
    const char *to = test_directory();
    char        command[2048];

    snprintf(command, sizeof command, "cp -r %s/. %s/", planted(), to);
    assert_int_equal(system(command), 0);
    return to;
}

static void put(const char *directory, const char *name, pr_dtype dtype, uint32_t dims, uint64_t n,
                uint64_t cols, const void *ends)
{
    char           path[1024];
    const uint64_t shape[] = { n, cols };

    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_ok(pr_npy_write(path, dtype, dims, shape, ends));
}

static void lists_of_a_dataset_decide(void **state)
{
    (void)state;
    const char           *path    = listed_set();
    const pr_dataset     *data    = test_open(path);
    const pr_link_options options = defaults();
    const pr_graph       *g       = &data->graph;
    pri_link_edges        edges;
    int64_t               val[4], test[2], train[6];

    pr_vid v = 0;
    for (int i = 0; i < 3; i++, v++) { /* edges of three vertices, and one that is none */
        while (g->indptr[v] == g->indptr[v + 1] || g->indices[g->indptr[v]] <= v) v++;
        int64_t *to = i < 2 ? val + 2 * i : test;
        to[0] = v, to[1] = g->indices[g->indptr[v]];
    }
    put(path, "val_edges.npy", PR_I64, 2, 2, 2, val);
    put(path, "test_edges.npy", PR_I64, 2, 1, 2, test);
    assert_ok(pri_link_edges_make(data, &options, 1, &edges));
    assert_true(edges.listed);
    assert_int_equal(edges.part[PRI_LINK_VAL].n, 2);
    assert_int_equal(edges.part[PRI_LINK_TEST].n, 1);
    assert_int_equal(edges.part[PRI_LINK_TEST].ends[0], test[0]);
    check_parts(g, &edges);
    pri_link_edges_clear(&edges);

    for (int i = 0; i < 6; i++) train[i] = 100 + i;
    put(path, "train_edges.npy", PR_I64, 2, 3, 2, train);
    assert_ok(pri_link_edges_make(data, &options, 1, &edges));
    assert_int_equal(edges.part[PRI_LINK_TRAIN].n, 3);
    assert_int_equal(edges.part[PRI_LINK_TRAIN].ends[5], 105);
    assert_false(has_arc(&edges.graph, (pr_vid)val[0], (pr_vid)val[1]));
    pri_link_edges_clear(&edges);
    pr_dataset_close(data);
}

/* Expect the lists of a directory: two edges and one, under new numbers. */
static void expect_lists(const char *path, const int64_t *val, const int64_t *test,
                         const pr_vid *new_of_old)
{
    pri_edge_list lists[PRI_NUM_EDGE_LISTS];

    assert_ok(pri_edge_lists_read(path, 2000, lists));
    assert_null(lists[PRI_LINK_TRAIN].ends);
    assert_int_equal(lists[PRI_LINK_VAL].n, 2);
    assert_int_equal(lists[PRI_LINK_TEST].n, 1);
    for (int i = 0; i < 6; i++) {
        const pr_vid old = (pr_vid)(i < 4 ? val[i] : test[i - 4]);
        assert_int_equal(i < 4 ? lists[PRI_LINK_VAL].ends[i] : lists[PRI_LINK_TEST].ends[i - 4],
                         new_of_old ? new_of_old[old] : old);
    }
    pri_edge_lists_clear(lists);
}

static void lists_go_along_when_a_dataset_is_written_anew(void **state)
{
    (void)state;
    static pr_convert_options converting;
    static pr_import_options  importing;
    const pr_option_group     groups[] = { { &pr_convert_option_table, &converting },
                                           { &pr_import_option_table, &importing } };
    const char               *path     = listed_set();
    const int64_t             val[] = { 10, 20, 30, 40 }, test[] = { 7, 1999 };
    pr_converted              converted;
    pr_made                   made;
    pri_permuted              permuted;
    pr_vid                    old_of_new[2000];
    char                      out[512];

    put(path, "val_edges.npy", PR_I64, 2, 2, 2, val);
    put(path, "test_edges.npy", PR_I64, 2, 1, 2, test);
    pr_options_init(groups, 2);
    snprintf(converting.data, sizeof converting.data, "%s", path);
    snprintf(converting.out, sizeof converting.out, "%s/new", test_directory());
    assert_ok(pr_convert(&converting, NULL, &converted));
    expect_lists(converting.out, val, test, NULL);

    snprintf(importing.source, sizeof importing.source, "%s", path);
    snprintf(importing.out, sizeof importing.out, "%s/new", test_directory());
    assert_ok(pr_import(&importing, NULL, &made));
    expect_lists(importing.out, val, test, NULL);

    const pr_dataset *data = test_open(path);
    for (pr_vid v = 0; v < 2000; v++) old_of_new[v] = (v * 7 + 3) % 2000;
    assert_ok(pri_dataset_permute(data, old_of_new, NULL, 1, NULL, &permuted));
    snprintf(out, sizeof out, "%s/new", test_directory());
    assert_ok(pri_dataset_write(out, &permuted.arrays, NULL, NULL));
    expect_lists(out, val, test, permuted.new_of_old);
    pri_permuted_clear(&permuted);
    pr_dataset_close(data);
}

static void bad_lists_are_refused_by_name(void **state)
{
    (void)state;
    const char           *path    = listed_set();
    const pr_dataset     *data    = test_open(path);
    const pr_link_options options = defaults();
    const int64_t         good[] = { 1, 2, 3, 4 }, below[] = { 1, 2, -3, 4 };
    const int64_t         above[] = { 1, 2, 3, 2000 }, loop[] = { 5, 6, 7, 7 };
    const int64_t         twice[]  = { 1, 2, 2, 1 };
    const uint64_t        huge[]   = { 1, UINT64_MAX };
    const int32_t         narrow[] = { 8, 9 };
    const float           reals[]  = { 1, 2 };
    pri_link_edges        edges;

#define REFUSED(name, dtype, dims, n, cols, ends, words)                                           \
    do {                                                                                           \
        put(path, name, dtype, dims, n, cols, ends);                                               \
        assert_fails(PR_E_INPUT, words, pri_link_edges_make(data, &options, 1, &edges));           \
        assert_null(edges.graph.indptr);                                                           \
    } while (0)
    REFUSED("train_edges.npy", PR_I64, 2, 2, 2, good, "neither val_edges.npy nor");
    put(path, "test_edges.npy", PR_I32, 2, 1, 2, narrow);
    REFUSED("val_edges.npy", PR_I64, 2, 2, 2, good, "held out by val_edges.npy");
    REFUSED("train_edges.npy", PR_I64, 2, 2, 2, below, "edge 1 has an end -3");
    REFUSED("train_edges.npy", PR_I64, 2, 2, 2, above, "end 2000, must be a node in 0 .. 1999");
    REFUSED("train_edges.npy", PR_I64, 2, 2, 2, loop, "joins node 7 with itself");
    REFUSED("train_edges.npy", PR_U64, 2, 1, 2, huge, "18446744073709551615");
    REFUSED("train_edges.npy", PR_F32, 2, 1, 2, reals, "type <f4");
    REFUSED("train_edges.npy", PR_I64, 1, 4, 1, good, "shape (4,)");
    REFUSED("train_edges.npy", PR_I64, 2, 1, 4, good, "shape (1, 4)");
    REFUSED("train_edges.npy", PR_I64, 2, 0, 2, good, "no edges to train on");
    put(path, "train_edges.npy", PR_I32, 2, 1, 2, (const int32_t[]){ 20, 21 });
    REFUSED("val_edges.npy", PR_I64, 2, 2, 2, twice, "edge 1, of nodes 2 and 1, is there");
    REFUSED("val_edges.npy", PR_I32, 2, 1, 2, narrow, "test_edges.npy: edge 0");
    test_file(path, "val_edges.npy", "not numpy", 9);
    assert_fails(PR_E_INPUT, "val_edges.npy", pri_link_edges_make(data, &options, 1, &edges));
    pr_dataset_close(data);
}

/* ---- steps ---- */

typedef struct stream {
    const pr_dataset *data;
    pri_link_edges    edges;
    pri_link_draw     draw;
    pri_link_plan     plan;
} stream;

static void open_stream(stream *s, uint32_t negatives)
{
    const pr_link_options options = defaults();

    s->data = test_open(planted());
    assert_ok(pri_link_edges_make(s->data, &options, 1, &s->edges));
    assert_ok(pri_link_draw_init(&s->edges.graph, PR_NEGATIVE_DEGREE, 1, &s->draw));
    s->plan = (pri_link_plan){ &s->edges.part[PRI_LINK_TRAIN], &s->draw, negatives };
}

static void close_stream(stream *s)
{
    pri_link_draw_clear(&s->draw);
    pri_link_edges_clear(&s->edges);
    pr_dataset_close(s->data);
}

/* Check a step against its definition, pair by pair. */
static void check_step(const stream *s, const pri_link_step *step, uint64_t number, pr_vids edges)
{
    const pri_pairs *p     = &step->pairs;
    uint32_t         known = 0, in_lists = 0, excluded = 0;

    assert_int_equal(p->group, 1 + s->plan.negatives);
    assert_int_equal(p->num_pairs, edges.n * p->group);
    assert_int_equal(p->num_seeds, step->seeds.n);
    for (uint32_t i = 0; i < p->num_pairs; i++) {
        const pri_link_place place  = { true, number, i / p->group };
        const bool           turned = pri_link_turned(&s->draw, place);
        const pr_vid        *ends   = s->plan.edges->ends + 2 * (size_t)edges.at[i / p->group];
        const pr_vid         source = ends[turned];
        const pr_vid         target = i % p->group
                                          ? pri_link_negative(&s->draw, place, i % p->group - 1, source)
                                          : ends[!turned];
        if (p->source[i] == known) known++; /* order of first appearance */
        if (p->target[i] == known) known++;
        assert_true(p->source[i] < known && p->target[i] < known);
        assert_int_equal(step->seeds.at[p->source[i]], source);
        assert_int_equal(step->seeds.at[p->target[i]], target);
    }
    assert_int_equal(known, step->seeds.n);
    for (uint32_t i = 0; i < p->num_seeds; i++) {
        const uint32_t *mine = p->pair_of + p->indptr[i];
        uint32_t        n    = 0;
        for (uint32_t k = 0; k < p->num_pairs; k++)
            if (p->source[k] == i || p->target[k] == i) assert_int_equal(mine[n++], k);
        assert_int_equal(n, p->indptr[i + 1] - p->indptr[i]);
        in_lists += n;
        const uint32_t begin = step->exclude.indptr[i], end = step->exclude.indptr[i + 1];
        for (uint32_t k = begin + 1; k < end; k++)
            assert_true(step->exclude.vertices[k - 1] <= step->exclude.vertices[k]);
        excluded += end - begin;
    }
    assert_int_equal(in_lists, 2 * p->num_pairs);
    assert_int_equal(excluded, 2 * edges.n);
    for (uint32_t i = 0; i < p->num_pairs; i += p->group) { /* both directions */
        const uint32_t side[] = { p->source[i], p->target[i] };
        for (int d = 0; d < 2; d++) {
            bool found = false;
            for (uint32_t k = step->exclude.indptr[side[d]]; k < step->exclude.indptr[side[d] + 1];
                 k++)
                found |= step->exclude.vertices[k] == step->seeds.at[side[1 - d]];
            assert_true(found);
        }
    }
}

static void a_step_is_its_edges_their_negatives_and_what_they_exclude(void **state)
{
    (void)state;
    enum { BATCH = 300, KEPT = 3 };
    stream            s;
    pri_link_batches *batches;
    pr_vid            order[KEPT][BATCH];
    test_rng          rng = { .key = test_seed() };

    for (uint32_t negatives = 1; negatives <= 4; negatives += 3) {
        open_stream(&s, negatives);
        assert_ok(pri_link_batches_create(&s.plan, BATCH, KEPT, &batches));
        for (uint64_t step = 0; step < 6; step++) {
            const uint32_t n = step == 5 ? 17 : BATCH;
            for (uint32_t i = 0; i < n; i++) /* few of them: hubs, and edges that come twice */
                order[step % KEPT][i] =
                    test_below(&rng, step == 3 ? 40 : (uint32_t)s.plan.edges->n);
            pri_link_batches_make(batches, step, (pr_vids){ order[step % KEPT], n });
            for (uint64_t at = step < KEPT ? 0 : step - KEPT + 1; at <= step; at++)
                check_step(&s, pri_link_batches_of(batches, at), at,
                           (pr_vids){ order[at % KEPT], at == 5 ? 17 : BATCH });
        }
        pri_link_batches_free(batches);
        close_stream(&s);
    }
}

static void absurd_steps_are_refused(void **state)
{
    (void)state;
    stream            s;
    pri_link_batches *batches;

    open_stream(&s, 1024);
    assert_fails(PR_E_RANGE, "--link.negatives",
                 pri_link_batches_create(&s.plan, 1 << 24, 1, &batches));
    assert_null(batches);
    close_stream(&s);
}

static pr_status make_edges(void *context, void **out)
{
    static pri_link_edges edges;
    const pr_link_options options = defaults();
    const pr_status       st      = pri_link_edges_make(context, &options, 1, &edges);

    *out = st == PR_OK ? &edges : NULL;
    return st;
}

static void clear_edges(void *edges)
{
    pri_link_edges_clear(edges);
}

static pr_status make_batches(void *context, void **out)
{
    pri_link_batches *batches;
    const pr_status   st = pri_link_batches_create(context, 10, 2, &batches);

    *out = batches;
    return st;
}

static void clear_batches(void *batches)
{
    pri_link_batches_free(batches);
}

static void without_memory_nothing_is_left(void **state)
{
    (void)state;
    stream s;

    open_stream(&s, 2);
    test_oom("edges of a graph", make_edges, clear_edges, (void *)(uintptr_t)s.data);
    test_oom("steps of edges", make_batches, clear_batches, &s.plan);
    close_stream(&s);
    const char   *path   = listed_set();
    const int64_t held[] = { 1, 2, 3, 4 };
    put(path, "val_edges.npy", PR_I64, 2, 2, 2, held);
    const pr_dataset *data = test_open(path);
    test_oom("edges of lists", make_edges, clear_edges, (void *)(uintptr_t)data);
    pr_dataset_close(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_disjoint_have_their_shares_and_leave_the_graph),
        cmocka_unit_test(an_edge_is_a_pair_however_it_is_stored),
        cmocka_unit_test(lists_of_a_dataset_decide),
        cmocka_unit_test(lists_go_along_when_a_dataset_is_written_anew),
        cmocka_unit_test(bad_lists_are_refused_by_name),
        cmocka_unit_test(a_step_is_its_edges_their_negatives_and_what_they_exclude),
        cmocka_unit_test(absurd_steps_are_refused),
        cmocka_unit_test(without_memory_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
