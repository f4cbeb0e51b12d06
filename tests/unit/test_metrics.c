/* test_metrics.c: loss and accuracy of logits against figures worked by hand, in whatever ranges
 * and parts the rows come. */
#include "support/support.h"

#include <math.h>

#include "pipeline/metrics.h"

static const float   logits[] = { 2, 1, 0, /**/ 0, 3, 0, /**/ 1, 1, 1, /**/ 0, 0, 1000 };
static const int32_t labels[] = { 0, 2, 0, 2 };

static pri_targets classes_of(const int32_t *label, uint32_t num)
{
    return (pri_targets){ .classes = label, .num_outputs = num };
}

/* Score nodes of the four rows above. */
static pri_metrics score_of(pr_vids nodes)
{
    const pri_logits  all     = { logits, 3, 3, 0, 4 };
    const pri_targets targets = classes_of(labels, 3);
    pri_score         score   = { 0 };

    pri_score_rows(&score, &all, &targets, nodes);
    return pri_metrics_of(&score);
}

static void metrics_match_figures_worked_by_hand(void **state)
{
    (void)state;
    const pr_vid      nodes[] = { 0, 1, 2, 3 };
    const pri_metrics m       = score_of((pr_vids){ nodes, 4 });
    const double      first   = log(exp(2) + exp(1) + 1) - 2;
    const double      second  = log(exp(0) + exp(3) + exp(0));
    const double      third   = log(3);

    assert_int_equal(m.num_correct, 3); /* a tie goes to the first class */
    assert_true(fabs(m.loss - (first + second + third + 0) / 4) < 1e-12);
    assert_true(m.accuracy == 0.75 && m.micro_f1 == 0.75);
}

static void no_nodes_give_nan(void **state)
{
    (void)state;
    const pri_metrics m = score_of((pr_vids){ NULL, 0 });
    assert_true(isnan(m.loss) && isnan(m.accuracy) && isnan(m.micro_f1));
}

/* Rows in ranges are worth what they are as a whole, to the bit: the sum goes on in order. In parts
 * sums of parts are added, which rounds otherwise. */
static void ranges_and_parts_add_up_to_the_whole(void **state)
{
    (void)state;
    enum { N = 20000, C = 7, LD = 9, PARTS = 3 };
    test_rng  rng   = { .key = test_seed() };
    float    *rows  = malloc(N * LD * sizeof *rows);
    int32_t  *label = malloc(N * sizeof *label);
    pr_vid   *node  = malloc(N * sizeof *node);
    pri_score whole = { 0 }, joined = { 0 }, added = { 0 };
    size_t    n = 0, at = 0;

    assert_true(rows && label && node);
    for (size_t i = 0; i < N * LD; i++) rows[i] = (float)test_below(&rng, 1000) / 100;
    for (pr_vid v = 0; v < N; v++) {
        label[v] = test_below(&rng, 3) ? (int32_t)test_below(&rng, C) : -1;
        if (label[v] >= 0 && test_below(&rng, 2)) node[n++] = v;
    }
    const pr_vids     nodes   = { node, n };
    const pri_logits  all     = { rows, LD, C, 0, N };
    const pri_targets targets = classes_of(label, C);
    pri_score_rows(&whole, &all, &targets, nodes);
    assert_int_equal(whole.num_nodes, n);
    double slow = 0; /* in plain order */
    for (size_t i = 0; i < n; i++) {
        double       sum = 0;
        const float *row = rows + (size_t)node[i] * LD;
        for (int c = 0; c < C; c++) sum += exp((double)row[c]);
        slow += log(sum) - (double)row[label[node[i]]];
    }
    assert_true(fabs(whole.loss.sum - slow) < 1e-12 * slow);
    while (at < N) {
        const uint32_t   left = (uint32_t)(N - at), some = 1 + test_below(&rng, 5000);
        const uint32_t   num  = some < left ? some : left;
        const pri_logits part = { rows + at * LD, LD, C, (pr_vid)at, num };
        pri_score_rows(&joined, &part, &targets, nodes);
        at += num;
    }
    assert_memory_equal(&joined, &whole, sizeof whole);
    for (uint32_t p = 0; p < PARTS; p++) {
        const size_t     begin = (size_t)N * p / PARTS, end = (size_t)N * (p + 1) / PARTS;
        const pri_logits part = { rows + begin * LD, LD, C, (pr_vid)begin,
                                  (uint32_t)(end - begin) };
        pri_score        own  = { 0 };
        pri_score_rows(&own, &part, &targets, nodes);
        pri_score_add(&added, &own);
    }
    assert_int_equal(added.num_nodes, n);
    assert_int_equal(added.loss.num_correct, whole.loss.num_correct);
    assert_true(fabs(added.loss.sum - whole.loss.sum) < 1e-12 * whole.loss.sum);
    free(rows);
    free(label);
    free(node);
}

/* Two nodes of three labels: one of four set labels is found, and one is wrong. */
static void micro_f1_of_labels_is_worked_by_hand(void **state)
{
    (void)state;
    const uint8_t     set[]     = { 1, 1, 0, 1, 0, 1 };
    const float       x[]       = { 2, 0, 1, -1, -3, -2 };
    const pr_vid      node[]    = { 0, 1 };
    const pri_targets targets   = { .labels = set, .num_outputs = 3 };
    const pri_logits  all       = { x, 3, 3, 0, 2 };
    pri_score         score     = { 0 };
    uint8_t           row[3]    = { 9, 9, 9 };
    float             chance[3] = { 0, 700, -700 };

    pri_score_rows(&score, &all, &targets, (pr_vids){ node, 2 });
    const pri_metrics m = pri_metrics_of(&score);
    assert_true(m.accuracy == 0 && m.micro_f1 == 2.0 / (2 + 1 + 3));
    const double loss =
        log1p(exp(-2)) + log(2) + log1p(exp(1)) + log1p(exp(1)) + log1p(exp(-3)) + log1p(exp(2));
    assert_true(fabs(m.loss - loss / 6) < 1e-12);
    pri_labels_row(x, 3, row);
    assert_true(row[0] == 1 && row[1] == 0 && row[2] == 1);
    pri_sigmoid_row(chance, 3);
    assert_true(chance[0] == 0.5f && chance[1] == 1 && chance[2] >= 0 && chance[2] < 1e-30f);
    score = (pri_score){ .num_nodes = 2, .divisor = 6 }; /* nothing set, nothing predicted */
    assert_true(pri_metrics_of(&score).micro_f1 == 0);
}

static void softmax_of_large_logits_does_not_overflow(void **state)
{
    (void)state;
    float row[] = { 0, 0, 1000 };
    pri_softmax_row(row, 3);
    assert_true(row[0] == 0.0f && row[2] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_match_figures_worked_by_hand),
        cmocka_unit_test(no_nodes_give_nan),
        cmocka_unit_test(ranges_and_parts_add_up_to_the_whole),
        cmocka_unit_test(micro_f1_of_labels_is_worked_by_hand),
        cmocka_unit_test(softmax_of_large_logits_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
