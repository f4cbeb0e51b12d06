/* test_labor_bias.c: the memory behind the cache bias, against the last-use memory of the oracle,
 * and what the bias does to a row, against a simulation of its definition. */
#include "support/labor_oracle.h"

#include "base/isa.h"

/* One sampler beside its oracle. */
typedef struct rig {
    labor_oracle   oracle;
    pr_sampler    *sampler;
    pr_batch_room *room;
    pr_vid         ids[64];
    pr_batch       batch;
} rig;

static void rig_open(rig *r, const pr_graph *graph, const char *fanout, pr_sampler_options options,
                     uint32_t threads, int isa)
{
    labor_oracle_open(&r->oracle, graph, fanout, options, test_seed());
    r->sampler = labor_sampler(&r->oracle, 64, threads, isa);
    r->room    = test_batch_room(r->sampler);
}

static void rig_close(rig *r)
{
    pr_batch_room_free(r->room);
    pr_sampler_free(r->sampler);
    labor_oracle_close(&r->oracle);
}

/* Draw a batch and expect it to be the oracle's. */
static uint64_t rig_draw(rig *r, pr_phase phase, uint64_t step, uint32_t num_seeds)
{
    const pr_graph *graph = r->oracle.graph;
    const pr_vids   seeds = labor_seeds(r->ids, graph->num_nodes, num_seeds, step * 4 + phase);
    const pr_draw   draw  = { .phase = phase, .step = step };

    assert_ok(pr_sampler_draw(r->sampler, r->room, seeds, draw, &r->batch));
    labor_oracle_check(&r->oracle, draw, seeds, &r->batch);
    return r->batch.hash;
}

/* Steps one after the other, with gaps shorter and longer than a window, drawn again, and jumping
 * back; other phases between them. */
static void batches_are_those_of_a_last_use_memory(void **state)
{
    static const uint64_t steps[]   = { 0,
                                        1,
                                        2,
                                        3,
                                        4,
                                        5,
                                        6,
                                        9,
                                        10,
                                        12,
                                        20,
                                        21,
                                        22,
                                        22,
                                        23,
                                        24,
                                        25,
                                        UINT64_C(1) << 40,
                                        (UINT64_C(1) << 40) + 1,
                                        (UINT64_C(1) << 40) + 2,
                                        7,
                                        8,
                                        9,
                                        10,
                                        11,
                                        12,
                                        13,
                                        14,
                                        15,
                                        16,
                                        90,
                                        91,
                                        92,
                                        93 };
    static const uint32_t windows[] = { 1, 2, 3, 8, 64 }, biases[] = { 2, 8, 1024 };
    const pr_graph        graph = labor_graph(500, 60, (const uint32_t[]){ 300, 5000, 900 }, 3, 21);
    static rig            r;

    (void)state;
    for (uint32_t i = 0; i < 15; i++) {
        const int form = i % 5 == 4;
        rig_open(&r, &graph, i % 2 ? "15,10" : "5,4,3",
                 labor_options(i % 3 ? 8 : 1, form, biases[i % 3], windows[i / 3]), 1 + i % 3,
                 (int)(i % PRI_NUM_ISAS));
        for (uint32_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            rig_draw(&r, PR_PHASE_TRAIN, steps[s], s % 7 == 6 ? 0 : 10);
            if (s % 3 == 1) rig_draw(&r, PR_PHASE_EVAL, steps[s], 12);
            if (s % 5 == 1) rig_draw(&r, PR_PHASE_SERVE, 1, 3);
        }
        rig_close(&r);
    }
    labor_graph_free(graph);
}

