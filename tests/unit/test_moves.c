/* test_moves.c: bounds of parts, and the moves that keep or restore them, against their rules on
 * random graphs; numbers of parts. */
#include "support/blocks.h"

#include "partition/moves.h"
#include "partition/numbering.h"

enum { MAX_N = 400 };

static pr_vid   pair[2 * 6 * MAX_N];
static uint8_t  part[MAX_N], wish[MAX_N];
static uint32_t second[MAX_N], candidate[MAX_N];
static uint16_t rank[MAX_N];

static void bounds_are_three_percent_from_even_whole_numbers_permitting(void **state)
{
    (void)state;
    static const struct {
        uint32_t nodes, parts;
        uint64_t least, most;
    } want[] = {
        { 1000, 1, 970, 1030 }, { 1000, 10, 97, 103 }, { 1001, 10, 97, 103 }, { 10, 3, 3, 4 },
        { 5, 5, 1, 1 },         { 99, 4, 24, 25 },     { 200, 4, 49, 51 },
    };

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const pri_weights weights = { .num_kinds = 1 };
        pri_loads         loads;
        pri_loads_begin(&loads, &weights, want[i].nodes, want[i].parts);
        assert_int_equal(loads.least[0], want[i].least);
        assert_int_equal(loads.most[0], want[i].most);
    }
}

/* One random case: a graph, weights and parts as bad as chance makes them. */
typedef struct random_case {
    pri_csc      csc;
    pri_loads    loads;
    pri_division division;
} random_case;

static void make_case(random_case *c, test_rng *rng)
{
    const uint32_t N = 2 + test_below(rng, MAX_N - 2);
    const uint32_t P = 1 + test_below(rng, N < 20 ? N : 20);
    const uint32_t T = test_below(rng, 4) == 0 ? N : test_below(rng, N + 1); /* who trains */
    const uint32_t used_parts = 1 + test_below(rng, P);
    const uint64_t num_pairs  = test_below(rng, 6 * N);

    for (uint64_t i = 0; i < num_pairs; i++) {
        pair[2 * i]     = test_below(rng, N);
        pair[2 * i + 1] = (pair[2 * i] + test_below(rng, 1 + N / 4)) % N;
    }
    test_graph_of(pair, num_pairs, N, true, &c->csc);
    for (uint32_t v = 0; v < N; v++) {
        part[v]   = (uint8_t)test_below(rng, used_parts);
        second[v] = v < T;
    }
    const pr_graph *g = &c->csc.graph;
    c->division       = (pri_division){ .level   = { N, g->indptr, g->indices, NULL, NULL },
                                        .weights = { 1 + test_below(rng, 2), NULL, second },
                                        .loads   = &c->loads,
                                        .part    = part,
                                        .team    = 1 };
    pri_loads_begin(&c->loads, &c->division.weights, N, P);
    pri_loads_count(&c->loads, &c->division.weights, N, part);
}

/* Loads that are kept up to date are what counting gives. */
static void check_loads(const random_case *c)
{
    pri_loads fresh = c->loads;

    pri_loads_count(&fresh, &c->division.weights, c->division.level.num_nodes, part);
    assert_memory_equal(&fresh, &c->loads, sizeof fresh);
}

