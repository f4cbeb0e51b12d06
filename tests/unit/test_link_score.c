/* test_link_score.c: MRR, hits and AUC against their definitions, ties included; and the draws that
 * they and training are made of. */
#include "support/graphs.h"

#include <math.h>
#include <omp.h>

#include "pipeline/link_score.h"
#include "pipeline/nn/link_loss.h"

enum { NODES = 60, COLS = 3, EDGES = 70, NEGATIVES = 25 };

typedef struct fixture {
    float         rows[NODES * COLS];
    pr_vid        ends[2 * EDGES];
    pri_edge_list edges;
    pri_link_draw draw;
} fixture;

static fixture f;

/* Embeddings of small whole numbers, so that many scores are equal; or of reals. */
static pri_link_scoring start(bool ties)
{
    test_rng       rng   = { .key = test_seed() };
    const pr_graph graph = { .num_nodes = NODES };

    for (int i = 0; i < NODES * COLS; i++)
        f.rows[i] = ties ? (float)test_below(&rng, 3) - 1
                         : (float)((double)test_random(&rng) * 0x1p-31 - 1);
    for (int i = 0; i < EDGES; i++) {
        f.ends[2 * i] = test_below(&rng, NODES);
        do f.ends[2 * i + 1] = test_below(&rng, NODES);
        while (f.ends[2 * i + 1] == f.ends[2 * i]);
    }
    f.edges = (pri_edge_list){ f.ends, EDGES };
    assert_ok(pri_link_draw_init(&graph, PR_NEGATIVE_UNIFORM, 4, &f.draw));
    return (pri_link_scoring){ .rows      = f.rows,
                               .ld        = COLS,
                               .cols      = COLS,
                               .edges     = &f.edges,
                               .part      = PRI_LINK_TEST,
                               .draw      = &f.draw,
                               .negatives = NEGATIVES };
}

static float score(pr_vid a, pr_vid b)
{
    return pri_dot(f.rows + a * COLS, f.rows + b * COLS, COLS);
}

/* All pairs, slowly: every edge against its own negatives, and against those of all. */
static pri_link_metrics slow(void)
{
    static float     other[EDGES][NEGATIVES];
    pri_link_metrics m     = { .num_edges = EDGES };
    double           beats = 0, edges = 0, others = 0;

    for (uint32_t i = 0; i < EDGES; i++) {
        const pri_link_place place  = { .step = PRI_LINK_TEST, .edge = i };
        const pr_vid         source = f.ends[2 * i + pri_link_turned(&f.draw, place)];
        for (uint32_t k = 0; k < NEGATIVES; k++)
            other[i][k] = score(source, pri_link_negative(&f.draw, place, k, source));
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        const float mine = score(f.ends[2 * i], f.ends[2 * i + 1]);
        double      best = 1, worst = 1;
        for (uint32_t k = 0; k < NEGATIVES; k++) {
            best += other[i][k] > mine;
            worst += other[i][k] >= mine;
            others += log(1 + exp((double)other[i][k]));
        }
        const double rank = (best + worst) / 2;
        m.mrr += 1 / rank / EDGES;
        m.hits_at_10 += rank <= 10 ? 1.0 / EDGES : 0;
        edges += log(1 + exp(-(double)mine));
        for (uint32_t j = 0; j < EDGES; j++)
            for (uint32_t k = 0; k < NEGATIVES; k++)
                beats += mine > other[j][k] ? 1 : mine == other[j][k] ? 0.5 : 0;
    }
    m.auc  = beats / ((double)EDGES * EDGES * NEGATIVES);
    m.loss = (edges / EDGES + others / (EDGES * NEGATIVES)) / 2;
    return m;
}

static void figures_are_those_of_the_definitions(void **state)
{
    (void)state;
    for (int ties = 0; ties < 2; ties++) {
        const pri_link_scoring in = start(ties);
        pri_link_metrics       got;
        const pri_link_metrics want = slow();
        assert_ok(pri_link_score(&in, &got));
        assert_int_equal(got.num_edges, EDGES);
        assert_true(fabs(got.mrr - want.mrr) < 1e-12);
        assert_true(fabs(got.hits_at_10 - want.hits_at_10) < 1e-12);
        assert_true(fabs(got.auc - want.auc) < 1e-12);
        assert_true(fabs(got.loss - want.loss) < 1e-12);
    }
}

static void equal_scores_are_chance(void **state)
{
    (void)state;
    pri_link_scoring in = start(true);
    pri_link_metrics m;

    memset(f.rows, 0, sizeof f.rows);
    assert_ok(pri_link_score(&in, &m));
    assert_true(fabs(m.mrr - 1 / (1 + NEGATIVES / 2.0)) < 1e-12);
    assert_true(m.auc == 0.5 && m.hits_at_10 == 0);
    in.negatives = 18;
    assert_ok(pri_link_score(&in, &m));
    assert_true(m.hits_at_10 == 1); /* rank 10 */
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    const int              threads = omp_get_max_threads();
    const pri_link_scoring in      = start(false);
    pri_link_metrics       first   = { 0 }, now;

    for (int n = 1; n <= 3; n++) {
        omp_set_num_threads(n);
        assert_ok(pri_link_score(&in, &now));
        if (n == 1) first = now;
        assert_memory_equal(&first, &now, sizeof now);
    }
    omp_set_num_threads(threads);
}

