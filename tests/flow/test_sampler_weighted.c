/* test_sampler_weighted.c: are weighted draws what their definition says? Many hubs with the same
 * row and the same weights are sampled, and what was drawn how often is held against probabilities
 * that are computed by enumeration.
 *
 * Arcs come in order of drawing, so that for short rows every ordered sequence can be counted. The
 * seed is fixed; $PR_SEED tries others. A statistic is expected beyond LIMIT standard deviations
 * once in 3.5 million.
 */
#include <math.h>

#include "base/mem.h"
#include "support/support.h"

enum {
    NUM_LEAVES    = 300,
    NUM_HUBS      = 256,
    LIMIT         = 5,
    MAX_DEGREE    = 6,
    MAX_SEQUENCES = 6 * 6 * 6 * 6 * 6
};

static pr_eid indptr[NUM_LEAVES + NUM_HUBS + 1];
static pr_vid indices[NUM_HUBS * NUM_LEAVES], hubs[NUM_HUBS];
static float  weights[NUM_HUBS * NUM_LEAVES];

/* Every hub has leaves 0 .. degree-1 as in-neighbours, with these weights. */
static pr_graph hub_graph(uint32_t degree, const float *row)
{
    for (uint32_t h = 0; h < NUM_HUBS; h++) {
        hubs[h]                    = NUM_LEAVES + h;
        indptr[NUM_LEAVES + h + 1] = indptr[NUM_LEAVES + h] + degree;
        for (uint32_t i = 0; i < degree; i++) {
            indices[h * degree + i] = i;
            weights[h * degree + i] = row[i];
        }
    }
    return (pr_graph){ NUM_LEAVES + NUM_HUBS, NUM_HUBS * degree, indptr, indices, weights };
}

/* ---- shapes of weights ---- */

typedef enum shape {
    EQUAL,
    RISING,
    GEOMETRIC, /* 1, 1/2, 1/4, ... */
    STEEP,     /* 1, 2^-10, 2^-20, 2^-30, ... */
    DOMINANT,  /* one has all but 10^-4 */
    ZEROS,     /* every other one is 0 */
    DENORMAL,
    HUGE_SUMS, /* the sum is beyond f32 */
    NUM_SHAPES
} shape;

static const char *const shape_names[] = { "equal",    "rising", "geometric", "steep",
                                           "dominant", "zeros",  "denormal",  "huge" };

static float weight_of(shape s, uint32_t i, uint32_t degree)
{
    switch (s) {
    case RISING: return (float)(i + 1);
    case GEOMETRIC: return ldexpf(1.0f, -(int)i);
    case STEEP: return ldexpf(1.0f, -10 * (int)i);
    case DOMINANT: return i == degree / 2 ? 1.0f : 1e-4f / (float)degree;
    case ZEROS: return i % 2 ? (float)(1 + i) : 0.0f;
    case DENORMAL: return (float)(i + 1) * 0x1p-149f;
    case HUGE_SUMS: return i % 3 ? 3e38f : 1e38f;
    default: return 0.3f;
    }
}

static uint32_t fill(shape s, uint32_t degree, float *row)
{
    uint32_t positive = 0;
    for (uint32_t i = 0; i < degree; i++) {
        row[i] = weight_of(s, i, degree);
        positive += row[i] > 0;
    }
    return positive;
}

/* ---- statistics ---- */

/* Chi-square as a standard normal deviate (Wilson and Hilferty, PNAS 1931). */
static double deviate(double chi, double freedom)
{
    const double spread = 2.0 / (9.0 * freedom);
    return (cbrt(chi / freedom) - (1.0 - spread)) / sqrt(spread);
}

typedef struct tally {
    uint32_t cases;
    double   chi, freedom, largest;
} tally;