static void batches_of_other_phases_change_nothing(void **state)
{
    const pr_graph graph = labor_graph(800, 60, (const uint32_t[]){ 3000 }, 1, 22);
    static rig     alone, among;

    (void)state;
    rig_open(&alone, &graph, "10,10", labor_options(8, 0, 8, 4), 1, PR_ISA_AVX512);
    rig_open(&among, &graph, "10,10", labor_options(8, 0, 8, 4), 2, PR_ISA_AVX512);
    uint64_t eval = 0;
    for (uint64_t step = 0; step < 12; step++) {
        for (pr_phase phase = PR_PHASE_EVAL; phase <= PR_PHASE_SERVE; phase++) {
            const uint64_t hash = rig_draw(&among, phase, 77, 20);
            if (phase != PR_PHASE_EVAL) continue;
            assert_true(eval == 0 || hash == eval); /* and nothing changes them */
            eval = hash;
        }
        const uint64_t hash = rig_draw(&alone, PR_PHASE_TRAIN, step, 20);
        assert_true(hash == rig_draw(&among, PR_PHASE_TRAIN, step, 20));
    }
    rig_close(&among);
    rig_close(&alone);
    labor_graph_free(graph);
}

/* A batch that failed was no batch: the same step can be drawn again. */
static void a_refused_batch_is_not_remembered(void **state)
{
    const pr_graph graph = labor_graph(300, 60, (const uint32_t[]){ 900 }, 1, 23);
    static rig     r;

    (void)state;
    rig_open(&r, &graph, "10,10", labor_options(1, 0, 8, 2), 1, PR_ISA_AVX512);
    for (uint64_t step = 0; step < 6; step++) {
        const pr_vids bad = { (const pr_vid[]){ 1, 2, 1 }, 3 };
        assert_fails(PR_E_ARG, "twice",
                     pr_sampler_draw(r.sampler, r.room, bad, (pr_draw){ .step = step }, &r.batch));
        rig_draw(&r, PR_PHASE_TRAIN, step, 15);
    }
    rig_close(&r);
    labor_graph_free(graph);
}

/* A star and, apart from it, vertices that take `HOT` of its leaves into the memory. After W steps
 * without them, to the step, the star is drawn as if they had never been. */
static void a_vertex_is_recent_for_exactly_the_window(void **state)
{
    enum { LEAVES = 200, HOT = 20, N = LEAVES + 2, W = 5 };
    static pr_eid indptr[N + 1];
    static pr_vid indices[LEAVES + HOT];
    pr_batch      batch;

    (void)state;
    for (pr_vid v = 0; v < LEAVES; v++) indices[v] = v;
    for (pr_vid v = 0; v < HOT; v++) indices[LEAVES + v] = v * 7;
    indptr[N - 1]        = LEAVES;       /* vertex N - 2: the star */
    indptr[N]            = LEAVES + HOT; /* vertex N - 1: takes the hot ones */
    const pr_graph graph = { N, LEAVES + HOT, indptr, indices, NULL };
    const pr_vids  star = { &(pr_vid){ N - 2 }, 1 }, hot = { &(pr_vid){ N - 1 }, 1 };
    labor_oracle   o;

    for (uint64_t gap = 1; gap <= W + 2; gap++) {
        uint32_t kept_hot = 0;
        labor_oracle_open(&o, &graph, "20", labor_options(1, 0, 1024, W), 3);
        pr_sampler    *sampler = labor_sampler(&o, 1, 1, PR_ISA_AVX512);
        pr_batch_room *room    = test_batch_room(sampler);
        assert_ok(pr_sampler_draw(sampler, room, hot, (pr_draw){ .step = 100 }, &batch));
        assert_ok(pr_sampler_draw(sampler, room, star, (pr_draw){ .step = 100 + gap }, &batch));
        for (size_t i = 1; i < batch.nodes.n; i++)
            kept_hot += batch.nodes.at[i] % 7 == 0 && batch.nodes.at[i] < HOT * 7;
        if (gap <= W)
            assert_true(kept_hot >= 16); /* B = 1024: a cold one comes before few of them */
        else
            assert_true(kept_hot <= 10); /* by chance 2; 10: 2e-6 */
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        labor_oracle_close(&o);
    }
}

