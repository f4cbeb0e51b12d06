/* test_sampler_own.c: a batch with a seed or fanout of its own is the batch of a sampler that was
 * made with them, whatever the two samplers drew before; and a vertex's neighbourhood in a batch of
 * phase infer does not depend on the vertices that share the batch, which is what a server's
 * answers rest on. */
#include "base/mem.h"
#include "pipeline/sampler/timeless.h"
#include "support/labor_oracle.h"
#include "support/support.h"

enum { NUM_KINDS = 5, MAX_BATCH = 400 };

/* A random graph with hubs, parallel arcs and vertices without arcs; some weights are 0. */
static pr_graph graph_of(uint64_t seed)
{
    static const uint32_t rows[] = { 900, 5000, 70, 66, 300, 4200 };
    pr_graph              graph  = labor_graph(600, 24, rows, 6, seed);
    test_rng              rng    = { .key = seed + 1 };
    float                *weight = calloc(graph.num_edges, sizeof *weight);

    assert_non_null(weight);
    for (pr_eid e = 0; e < graph.num_edges; e++) {
        const uint32_t coin = test_below(&rng, 8);
        weight[e]           = coin == 0 ? 0 : coin == 1 ? 100 : (float)(1 + test_below(&rng, 9));
    }
    graph.weights = weight;
    return graph;
}

static void free_graph(pr_graph graph)
{
    free((void *)(uintptr_t)graph.weights);
    graph.weights = NULL;
    labor_graph_free(graph);
}

static pr_sampler_options random_options(test_rng *rng, int kind)
{
    pr_sampler_options o;

    pr_sampler_default(&o);
    o.kind        = kind;
    o.isa         = (int)test_below(rng, 3);
    o.kappa       = 1 + test_below(rng, 9);
    o.kappa_form  = (int)test_below(rng, 2);
    o.walks       = 1 + test_below(rng, 40);
    o.walk_length = 1 + test_below(rng, 5);
    return o;
}

/* Mostly what people ask for, sometimes what needs scratch. */
static uint32_t random_hop(test_rng *rng)
{
    static const uint32_t many[] = { 64, 65, 100, 899, 900, 4999, PR_FANOUT_MAX, PR_FANOUT_ALL };

    return test_below(rng, 3) ? 1 + test_below(rng, 20) : many[test_below(rng, 8)];
}

static pr_fanout random_fanout(test_rng *rng, bool repeats)
{
    pr_fanout fanout = { .num_layers = 1 + test_below(rng, 3) };

    for (uint32_t h = 0; h < fanout.num_layers; h++) {
        fanout.hop[h] = random_hop(rng);
        if (repeats && fanout.hop[h] != PR_FANOUT_ALL && fanout.hop[h] > 100) fanout.hop[h] = 100;
    }
    return fanout;
}

/* Some fanout that a sampler of `has` can draw. */
static pr_fanout smaller_fanout(test_rng *rng, const pr_fanout *has, int kind)
{
    pr_fanout own = *has;

    for (uint32_t h = 0; h < own.num_layers; h++) {
        const uint32_t value = random_hop(rng);
        if (own.hop[h] == PR_FANOUT_ALL && kind == PR_SAMPLER_REPLACE) continue;
        if (value <= own.hop[h])
            own.hop[h] = value;
        else if (test_below(rng, 2))
            own.hop[h] = 1 + test_below(rng, own.hop[h]);
    }
    return own;
}

static pr_sampler *sampler_of(const pr_graph *graph, const pr_fanout *fanout,
                              const pr_sampler_options *options, uint64_t seed, uint32_t threads)
{
    pr_sampler *sampler;
    assert_ok(pr_sampler_create(graph, fanout, options, seed, MAX_BATCH, threads, &sampler));
    return sampler;
}

static void assert_same_batch(const pr_batch *a, const pr_batch *b)
{
    assert_true(a->hash == b->hash && a->num_edges == b->num_edges);
    assert_int_equal(a->num_layers, b->num_layers);
    assert_int_equal(a->nodes.n, b->nodes.n);
    assert_memory_equal(a->nodes.at, b->nodes.at, a->nodes.n * sizeof *a->nodes.at);
    for (uint32_t h = 0; h < a->num_layers; h++) {
        const pr_block *x = &a->block[h], *y = &b->block[h];
        assert_int_equal(x->num_dst, y->num_dst);
        assert_int_equal(x->num_src, y->num_src);
        assert_int_equal(x->num_edges, y->num_edges);
        assert_memory_equal(x->indptr, y->indptr, (x->num_dst + 1) * sizeof *x->indptr);
        assert_memory_equal(x->indices, y->indices, x->num_edges * sizeof *x->indices);
        assert_true(!x->weights == !y->weights);
        if (x->weights)
            assert_memory_equal(x->weights, y->weights, x->num_edges * sizeof *x->weights);
    }
}

