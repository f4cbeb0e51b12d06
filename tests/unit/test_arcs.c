/* test_arcs.c: edges to in-neighbour lists in files: whatever room there is, whatever threads do,
 * the arcs that a plain sort of all of them gives. */
#include "support/support.h"

#include <omp.h>

#include "loaders/arcs.h"

enum { NODES = 60, EDGES = 2500 };

typedef struct arc {
    pr_vid dst, src;
    float  weight;
} arc;

/* Edges, and what shall come of them. */
typedef struct setup {
    pr_vid       pair[2 * EDGES];
    float        weight[EDGES];
    pri_arcs_how how;
    arc          want[2 * EDGES + NODES];
    uint64_t     num_want, loops_dropped, duplicates_dropped;
} setup;

static int by_place(const void *a, const void *b)
{
    const arc *x = a, *y = b;
    if (x->dst != y->dst) return x->dst < y->dst ? -1 : 1;
    if (x->src != y->src) return x->src < y->src ? -1 : 1;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

static void add_arc(setup *s, pr_vid src, pr_vid dst, float weight)
{
    s->want[s->num_want++] = (arc){ dst, src, weight };
}

/* Say what is wanted, in the plainest way. */
static void expect(setup *s)
{
    const int loops         = s->how.rules.self_loops;
    bool      looped[NODES] = { false };

    s->num_want = s->loops_dropped = 0;
    for (int i = 0; i < EDGES; i++) {
        const pr_vid src = s->pair[2 * i], dst = s->pair[2 * i + 1];
        const float  weight = s->how.weighted ? s->weight[i] : 0;
        if (src == dst && loops == PRI_LOOPS_DROP) {
            s->loops_dropped++;
            continue;
        }
        looped[src] |= src == dst;
        add_arc(s, src, dst, weight);
        if (s->how.undirected && src != dst) add_arc(s, dst, src, weight);
    }
    for (pr_vid v = 0; loops == PRI_LOOPS_ADD && v < NODES; v++)
        if (!looped[v]) add_arc(s, v, v, s->how.weighted ? 1 : 0);
    qsort(s->want, s->num_want, sizeof *s->want, by_place);
    const uint64_t all = s->num_want;
    if (!s->how.rules.keep_all) {
        uint64_t kept = 0;
        for (uint64_t i = 0; i < all; i++) {
            const bool same = kept > 0 && s->want[kept - 1].dst == s->want[i].dst &&
                              s->want[kept - 1].src == s->want[i].src;
            if (same)
                s->want[kept - 1].weight += s->want[i].weight;
            else
                s->want[kept++] = s->want[i];
        }
        s->num_want = kept;
    }
    s->duplicates_dropped = all - s->num_want;
}

static void fill(setup *s, pri_arcs *arcs)
{
    pri_paged none = { 0 };

    assert_ok(pri_arcs_init(arcs, &s->how));
    memcpy(arcs->spool.pair, s->pair, sizeof s->pair);
    if (s->how.weighted) memcpy(arcs->spool.weight, s->weight, sizeof s->weight);
    assert_ok(pri_arcs_add(arcs, EDGES));
    assert_ok(pri_arcs_end(arcs, &none));
}

static bool is_symmetric(const setup *s)
{
    for (uint64_t i = 0; i < s->num_want; i++) {
        uint64_t there = 0, back = 0;
        for (uint64_t j = 0; j < s->num_want; j++) {
            there += s->want[j].src == s->want[i].src && s->want[j].dst == s->want[i].dst;
            back += s->want[j].src == s->want[i].dst && s->want[j].dst == s->want[i].src;
        }
        if (there != back) return false;
    }
    return true;
}

/* Build with so much room, and compare with what is wanted. */
static void check(setup *s, uint64_t room, bool symmetric)
{
    const char *dir = s->how.spool_dir;
    char        path[PR_TEXT_BYTES];
    pri_arcs    arcs;
    pr_npy      indices, weights = { 0 };

    fill(s, &arcs);
    if (room == 0) room = arcs.longest;
    assert_ok(pri_arcs_build(&arcs, room, dir));
    assert_int_equal(arcs.num_arcs, s->num_want);
    assert_int_equal(arcs.tally.self_loops_dropped, s->loops_dropped);
    assert_int_equal(arcs.tally.duplicates_dropped, s->duplicates_dropped);
    snprintf(path, sizeof path, "%s/indices.npy", dir);
    assert_ok(pr_npy_open(path, &indices));
    assert_int_equal(indices.shape[0], s->num_want);
    if (s->how.weighted) {
        snprintf(path, sizeof path, "%s/edge_weight.npy", dir);
        assert_ok(pr_npy_open(path, &weights));
        assert_int_equal(weights.shape[0], s->num_want);
    }
    uint64_t e = 0, loops = 0;
    for (pr_vid v = 0; v < NODES; v++) {
        assert_int_equal(arcs.indptr[v], e);
        for (; e < s->num_want && s->want[e].dst == v; e++) {
            assert_int_equal(((const pr_vid *)indices.data)[e], s->want[e].src);
            loops += s->want[e].src == v;
            if (weights.data) assert_true(((const float *)weights.data)[e] == s->want[e].weight);
        }
    }
    assert_int_equal(arcs.indptr[NODES], s->num_want);
    assert_int_equal(arcs.figures.self_loops, loops);
    if (!s->how.undirected) assert_int_equal(arcs.figures.lean == 0, symmetric);
    pr_npy_close(&indices);
    pr_npy_close(&weights);
    pri_arcs_clear(&arcs);
}

/* Weights are small whole numbers, so that sums are exact. Node 7 has no arc; node 1 has most. */
static void draw(setup *s, test_rng *rng, int round)
{
    for (int i = 0; i < EDGES; i++) {
        pr_vid a = test_below(rng, NODES), b = test_below(rng, round % 3 ? NODES : 9);
        if (a == 7) a = 8;
        if (b == 7) b = 1;
        s->pair[2 * i] = a, s->pair[2 * i + 1] = b;
        if (round % 3 == 1 && i % 2) /* as many there as back */
            s->pair[2 * i] = s->pair[2 * i - 1], s->pair[2 * i + 1] = s->pair[2 * i - 2];
        s->weight[i] = (float)test_below(rng, 50);
    }
}

static void arcs_are_what_a_plain_sort_gives(void **state)
{
    (void)state;
    static setup s;
    test_rng     rng    = { .key = test_seed() };
    pri_teller   teller = { 0 };
    const char  *dir    = test_directory();

    for (int round = 0; round < 24; round++) {
        draw(&s, &rng, round);
        s.how = (pri_arcs_how){ .num_nodes  = NODES,
                                .undirected = round & 1,
                                .weighted   = round & 2,
                                .rules      = { .keep_all = round & 4, .self_loops = round / 8 },
                                .spool_dir  = dir,
                                .source     = "edges.txt",
                                .teller     = &teller };
        expect(&s);
        const bool symmetric = is_symmetric(&s);
        for (int threads = 1; threads <= 3; threads += 2) {
            omp_set_num_threads(threads);
            check(&s, 2 * EDGES + NODES, symmetric);
            check(&s, 0, symmetric);
            check(&s, 2 * EDGES - 7, symmetric);
        }
    }
}

static void less_room_is_more_passes(void **state)
{
    (void)state;
    static setup s;
    test_rng     rng    = { .key = test_seed() };
    pri_teller   teller = { 0 };
    pri_arcs     arcs;

    draw(&s, &rng, 1);
    s.how = (pri_arcs_how){ .num_nodes = NODES,
                            .rules     = { .keep_all = true, .self_loops = PRI_LOOPS_KEEP },
                            .spool_dir = test_directory(),
                            .source    = "edges.txt",
                            .teller    = &teller };
    fill(&s, &arcs);
    assert_int_equal(arcs.num_arcs, EDGES);
    assert_int_equal(pri_arcs_num_ranges(&arcs, EDGES), 1);
    assert_int_equal(pri_arcs_num_ranges(&arcs, EDGES - 1), 2);
    const uint64_t most = pri_arcs_num_ranges(&arcs, arcs.longest);
    assert_true(most > 10 && most <= NODES);
    assert_ok(pri_arcs_build(&arcs, arcs.longest, NULL));
    assert_int_equal(arcs.num_ranges, most);
    assert_int_equal(arcs.num_arcs, EDGES);
    pri_arcs_clear(&arcs);
}

static void weights_that_add_up_to_too_much_are_refused(void **state)
{
    (void)state;
    const pr_vid  pair[]  = { 0, 1, 0, 1 };
    const float   heavy[] = { 3e38f, 3e38f };
    const int64_t ids[]   = { 70, 900 };
    pri_teller    teller  = { 0 };
    pri_paged     none    = { 0 };
    pri_arcs_how  how     = { .num_nodes = 2,
                              .weighted  = true,
                              .rules     = { .ids = ids },
                              .spool_dir = test_directory(),
                              .source    = "edges.txt",
                              .teller    = &teller };
    for (int all = 0; all < 2; all++) {
        pri_arcs arcs;
        how.rules.keep_all = all;
        assert_ok(pri_arcs_init(&arcs, &how));
        memcpy(arcs.spool.pair, pair, sizeof pair);
        memcpy(arcs.spool.weight, heavy, sizeof heavy);
        assert_ok(pri_arcs_add(&arcs, 2));
        assert_ok(pri_arcs_end(&arcs, &none));
        if (all)
            assert_ok(pri_arcs_build(&arcs, 2, NULL));
        else
            assert_fails(
                PR_E_INPUT,
                "edges.txt: the weights of the 2 arcs from 70 to 900 add up to 6e+38, must "
                "be at most",
                pri_arcs_build(&arcs, 2, NULL));
        pri_arcs_clear(&arcs);
    }
}

static void a_directory_that_takes_no_file_is_named(void **state)
{
    (void)state;
    pri_spool spool;
    assert_fails(PR_E_IO, "/nowhere: no temporary file can be made here: No such file",
                 pri_spool_open(&spool, "/nowhere", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arcs_are_what_a_plain_sort_gives),
        cmocka_unit_test(less_room_is_more_passes),
        cmocka_unit_test(weights_that_add_up_to_too_much_are_refused),
        cmocka_unit_test(a_directory_that_takes_no_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