/* Hold counts against expectations; classes expected less than 10 times are taken together. */
static void compare(tally *t, const uint32_t *count, const double *expected, uint32_t num,
                    const char *what, uint32_t degree, uint32_t fanout)
{
    double   chi = 0, rest_expected = 0;
    uint32_t classes = 0, rest = 0;

    for (uint32_t i = 0; i < num; i++) {
        if (expected[i] >= 10) {
            chi += (count[i] - expected[i]) * (count[i] - expected[i]) / expected[i];
            classes++;
        } else {
            assert_true(expected[i] > 0 || count[i] == 0);
            rest += count[i];
            rest_expected += expected[i];
        }
    }
    if (rest_expected >= 3) {
        chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        classes++;
    } else if (rest > rest_expected + 12) {
        fail_msg("%s %u, %u: %u rare draws, %.3g expected", what, degree, fanout, rest,
                 rest_expected);
    }
    if (classes < 2) return;
    const double z = deviate(chi, classes - 1);
    if (z > LIMIT)
        fail_msg("%s %u, %u: chi-square %.1f of %u classes, deviate %.1f", what, degree, fanout,
                 chi, classes, z);
    t->cases++;
    t->chi += chi;
    t->freedom += classes - 1;
    if (z > t->largest) t->largest = z;
}

static void conclude(const tally *t, const char *what)
{
    const double z = (t->chi - t->freedom) / sqrt(2.0 * t->freedom);

    printf("%s: %u cases; together %.2f standard deviations from chance, largest %.2f\n", what,
           t->cases, z, t->largest);
    assert_true(fabs(z) < LIMIT);
}

static pr_sampler *sampler_of(const pr_graph *graph, uint32_t fanout, int isa, uint32_t threads)
{
    const pr_fanout    hops = { .num_layers = 1, .hop = { fanout } };
    pr_sampler_options options;
    pr_sampler        *sampler;

    pr_sampler_default(&options);
    options.kind = PR_SAMPLER_WEIGHTED;
    options.isa  = isa;
    assert_ok(pr_sampler_create(graph, &hops, &options, test_seed(), NUM_HUBS, threads, &sampler));
    return sampler;
}

/* ---- every sequence ---- */

/* Probabilities of all sequences of `left` further arcs, by enumeration; code is the sequence so
 * far in digits of base `degree`. */
static void enumerate(const float *row, uint32_t degree, uint32_t left, uint32_t used,
                      uint32_t code, double probability, double *out)
{
    double sum = 0;

    if (left == 0) {
        out[code] += probability;
        return;
    }
    for (uint32_t i = 0; i < degree; i++) sum += used >> i & 1 ? 0 : (double)row[i];
    for (uint32_t i = 0; i < degree; i++)
        if (!(used >> i & 1) && row[i] > 0)
            enumerate(row, degree, left - 1, used | 1u << i, code * degree + i,
                      probability * (double)row[i] / sum, out);
}

static void test_sequences(tally *t, shape s, uint32_t degree, uint32_t fanout, uint32_t steps)
{
    static double   expected[MAX_SEQUENCES];
    static uint32_t count[MAX_SEQUENCES];
    float           row[MAX_DEGREE];
    uint32_t        num = 1;

    if (fill(s, degree, row) <= fanout) return; /* keeps all: another test */
    for (uint32_t i = 0; i < fanout; i++) num *= degree;
    memset(expected, 0, sizeof expected);
    memset(count, 0, sizeof count);
    enumerate(row, degree, fanout, 0, 0, (double)steps * NUM_HUBS, expected);

    const pr_graph graph   = hub_graph(degree, row);
    pr_sampler    *sampler = sampler_of(&graph, fanout, PR_ISA_AVX512, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    for (uint32_t step = 0; step < steps; step++) {
        const pr_draw draw = { .epoch = (s * 8 + degree) * 8 + fanout, .step = step };
        pr_batch      batch;
        assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ hubs, NUM_HUBS }, draw, &batch));
        assert_int_equal(batch.num_edges, NUM_HUBS * fanout);
        assert_null(batch.block[0].weights);
        for (uint32_t h = 0; h < NUM_HUBS; h++) {
            uint32_t code = 0;
            for (uint32_t i = 0; i < fanout; i++)
                code = code * degree + batch.nodes.at[batch.block[0].indices[h * fanout + i]];
            count[code]++;
        }
    }
    compare(t, count, expected, num, shape_names[s], degree, fanout);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

