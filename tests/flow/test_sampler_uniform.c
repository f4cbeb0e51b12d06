/* test_sampler_uniform.c: are draws uniform without replacement, and independent? Many hubs with
 * the same row of leaves are sampled; who was drawn how often is held against what chance allows.
 *
 * The seed is fixed, so the outcome is too; $PR_SEED tries others. One test statistic is expected
 * beyond LIMIT standard deviations once in 3.5 million, so one of the 1180 here for one seed in
 * 3000.
 */
#include <math.h>

#include "support/support.h"

enum { NUM_LEAVES = 1000, NUM_HUBS = 256, MAX_FANOUT = 25, LIMIT = 5 };

static pr_eid indptr[NUM_LEAVES + NUM_HUBS + 1];
static pr_vid indices[NUM_HUBS * NUM_LEAVES], hubs[NUM_HUBS];

/* Vertices 0 .. NUM_LEAVES-1 are leaves without arcs; every hub has leaves 0 .. degree-1, so a
 * drawn neighbour is its position in the row. */
static pr_graph hub_graph(uint32_t degree)
{
    for (uint32_t h = 0; h < NUM_HUBS; h++) {
        hubs[h]                    = NUM_LEAVES + h;
        indptr[NUM_LEAVES + h + 1] = indptr[NUM_LEAVES + h] + degree;
        for (uint32_t i = 0; i < degree; i++) indices[h * degree + i] = i;
    }
    return (pr_graph){ NUM_LEAVES + NUM_HUBS, NUM_HUBS * degree, indptr, indices, NULL };
}

static pr_sampler *sampler_of(const pr_graph *graph, uint32_t num_layers, uint32_t fanout)
{
    pr_fanout   hops = { .num_layers = num_layers };
    pr_sampler *sampler;

    for (uint32_t h = 0; h < num_layers; h++) hops.hop[h] = fanout;
    assert_ok(pr_sampler_create(graph, &hops, NULL, test_seed(), NUM_HUBS, 1, &sampler));
    return sampler;
}

static pr_batch draw_hubs(pr_sampler *sampler, pr_batch_room *room, pr_draw draw)
{
    pr_batch batch;
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ hubs, NUM_HUBS }, draw, &batch));
    return batch;
}

/* Every case has its own epoch: cases that shared their random words could not be summed up. */
static uint32_t case_epoch(uint32_t degree, uint32_t fanout)
{
    return degree * 32 + fanout;
}

/* Chi-square as a standard normal deviate (Wilson and Hilferty, PNAS 1931). */
static double deviate(double chi, double freedom)
{
    const double spread = 2.0 / (9.0 * freedom);
    return (cbrt(chi / freedom) - (1.0 - spread)) / sqrt(spread);
}

/* What many chi-squares say together. */
typedef struct tally {
    uint32_t cases, above; /* above: beyond the 1 % point */
    double   chi, freedom, largest;
    uint64_t draws;
} tally;

static void add(tally *t, double chi, double freedom, const char *what, uint32_t a, uint32_t b)
{
    const double z = deviate(chi, freedom);

    if (z > LIMIT)
        fail_msg("%s %u, %u: chi-square %.1f with %.0f degrees of freedom, deviate %.1f", what, a,
                 b, chi, freedom, z);
    t->cases++;
    t->above += z > 2.326;
    t->chi += chi;
    t->freedom += freedom;
    if (z > t->largest) t->largest = z;
}

/* The sum of all chi-squares must be neither too large nor too small, and about 1 % of the cases
 * be beyond their 1 % point. */
static void conclude(const tally *t, const char *what)
{
    const double z = (t->chi - t->freedom) / sqrt(2.0 * t->freedom), one = 0.01 * t->cases;

    printf("%s: %u cases, %llu draws; together %.2f standard deviations from chance, largest "
           "%.2f, %u beyond 1 %% (%.1f expected)\n",
           what, t->cases, (unsigned long long)t->draws, z, t->largest, t->above, one);
    assert_true(fabs(z) < LIMIT);
    assert_true(t->above < one + LIMIT * sqrt(one) + 3);
}

