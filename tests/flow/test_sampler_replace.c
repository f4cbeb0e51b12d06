/* test_sampler_replace.c: draws with replacement: fanout a row that has arcs, each of them uniform
 * over the row and independent of the others; and batches of uniform and replace are the same for
 * every number of threads and instruction set. */
#include <math.h>

#include "support/support.h"

#include "base/isa.h"

enum { NUM_HUBS = 256, MAX_DEGREE = 40, FANOUT = 5, LIMIT = 5 };

static pr_sampler *sampler_of(const pr_graph *graph, const char *fanout, int kind, int isa,
                              uint32_t max_seeds, uint32_t threads)
{
    pr_sampler_options options;
    pr_sampler        *sampler;
    pr_fanout          parsed;

    pr_sampler_default(&options);
    options.kind = kind;
    options.isa  = isa;
    assert_ok(pr_fanout_parse(fanout, 0, &parsed));
    assert_ok(
        pr_sampler_create(graph, &parsed, &options, test_seed(), max_seeds, threads, &sampler));
    return sampler;
}

/* Chi-square of counts that should all be `expected`, as a standard normal deviate (Wilson and
 * Hilferty, PNAS 1931). */
static double deviate(const uint32_t *count, uint32_t n, double expected)
{
    const double spread = 2.0 / (9.0 * (n - 1));
    double       chi    = 0;

    for (uint32_t i = 0; i < n; i++) chi += (count[i] - expected) * (count[i] - expected);
    return (cbrt(chi / expected / (n - 1)) - (1.0 - spread)) / sqrt(spread);
}

/* Hubs with the same row of leaves: a drawn neighbour is its place in the row. All places come
 * alike, and so do all pairs of the places drawn first and second, third and fourth, ... of a row
 * and of one vertex at consecutive steps. The seed is fixed; of the 12 statistics of another one
 * would be beyond LIMIT standard deviations once in 3 million seeds. */
static void draws_are_uniform_and_independent(void **state)
{
    static const uint32_t degrees[] = { 2, 5, 13, MAX_DEGREE };
    static pr_eid         indptr[MAX_DEGREE + NUM_HUBS + 1];
    static pr_vid         indices[NUM_HUBS * MAX_DEGREE], hubs[NUM_HUBS], before[NUM_HUBS];
    static uint32_t one[MAX_DEGREE], two[MAX_DEGREE * MAX_DEGREE], next[MAX_DEGREE * MAX_DEGREE];
    pr_batch        batch;

    (void)state;
    for (size_t c = 0; c < sizeof degrees / sizeof *degrees; c++) {
        const uint32_t degree = degrees[c], steps = 1 + 40 * degree * degree / NUM_HUBS;
        for (uint32_t h = 0; h < NUM_HUBS; h++) {
            hubs[h]                    = MAX_DEGREE + h;
            indptr[MAX_DEGREE + h + 1] = (h + 1) * degree;
            for (uint32_t i = 0; i < degree; i++) indices[h * degree + i] = i;
        }
        const pr_graph graph = { MAX_DEGREE + NUM_HUBS, NUM_HUBS * degree, indptr, indices, NULL };
        pr_sampler    *sampler =
            sampler_of(&graph, "5", PR_SAMPLER_REPLACE, PR_ISA_AVX512, NUM_HUBS, 1);
        pr_batch_room *room = test_batch_room(sampler);
        memset(one, 0, sizeof one);
        memset(two, 0, sizeof two);
        memset(next, 0, sizeof next);
        for (uint32_t step = 0; step <= steps; step++) {
            assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ hubs, NUM_HUBS },
                                      (pr_draw){ .step = step, .epoch = degree }, &batch));
            assert_int_equal(batch.block[0].num_edges, NUM_HUBS * FANOUT);
            for (uint32_t h = 0; h < NUM_HUBS; h++) {
                pr_vid row[FANOUT];
                for (uint32_t i = 0; i < FANOUT; i++) {
                    row[i] = batch.nodes.at[batch.block[0].indices[h * FANOUT + i]];
                    one[row[i]]++;
                }
                for (uint32_t i = 0; i + 1 < FANOUT; i += 2) two[row[i] * degree + row[i + 1]]++;
                if (step) next[before[h] * degree + row[0]]++;
                before[h] = row[0];
            }
        }
        const double rows = (double)NUM_HUBS * (steps + 1), pairs = (double)degree * degree;
        const double z[] = { deviate(one, degree, rows * FANOUT / degree),
                             deviate(two, degree * degree, rows * (FANOUT / 2) / pairs),
                             deviate(next, degree * degree, NUM_HUBS * (double)steps / pairs) };
        printf("degree %u: places %.2f, pairs in a row %.2f, pairs of steps %.2f deviations\n",
               degree, z[0], z[1], z[2]);
        for (int i = 0; i < 3; i++) assert_true(fabs(z[i]) < LIMIT);
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
}

