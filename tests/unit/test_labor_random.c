/* test_labor_random.c: what labor promises of chance. r_t is uniform and independent across
 * vertices and steps; a destination's choice is that of uniform sampling; kappa renews a kappa-th a
 * step; the drift fades. Seeds are fixed, so nothing here fails by bad luck: bounds are in standard
 * deviations, z of a chi-square is (x - degrees) / sqrt(2 degrees). */
#include "support/labor_oracle.h"

#include <math.h>

#include "pipeline/sampler/labor.h"

enum { CELLS = 256, SIDE = 16 }; /* two top nibbles */

static double chi_square_z(const uint32_t *count, uint32_t cells, double total)
{
    const double expected = total / cells;
    double       sum      = 0;

    for (uint32_t i = 0; i < cells; i++)
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    return (sum - (cells - 1)) / sqrt(2.0 * (cells - 1));
}

static pri_labor_keys keys_at(uint64_t step, uint32_t kappa)
{
    return pri_labor_keys_of(pri_stream_key(test_seed(), PRI_STREAM_SAMPLE),
                             (pr_draw){ .step = step }, kappa);
}

/* Consecutive ids and strides to 2^20, at 30 steps each; and one vertex over 2^18 steps. */
static void r_is_uniform_over_vertices_and_over_steps(void **state)
{
    enum { BINS = 1024, N = 1 << 15, STEPS = 1 << 18 };
    static uint32_t count[BINS];
    double          worst = 0;

    (void)state;
    for (uint32_t shift = 0; shift <= 17; shift++)
        for (uint64_t step = 0; step < 30; step++) {
            const pri_labor_keys keys = keys_at(step * 12345 + shift, step % 2 ? 1 : 8);
            memset(count, 0, sizeof count);
            for (uint32_t t = 0; t < N; t++) count[pri_labor_r(&keys, t << shift) >> 22]++;
            worst = fmax(worst, fabs(chi_square_z(count, BINS, N)));
        }
    for (pr_vid t = 0; t < 8; t++) {
        memset(count, 0, sizeof count);
        for (uint64_t step = 0; step < STEPS; step++) {
            const pri_labor_keys keys = keys_at(step, 1);
            count[pri_labor_r(&keys, t * 0x10001) >> 22]++;
        }
        worst = fmax(worst, fabs(chi_square_z(count, BINS, STEPS)));
    }
    printf("worst of %d z: %.2f\n", 18 * 30 + 8, worst);
    assert_true(worst < 4.5);
}

/* Two vertices, their top nibbles over steps; and how often both are among the smallest 32nd, which
 * is what batches are made of. Ids that differ by one bit, by one, and by chance. */
static void r_of_two_vertices_are_independent_over_steps(void **state)
{
    enum { STEPS = 1 << 15 };
    static uint32_t       count[CELLS];
    static pri_labor_keys keys[STEPS];
    double                worst = 0, worst_small = 0;
    test_rng              rng = { .key = test_seed() };

    (void)state;
    for (uint64_t step = 0; step < STEPS; step++) keys[step] = keys_at(step, 1);
    for (uint32_t pair = 0; pair < 160; pair++) {
        const uint32_t bit  = pair % 32;
        const pr_vid   t    = pair < 32 ? 0 : test_random(&rng);
        const pr_vid   u    = pair < 64    ? t ^ 1u << bit
                              : pair < 96  ? t + (1u << bit)
                              : pair < 128 ? t + 1
                                           : test_random(&rng);
        uint32_t       both = 0;
        memset(count, 0, sizeof count);
        for (uint32_t step = 0; step < STEPS; step++) {
            const uint32_t r = pri_labor_r(&keys[step], t), s = pri_labor_r(&keys[step], u);
            count[(r >> 28) * SIDE + (s >> 28)]++;
            both += (r | s) < UINT32_C(1) << 27;
        }
        const double p = 1.0 / 1024;
        worst          = fmax(worst, fabs(chi_square_z(count, CELLS, STEPS)));
        worst_small    = fmax(worst_small, fabs(both - STEPS * p) / sqrt(STEPS * p * (1 - p)));
    }
    printf("worst of 160 z: %.2f, of both small: %.2f\n", worst, worst_small);
    assert_true(worst < 4.5 && worst_small < 4.5);
}

/* One vertex at two steps, over vertices: consecutive and strided ids, near and far steps. And the
 * phase, which is a function of the vertex alone, has no say in r_t. */
