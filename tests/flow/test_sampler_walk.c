/* test_sampler_walk.c: do random walks keep what their definition says? Many copies of a small
 * graph are sampled, and each outcome (who is kept, in which order, with which weights) is held
 * against its probability, which is computed by enumerating all walks.
 *
 * The seed is fixed; $PR_SEED tries others. A statistic is expected beyond LIMIT standard
 * deviations once in 3.5 million.
 */
#include <math.h>

#include "base/mem.h"
#include "support/support.h"

enum {
    SMALL       = 5,
    COPIES      = 256,
    NODES       = SMALL * COPIES,
    LIMIT       = 5,
    MAX_STEPS   = 6,
    MAX_CLASSES = 4096
};

/* In-neighbours: 0 has 1, 2, 2 and itself, 1 has 0 and 3, 2 has 4 and 0, 3 has none, 4 has 2. */
static const pr_vid   small_from[]  = { 1, 2, 2, 0, 0, 3, 4, 0, 2 };
static const uint32_t small_start[] = { 0, 4, 6, 8, 8, 9 };
enum { SMALL_ARCS = 9 };

static pr_eid indptr[NODES + 1];
static pr_vid indices[SMALL_ARCS * COPIES], seeds[COPIES];

static pr_graph copies(pr_vid start)
{
    for (pr_vid c = 0; c < COPIES; c++) {
        seeds[c] = c * SMALL + start;
        for (uint32_t v = 0; v < SMALL; v++)
            indptr[c * SMALL + v + 1] = (pr_eid)c * SMALL_ARCS + small_start[v + 1];
        for (uint32_t e = 0; e < SMALL_ARCS; e++)
            indices[c * SMALL_ARCS + e] = c * SMALL + small_from[e];
    }
    return (pr_graph){ NODES, SMALL_ARCS * COPIES, indptr, indices, NULL };
}

static pr_sampler_options walk_options(uint32_t walks, uint32_t length, double restart)
{
    pr_sampler_options options;

    pr_sampler_default(&options);
    options.kind         = PR_SAMPLER_WALK;
    options.walks        = walks;
    options.walk_length  = length;
    options.walk_restart = restart;
    return options;
}

/* ---- outcomes and their probabilities ---- */

/* An outcome as a number: vertex and visits of those kept, in order; 8 bits each. */
typedef struct outcomes {
    uint32_t num;
    uint64_t code[MAX_CLASSES];
    double   expected[MAX_CLASSES];
    uint32_t count[MAX_CLASSES];
} outcomes;

static uint32_t class_of(outcomes *o, uint64_t code)
{
    uint32_t i = 0;
    while (i < o->num && o->code[i] != code) i++;
    if (i == o->num) {
        assert_true(o->num < MAX_CLASSES);
        o->code[o->num++] = code;
    }
    return i;
}

typedef struct world {
    pr_vid    start;
    uint32_t  walks, length, fanout;
    double    restart;
    outcomes *out;
} world;

/* Keep by definition: again and again the one with most visits, of equals the first. */
static uint64_t keep(const world *w, const pr_vid *visits, uint32_t num)
{
    uint32_t times[SMALL] = { 0 };
    uint64_t code         = 0;

    for (uint32_t i = 0; i < num; i++) times[visits[i]]++;
    for (uint32_t k = 0; k < w->fanout; k++) {
        pr_vid best = SMALL;
        for (uint32_t i = 0; i < num; i++)
            if (times[visits[i]] > 0 && (best == SMALL || times[visits[i]] > times[best]))
                best = visits[i];
        if (best == SMALL) break;
        code        = code << 8 | best << 4 | times[best];
        times[best] = 0;
    }
    return code;
}

/* Enumerate from walk `walk`, which has taken `steps` arcs and stands on v. */
static void enumerate(const world *w, uint32_t walk, uint32_t steps, pr_vid v, pr_vid *visits,
                      uint32_t num, double probability)
{
    const uint32_t degree = small_start[v + 1] - small_start[v];

    if (walk == w->walks) {
        w->out->expected[class_of(w->out, keep(w, visits, num))] += probability;
        return;
    }
    if (steps == w->length || degree == 0) {
        enumerate(w, walk + 1, 0, w->start, visits, num, probability);
        return;
    }
    for (uint32_t i = 0; i < degree; i++) {
        const double each = probability / degree;
        visits[num]       = small_from[small_start[v] + i];
        const pr_vid next = visits[num];
        if (w->restart > 0) enumerate(w, walk + 1, 0, w->start, visits, num + 1, each * w->restart);
        visits[num] = next;
        if (w->restart < 1)
            enumerate(w, walk, steps + 1, next, visits, num + 1, each * (1 - w->restart));
    }
}