static void what_cannot_be_ranked_is_not_a_number(void **state)
{
    (void)state;
    pri_link_scoring in = start(false);
    pri_link_metrics m;

    f.rows[f.ends[4] * COLS] = NAN;
    assert_ok(pri_link_score(&in, &m));
    assert_true(isnan(m.mrr) && isnan(m.auc) && isnan(m.loss) && isnan(m.hits_at_10));
    const pri_edge_list none = { 0 };
    in.edges                 = &none;
    assert_ok(pri_link_score(&in, &m));
    assert_true(m.num_edges == 0 && isnan(m.mrr));
}

static void a_stop_ends_it(void **state)
{
    (void)state;
    pri_link_scoring   in   = start(false);
    const volatile int stop = 1;
    pri_link_metrics   m;

    in.stop = &stop;
    assert_fails(PR_E_INTERRUPTED, "interrupted", pri_link_score(&in, &m));
}

static pr_status score_all(void *context, void **out)
{
    static pri_link_metrics m;
    const pr_status         st = pri_link_score(context, &m);

    *out = st == PR_OK ? &m : NULL;
    return st;
}

static void keep(void *m)
{
    (void)m;
}

static void without_memory_it_is_an_error(void **state)
{
    (void)state;
    pri_link_scoring in = start(false);
    test_oom("scores of edges", score_all, keep, &in);
}

/* ---- draws ---- */

static void uniform_negatives_are_uniform_and_never_the_vertex_itself(void **state)
{
    (void)state;
    enum { N = 10, DRAWS = 90000 };
    const pr_graph graph    = { .num_nodes = N };
    uint32_t       count[N] = { 0 }, turned = 0;
    pri_link_draw  draw;

    assert_ok(pri_link_draw_init(&graph, PR_NEGATIVE_UNIFORM, 9, &draw));
    for (uint32_t i = 0; i < DRAWS; i++) {
        const pri_link_place place = { .training = true, .step = i / 100, .edge = i % 100 };
        count[pri_link_negative(&draw, place, 0, 4)]++;
        turned += pri_link_turned(&draw, place);
    }
    assert_int_equal(count[4], 0);
    for (int v = 0; v < N; v++) /* six deviations of 10000 */
        if (v != 4) assert_true(fabs((double)count[v] - DRAWS / 9.0) < 6 * 94.3);
    assert_true(fabs(turned - DRAWS / 2.0) < 6 * 150);
    pri_link_draw_clear(&draw);
}

static void negatives_by_degree_follow_its_power(void **state)
{
    (void)state;
    enum { N = 6, DRAWS = 100000 };
    static const pr_eid indptr[] = { 0, 1, 3, 3, 19, 27, 40 }; /* degrees 1 2 0 16 8 13 */
    static pr_vid       indices[40];
    const pr_graph      graph    = { N, 40, indptr, indices, NULL };
    uint32_t            count[N] = { 0 }, eval[N] = { 0 };
    double              sum = 0;
    pri_link_draw       draw;

    assert_ok(pri_link_draw_init(&graph, PR_NEGATIVE_DEGREE, 9, &draw));
    for (uint32_t i = 0; i < DRAWS; i++) {
        count[pri_link_negative(&draw, (pri_link_place){ true, i, 3 }, i % 7, 4)]++;
        eval[pri_link_negative(&draw, (pri_link_place){ false, 1, i }, i % 7, 4)]++;
    }
    for (int v = 0; v < N; v++)
        if (v != 4) sum += pow((double)(indptr[v + 1] - indptr[v]), 0.75);
    for (int v = 0; v < N; v++) {
        const double share = v == 4 ? 0 : pow((double)(indptr[v + 1] - indptr[v]), 0.75) / sum;
        assert_true(fabs(count[v] - share * DRAWS) <= 6 * sqrt(DRAWS * share * (1 - share)));
        const double even = v == 4 ? 0 : 0.2; /* evaluation stays uniform */
        assert_true(fabs(eval[v] - even * DRAWS) <= 6 * sqrt(DRAWS * even * (1 - even)));
    }
    pri_link_draw_clear(&draw);
    const pr_eid   none[]  = { 0, 0, 0 };
    const pr_graph without = { 2, 0, none, NULL, NULL };
    assert_fails(PR_E_INPUT, "degree", pri_link_draw_init(&without, PR_NEGATIVE_DEGREE, 1, &draw));
    pri_link_draw_clear(&draw);
}

/* A vertex that has nearly all arcs is its own likeliest negative; it still gets another. */
static void a_hub_gets_others(void **state)
{
    (void)state;
    static const pr_eid indptr[] = { 0, 0, 30, 30 };
    static pr_vid       indices[30];
    const pr_graph      graph = { 3, 30, indptr, indices, NULL };
    pri_link_draw       draw;

    assert_ok(pri_link_draw_init(&graph, PR_NEGATIVE_DEGREE, 2, &draw));
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(pri_link_negative(&draw, (pri_link_place){ true, i, 0 }, 0, 1) != 1);
    pri_link_draw_clear(&draw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_definitions),
        cmocka_unit_test(equal_scores_are_chance),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(what_cannot_be_ranked_is_not_a_number),
        cmocka_unit_test(a_stop_ends_it),
        cmocka_unit_test(without_memory_it_is_an_error),
        cmocka_unit_test(uniform_negatives_are_uniform_and_never_the_vertex_itself),
        cmocka_unit_test(negatives_by_degree_follow_its_power),
        cmocka_unit_test(a_hub_gets_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
