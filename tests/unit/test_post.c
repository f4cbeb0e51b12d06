/* test_post.c: residual, layer norm and activation behind every kind of convolution: forward and
 * gradients against networks in double; rows by themselves. */
#include <omp.h>

#include "pipeline/nn/exponential.h"
#include "pipeline/nn/post.h"
#include "unit/nn_reference.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum { NUM_SEEDS = sizeof seeds / sizeof *seeds };

static net make(const pr_model_options *options, uint32_t layers, bool sparse)
{
    fixture       *f = fix_create(NET_FEATURES, NET_CLASSES, test_seed());
    fixture_batch *b = fix_batch(f, layers, 3, seeds, NUM_SEEDS, sparse);

    return net_create(options, layers, f, b);
}

/* Compare one model with its reference; the slope itself is good to 1e-7 behind a norm, whose
 * third derivatives are large, the rest is the rounding of f32 sums. */
static void check(const pr_model_options *o, uint32_t layers, bool sparse)
{
    net          n = make(o, layers, sparse);
    double       largest;
    const double forward  = net_forward_error(&n);
    const double backward = net_gradient_error(&n, &largest);

    if (!(forward < 5e-5) || !(backward < 3e-6 * (1.0 + largest)) || !(largest > 1e-3))
        fail_msg("%s, aggregator %d, norm %d, residual %d, activation %d, %u layers, sparse %d: "
                 "off by %g, gradients by %g of %g",
                 pr_model_kind_name(o->kind), o->aggregator, o->layer_norm, o->residual,
                 o->activation, layers, sparse, forward, backward, largest);
    net_free(&n);
}

/* Bits of a combination: layer norm, residual, ELU, dropout of layers, sparse. Widths change from
 * the first layer to the second and stay in the third, so residuals have matrices and none. */
static void combinations_of(int kind, int aggregator, uint32_t layers, unsigned fixed)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        const pr_model_options o = { .kind          = kind,
                                     .hidden        = layers == 3 ? 8 : NET_FEATURES,
                                     .dropout       = fixed ? 0.3 : 0.0,
                                     .input_dropout = fixed ? 0.2 : 0.0,
                                     .aggregator    = aggregator,
                                     .activation =
                                         bits & 4 ? PR_ACTIVATION_ELU : PR_ACTIVATION_RELU,
                                     .layer_norm = bits & 1,
                                     .residual   = bits & 2,
                                     .heads      = 2,
                                     .out_heads  = 2 };
        check(&o, layers, bits & 8);
    }
}

static void every_combination_behind_sage_has_its_gradients(void **state)
{
    (void)state;
    combinations_of(PR_MODEL_SAGE, PR_AGGREGATE_MEAN, 3, 1);
    combinations_of(PR_MODEL_SAGE, PR_AGGREGATE_MAX, 2, 0);
}

static void every_combination_behind_gcn_has_its_gradients(void **state)
{
    (void)state;
    combinations_of(PR_MODEL_GCN, 0, 3, 1);
    combinations_of(PR_MODEL_GCN, 0, 2, 0);
}

static void every_combination_behind_gin_has_its_gradients(void **state)
{
    (void)state;
    combinations_of(PR_MODEL_GIN, 0, 3, 1);
    combinations_of(PR_MODEL_GIN, 0, 2, 0);
}

static void every_combination_behind_gat_has_its_gradients(void **state)
{
    (void)state;
    combinations_of(PR_MODEL_GAT, 0, 3, 1);
    combinations_of(PR_MODEL_GAT, 0, 2, 0);
}

static void a_residual_of_one_layer_is_added_to_the_logits(void **state)
{
    (void)state;
    const pr_model_options o = { .kind = PR_MODEL_SAGE, .hidden = 8, .residual = true };

    for (int sparse = 0; sparse < 2; sparse++) check(&o, 1, sparse);
}

/* Rows longer than a line of floats, in several pieces; ld and columns differ. */
static void rows_equal_naive_ones_wherever_they_are(void **state)
{
    (void)state;
    enum { ROWS = 7, COLS = 39, LD = 41 };
    float    u[ROWS * LD], unit[ROWS * LD], rstd[ROWS], scale[COLS], shift[COLS], alone[ROWS * LD];
    double   want[ROWS * LD];
    test_rng rng = { .key = test_seed() };

    for (int c = 0; c < COLS; c++) scale[c] = fix_real(&rng), shift[c] = fix_real(&rng);
    for (int i = 0; i < ROWS * LD; i++) u[i] = 5.0f * fix_real(&rng);
    for (int r = 0; r < ROWS; r++) {
        double mean = 0.0, variance = 0.0;
        for (int c = 0; c < COLS; c++) mean += (double)u[r * LD + c] / COLS;
        for (int c = 0; c < COLS; c++) variance += pow((double)u[r * LD + c] - mean, 2.0) / COLS;
        for (int c = 0; c < COLS; c++) {
            const double n =
                (double)scale[c] * ((double)u[r * LD + c] - mean) / sqrt(variance + 1e-5) +
                (double)shift[c];
            want[r * LD + c] = n > 0.0 ? n : expm1(n);
        }
    }
    memcpy(alone, u, sizeof u);
    const pri_post post = { scale, shift, PR_ACTIVATION_ELU, COLS };
    pri_post_rows(&post, u, LD, ROWS, unit, rstd);
    for (int r = 0; r < ROWS; r++) pri_post_rows(&post, alone + r * LD, LD, 1, NULL, NULL);
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLS; c++) {
            assert_true(fabs((double)u[r * LD + c] - want[r * LD + c]) < 2e-6);
            assert_true(u[r * LD + c] == alone[r * LD + c]);
        }
}