/* Chi-square as a standard normal deviate (Wilson and Hilferty, PNAS 1931). */
static double deviate(double chi, double freedom)
{
    const double spread = 2.0 / (9.0 * freedom);
    return (cbrt(chi / freedom) - (1.0 - spread)) / sqrt(spread);
}

static double compare(const outcomes *o, double num)
{
    double   chi = 0, rest = 0, rest_expected = 0;
    uint32_t classes = 0;

    for (uint32_t i = 0; i < o->num; i++) {
        const double expected = num * o->expected[i];
        assert_true(expected > 0 || o->count[i] == 0); /* impossible outcomes */
        if (expected >= 10) {
            chi += (o->count[i] - expected) * (o->count[i] - expected) / expected;
            classes++;
        } else {
            rest += o->count[i];
            rest_expected += expected;
        }
    }
    if (rest_expected >= 3) {
        chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        classes++;
    }
    return classes < 2 ? 0 : deviate(chi, classes - 1);
}

static void every_outcome_has_its_probability(void **state)
{
    static const struct {
        pr_vid   start;
        uint32_t walks, length;
        double   restart;
        uint32_t fanout;
    } cases[] = {
        { 0, 1, 1, 0.5, PR_FANOUT_ALL },
        { 0, 1, 3, 0.0, PR_FANOUT_ALL },
        { 0, 1, 4, 0.3, PR_FANOUT_ALL },
        { 1, 1, 4, 0.25, 2 },
        { 2, 2, 3, 0.5, PR_FANOUT_ALL },
        { 0, 2, 2, 0.4, 1 },
        { 4, 2, 3, 0.2, 2 },
        { 0, 3, 2, 0.5, 2 },
        { 0, 3, 1, 1.0, PR_FANOUT_ALL },
        { 1, 2, 3, 1.0, 3 },
    };
    static outcomes out;
    double          largest = 0;

    (void)state;
    for (uint32_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const pr_graph     graph  = copies(cases[c].start);
        const pr_fanout    fanout = { .num_layers = 1, .hop = { cases[c].fanout } };
        pr_sampler_options options =
            walk_options(cases[c].walks, cases[c].length, cases[c].restart);
        const world w = { cases[c].start,  cases[c].walks,   cases[c].length,
                          cases[c].fanout, cases[c].restart, &out };
        enum { STEPS = 60 };
        pr_vid      visits[MAX_STEPS];
        pr_sampler *sampler;
        out.num = 0;
        memset(out.expected, 0, sizeof out.expected);
        memset(out.count, 0, sizeof out.count);
        enumerate(&w, 0, 0, w.start, visits, 0, 1.0);
        assert_ok(pr_sampler_create(&graph, &fanout, &options, test_seed(), COPIES, 1, &sampler));
        pr_batch_room *room = test_batch_room(sampler);
        for (uint32_t step = 0; step < STEPS; step++) {
            pr_batch batch;
            assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds, COPIES },
                                      (pr_draw){ .epoch = c, .step = step }, &batch));
            const pr_block *b = &batch.block[0];
            for (uint32_t d = 0; d < COPIES; d++) {
                uint64_t code = 0;
                for (uint32_t e = b->indptr[d]; e < b->indptr[d + 1]; e++) {
                    const pr_vid u = batch.nodes.at[b->indices[e]];
                    assert_int_equal(u / SMALL, d);
                    code = code << 8 | (u % SMALL) << 4 | (uint32_t)b->weights[e];
                }
                out.count[class_of(&out, code)]++;
            }
        }
        const double z = compare(&out, (double)STEPS * COPIES);
        if (z > LIMIT) fail_msg("case %u: deviate %.1f of %u outcomes", c, z, out.num);
        if (z > largest) largest = z;
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
    printf("outcomes: largest deviate %.2f\n", largest);
}

/* ---- properties ---- */

enum { MANY = 3000, MAX_ARCS = MANY * 12 };
static pr_eid many_starts[MANY + 1];
static pr_vid many_from[MAX_ARCS], many_seeds[MANY];

static pr_graph random_graph(test_rng *rng)
{
    pr_eid e = 0;

    for (pr_vid v = 0; v < MANY; v++) {
        const uint32_t degree = test_below(rng, 3) ? test_below(rng, 12) : test_below(rng, 2);
        for (uint32_t i = 0; i < degree; i++)
            many_from[e++] = test_below(rng, 2) ? test_below(rng, MANY) : test_below(rng, 30);
        many_starts[v + 1] = e;
        many_seeds[v]      = v;
    }
    return (pr_graph){ MANY, e, many_starts, many_from, NULL };
}