/* Draw `draw` with the old sampler, and without its own terms with one that was made with them. */
static void compare(pr_sampler *old, pr_batch_room *room, const pr_graph *graph,
                    const pr_sampler_options *options, const pr_fanout *fanout, uint64_t seed,
                    uint32_t threads, pr_vids seeds, pr_draw draw)
{
    const uint64_t calls = pri_mem_calls();
    pr_batch       batch, wanted;

    assert_ok(pr_sampler_draw(old, room, seeds, draw, &batch));
    assert_int_equal(pri_mem_calls(), calls);

    pr_sampler    *fresh = sampler_of(graph, fanout, options, seed, threads);
    pr_batch_room *other = test_batch_room(fresh);
    draw.own             = NULL;
    assert_ok(pr_sampler_draw(fresh, other, seeds, draw, &wanted));
    assert_same_batch(&wanted, &batch);
    pr_batch_room_free(other);
    pr_sampler_free(fresh);
}

/* One sampler draws a dozen batches, some as it was made, some with a seed of their own, some with
 * a fanout, some with both. */
static void compare_kind(const pr_graph *graph, int kind, uint64_t seed)
{
    test_rng                 rng     = { .key = seed };
    const pr_sampler_options options = random_options(&rng, kind);
    const pr_fanout          has     = random_fanout(&rng, kind == PR_SAMPLER_REPLACE);
    const uint32_t           threads = 1 + test_below(&rng, 3);
    pr_sampler              *sampler = sampler_of(graph, &has, &options, seed, threads);
    pr_batch_room           *room    = test_batch_room(sampler);
    pr_vid                   ids[MAX_BATCH];

    for (uint32_t i = 0; i < 12; i++) {
        const pr_fanout fanout = smaller_fanout(&rng, &has, kind);
        pr_draw_own     own    = { .has_seed = test_below(&rng, 2), .seed = test_random(&rng) };
        if (test_below(&rng, 3)) own.fanout = &fanout;
        const uint32_t n     = i % 4 == 3 ? MAX_BATCH : 1 + test_below(&rng, 12);
        const pr_vids  seeds = labor_seeds(ids, graph->num_nodes, n, seed + i);
        const pr_draw  draw  = { .phase = (pr_phase)test_below(&rng, 4),
                                 .epoch = test_below(&rng, 3),
                                 .step  = test_below(&rng, 40),
                                 .own   = test_below(&rng, 6) ? &own : NULL };
        compare(sampler, room, graph, &options, draw.own && own.fanout ? own.fanout : &has,
                draw.own && own.has_seed ? own.seed : seed, 1 + test_below(&rng, 2), seeds, draw);
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

static void an_own_batch_is_that_of_a_sampler_made_so(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        const uint64_t seed  = test_seed() + 100 * round;
        const pr_graph graph = graph_of(seed);
        for (int kind = 0; kind < NUM_KINDS; kind++)
            compare_kind(&graph, kind, seed + 1 + (uint64_t)kind);
        free_graph(graph);
    }
}

/* What is excluded is left out of own batches as of others. */
static void an_own_batch_excludes_as_others_do(void **state)
{
    const pr_graph  graph = graph_of(test_seed());
    const pr_fanout has = { 2, { PR_FANOUT_ALL, 20 } }, fanout = { 2, { 70, 3 } };
    pr_vid          ids[8], out[8];
    uint32_t        begin[9];

    (void)state;
    const pr_vids seeds = labor_seeds(ids, graph.num_nodes, 8, 3);
    for (uint32_t i = 0; i < 8; i++) { /* of each its last neighbour */
        const pr_eid end = graph.indptr[ids[i] + 1];
        out[i]           = end > graph.indptr[ids[i]] ? graph.indices[end - 1] : 0;
        begin[i]         = i;
    }
    begin[8]                 = 8;
    const pr_exclude exclude = { begin, out };
    for (int kind = 0; kind < NUM_KINDS; kind++) {
        test_rng                 rng     = { .key = (uint64_t)kind };
        const pr_sampler_options options = random_options(&rng, kind);
        const pr_fanout   drawn = kind == PR_SAMPLER_REPLACE ? (pr_fanout){ 2, { 60, 3 } } : fanout;
        const pr_fanout   made  = kind == PR_SAMPLER_REPLACE ? (pr_fanout){ 2, { 80, 20 } } : has;
        const pr_draw_own own   = { .has_seed = true, .seed = 5, .fanout = &drawn };
        pr_sampler       *sampler = sampler_of(&graph, &made, &options, 4, 2);
        pr_batch_room    *room    = test_batch_room(sampler);
        compare(sampler, room, &graph, &options, &drawn, 5, 2, seeds,
                (pr_draw){ .phase = PR_PHASE_EVAL, .exclude = &exclude, .own = &own });
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
    free_graph(graph);
}

static void assert_refused(const char *words, pr_sampler *sampler, pr_batch_room *room,
                           pr_phase phase, const pr_fanout *fanout)
{
    const pr_vid      v   = 1;
    const pr_draw_own own = { .has_seed = true, .seed = 9, .fanout = fanout };
    pr_batch          batch;

    assert_fails(PR_E_ARG, words,
                 pr_sampler_draw(sampler, room, (pr_vids){ &v, 1 },
                                 (pr_draw){ .phase = phase, .own = &own }, &batch));
}

static void an_own_fanout_beyond_the_samplers_is_refused_by_its_hop(void **state)
{
    const pr_graph     graph   = graph_of(7);
    const pr_fanout    has     = { 2, { 10, PR_FANOUT_ALL } };
    pr_sampler_options options = labor_options(1, PR_KAPPA_STAGGERED, 1, 8);
    pr_sampler        *sampler = sampler_of(&graph, &has, &options, 1, 1);
    pr_batch_room     *room    = test_batch_room(sampler);

    (void)state;
    assert_refused("has 1 hops, must have the sampler's 2", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 1, { 10 } });
    assert_refused("has 3 hops", sampler, room, PR_PHASE_INFER, &(pr_fanout){ 3, { 1, 1, 1 } });
    assert_refused("of hop 0 is 11, must be 1..10", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 2, { 11, 1 } });
    assert_refused("of hop 0 is all, must be 1..10", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 2, { PR_FANOUT_ALL, 1 } });
    assert_refused("of hop 1 is 0, must be 1..65535 or all", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 2, { 10, 0 } });
    assert_refused("of hop 1 is 65536, must be 1..65535 or all", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 2, { 10, PR_FANOUT_MAX + 1 } });
    pr_batch_room_free(room);
    pr_sampler_free(sampler);

    options.kind = PR_SAMPLER_REPLACE;
    sampler      = sampler_of(&graph, &has, &options, 1, 1);
    room         = test_batch_room(sampler);
    assert_refused("of hop 1 is 3, must be all: --sampler replace", sampler, room, PR_PHASE_INFER,
                   &(pr_fanout){ 2, { 10, 3 } });
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