/* A random graph with a few isolated and a few long rows. */
static pr_graph random_graph(pr_vid n)
{
    test_rng rng     = { .key = test_seed() };
    pr_eid  *indptr  = calloc((size_t)n + 1, sizeof *indptr);
    pr_vid  *indices = calloc((size_t)n * 500, sizeof *indices);

    assert_true(indptr && indices);
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t kind   = test_below(&rng, 20);
        const uint32_t degree = kind == 0   ? 0
                                : kind == 1 ? test_below(&rng, 500)
                                            : 1 + test_below(&rng, 20);
        indptr[v + 1]         = indptr[v] + degree;
        for (pr_eid e = indptr[v]; e < indptr[v + 1]; e++) indices[e] = test_below(&rng, n);
    }
    return (pr_graph){ n, indptr[n], indptr, indices, NULL };
}

static void free_graph(pr_graph graph)
{
    free((void *)(uintptr_t)graph.indptr);
    free((void *)(uintptr_t)graph.indices);
}

static bool is_arc(const pr_graph *graph, pr_vid v, pr_vid u)
{
    for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++)
        if (graph->indices[e] == u) return true;
    return false;
}

static void rows_with_arcs_keep_the_fanout_and_only_arcs_are_kept(void **state)
{
    const pr_graph graph = random_graph(3000);
    pr_sampler *sampler  = sampler_of(&graph, "15,70,2", PR_SAMPLER_REPLACE, PR_ISA_AVX512, 30, 2);
    pr_batch_room *room  = test_batch_room(sampler);
    pr_vid         seeds[30];
    pr_batch       batch;

    (void)state;
    for (pr_vid i = 0; i < 30; i++) seeds[i] = 100 * i + 1;
    for (uint32_t step = 0; step < 5; step++) {
        assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds, 30 }, (pr_draw){ .step = step },
                                  &batch));
        for (uint32_t h = 0; h < batch.num_layers; h++) {
            static const uint32_t fanout[] = { 15, 70, 2 };
            const pr_block       *b        = &batch.block[h];
            assert_true(b->num_edges <= pr_sampler_max_hop_edges(sampler, h));
            for (uint32_t d = 0; d < b->num_dst; d++) {
                const pr_vid v      = batch.nodes.at[d];
                const bool   filled = graph.indptr[v + 1] > graph.indptr[v];
                assert_int_equal(b->indptr[d + 1] - b->indptr[d], filled ? fanout[h] : 0);
                for (uint32_t e = b->indptr[d]; e < b->indptr[d + 1]; e++)
                    assert_true(is_arc(&graph, v, batch.nodes.at[b->indices[e]]));
            }
        }
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

/* Rows of one arc keep more than the graph has: bounds must not stop at its arcs. */
static void bounds_allow_more_edges_than_arcs(void **state)
{
    enum { N = 200 };
    static pr_eid indptr[N + 1];
    static pr_vid indices[N], all[N];
    pr_batch      batch;

    (void)state;
    for (pr_vid v = 0; v < N; v++) all[v] = v, indices[v] = (v + 1) % N, indptr[v + 1] = v + 1;
    const pr_graph ring    = { N, N, indptr, indices, NULL };
    pr_sampler    *sampler = sampler_of(&ring, "9,9", PR_SAMPLER_REPLACE, PR_ISA_AVX512, N, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    assert_int_equal(pr_sampler_max_hop_edges(sampler, 1), 9 * N);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ all, N }, (pr_draw){ 0 }, &batch));
    assert_int_equal(batch.num_edges, 2 * 9 * N);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

