/* test_loss.c: losses of many labels and of weighted classes, and their gradients, against slow
 * references in double; and that scoring by rows says the same (test_training.c has the plain
 * loss of one class). */
#include <math.h>
#include <omp.h>

#include "pipeline/metrics.h"
#include "pipeline/nn/tape.h"
#include "unit/nn_fixture.h"

enum { NODES = 300, SEEDS = 120, OUTPUTS = 7 };

/* Logits of seeds, which are nodes in some order, and what they should be. */
typedef struct rig {
    pr_model *model;
    pri_tape *tape;
    pr_batch  batch;
    pr_vid    node[SEEDS];
    int32_t   classes[NODES];
    uint8_t   labels[NODES * OUTPUTS];
    float     weight[OUTPUTS], logits[SEEDS * OUTPUTS];
} rig;

static rig *new_rig(void)
{
    const pr_model_options options = { .hidden = 4 };
    const uint32_t         dst[]   = { SEEDS };
    const uint64_t         edges[] = { SEEDS };
    test_rng               rng     = { .key = test_seed() };
    rig                   *r       = calloc(1, sizeof *r);

    assert_non_null(r);
    assert_ok(pr_model_create(&options, 1, 3, OUTPUTS, 1, &r->model));
    assert_ok(pri_tape_create(r->model, NULL, dst, edges, SEEDS, &r->tape));
    for (pr_vid i = 0; i < SEEDS; i++) r->node[i] = i * 7 % NODES;
    for (int i = 0; i < NODES; i++) r->classes[i] = (int32_t)test_below(&rng, OUTPUTS);
    for (int i = 0; i < NODES * OUTPUTS; i++) r->labels[i] = test_below(&rng, 3) == 0;
    for (int i = 0; i < OUTPUTS; i++) r->weight[i] = 0.25f * (float)(1 + test_below(&rng, 20));
    for (int i = 0; i < SEEDS * OUTPUTS; i++) r->logits[i] = 3.0f * fix_real(&rng);
    r->logits[2 * OUTPUTS]     = 90.0f; /* of one seed far out, both ways */
    r->logits[2 * OUTPUTS + 1] = -90.0f;
    r->batch = (pr_batch){ .num_seeds = SEEDS, .num_layers = 1, .nodes = { r->node, SEEDS } };
    return r;
}

static void free_rig(rig *r)
{
    pri_tape_free(r->tape);
    pr_model_free(r->model);
    free(r);
}

static pri_targets targets_of(const rig *r, bool multi, bool weighted)
{
    return (pri_targets){ .classes     = multi ? NULL : r->classes,
                          .labels      = multi ? r->labels : NULL,
                          .num_outputs = OUTPUTS,
                          .weight      = weighted ? r->weight : NULL };
}

/* Take the loss; the gradient is left in tape->dy[0]. */
static pri_loss loss_of(rig *r, const pri_targets *targets, double divisor)
{
    const pri_layer_tape *t = &r->tape->layer[0];
    pri_loss              loss;

    for (size_t i = 0; i < SEEDS; i++)
        memcpy(t->y + i * t->ldy, r->logits + i * OUTPUTS, OUTPUTS * sizeof(float));
    pri_nn_loss(r->tape, &r->batch, targets, divisor, &loss);
    return loss;
}

/* The loss of a seed in double, by the plain formulas. */
static double slow_loss(const rig *r, const pri_targets *targets, int i, const double *x)
{
    const pr_vid v   = r->node[i];
    double       sum = 0;

    if (targets->classes) {
        const int y = r->classes[v];
        for (int j = 0; j < OUTPUTS; j++) sum += exp(x[j] - x[y]);
        return (targets->weight ? (double)r->weight[y] : 1.0) * log(sum);
    }
    for (int j = 0; j < OUTPUTS; j++) {
        const double pos = targets->weight ? (double)r->weight[j] : 1.0;
        sum += r->labels[v * OUTPUTS + (unsigned)j] ? pos * log1p(exp(-x[j])) : log1p(exp(x[j]));
    }
    return sum;
}

static void losses_and_gradients_equal_those_in_double(void **state)
{
    (void)state;
    rig *r = new_rig();

    for (int kind = 0; kind < 4; kind++) {
        const pri_targets targets = targets_of(r, kind & 1, kind & 2);
        const double      divisor = pri_targets_divisor(&targets, r->batch.nodes);
        double            wanted = 0, weights = 0;
        omp_set_num_threads(1 + kind);
        const pri_loss got = loss_of(r, &targets, divisor);
        for (int i = 0; i < SEEDS; i++) {
            double x[OUTPUTS];
            for (int j = 0; j < OUTPUTS; j++) x[j] = (double)r->logits[i * OUTPUTS + j];
            wanted += slow_loss(r, &targets, i, x);
            weights += kind & 2 ? (double)r->weight[r->classes[r->node[i]]] : 1.0;
            for (int j = 0; j < OUTPUTS; j++) {
                const double step = 1e-4, at = x[j];
                x[j]               = at + step;
                const double above = slow_loss(r, &targets, i, x);
                x[j]               = at - step;
                const double slope = (above - slow_loss(r, &targets, i, x)) / (2 * step) / divisor;
                x[j]               = at;
                const size_t place = (size_t)i * r->tape->layer[0].ldy + (size_t)j;
                assert_true(fabs((double)r->tape->dy[0][place] - slope) < 1e-6);
            }
        }
        assert_true(fabs(got.sum - wanted) < 1e-5 * wanted); /* floats within a row */
        assert_true(fabs(divisor - (kind & 1 ? SEEDS * OUTPUTS : weights)) < 1e-9);
    }
    free_rig(r);
}