/* Mark what can be reached from v within `steps` arcs, one at least. */
static void reach(const pr_graph *graph, pr_vid v, uint32_t steps, bool *reached)
{
    if (steps == 0) return;
    for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
        reached[graph->indices[e]] = true;
        reach(graph, graph->indices[e], steps - 1, reached);
    }
}

static void kept_vertices_can_be_reached_and_weights_are_visits(void **state)
{
    static bool    reached[MANY];
    test_rng       rng   = { .key = test_seed() };
    const pr_graph graph = random_graph(&rng);
    static const struct {
        uint32_t walks, length;
        double   restart;
        uint32_t fanout;
    } cases[] = { { 10, 3, 0.5, 5 },
                  { 1, 1, 0, 1 },
                  { 3, 3, 0, PR_FANOUT_ALL },
                  { 20, 2, 0.1, 10 },
                  { 1500, 3, 0.5, 7 } };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const uint32_t     n      = cases[c].walks > 100 ? 20 : 300;
        const pr_fanout    fanout = { .num_layers = 1, .hop = { cases[c].fanout } };
        pr_sampler_options options =
            walk_options(cases[c].walks, cases[c].length, cases[c].restart);
        pr_sampler *sampler;
        pr_batch    batch;
        assert_ok(pr_sampler_create(&graph, &fanout, &options, test_seed(), MANY, 2, &sampler));
        pr_batch_room *room = test_batch_room(sampler);
        assert_ok(
            pr_sampler_draw(sampler, room, (pr_vids){ many_seeds, n }, (pr_draw){ 0 }, &batch));
        const pr_block *b = &batch.block[0];
        assert_non_null(b->weights);
        assert_int_equal(b->indptr[n], b->num_edges);
        for (uint32_t d = 0; d < n; d++) {
            const uint32_t begin = b->indptr[d], end = b->indptr[d + 1];
            double         sum = 0;
            memset(reached, 0, sizeof reached);
            reach(&graph, d, cases[c].length, reached);
            assert_true(end - begin <= cases[c].fanout);
            assert_true((end > begin) == (graph.indptr[d + 1] > graph.indptr[d]));
            for (uint32_t e = begin; e < end; e++) {
                const pr_vid u = batch.nodes.at[b->indices[e]];
                assert_true(reached[u]);
                reached[u] = false; /* not twice */
                assert_true(b->weights[e] >= 1 && b->weights[e] == floorf(b->weights[e]));
                assert_true(e == begin || b->weights[e] <= b->weights[e - 1]);
                sum += (double)b->weights[e];
            }
            assert_true(sum <= (double)cases[c].walks * cases[c].length);
            if (cases[c].fanout == PR_FANOUT_ALL && end > begin)
                assert_true(sum >= cases[c].walks); /* every walk takes an arc */
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
}

static void batches_are_the_same_for_any_threads_and_instruction_set(void **state)
{
    static const uint32_t threads[] = { 1, 2, 3, 8 };
    test_rng              rng       = { .key = test_seed() };
    const pr_graph        graph     = random_graph(&rng);
    const pr_fanout       fanout    = { .num_layers = 3, .hop = { 10, 5, 4 } };
    pr_sampler_options    options   = walk_options(10, 3, 0.5);
    uint64_t              wanted[3] = { 0 };
    double                sums[3]   = { 0 };

    (void)state;
    for (options.isa = PR_ISA_PORTABLE; options.isa <= PR_ISA_AVX512; options.isa++)
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            pr_sampler *sampler;
            assert_ok(pr_sampler_create(&graph, &fanout, &options, 9, 300, threads[t], &sampler));
            pr_batch_room *room  = test_batch_room(sampler);
            const uint64_t calls = pri_mem_calls();
            for (uint64_t step = 0; step < 3; step++) {
                pr_batch batch;
                double   sum = 0;
                assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ many_seeds + 300 * step, 300 },
                                          (pr_draw){ .step = step }, &batch));
                for (uint32_t h = 0; h < 3; h++)
                    for (uint32_t e = 0; e < batch.block[h].num_edges; e++)
                        sum += (double)batch.block[h].weights[e] * (e + 1);
                if (!wanted[step]) wanted[step] = batch.hash, sums[step] = sum;
                assert_true(batch.hash == wanted[step]);
                assert_true(sum == sums[step]);
            }
            assert_int_equal(pri_mem_calls(), calls); /* drawing takes nothing from the heap */
            pr_batch_room_free(room);
            pr_sampler_free(sampler);
        }
}

/* Leaves of a star have one arc each, but walks from one come to many others: all rows together
 * hold more than the graph has arcs. */