static void r_of_two_steps_are_independent_over_vertices(void **state)
{
    enum { N = 1 << 16 };
    static uint32_t count[CELLS], phases[CELLS];
    double          worst = 0;

    (void)state;
    for (uint32_t shift = 0; shift <= 16; shift += 2)
        for (uint64_t gap = 1; gap <= 1024; gap *= 4) {
            const pri_labor_keys a = keys_at(1000 + shift, 1), b = keys_at(1000 + shift + gap, 1);
            memset(count, 0, sizeof count);
            memset(phases, 0, sizeof phases);
            for (uint32_t t = 0; t < N; t++) {
                const uint32_t r = pri_labor_r(&a, t << shift), s = pri_labor_r(&b, t << shift);
                const uint32_t mixed = pri_labor_mix((t << shift) ^ a.of_vertex);
                count[(r >> 28) * SIDE + (s >> 28)]++;
                phases[(r >> 28) * SIDE + (mixed >> 28)]++;
            }
            worst = fmax(worst, fabs(chi_square_z(count, CELLS, N)));
            worst = fmax(worst, fabs(chi_square_z(phases, CELLS, N)));
        }
    printf("worst of %d z: %.2f\n", 9 * 6 * 2, worst);
    assert_true(worst < 4.5);
}

/* Many vertices at once: how many of 512 are small has the variance of independent ones, so rows
 * are not better or worse than chance. */
static void counts_of_small_r_vary_as_by_chance(void **state)
{
    enum { N = 512, STEPS = 2048 };
    double worst = 0;

    (void)state;
    for (uint32_t shift = 0; shift <= 22; shift += 2)
        for (uint32_t bits = 3; bits <= 7; bits += 2) {
            const double p = 1.0 / (1 << bits), variance = N * p * (1 - p);
            double       sum = 0;
            for (uint64_t step = 0; step < STEPS; step++) {
                const pri_labor_keys keys  = keys_at(step, 1);
                uint32_t             small = 0;
                for (uint32_t t = 0; t < N; t++)
                    small += pri_labor_r(&keys, t << shift) >> (32 - bits) == 0;
                sum += (small - N * p) * (small - N * p);
            }
            worst = fmax(worst, fabs(sum / STEPS / variance - 1) * sqrt(STEPS / 2.0));
        }
    printf("worst of 36 z: %.2f\n", worst);
    assert_true(worst < 4.5);
}

/* ---- a destination ---- */

/* A star whose leaves have ids first, first + stride, ... */
typedef struct star {
    pr_graph       graph;
    pr_eid        *indptr;
    pr_vid        *leaves;
    labor_oracle   oracle;
    pr_sampler    *sampler;
    pr_batch_room *room;
    uint32_t      *place; /* of a vertex in the row */
} star;

static void star_open(star *s, uint32_t degree, uint32_t stride, uint32_t fanout,
                      pr_sampler_options options)
{
    const pr_vid n = 1 + degree * stride;
    char         text[16];

    s->indptr = calloc((size_t)n + 1, sizeof *s->indptr);
    s->leaves = calloc(degree, sizeof *s->leaves);
    s->place  = calloc(n, sizeof *s->place);
    assert_true(s->indptr && s->leaves && s->place);
    for (pr_vid v = 1; v <= n; v++) s->indptr[v] = degree;
    for (uint32_t i = 0; i < degree; i++) s->leaves[i] = 1 + i * stride, s->place[s->leaves[i]] = i;
    s->graph = (pr_graph){ n, degree, s->indptr, s->leaves, NULL };
    snprintf(text, sizeof text, "%u", fanout);
    labor_oracle_open(&s->oracle, &s->graph, text, options, test_seed());
    s->oracle.fanout.num_layers = 1;
    s->sampler                  = labor_sampler(&s->oracle, 1, 1, PR_ISA_AVX512);
    s->room                     = test_batch_room(s->sampler);
}

static void star_close(star *s)
{
    pr_batch_room_free(s->room);
    pr_sampler_free(s->sampler);
    labor_oracle_close(&s->oracle);
    free(s->indptr);
    free(s->leaves);
    free(s->place);
}

/* Mark the places that the star's centre keeps; gives how many. */
static uint32_t star_draw(star *s, uint64_t step, bool *kept)
{
    pr_batch batch;

    assert_ok(pr_sampler_draw(s->sampler, s->room, (pr_vids){ &(pr_vid){ 0 }, 1 },
                              (pr_draw){ .step = step }, &batch));
    memset(kept, 0, s->graph.num_edges * sizeof *kept);
    for (size_t i = 1; i < batch.nodes.n; i++) kept[s->place[batch.nodes.at[i]]] = true;
    return (uint32_t)batch.nodes.n - 1;
}