static void every_sequence_has_its_probability(void **state)
{
    tally t = { 0 };

    (void)state;
    for (shape s = 0; s < NUM_SHAPES; s++)
        for (uint32_t degree = 2; degree <= MAX_DEGREE; degree++)
            for (uint32_t fanout = 1; fanout < degree; fanout++)
                test_sequences(&t, s, degree, fanout, 60);
    conclude(&t, "sequences");
}

/* ---- inclusion in longer rows ---- */

/* Draw by definition, from a generator of the test's own: how often each arc is among the first
 * `fanout`. Both sides are samples, so a difference has twice the variance. */
static void reference(const float *row, uint32_t degree, uint32_t fanout, uint32_t draws,
                      uint32_t *count)
{
    test_rng rng = { .key = test_seed() ^ (degree * 1000 + fanout) };
    bool     used[NUM_LEAVES];

    for (uint32_t n = 0; n < draws; n++) {
        double sum = 0;
        memset(used, 0, sizeof used);
        for (uint32_t i = 0; i < degree; i++) sum += (double)row[i];
        for (uint32_t k = 0; k < fanout; k++) {
            const double high = test_random(&rng), low = test_random(&rng);
            double       target = sum * (high * 0x1p-32 + low * 0x1p-64);
            uint32_t     pick   = degree;
            for (uint32_t i = 0; i < degree; i++) {
                if (used[i] || row[i] <= 0) continue;
                pick = i;
                if (target < (double)row[i]) break;
                target -= (double)row[i];
            }
            used[pick] = true;
            count[pick]++;
            sum = 0;
            for (uint32_t i = 0; i < degree; i++) sum += used[i] ? 0 : (double)row[i];
        }
    }
}

static void longer_rows_keep_each_arc_as_often_as_drawing_by_definition(void **state)
{
    static const struct {
        uint32_t degree, fanout;
    } rows[]       = { { 20, 10 }, { 40, 5 }, { 65, 15 }, { 130, 25 }, { 129, 70 }, { 300, 100 } };
    double largest = 0, sum = 0, num = 0;

    (void)state;
    for (shape s = 0; s < NUM_SHAPES; s++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            const uint32_t degree = rows[r].degree, fanout = rows[r].fanout;
            const uint32_t steps         = fanout < 50 ? 8 : 2;
            uint32_t       a[NUM_LEAVES] = { 0 }, b[NUM_LEAVES] = { 0 };
            float          row[NUM_LEAVES];
            if (fill(s, degree, row) <= fanout) continue;
            const pr_graph graph   = hub_graph(degree, row);
            pr_sampler    *sampler = sampler_of(&graph, fanout, PR_ISA_AVX512, 1);
            pr_batch_room *room    = test_batch_room(sampler);
            for (uint32_t step = 0; step < steps; step++) {
                const pr_draw draw = { .epoch = (s + 1) * 1000 + (uint32_t)r, .step = step };
                pr_batch      batch;
                assert_ok(
                    pr_sampler_draw(sampler, room, (pr_vids){ hubs, NUM_HUBS }, draw, &batch));
                const pr_block *block = &batch.block[0];
                assert_int_equal(block->num_edges, NUM_HUBS * fanout);
                for (uint32_t e = 0; e < block->num_edges; e++)
                    a[batch.nodes.at[block->indices[e]]]++;
            }
            reference(row, degree, fanout, steps * NUM_HUBS, b);
            for (uint32_t i = 0; i < degree; i++) {
                const double n = (double)steps * NUM_HUBS, p = (a[i] + b[i]) / (2 * n);
                const double deviation = sqrt(2 * n * p * (1 - p));
                if (row[i] <= 0) assert_int_equal(a[i], 0);
                if (n * p < 10 || n * (1 - p) < 10) continue;
                const double z = ((double)a[i] - b[i]) / deviation;
                if (fabs(z) > LIMIT)
                    fail_msg("%s %u, %u: arc %u kept %u times, %u by definition", shape_names[s],
                             degree, fanout, i, a[i], b[i]);
                if (fabs(z) > largest) largest = fabs(z);
                sum += z * z;
                num++;
            }
            pr_batch_room_free(room);
            pr_sampler_free(sampler);
        }
    printf("inclusion: %.0f arcs, mean square deviate %.3f, largest %.2f\n", num, sum / num,
           largest);
    assert_true(sum / num > 0.8 && sum / num < 1.2);
}