/* A bias remembers batches of the sampler's seed and fanout, which no other sampler would. */
static void a_training_batch_of_its_own_is_refused_where_batches_are_remembered(void **state)
{
    const pr_graph           graph   = graph_of(8);
    const pr_fanout          has     = { 1, { 5 } };
    const pr_sampler_options options = labor_options(1, PR_KAPPA_STAGGERED, 4, 8);
    pr_sampler              *sampler = sampler_of(&graph, &has, &options, 1, 1);
    pr_batch_room           *room    = test_batch_room(sampler);
    const pr_draw_own        own     = { .has_seed = true, .seed = 9 };
    const pr_vid             v       = 3;
    pr_batch                 batch;

    (void)state;
    assert_refused("--cache-bias is 4, must be 1", sampler, room, PR_PHASE_TRAIN, NULL);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ &v, 1 },
                              (pr_draw){ .phase = PR_PHASE_INFER, .own = &own }, &batch));
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

/* Expect row `a` of block x, as vertices with weights, to be row `b` of block y. */
static void assert_same_row(const pr_batch *x, const pr_batch *y, uint32_t hop, uint32_t a,
                            uint32_t b)
{
    const pr_block *p = &x->block[hop], *q = &y->block[hop];
    const uint32_t  from = p->indptr[a], to = q->indptr[b], n = p->indptr[a + 1] - from;

    assert_int_equal(q->indptr[b + 1] - to, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(x->nodes.at[p->indices[from + i]], y->nodes.at[q->indices[to + i]]);
        if (p->weights) assert_true(p->weights[from + i] == q->weights[to + i]);
    }
}