/* Counts O of each neighbour over n rows: E = n k / d, and since a row's draws are distinct,
 * sum (O - E)^2 / E * (d - 1) / (d - k) is chi-square with d - 1 degrees of freedom. */
static void test_row(tally *t, uint32_t degree, uint32_t fanout)
{
    static uint32_t count[NUM_LEAVES];
    const pr_graph  graph     = { NUM_LEAVES + NUM_HUBS, NUM_HUBS * degree, indptr, indices, NULL };
    const uint32_t  wanted    = 25 * degree / fanout > 2000 ? 25 * degree / fanout : 2000;
    const uint32_t  num_steps = (wanted + NUM_HUBS - 1) / NUM_HUBS;
    const double    expected  = (double)num_steps * NUM_HUBS * fanout / degree;
    pr_sampler     *sampler   = sampler_of(&graph, 1, fanout);
    pr_batch_room  *room      = test_batch_room(sampler);
    double          chi       = 0;

    memset(count, 0, sizeof count);
    for (uint32_t step = 0; step < num_steps; step++) {
        const pr_draw   draw  = { .epoch = case_epoch(degree, fanout), .step = step };
        const pr_batch  batch = draw_hubs(sampler, room, draw);
        const pr_block *b     = &batch.block[0];
        assert_int_equal(b->num_edges, NUM_HUBS * fanout);
        for (uint32_t e = 0; e < b->num_edges; e++) count[batch.nodes.at[b->indices[e]]]++;
        t->draws += b->num_edges;
    }
    for (uint32_t i = 0; i < degree; i++) chi += (count[i] - expected) * (count[i] - expected);
    add(t, chi / expected * (degree - 1) / (degree - fanout), degree - 1, "degree, fanout", degree,
        fanout);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

/* Degrees 2 to 27, hence degree = fanout + 1 and fanout + 2 for every fanout, and a spread of
 * larger ones to 1000, round and odd. */
static void every_neighbour_is_equally_likely(void **state)
{
    static const uint32_t larger[] = { 28,  31,  32,  33,  40,  48,  50,  63,  64,  65,  77,
                                       97,  100, 101, 127, 128, 129, 160, 200, 211, 255, 256,
                                       257, 300, 365, 400, 499, 512, 640, 777, 999, 1000 };
    tally                 t        = { 0 };

    (void)state;
    for (uint32_t i = 2; i <= 27 + sizeof larger / sizeof *larger; i++) {
        const uint32_t degree = i <= 27 ? i : larger[i - 28];
        (void)hub_graph(degree);
        for (uint32_t fanout = 1; fanout <= MAX_FANOUT && fanout < degree; fanout++)
            test_row(&t, degree, fanout);
    }
    conclude(&t, "every neighbour");
}

/* All C(d, k) sets for d up to 7: nothing pairs off or avoids each other. */
static void every_set_of_neighbours_is_equally_likely(void **state)
{
    tally t = { 0 };

    (void)state;
    for (uint32_t degree = 2; degree <= 7; degree++) {
        const pr_graph graph = hub_graph(degree);
        for (uint32_t fanout = 1; fanout < degree; fanout++) {
            uint32_t       count[128] = { 0 }, num_sets = 0;
            pr_sampler    *sampler = sampler_of(&graph, 1, fanout);
            pr_batch_room *room    = test_batch_room(sampler);
            double         chi     = 0;
            for (uint32_t step = 0; step < 60; step++) {
                const pr_draw  draw  = { .epoch = case_epoch(degree, fanout), .step = step };
                const pr_batch batch = draw_hubs(sampler, room, draw);
                for (uint32_t h = 0; h < NUM_HUBS; h++) {
                    uint32_t set = 0;
                    for (uint32_t e = h * fanout; e < (h + 1) * fanout; e++)
                        set |= 1u << batch.nodes.at[batch.block[0].indices[e]];
                    count[set]++;
                }
                t.draws += batch.num_edges;
            }
            for (uint32_t set = 0; set < 128; set++) {
                const bool legal =
                    set < 1u << degree && (uint32_t)__builtin_popcount(set) == fanout;
                assert_true(legal || count[set] == 0);
                num_sets += legal;
            }
            const double expected = 60.0 * NUM_HUBS / num_sets;
            for (uint32_t set = 0; set < 1u << degree; set++)
                if ((uint32_t)__builtin_popcount(set) == fanout)
                    chi += (count[set] - expected) * (count[set] - expected) / expected;
            add(&t, chi, num_sets - 1, "sets of degree, fanout", degree, fanout);
            pr_batch_room_free(room);
            pr_sampler_free(sampler);
        }
    }
    conclude(&t, "every set");
}

enum { SIDES = 6 }; /* degree of the independence tests: 36 pairs */

/* Write what each hub drew, one neighbour, at a hop. */
static void faces(pr_sampler *sampler, pr_batch_room *room, pr_draw draw, uint32_t hop,
                  uint8_t *out)
{
    const pr_batch  batch = draw_hubs(sampler, room, draw);
    const pr_block *b     = &batch.block[hop];

    for (uint32_t h = 0; h < NUM_HUBS; h++)
        out[h] = (uint8_t)batch.nodes.at[b->indices[b->indptr[h]]];
}

/* Two draws that differ in one part of the key: all 36 pairs of outcomes are equally likely. */
static void draws_with_different_keys_are_independent(void **state)
{
    static const struct {
        const char *what;
        pr_draw     other;      /* added to the first draw's */
        uint32_t    hop, shift; /* shift: to another vertex, a power of two */
    } pairs[] = {
        { "next step", { .step = 1 }, 0, 0 },
        { "step + 2^32", { .step = UINT64_C(1) << 32 }, 0, 0 },
        { "next epoch", { .epoch = 1 }, 0, 0 },
        { "other phase", { .phase = PR_PHASE_EVAL }, 0, 0 },
        { "next hop", { 0 }, 1, 0 },
        { "next vertex", { 0 }, 0, 1 },
        { "vertex + 128", { 0 }, 0, 128 },
    };
    enum { STEPS = 200 };
    const pr_graph graph   = hub_graph(SIDES);
    pr_sampler    *sampler = sampler_of(&graph, 2, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    tally          t       = { 0 };

    (void)state;
    for (uint32_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        const uint32_t shift     = pairs[p].shift;
        uint32_t       count[64] = { 0 }, num = 0;
        double         chi = 0;
        uint8_t        a[NUM_HUBS], b[NUM_HUBS];
        for (uint32_t i = 0; i < STEPS; i++) {
            const pr_draw first  = { .epoch = 2 * p, .step = 2 * i };
            const pr_draw second = { .phase = pairs[p].other.phase,
                                     .epoch = first.epoch + pairs[p].other.epoch,
                                     .step  = first.step + pairs[p].other.step };
            faces(sampler, room, first, 0, a);
            faces(sampler, room, second, pairs[p].hop, b);
            for (uint32_t h = 0; h < NUM_HUBS; h++) {
                if (h & shift) continue; /* pairs of vertices must not overlap */
                count[a[h] * SIDES + b[h + shift]]++;
                num++;
            }
            t.draws += 2 * NUM_HUBS;
        }
        const double expected = (double)num / (SIDES * SIDES);
        for (uint32_t i = 0; i < SIDES * SIDES; i++)
            chi += (count[i] - expected) * (count[i] - expected) / expected;
        add(&t, chi, SIDES * SIDES - 1, pairs[p].what, p, 0);
    }
    conclude(&t, "independence");
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_neighbour_is_equally_likely),
        cmocka_unit_test(every_set_of_neighbours_is_equally_likely),
        cmocka_unit_test(draws_with_different_keys_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