/* Every neighbour is kept as often as any other, at steps apart enough to be independent. Counts of
 * a sample without replacement vary less than independent ones by (1 - fanout / degree) and one
 * degree of freedom is the sum's. */
static void every_neighbour_is_kept_equally_often(void **state)
{
    enum { DRAWS = 6000 };
    static const uint32_t degrees[] = { 6, 16, 40, 150, 1000 }, fanouts[] = { 5, 10, 15 };
    static bool           kept[1000];
    static uint32_t       count[1000];
    double                worst = 0;

    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        const uint32_t degree = degrees[i % 5], fanout = fanouts[i / 5 % 3];
        const uint32_t kappa = i < 15 ? 1 : 8;
        star           s;
        if (fanout >= degree) continue;
        star_open(&s, degree, i % 2 ? 1 : 64, fanout, labor_options(kappa, 0, 1, 8));
        memset(count, 0, sizeof count);
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            assert_int_equal(star_draw(&s, draw * 2 * kappa, kept), fanout);
            for (uint32_t l = 0; l < degree; l++) count[l] += kept[l];
        }
        const double expected = (double)DRAWS * fanout / degree;
        double       sum      = 0;
        for (uint32_t l = 0; l < degree; l++)
            sum += (count[l] - expected) * (count[l] - expected) / expected;
        sum *= (degree - 1.0) / (degree - fanout); /* chi-square of degree - 1 */
        worst = fmax(worst, fabs(sum - (degree - 1)) / sqrt(2.0 * (degree - 1)));
        star_close(&s);
    }
    printf("worst z: %.2f\n", worst);
    assert_true(worst < 4.5);
}

/* All subsets, not only all members: 3 of 7 are 35 sets. */
static void every_subset_is_kept_equally_often(void **state)
{
    enum { DEGREE = 7, FANOUT = 3, SETS = 35, DRAWS = 21000 };
    uint32_t count[1 << DEGREE];
    bool     kept[DEGREE];

    (void)state;
    for (uint32_t kappa = 1; kappa <= 8; kappa += 7)
        for (uint32_t stride = 1; stride <= 1024; stride *= 32) {
            uint32_t of_set[SETS], sets = 0;
            star     s;
            star_open(&s, DEGREE, stride, FANOUT, labor_options(kappa, 0, 1, 8));
            memset(count, 0, sizeof count);
            for (uint32_t draw = 0; draw < DRAWS; draw++) {
                uint32_t set = 0;
                assert_int_equal(star_draw(&s, draw * 2 * kappa, kept), FANOUT);
                for (uint32_t l = 0; l < DEGREE; l++) set |= (uint32_t)kept[l] << l;
                count[set]++;
            }
            for (uint32_t set = 0; set < 1 << DEGREE; set++)
                if (__builtin_popcount(set) == FANOUT) of_set[sets++] = count[set];
            assert_int_equal(sets, SETS);
            assert_true(fabs(chi_square_z(of_set, SETS, DRAWS)) < 4.5);
            star_close(&s);
        }
}

/* Sets kept at consecutive steps overlap as two draws without replacement do: hypergeometric, mean
 * k^2 / d. */
static void consecutive_steps_overlap_as_by_chance(void **state)
{
    enum { DRAWS = 6000 };
    static const uint32_t degrees[] = { 12, 40, 200, 1000 }, fanouts[] = { 5, 10 };
    static bool           kept[2][1000];
    double                worst = 0;

    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        const double d = degrees[i % 4], k = fanouts[i / 4 % 2];
        double       overlap = 0;
        star         s;
        star_open(&s, degrees[i % 4], i < 8 ? 1 : 256, fanouts[i / 4 % 2],
                  labor_options(1, 0, 1, 8));
        for (uint32_t draw = 0; draw <= DRAWS; draw++) {
            bool *now = kept[draw % 2], *before = kept[1 - draw % 2];
            (void)star_draw(&s, draw, now);
            for (uint32_t l = 0; l < (uint32_t)d && draw; l++) overlap += now[l] && before[l];
        }
        const double variance = k * (k / d) * (1 - k / d) * (d - k) / (d - 1);
        worst = fmax(worst, fabs(overlap - DRAWS * k * k / d) / sqrt(DRAWS * variance));
        star_close(&s);
    }
    printf("worst of 16 z: %.2f\n", worst);
    assert_true(worst < 4.5);
}

/* ---- kappa ---- */