/* Expect the batches to be the same, number for number. */
static void expect_same(const pr_batch *a, const pr_batch *b)
{
    assert_true(a->hash == b->hash);
    assert_int_equal(a->nodes.n, b->nodes.n);
    assert_memory_equal(a->nodes.at, b->nodes.at, a->nodes.n * sizeof *a->nodes.at);
    for (uint32_t h = 0; h < a->num_layers; h++) {
        const pr_block *x = &a->block[h], *y = &b->block[h];
        assert_int_equal(x->num_edges, y->num_edges);
        assert_memory_equal(x->indptr, y->indptr, (x->num_dst + 1) * sizeof *x->indptr);
        assert_memory_equal(x->indices, y->indices, x->num_edges * sizeof *x->indices);
    }
}

static void batches_do_not_depend_on_threads_or_instruction_set(void **state)
{
    enum { N = 20000, SEEDS = 300 };
    static const char *const fanouts[] = { "15,10,5", "7,64", "65,2" };
    static const uint32_t    threads[] = { 1, 2, 3, 8 };
    const pr_graph           graph     = random_graph(N);
    const int                best      = pri_isa_at_most(PR_ISA_AVX512);
    static pr_vid            ids[SEEDS];
    pr_batch                 first, batch;

    (void)state;
    for (pr_vid i = 0; i < SEEDS; i++) ids[i] = 60 * i + 3;
    const pr_vids seeds = { ids, SEEDS };
    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_REPLACE; kind++)
        for (size_t f = 0; f < sizeof fanouts / sizeof *fanouts; f++) {
            pr_sampler    *alone = sampler_of(&graph, fanouts[f], kind, PR_ISA_PORTABLE, SEEDS, 1);
            pr_batch_room *room  = test_batch_room(alone);
            for (int isa = 0; isa <= best; isa++)
                for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
                    pr_sampler *other =
                        sampler_of(&graph, fanouts[f], kind, isa, SEEDS, threads[t]);
                    pr_batch_room *beside = test_batch_room(other);
                    for (uint32_t step = 0; step < 2; step++) {
                        const pr_draw draw = { .step = step };
                        assert_ok(pr_sampler_draw(alone, room, seeds, draw, &first));
                        assert_ok(pr_sampler_draw(other, beside, seeds, draw, &batch));
                        expect_same(&first, &batch);
                    }
                    pr_batch_room_free(beside);
                    pr_sampler_free(other);
                }
            pr_batch_room_free(room);
            pr_sampler_free(alone);
        }
    free_graph(graph);
}

static void drawing_allocates_nothing(void **state)
{
    const pr_graph graph = random_graph(3000);
    pr_vid         ids[100];
    pr_batch       batch;

    (void)state;
    for (pr_vid i = 0; i < 100; i++) ids[i] = 30 * i;
    for (int isa = 0; isa <= pri_isa_at_most(PR_ISA_AVX512); isa++) {
        pr_sampler    *sampler = sampler_of(&graph, "15,10,70", PR_SAMPLER_REPLACE, isa, 100, 2);
        pr_batch_room *room    = test_batch_room(sampler);
        const uint64_t calls   = pri_mem_calls();
        for (uint32_t step = 0; step < 5; step++)
            assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ ids, 100 },
                                      (pr_draw){ .step = step }, &batch));
        assert_true(pri_mem_calls() == calls);
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
    free_graph(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_uniform_and_independent),
        cmocka_unit_test(rows_with_arcs_keep_the_fanout_and_only_arcs_are_kept),
        cmocka_unit_test(bounds_allow_more_edges_than_arcs),
        cmocka_unit_test(batches_do_not_depend_on_threads_or_instruction_set),
        cmocka_unit_test(drawing_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