static uint64_t cut_of(const random_case *c)
{
    const pr_graph *g   = &c->csc.graph;
    uint64_t        cut = 0;

    for (uint32_t v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
            cut += part[v] != part[g->indices[e]];
    return cut;
}

static void any_parts_can_be_made_even_in_nodes_and_training_nodes(void **state)
{
    (void)state;
    test_rng    rng = { test_seed(), 1 };
    random_case c;

    for (int i = 0; i < 800; i++) {
        make_case(&c, &rng);
        const bool     even  = pri_loads_even(&c.loads);
        const uint64_t moved = pri_moves_even_out(&c.division, candidate, rank);
        check_loads(&c);
        if (!pri_loads_even(&c.loads))
            fail_msg("case %d: %u nodes, %u parts, %llu train: not even", i,
                     c.division.level.num_nodes, c.loads.num_parts,
                     (unsigned long long)c.loads.total[1]);
        if (even) assert_int_equal(moved, 0);
        pri_csc_clear(&c.csc);
    }
}

/* What weighs anything at all may not be even afterwards; nodes are. */
static void nodes_are_even_whatever_else_weighs(void **state)
{
    (void)state;
    test_rng    rng = { test_seed(), 5 };
    random_case c;

    for (int i = 0; i < 300; i++) {
        make_case(&c, &rng);
        const uint32_t N = c.division.level.num_nodes, bound = 1 + test_below(&rng, 1000);
        c.division.weights.num_kinds = 2;
        for (uint32_t v = 0; v < N; v++) second[v] = test_below(&rng, bound);
        pri_loads_begin(&c.loads, &c.division.weights, N, c.loads.num_parts);
        pri_loads_count(&c.loads, &c.division.weights, N, part);
        pri_moves_even_out(&c.division, candidate, rank);
        check_loads(&c);
        for (uint32_t p = 0; p < c.loads.num_parts; p++)
            assert_in_range(c.loads.of[0][p], c.loads.least[0], c.loads.most[0]);
        pri_csc_clear(&c.csc);
    }
}

static void improving_cuts_fewer_arcs_and_keeps_parts_even(void **state)
{
    (void)state;
    test_rng    rng   = { test_seed(), 2 };
    int64_t     fewer = 0;
    random_case c;

    for (int i = 0; i < 200; i++) {
        make_case(&c, &rng);
        pri_moves_even_out(&c.division, candidate, rank);
        const uint64_t before = cut_of(&c);
        pri_moves_improve(&c.division, 20, wish);
        check_loads(&c);
        assert_true(pri_loads_even(&c.loads));
        fewer += (int64_t)(before - cut_of(&c)); /* neighbours may change places at once */
        pri_csc_clear(&c.csc);
    }
    printf("%lld arcs fewer are cut\n", (long long)fewer);
    assert_true(fewer > 1000);
}

/* A path of 12 in two parts: nodes 0..6 and 7..11. One must leave the larger: 6, whose neighbours
 * are in both, is the cheapest. */
static void the_cheapest_vertex_leaves_a_part_that_is_too_large(void **state)
{
    (void)state;
    enum { N = 12 };
    random_case c;

    for (uint32_t v = 0; v + 1 < N; v++) {
        pair[2 * v]     = v;
        pair[2 * v + 1] = v + 1;
    }
    test_graph_of(pair, N - 1, N, true, &c.csc);
    for (uint32_t v = 0; v < N; v++) part[v] = v > 6;
    const pr_graph *g = &c.csc.graph;
    c.division        = (pri_division){ .level   = { N, g->indptr, g->indices, NULL, NULL },
                                        .weights = { .num_kinds = 1 },
                                        .loads   = &c.loads,
                                        .part    = part,
                                        .team    = 2 };
    pri_loads_begin(&c.loads, &c.division.weights, N, 2);
    pri_loads_count(&c.loads, &c.division.weights, N, part);
    assert_int_equal(pri_moves_even_out(&c.division, candidate, rank), 1);
    for (uint32_t v = 0; v < N; v++) assert_int_equal(part[v], v > 5);
    pri_csc_clear(&c.csc);
}

static void who_asks_to_stop_is_heard(void **state)
{
    (void)state;
    static const volatile int asked = 1;
    test_rng                  rng   = { test_seed(), 4 };
    random_case               c;

    make_case(&c, &rng);
    c.division.stop = &asked;
    assert_int_equal(pri_moves_improve(&c.division, 5, wish), 0);
    assert_int_equal(pri_moves_even_out(&c.division, candidate, rank), 0);
    pri_csc_clear(&c.csc);
}

/* Parts 0 and 4, 1 and 3, 2 and 5 share arcs, and then the second pair and the third. */
static void parts_that_share_arcs_get_near_numbers(void **state)
{
    (void)state;
    static const pr_vid  links[]  = { 0, 4, 0, 10, 1, 3, 1, 9, 2, 5, 2, 11, 3, 5 };
    static const uint8_t before[] = { 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5 };
    static const uint8_t want[6]  = { 0, 2, 4, 3, 1, 5 };

    for (int team = 1; team <= 3; team++) {
        uint8_t       numbers[12];
        pri_csc       csc;
        pri_adjacency adjacency;
        test_graph_of(links, 7, 12, true, &csc);
        assert_ok(pri_adjacency_make(&csc.graph, 1, NULL, &adjacency));
        memcpy(numbers, before, sizeof numbers);
        assert_ok(pri_parts_number(&adjacency, 6, team, numbers));
        for (int v = 0; v < 12; v++) assert_int_equal(numbers[v], want[before[v]]);
        pri_adjacency_clear(&adjacency);
        pri_csc_clear(&csc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_three_percent_from_even_whole_numbers_permitting),
        cmocka_unit_test(any_parts_can_be_made_even_in_nodes_and_training_nodes),
        cmocka_unit_test(nodes_are_even_whatever_else_weighs),
        cmocka_unit_test(improving_cuts_fewer_arcs_and_keeps_parts_even),
        cmocka_unit_test(the_cheapest_vertex_leaves_a_part_that_is_too_large),
        cmocka_unit_test(who_asks_to_stop_is_heard),
        cmocka_unit_test(parts_that_share_arcs_get_near_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