static void what_is_right_is_counted_by_label(void **state)
{
    (void)state;
    rig              *r       = new_rig();
    const pri_targets targets = targets_of(r, true, false);
    uint64_t          right = 0, tp = 0, fp = 0, fn = 0;

    for (int j = 0; j < OUTPUTS; j++) /* all of one seed right, and a logit of 0 is no prediction */
        r->logits[j] = r->labels[r->node[0] * OUTPUTS + (unsigned)j] ? 1.0f : 0.0f;
    const pri_loss got = loss_of(r, &targets, 1);
    for (int i = 0; i < SEEDS; i++) {
        bool all = true;
        for (int j = 0; j < OUTPUTS; j++) {
            const bool set = r->labels[r->node[i] * OUTPUTS + (unsigned)j];
            const bool yes = r->logits[i * OUTPUTS + j] > 0;
            tp += set && yes;
            fp += !set && yes;
            fn += set && !yes;
            all = all && set == yes;
        }
        right += all;
    }
    assert_true(right >= 1);
    assert_int_equal(got.num_correct, right);
    assert_int_equal(got.true_positives, tp);
    assert_int_equal(got.false_positives, fp);
    assert_int_equal(got.false_negatives, fn);
    const pri_targets classes = targets_of(r, false, true);
    const pri_loss    one     = loss_of(r, &classes, 1);
    assert_int_equal(one.true_positives, one.num_correct);
    assert_int_equal(one.false_positives, SEEDS - one.num_correct);
    assert_int_equal(one.false_negatives, SEEDS - one.num_correct);
    free_rig(r);
}

static void nan_stays_nan_and_large_logits_stay_finite(void **state)
{
    (void)state;
    rig              *r       = new_rig();
    const pri_targets targets = targets_of(r, true, true);

    for (int i = 0; i < SEEDS * OUTPUTS; i++) r->logits[i] = i % 2 ? 3e38f : -3e38f;
    const pri_loss large = loss_of(r, &targets, 1);
    assert_true(isfinite(large.sum) && large.sum > 1e38);
    for (size_t i = 0; i < SEEDS; i++)
        for (size_t j = 0; j < OUTPUTS; j++)
            assert_true(isfinite(r->tape->dy[0][i * r->tape->layer[0].ldy + j]));
    r->logits[5]       = NAN;
    const pri_loss bad = loss_of(r, &targets, 1);
    assert_true(isnan(bad.sum) && isnan(r->tape->dy[0][5]));
    assert_int_equal(bad.true_positives + bad.false_negatives,
                     large.true_positives + large.false_negatives);
    free_rig(r);
}

/* A step none of whose seeds counts teaches nothing. */
static void no_weight_at_all_gives_no_gradient(void **state)
{
    (void)state;
    rig *r = new_rig();

    memset(r->weight, 0, sizeof r->weight);
    const pri_targets targets = targets_of(r, false, true);
    const double      divisor = pri_targets_divisor(&targets, r->batch.nodes);
    const pri_loss    got     = loss_of(r, &targets, divisor);
    assert_true(divisor == 0.0 && got.sum == 0.0);
    for (size_t i = 0; i < SEEDS; i++)
        for (size_t j = 0; j < OUTPUTS; j++)
            assert_true(r->tape->dy[0][i * r->tape->layer[0].ldy + j] == 0.0f);
    free_rig(r);
}

/* Rows scored as exact evaluation does it are worth what the batch's loss says. */
static void scores_of_rows_equal_losses_of_batches(void **state)
{
    (void)state;
    rig    *r         = new_rig();
    pr_vid *ascending = malloc(SEEDS * sizeof *ascending);
    float  *rows      = calloc(NODES * OUTPUTS, sizeof *rows);
    size_t  n         = 0;

    assert_true(ascending && rows);
    for (pr_vid v = 0; v < NODES; v++)
        for (size_t i = 0; i < SEEDS; i++)
            if (r->node[i] == v) {
                ascending[n++] = v;
                memcpy(rows + v * OUTPUTS, r->logits + i * OUTPUTS, OUTPUTS * sizeof *rows);
            }
    assert_int_equal(n, SEEDS);
    for (int kind = 0; kind < 4; kind++) {
        const pri_targets targets = targets_of(r, kind & 1, kind & 2);
        const double      divisor = pri_targets_divisor(&targets, r->batch.nodes);
        const pri_loss    loss    = loss_of(r, &targets, divisor);
        const pri_logits  all     = { rows, OUTPUTS, OUTPUTS, 0, NODES };
        pri_score         score   = { 0 };
        pri_score_rows(&score, &all, &targets, (pr_vids){ ascending, SEEDS });
        const pri_metrics m = pri_metrics_of(&score);
        assert_true(fabs(m.loss - loss.sum / divisor) < 1e-5 * m.loss);
        assert_int_equal(m.num_correct, loss.num_correct);
        assert_int_equal(score.loss.true_positives, loss.true_positives);
        assert_int_equal(score.loss.false_positives, loss.false_positives);
        assert_int_equal(score.loss.false_negatives, loss.false_negatives);
        const double twice = 2.0 * (double)loss.true_positives;
        assert_true(m.micro_f1 ==
                    twice / (twice + (double)loss.false_positives + (double)loss.false_negatives));
        if (targets.classes) assert_true(m.micro_f1 == m.accuracy);
    }
    free(ascending);
    free(rows);
    free_rig(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_gradients_equal_those_in_double),
        cmocka_unit_test(what_is_right_is_counted_by_label),
        cmocka_unit_test(nan_stays_nan_and_large_logits_stay_finite),
        cmocka_unit_test(no_weight_at_all_gives_no_gradient),
        cmocka_unit_test(scores_of_rows_equal_losses_of_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