static void a_vertex_keeps_r_for_exactly_kappa_steps(void **state)
{
    static const uint32_t kappas[] = { 1, 2, 3, 8, 64, 1000 };
    enum { VERTICES = 4000 };

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        const uint32_t kappa = kappas[i], steps = 3 * kappa + 2;
        const uint64_t start = i % 2 ? 0 : (UINT64_C(1) << 33) - 5;
        const uint32_t num   = kappa == 1000 ? VERTICES / 10 : VERTICES;
        uint32_t       at    = 0; /* renewals at the step before last */
        for (pr_vid t = 0; t < num; t++) {
            uint64_t last = 0;
            uint32_t r    = labor_oracle_r(1, 0, start, kappa, t);
            for (uint64_t s = 1; s < steps; s++) {
                const uint32_t now = labor_oracle_r(1, 0, start + s, kappa, t);
                if (now == r) continue;
                if (last) assert_int_equal(s - last, kappa);
                assert_true(s <= kappa || last);
                at += s == steps - 2;
                last = s;
                r    = now;
            }
        }
        const double p = 1.0 / kappa, deviation = sqrt(num * p * (1 - p));
        assert_true(fabs(at - num * p) <= 4.5 * deviation);
    }
}

/* The same through the sampler's keys, which know two epochs only. */
static void keys_of_a_batch_agree_with_the_definition(void **state)
{
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const uint32_t kappa = i % 3 ? 1 + test_below(&rng, 20) : 1 + test_below(&rng, 1 << 20);
        const uint64_t step =
            (uint64_t)test_random(&rng) << (i % 2 ? 32 : 0) | test_below(&rng, 1000);
        const pr_draw        draw = { .phase = (pr_phase)(i % 4), .step = step };
        const pri_labor_keys keys =
            pri_labor_keys_of(pri_stream_key(7, PRI_STREAM_SAMPLE), draw, kappa);
        const pr_vid t = test_random(&rng);
        assert_int_equal(pri_labor_r(&keys, t), labor_oracle_r(7, draw.phase, step, kappa, t));
    }
}

/* How much of a star's sets at steps `gap` apart agree, as a share of the fanout. */
static double agreement(int form, uint32_t kappa, uint32_t gap)
{
    enum { DEGREE = 300, FANOUT = 10, DRAWS = 300 };
    static bool kept[2][DEGREE];
    uint32_t    same = 0;
    star        s;

    star_open(&s, DEGREE, 1, FANOUT, labor_options(kappa, form, 1, 8));
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        const uint64_t step = (uint64_t)draw * 4 * kappa; /* where the drift starts */
        (void)star_draw(&s, step, kept[0]);
        (void)star_draw(&s, step + gap, kept[1]);
        for (uint32_t l = 0; l < DEGREE; l++) same += kept[0][l] && kept[1][l];
    }
    star_close(&s);
    return (double)same / FANOUT / DRAWS;
}

static void both_forms_fade_over_kappa_and_are_fresh_behind_it(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        double before = 1;
        for (uint32_t gap = 1; gap <= 8; gap++) {
            const double now = agreement(form, 8, gap);
            printf("form %d gap %u: %.3f\n", form, gap, now);
            assert_true(now < before + 0.02);
            before = now;
        }
        assert_true(agreement(form, 8, 1) > 0.6);
        assert_true(before < 0.06); /* by chance 0.033 */
    }
}

/* The inverse against the C library's error function. */
static void normals_have_their_distribution(void **state)
{
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const uint32_t u = i < 2 ? UINT32_MAX * i : test_random(&rng) >> (i % 30) ^ (0u - i % 2);
        const double   p = 0.5 * erfc(-pri_drift_normal(u) * 0.70710678118654752440);
        const double   q = ((double)u + 0.5) * 0x1p-32;
        assert_true(fabs(p - q) < 1e-14 * fmin(q, 1 - q) + 4e-16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r_is_uniform_over_vertices_and_over_steps),
        cmocka_unit_test(r_of_two_vertices_are_independent_over_steps),
        cmocka_unit_test(r_of_two_steps_are_independent_over_vertices),
        cmocka_unit_test(counts_of_small_r_vary_as_by_chance),
        cmocka_unit_test(every_neighbour_is_kept_equally_often),
        cmocka_unit_test(every_subset_is_kept_equally_often),
        cmocka_unit_test(consecutive_steps_overlap_as_by_chance),
        cmocka_unit_test(a_vertex_keeps_r_for_exactly_kappa_steps),
        cmocka_unit_test(keys_of_a_batch_agree_with_the_definition),
        cmocka_unit_test(both_forms_fade_over_kappa_and_are_fresh_behind_it),
        cmocka_unit_test(normals_have_their_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