static void rows_may_hold_more_than_the_graph_has_arcs(void **state)
{
    enum { LEAVES = 100 };
    static pr_eid      starts[LEAVES + 2];
    static pr_vid      from[2 * LEAVES], all[LEAVES + 1];
    const pr_graph     graph   = { LEAVES + 1, 2 * LEAVES, starts, from, NULL };
    const pr_fanout    fanout  = { .num_layers = 1, .hop = { PR_FANOUT_ALL } };
    pr_sampler_options options = walk_options(20, 4, 0);
    pr_sampler        *sampler;
    pr_batch           batch;

    (void)state;
    for (pr_vid v = 0; v <= LEAVES; v++) { /* vertex 0 is the middle */
        all[v]        = v;
        starts[v + 1] = LEAVES + v;
        if (v > 0) from[v - 1] = v, from[LEAVES + v - 1] = 0;
    }
    assert_ok(pr_sampler_create(&graph, &fanout, &options, 1, LEAVES + 1, 1, &sampler));
    pr_batch_room *room = test_batch_room(sampler);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ all, LEAVES + 1 }, (pr_draw){ 0 }, &batch));
    assert_true(batch.num_edges > 2 * LEAVES);
    assert_true(batch.num_edges <= pr_sampler_max_edges(sampler));
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

static void a_vertex_walks_alike_whatever_its_batch_mates(void **state)
{
    test_rng           rng     = { .key = test_seed() };
    const pr_graph     graph   = random_graph(&rng);
    const pr_fanout    fanout  = { .num_layers = 1, .hop = { 4 } };
    pr_sampler_options options = walk_options(10, 3, 0.5);
    pr_sampler        *sampler;
    pr_vid             kept[300][4];
    uint32_t           num[300];
    pr_batch           batch;

    (void)state;
    assert_ok(pr_sampler_create(&graph, &fanout, &options, 9, 300, 1, &sampler));
    pr_batch_room *room = test_batch_room(sampler);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ many_seeds, 300 }, (pr_draw){ 0 }, &batch));
    for (uint32_t d = 0; d < 300; d++) {
        const pr_block *b = &batch.block[0];
        num[d]            = b->indptr[d + 1] - b->indptr[d];
        for (uint32_t i = 0; i < num[d]; i++)
            kept[d][i] = batch.nodes.at[b->indices[b->indptr[d] + i]];
    }
    for (uint32_t d = 0; d < 300; d++) {
        assert_ok(
            pr_sampler_draw(sampler, room, (pr_vids){ many_seeds + d, 1 }, (pr_draw){ 0 }, &batch));
        assert_int_equal(batch.num_edges, num[d]);
        for (uint32_t i = 0; i < num[d]; i++)
            assert_int_equal(batch.nodes.at[batch.block[0].indices[i]], kept[d][i]);
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

/* 16385 rows of 2^18 visits each; nothing is drawn, though rows would keep one vertex. */
static void a_hop_that_may_exceed_32_bits_of_edges_is_refused(void **state)
{
    enum { LOOPS = 1 << 18, DRAWN = (1 << 14) + 1 };
    const pr_sampler_options options = walk_options(4096, 64, 1);
    pr_eid                  *starts  = calloc(LOOPS + 1, sizeof *starts);
    pr_vid                  *self    = calloc(LOOPS, sizeof *self);
    pr_sampler              *sampler;
    pr_batch                 batch;

    (void)state;
    assert_true(starts && self);
    for (pr_vid v = 0; v < LOOPS; v++) self[v] = v, starts[v + 1] = v + 1;
    const pr_graph graph = { LOOPS, LOOPS, starts, self, NULL };
    assert_ok(pr_sampler_create(&graph, &(pr_fanout){ 1, { PR_FANOUT_ALL } }, &options, 1, DRAWN, 1,
                                &sampler));
    pr_batch_room *room = test_batch_room(sampler);
    assert_fails(
        PR_E_FULL, "hop 0 of step 7 may have 4295229440 edges, at most 4294967295",
        pr_sampler_draw(sampler, room, (pr_vids){ self, DRAWN }, (pr_draw){ .step = 7 }, &batch));
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ self, 1 }, (pr_draw){ .step = 7 }, &batch));
    assert_int_equal(batch.num_edges, 1);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free(self);
    free(starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_its_probability),
        cmocka_unit_test(kept_vertices_can_be_reached_and_weights_are_visits),
        cmocka_unit_test(batches_are_the_same_for_any_threads_and_instruction_set),
        cmocka_unit_test(rows_may_hold_more_than_the_graph_has_arcs),
        cmocka_unit_test(a_vertex_walks_alike_whatever_its_batch_mates),
        cmocka_unit_test(a_hop_that_may_exceed_32_bits_of_edges_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