/* Expect all rows of the smaller batch to be those of the larger one. */
static void assert_within(const pr_batch *little, const pr_batch *large, pr_vid num_nodes)
{
    uint32_t *place = malloc(num_nodes * sizeof *place);

    assert_non_null(place);
    for (uint32_t i = 0; i < large->nodes.n; i++) place[large->nodes.at[i]] = i;
    for (uint32_t h = 0; h < little->num_layers; h++)
        for (uint32_t d = 0; d < little->block[h].num_dst; d++)
            assert_same_row(little, large, h, d, place[little->nodes.at[d]]);
    free(place);
}

/* As a server draws: step 0 of phase infer, alone, and among a crowd; with a cache bias too, and
 * after training batches, since only those are biased. */
static void a_neighbourhood_does_not_depend_on_batch_mates(void **state)
{
    const pr_graph  graph  = graph_of(test_seed());
    const pr_fanout fanout = { 2, { 15, 70 } };
    pr_vid          ids[MAX_BATCH];

    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++) {
        test_rng           rng     = { .key = (uint64_t)kind + 20 };
        pr_sampler_options options = random_options(&rng, kind);
        options.cache_bias         = kind == PR_SAMPLER_LABOR ? 8 : 1;
        pr_sampler    *sampler     = sampler_of(&graph, &fanout, &options, 11, 2);
        pr_batch_room *room = test_batch_room(sampler), *other = test_batch_room(sampler);
        const pr_draw  draw = { .phase = PR_PHASE_INFER };
        pr_batch       alone, crowd;

        const pr_vids all = labor_seeds(ids, graph.num_nodes, MAX_BATCH, 6);
        assert_ok(
            pr_sampler_draw(sampler, room, (pr_vids){ ids, 20 }, (pr_draw){ .step = 1 }, &crowd));
        assert_ok(pr_sampler_draw(sampler, room, all, draw, &crowd));
        for (uint32_t i = 0; i < 60; i++) {
            assert_ok(
                pr_sampler_draw(sampler, other, (pr_vids){ ids + i, 1 + i % 4 }, draw, &alone));
            assert_within(&alone, &crowd, graph.num_nodes);
        }
        pr_batch_room_free(room);
        pr_batch_room_free(other);
        pr_sampler_free(sampler);
    }
    free_graph(graph);
}

/* Step 0 knows no earlier one: with any kappa, and any bias, the batches of phase infer are those
 * that are drawn anew each time. */
static void kappa_and_bias_have_no_say_in_step_0_of_phase_infer(void **state)
{
    const pr_graph  graph  = graph_of(test_seed() + 3);
    const pr_fanout fanout = { 2, { 10, 70 } };
    const pr_draw   draw   = { .phase = PR_PHASE_INFER };
    pr_vid          ids[MAX_BATCH];

    (void)state;
    for (int i = 0; i < 6; i++) { /* of three instruction sets and two forms */
        pr_sampler_options some = labor_options(64, i % 2, 16, 8), none = some;
        some.isa = none.isa = i / 2;
        pri_sampler_timeless(&none);
        pr_sampler    *a     = sampler_of(&graph, &fanout, &some, 2, 1);
        pr_sampler    *b     = sampler_of(&graph, &fanout, &none, 2, 1);
        pr_batch_room *first = test_batch_room(a), *second = test_batch_room(b);
        pr_batch       x, y;
        for (uint32_t n = 1; n < MAX_BATCH; n += 90) {
            const pr_vids seeds = labor_seeds(ids, graph.num_nodes, n, n);
            assert_ok(pr_sampler_draw(a, first, seeds, (pr_draw){ .step = n }, &x));
            assert_ok(pr_sampler_draw(a, first, seeds, draw, &x));
            assert_ok(pr_sampler_draw(b, second, seeds, draw, &y));
            assert_same_batch(&x, &y);
        }
        pr_batch_room_free(first);
        pr_batch_room_free(second);
        pr_sampler_free(a);
        pr_sampler_free(b);
    }
    free_graph(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_own_batch_is_that_of_a_sampler_made_so),
        cmocka_unit_test(an_own_batch_excludes_as_others_do),
        cmocka_unit_test(an_own_fanout_beyond_the_samplers_is_refused_by_its_hop),
        cmocka_unit_test(a_training_batch_of_its_own_is_refused_where_batches_are_remembered),
        cmocka_unit_test(a_neighbourhood_does_not_depend_on_batch_mates),
        cmocka_unit_test(kappa_and_bias_have_no_say_in_step_0_of_phase_infer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