/* Keep the k smallest of `hot` numbers and `cold` ones times the bias; gives how many are hot. */
static uint32_t simulate(test_rng *rng, uint32_t hot, uint32_t cold, uint32_t bias, uint32_t k)
{
    double   key[64];
    uint32_t kept_hot = 0;

    for (uint32_t i = 0; i < hot + cold; i++)
        key[i] = (test_random(rng) + 0.5) * (i < hot ? 1 : bias);
    for (uint32_t i = 0; i < hot; i++) {
        uint32_t below = 0;
        for (uint32_t j = 0; j < hot + cold; j++) below += key[j] < key[i];
        kept_hot += below < k;
    }
    return kept_hot;
}

/* With a window of 1, batches that take the hot leaves alternate with batches of the star. */
static void recent_ones_are_kept_as_often_as_the_definition_says(void **state)
{
    enum { LEAVES = 40, HOT = 12, K = 8, N = LEAVES + 3, DRAWS = 6000 };
    static pr_eid indptr[N + 1];
    static pr_vid indices[LEAVES + HOT];
    test_rng      rng = { .key = test_seed() };

    (void)state;
    for (pr_vid v = 0; v < LEAVES; v++) indices[v] = v;
    for (pr_vid v = 0; v < HOT; v++) indices[LEAVES + v] = v * 3;
    indptr[LEAVES + 1]   = LEAVES; /* the star, and two that keep all of half the hot leaves */
    indptr[LEAVES + 2]   = LEAVES + HOT / 2;
    indptr[LEAVES + 3]   = LEAVES + HOT;
    const pr_graph graph = { N, LEAVES + HOT, indptr, indices, NULL };
    const pr_vids  star  = { &(pr_vid){ LEAVES }, 1 };
    const pr_vids  hot   = { (const pr_vid[]){ LEAVES + 1, LEAVES + 2 }, 2 };
    for (uint32_t bias = 1; bias <= 64; bias *= 4) {
        uint32_t     drawn[K + 1] = { 0 }, simulated[K + 1] = { 0 };
        double       sum = 0;
        labor_oracle o;
        pr_batch     batch;
        labor_oracle_open(&o, &graph, "8", labor_options(1, 0, bias, 1), test_seed());
        pr_sampler    *sampler = labor_sampler(&o, 2, 1, PR_ISA_AVX512);
        pr_batch_room *room    = test_batch_room(sampler);
        for (uint64_t step = 0; step < 2 * DRAWS; step += 2) {
            uint32_t kept_hot = 0;
            assert_ok(pr_sampler_draw(sampler, room, hot, (pr_draw){ .step = step }, &batch));
            assert_ok(pr_sampler_draw(sampler, room, star, (pr_draw){ .step = step + 1 }, &batch));
            assert_int_equal(batch.nodes.n, 1 + K);
            for (size_t i = 1; i < batch.nodes.n; i++)
                kept_hot += batch.nodes.at[i] % 3 == 0 && batch.nodes.at[i] < 3 * HOT;
            drawn[kept_hot]++;
            simulated[simulate(&rng, HOT, LEAVES - HOT, bias, K)]++;
        }
        for (int i = 0; i <= K; i++) { /* two samples of one distribution */
            const double both = (double)drawn[i] + simulated[i];
            const double off  = (double)drawn[i] - simulated[i];
            if (both > 0) sum += off * off / both;
        }
        printf("bias %u: all %u hot %u of %u times, simulated %u; chi-square %.1f of at most %d\n",
               bias, K, drawn[K], DRAWS, simulated[K], sum, K);
        assert_true(sum < 33); /* with 8 degrees of freedom once in 16000 */
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        labor_oracle_close(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_those_of_a_last_use_memory),
        cmocka_unit_test(batches_of_other_phases_change_nothing),
        cmocka_unit_test(a_refused_batch_is_not_remembered),
        cmocka_unit_test(a_vertex_is_recent_for_exactly_the_window),
        cmocka_unit_test(recent_ones_are_kept_as_often_as_the_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
