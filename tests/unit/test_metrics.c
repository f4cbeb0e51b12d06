/* test_metrics.c: loss and accuracy of logits against figures worked by hand. */
#include "support/support.h"

#include <math.h>

#include "pipeline/metrics.h"

static const float   logits[] = { 2, 1, 0, /**/ 0, 3, 0, /**/ 1, 1, 1, /**/ 0, 0, 1000 };
static const int32_t labels[] = { 0, 2, 0, 2 };

static void metrics_match_figures_worked_by_hand(void **state)
{
    (void)state;
    const pr_vid      nodes[] = { 0, 1, 2, 3 };
    const pri_metrics m       = pri_metrics_of(logits, 3, labels, (pr_vids){ nodes, 4 });
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
    const pri_metrics m = pri_metrics_of(logits, 3, labels, (pr_vids){ NULL, 0 });
    assert_true(isnan(m.loss) && isnan(m.accuracy) && isnan(m.micro_f1));
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
        cmocka_unit_test(softmax_of_large_logits_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