static void a_constant_row_is_normalised_to_the_shift(void **state)
{
    (void)state;
    enum { COLS = 37 };
    static const float value[] = { 0.0f, 0.1f, -3e-8f, 1e6f, 1e30f };
    float              scale[COLS], shift[COLS], u[COLS], unit[COLS], rstd;

    for (int c = 0; c < COLS; c++) scale[c] = 2.0f, shift[c] = 0.25f * (float)c;
    for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
        for (int c = 0; c < COLS; c++) u[c] = value[i];
        const pri_post post = { scale, shift, -1, COLS };
        pri_post_rows(&post, u, COLS, 1, unit, &rstd);
        assert_true(fabs((double)rstd - 1.0 / sqrt(1e-5)) < 1e-3);
        for (int c = 0; c < COLS; c++) assert_true(unit[c] == 0.0f && u[c] == shift[c]);
    }
}

static void nan_passes_through_every_activation(void **state)
{
    (void)state;
    for (int a = PR_ACTIVATION_RELU; a <= PR_ACTIVATION_ELU; a++) {
        float          u[20] = { [3] = NAN, [18] = NAN };
        const pri_post post  = { NULL, NULL, a, 20 };
        pri_post_rows(&post, u, 20, 1, NULL, NULL);
        for (int c = 0; c < 20; c++) assert_true((c == 3 || c == 18) == !!isnan(u[c]));
    }
}

static void exp_is_good_to_the_last_bits(void **state)
{
    (void)state;
    for (int i = -86900; i <= 87900; i += 7) {
        const float  x    = (float)i * 1e-3f;
        const double want = exp((double)x), less = expm1((double)x);
        assert_true(fabs((double)pri_exp(x) - want) < 2.5e-7 * want);
        assert_true(fabs((double)pri_exp_minus_1(x) - less) < 2.5e-7 * fabs(less) + 1e-45);
    }
    assert_true(pri_exp(0.0f) == 1.0f && pri_exp_minus_1(0.0f) == 0.0f);
    assert_true(pri_exp(-1e30f) < 2e-38f && pri_exp(-1e30f) >= 0.0f);
    assert_true(isfinite(pri_exp(1e30f)) && isnan(pri_exp(NAN)));
}

static void one_step_is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    const int              threads = omp_get_max_threads();
    const pr_model_options o       = { .kind       = PR_MODEL_SAGE,
                                       .hidden     = 64,
                                       .dropout    = 0.3,
                                       .activation = PR_ACTIVATION_ELU,
                                       .layer_norm = true,
                                       .residual   = true };

    for (int sparse = 0; sparse < 2; sparse++) {
        net          n     = make(&o, 3, sparse);
        const size_t count = (size_t)n.shape.num_parameters;
        float       *first = calloc(count, sizeof *first);
        assert_non_null(first);
        for (int t = 1; t <= 3; t++) {
            omp_set_num_threads(t);
            (void)net_step(&n);
            if (t == 1) memcpy(first, pri_nn_gradient(n.tape), count * sizeof *first);
            for (size_t i = 0; i < count; i++)
                assert_true(fabsf(first[i] - pri_nn_gradient(n.tape)[i]) < 2e-6f);
        }
        omp_set_num_threads(threads);
        free(first);
        net_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_behind_sage_has_its_gradients),
        cmocka_unit_test(every_combination_behind_gcn_has_its_gradients),
        cmocka_unit_test(every_combination_behind_gin_has_its_gradients),
        cmocka_unit_test(every_combination_behind_gat_has_its_gradients),
        cmocka_unit_test(a_residual_of_one_layer_is_added_to_the_logits),
        cmocka_unit_test(rows_equal_naive_ones_wherever_they_are),
        cmocka_unit_test(a_constant_row_is_normalised_to_the_shift),
        cmocka_unit_test(nan_passes_through_every_activation),
        cmocka_unit_test(exp_is_good_to_the_last_bits),
        cmocka_unit_test(one_step_is_the_same_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
