/* test_order_access.c: steps of a trace as bits of a node, how much nodes are wanted together, and
 * the order that follows. */
#include "support/support.h"

#include "partition/order_access.h"

enum { NODES = 240, CLIQUE = 12 };

static const char *path_of(void)
{
    static char path[1024];
    if (!path[0]) snprintf(path, sizeof path, "%s/trace", test_directory());
    return path;
}

/* Whether a made-up step wants a node. */
static bool wanted_by(uint64_t step, pr_vid v)
{
    return pri_mix64(step * 1000 + v % 7) % 3 == 0 && v % 5 != 4;
}

static void write_trace(uint64_t num_steps, bool evaluates)
{
    const pr_trace_info info = { "made up", 5, NODES, 4, 1 };
    pr_trace_writer    *writer;
    pr_vid              ids[NODES];

    assert_ok(pr_trace_create(path_of(), &info, NODES, &writer));
    for (uint64_t step = 0; step < num_steps; step++) {
        size_t n = 0;
        for (pr_vid v = NODES; v-- > 0;)
            if (wanted_by(step, v)) ids[n++] = v;
        pr_trace_step frame = { .step = step, .wanted = { ids, n } };
        assert_ok(pr_trace_add(writer, &frame));
        frame.phase = PR_PHASE_EVAL;
        if (evaluates) assert_ok(pr_trace_add(writer, &frame));
    }
    assert_ok(pr_trace_finish(writer));
}

static const pr_dataset dataset = { .path        = "here",
                                    .fingerprint = 5,
                                    .graph       = { .num_nodes = NODES } };

/* Of step lists of any length one in so many is kept; evaluation plays no part. */
static void wants_are_what_the_trace_says(void **state)
{
    (void)state;
    static const uint64_t lengths[] = { 1, 63, 64, 65, 512, 513, 1024, 1500 };

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const uint64_t stride = (lengths[i] + PRI_WANTS_STEPS - 1) / PRI_WANTS_STEPS;
        pri_wants      wants;
        pr_vid         others[NODES];
        float          got[NODES];
        write_trace(lengths[i], i % 2);
        assert_ok(pri_wants_read(path_of(), &dataset, NULL, &wants));
        assert_int_equal(wants.num_steps, lengths[i]);
        assert_int_equal(wants.num_kept, (lengths[i] + stride - 1) / stride);
        assert_true(wants.num_kept <= PRI_WANTS_STEPS);
        for (pr_vid v = 0; v < NODES; v++) others[v] = v;
        for (pr_vid a = 0; a < 30; a++) {
            pri_wants_together(&wants, a, others, NODES, got);
            for (pr_vid b = 0; b < NODES; b++) {
                int both = 0, either = 0;
                for (uint64_t s = 0; s < lengths[i]; s += stride) {
                    both += wanted_by(s, a) && wanted_by(s, b);
                    either += wanted_by(s, a) || wanted_by(s, b);
                }
                assert_true(got[b] == ((float)both + 0.1F) / ((float)either + 1.0F));
            }
        }
        pri_wants_clear(&wants);
    }
}

/* Cliques whose nodes' numbers are far apart (v and v + 20), all but the first
 * node of each with arcs to the cliques beside it; the last two nodes have none. */
static pr_graph cliques(pr_eid *indptr, pr_vid *indices)
{
    enum { GROUPS = NODES / CLIQUE, LONELY = 2 };
    pr_eid e = 0;

    for (pr_vid v = 0; v < NODES; v++) {
        indptr[v] = e;
        if (v >= NODES - LONELY) continue;
        for (pr_vid u = 0; u < NODES - LONELY; u++) {
            const bool same = u % GROUPS == v % GROUPS;
            const bool next = v >= GROUPS && u / GROUPS == v / GROUPS && (u == v + 1 || v == u + 1);
            if (u != v && (same || next)) indices[e++] = u;
        }
    }
    indptr[NODES] = e;
    return (pr_graph){ NODES, e, indptr, indices, NULL };
}

static void check_permutation(const pr_vid *order)
{
    uint8_t met[NODES] = { 0 };

    for (pr_vid i = 0; i < NODES; i++) {
        assert_true(order[i] < NODES && !met[order[i]]);
        met[order[i]] = 1;
    }
}

/* Give in how many runs of the order a class of nodes lies, over all classes. */
static int runs_of(const pr_vid *order, pr_vid (*class_of)(pr_vid))
{
    int runs = 1;

    for (pr_vid i = 1; i < NODES - 2; i++) runs += class_of(order[i]) != class_of(order[i - 1]);
    return runs;
}

static pr_vid by_clique(pr_vid v)
{
    return v % (NODES / CLIQUE);
}

static pr_vid by_row(pr_vid v)
{
    return v / (NODES / CLIQUE);
}