/* ---- properties ---- */

/* A random graph whose weights are of all shapes. */
static pr_graph random_graph(test_rng *rng, pr_vid n, pr_eid *starts, pr_vid *from, float *weight)
{
    pr_eid e = 0;

    starts[0] = 0;
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t coin   = test_below(rng, 10);
        const uint32_t degree = coin < 1   ? 0
                                : coin < 8 ? test_below(rng, 16)
                                           : test_below(rng, 200);
        const shape    s      = (shape)test_below(rng, NUM_SHAPES + 1);
        for (uint32_t i = 0; i < degree; i++, e++) {
            from[e]   = test_below(rng, n);
            weight[e] = s == NUM_SHAPES ? 0.0f : weight_of(s, i < 12 ? i : i % 12, degree);
        }
        starts[v + 1] = e;
    }
    return (pr_graph){ n, e, starts, from, weight };
}

/* Every row has min(fanout, positive arcs) distinct arcs of positive weight; where it keeps all of
 * them they are in stored order. Sources tell arcs apart but for parallel ones, which are counted.
 */
static void check_row(const pr_graph *graph, pr_vid v, uint32_t fanout, const pr_vid *kept,
                      uint32_t num)
{
    uint32_t     positive = 0;
    const pr_eid begin = graph->indptr[v], end = graph->indptr[v + 1];

    for (pr_eid e = begin; e < end; e++) positive += graph->weights[e] > 0;
    assert_int_equal(num, positive < fanout ? positive : fanout);
    if (positive <= fanout) {
        uint32_t at = 0;
        for (pr_eid e = begin; e < end; e++)
            if (graph->weights[e] > 0) assert_int_equal(kept[at++], graph->indices[e]);
        return;
    }
    for (uint32_t i = 0; i < num; i++) {
        uint32_t times = 0, stored = 0;
        for (uint32_t j = 0; j < num; j++) times += kept[j] == kept[i];
        for (pr_eid e = begin; e < end; e++)
            stored += graph->indices[e] == kept[i] && graph->weights[e] > 0;
        assert_true(times <= stored);
    }
}