/* A trace whose steps each want one class of nodes. */
static void read_classes(pr_vid (*class_of)(pr_vid), pri_wants *wants)
{
    const pr_trace_info info = { "made up", 5, NODES, 4, 1 };
    pr_trace_writer    *writer;
    pr_vid              ids[NODES];

    assert_ok(pr_trace_create(path_of(), &info, NODES, &writer));
    for (pr_vid c = 0; c < NODES; c++) {
        size_t n = 0;
        for (pr_vid v = 0; v < NODES; v++)
            if (class_of && class_of(v) == c) ids[n++] = v;
        const pr_trace_step frame = { .step = c, .wanted = { ids, n } };
        assert_ok(pr_trace_add(writer, &frame));
    }
    assert_ok(pr_trace_finish(writer));
    assert_ok(pri_wants_read(path_of(), &dataset, NULL, wants));
}

static void rows_lie_side_by_side_with_those_they_are_wanted_with(void **state)
{
    (void)state;
    static pr_eid  indptr[NODES + 1];
    static pr_vid  indices[NODES * (CLIQUE + 2)];
    const pr_graph graph = cliques(indptr, indices);
    pr_vid         order[NODES];
    uint64_t       bytes;
    pri_wants      wants;

    read_classes(NULL, &wants); /* nothing was wanted: the graph alone decides */
    assert_int_equal(wants.num_wanted, 0);
    assert_ok(pri_order_access(&graph, &wants, 1, NULL, order, &bytes));
    check_permutation(order);
    printf("%d runs of cliques\n", runs_of(order, by_clique));
    assert_true(runs_of(order, by_clique) <= 2 * NODES / CLIQUE);
    assert_true(order[NODES - 2] == NODES - 2 && order[NODES - 1] == NODES - 1);
    pri_wants_clear(&wants);

    read_classes(by_row, &wants); /* the few arcs across are those along which rows are wanted */
    assert_ok(pri_order_access(&graph, &wants, 1, NULL, order, &bytes));
    check_permutation(order);
    printf("%d runs of rows wanted together\n", runs_of(order, by_row));
    /* a run for each row, and the first node of each clique in the midst of one at the worst */
    assert_true(runs_of(order, by_row) <= CLIQUE + 2 * NODES / CLIQUE);
    assert_true(runs_of(order, by_clique) > NODES / 2);
    assert_true(bytes > graph.num_edges * 8);
    pri_wants_clear(&wants);
}

/* Random arcs, loops and repeated ones: any graph, any number of threads. */
static void any_graph_gets_an_order_and_threads_do_not_change_it(void **state)
{
    (void)state;
    enum { ARCS = 2000 };
    test_rng  rng = { test_seed(), 0 };
    pr_eid    indptr[NODES + 1];
    pr_vid    indices[ARCS], want[NODES], got[NODES];
    uint64_t  bytes;
    pri_wants wants;

    write_trace(40, false);
    assert_ok(pri_wants_read(path_of(), &dataset, NULL, &wants));
    for (int i = 0; i < 50; i++) {
        const uint32_t arcs = i ? test_below(&rng, ARCS) : 0;
        for (pr_vid v = 0; v <= NODES; v++) indptr[v] = (pr_eid)v * arcs / NODES;
        for (uint32_t e = 0; e < arcs; e++) {
            const uint32_t u = test_below(&rng, NODES);
            indices[e]       = u * u / NODES;
        }
        const pr_graph graph = { NODES, arcs, indptr, indices, NULL };
        assert_ok(pri_order_access(&graph, &wants, 1, NULL, want, &bytes));
        check_permutation(want);
        assert_ok(pri_order_access(&graph, &wants, 3, NULL, got, &bytes));
        assert_memory_equal(got, want, sizeof want);
    }
    pri_wants_clear(&wants);
}

typedef struct given {
    pr_graph  graph;
    pri_wants wants;
    pr_vid    order[NODES];
} given;

static pr_status order_it(void *context, void **out)
{
    given    *g = context;
    uint64_t  bytes;
    pr_status st = pri_order_access(&g->graph, &g->wants, 1, NULL, g->order, &bytes);

    *out = st == PR_OK ? g : NULL;
    return st;
}

static pr_status read_it(void *context, void **out)
{
    static pri_wants wants;
    pr_status        st = pri_wants_read(path_of(), context, NULL, &wants);

    *out = st == PR_OK ? &wants : NULL;
    return st;
}

static void clear_it(void *wants)
{
    pri_wants_clear(wants);
}

static void keep_it(void *order)
{
    (void)order;
}

static void no_memory_is_said_and_nothing_is_kept(void **state)
{
    (void)state;
    static pr_eid indptr[NODES + 1];
    static pr_vid indices[NODES * (CLIQUE + 2)];
    static given  g;

    write_trace(40, false);
    test_oom("pri_wants_read", read_it, clear_it, (void *)(uintptr_t)&dataset);
    g.graph       = cliques(indptr, indices);
    g.wants       = (pri_wants){ .num_nodes = NODES, .num_words = 1 };
    uint64_t *bit = calloc(NODES, sizeof *bit);
    g.wants.steps = bit;
    test_oom("pri_order_access", order_it, keep_it, &g);
    free(bit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wants_are_what_the_trace_says),
        cmocka_unit_test(rows_lie_side_by_side_with_those_they_are_wanted_with),
        cmocka_unit_test(any_graph_gets_an_order_and_threads_do_not_change_it),
        cmocka_unit_test(no_memory_is_said_and_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