static void rows_keep_distinct_arcs_of_positive_weight_and_no_more_than_asked(void **state)
{
    enum { NODES = 500, MAX_ARCS = NODES * 200 };
    static pr_eid  starts[NODES + 1];
    static pr_vid  from[MAX_ARCS], seeds[NODES];
    static float   weight[MAX_ARCS];
    test_rng       rng   = { .key = test_seed() };
    const pr_graph graph = random_graph(&rng, NODES, starts, from, weight);

    (void)state;
    for (pr_vid v = 0; v < NODES; v++) seeds[v] = v;
    static const uint32_t fanouts[] = { 1, 2, 5, 15, 16, 17, 31, 33, 64, 65, 100, 65535 };
    for (size_t f = 0; f < sizeof fanouts / sizeof *fanouts; f++) {
        pr_sampler    *sampler = sampler_of(&graph, fanouts[f], PR_ISA_AVX512, 1);
        pr_batch_room *room    = test_batch_room(sampler);
        for (uint32_t step = 0; step < 4; step++) {
            pr_batch batch;
            assert_ok(pr_sampler_draw(
                sampler, room, (pr_vids){ seeds + step * 100, 200 > NUM_HUBS ? NUM_HUBS : 200 },
                (pr_draw){ .step = step }, &batch));
            const pr_block *b = &batch.block[0];
            for (uint32_t d = 0; d < b->num_dst; d++) {
                pr_vid         kept[200];
                const uint32_t num = b->indptr[d + 1] - b->indptr[d];
                for (uint32_t i = 0; i < num; i++)
                    kept[i] = batch.nodes.at[b->indices[b->indptr[d] + i]];
                check_row(&graph, batch.nodes.at[d], fanouts[f], kept, num);
            }
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
}

static void batches_are_the_same_for_any_threads_and_instruction_set(void **state)
{
    enum { NODES = 6000, MAX_ARCS = NODES * 60 };
    static pr_eid         starts[NODES + 1];
    static pr_vid         from[MAX_ARCS];
    static float          weight[MAX_ARCS];
    static const uint32_t threads[] = { 1, 2, 3, 8 };
    test_rng              rng       = { .key = test_seed() };
    const pr_graph        graph     = random_graph(&rng, NODES, starts, from, weight);
    const pr_fanout       fanout    = { .num_layers = 3, .hop = { 15, 10, 40 } };
    pr_sampler_options    options;
    uint64_t              wanted[3] = { 0 };
    pr_vid                seeds[NUM_HUBS];

    (void)state;
    assert_true(graph.num_edges <= MAX_ARCS);
    pr_sampler_default(&options);
    options.kind = PR_SAMPLER_WEIGHTED;
    for (pr_vid i = 0; i < NUM_HUBS; i++) seeds[i] = i * 20;
    for (options.isa = PR_ISA_PORTABLE; options.isa <= PR_ISA_AVX512; options.isa++)
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            pr_sampler *sampler;
            assert_ok(
                pr_sampler_create(&graph, &fanout, &options, 9, NUM_HUBS, threads[t], &sampler));
            pr_batch_room *room  = test_batch_room(sampler);
            const uint64_t calls = pri_mem_calls();
            for (uint64_t step = 0; step < 3; step++) {
                pr_batch batch;
                assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds, NUM_HUBS },
                                          (pr_draw){ .step = step }, &batch));
                if (!wanted[step]) wanted[step] = batch.hash;
                assert_true(batch.hash == wanted[step]);
            }
            assert_int_equal(pri_mem_calls(), calls); /* drawing takes nothing from the heap */
            pr_batch_room_free(room);
            pr_sampler_free(sampler);
        }
}

static void weights_that_are_none_are_refused(void **state)
{
    static const float bad[] = { -1.0f, NAN, INFINITY, -0x1p-149f };
    float              row[] = { 1, 2, 3, 4 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pr_sampler        *sampler;
        pr_sampler_options options;
        const pr_fanout    fanout = { .num_layers = 1, .hop = { 2 } };
        pr_graph           graph  = hub_graph(4, row);
        pr_sampler_default(&options);
        options.kind = PR_SAMPLER_WEIGHTED;
        weights[9]   = bad[i]; /* of hub 2 */
        assert_fails(PR_E_ARG, "the weight of arc 9, to vertex 302, is ",
                     pr_sampler_create(&graph, &fanout, &options, 1, 8, 2, &sampler));
        graph.weights = NULL;
        assert_fails(PR_E_ARG, "--sampler weighted needs edge weights",
                     pr_sampler_create(&graph, &fanout, &options, 1, 8, 2, &sampler));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_has_its_probability),
        cmocka_unit_test(longer_rows_keep_each_arc_as_often_as_drawing_by_definition),
        cmocka_unit_test(rows_keep_distinct_arcs_of_positive_weight_and_no_more_than_asked),
        cmocka_unit_test(batches_are_the_same_for_any_threads_and_instruction_set),
        cmocka_unit_test(weights_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
