/* test_optimizer.c: AdamW and SGD against double and values worked by hand, in the way of
 * torch.optim; and learning rates that change (Adam itself is in test_training.c). */
#include <math.h>
#include <omp.h>

#include "pipeline/nn/model.h"
#include "unit/nn_fixture.h"

static pr_model *new_model(void)
{
    const pr_model_options options = { .hidden = 33 };
    pr_model              *model   = NULL;
    assert_ok(pr_model_create(&options, 2, 70, 5, 3, &model));
    return model;
}

/* One parameter in double. */
typedef struct slow {
    double p, m, v;
} slow;

static void slow_step(slow *s, const pr_optimizer_options *o, double g, int t)
{
    if (o->kind == PR_OPTIMIZER_SGD) {
        g += o->weight_decay * s->p;
        s->m = t == 1 ? g : o->momentum * s->m + g;
        s->p -= o->lr * s->m;
        return;
    }
    s->p -= o->lr * o->weight_decay * s->p;
    s->m = o->beta1 * s->m + (1.0 - o->beta1) * g;
    s->v = o->beta2 * s->v + (1.0 - o->beta2) * g * g;
    s->p -= o->lr * (s->m / (1.0 - pow(o->beta1, t))) /
            (sqrt(s->v / (1.0 - pow(o->beta2, t))) + o->epsilon);
}

/* Run both from the gradients of two lanes, on teams of different sizes. */
static void compare(const pr_optimizer_options *o)
{
    enum { STEPS = 25 };
    pr_model    *model   = new_model();
    const size_t count   = (size_t)model->shape.num_parameters;
    float       *lane[2] = { calloc(count, sizeof(float)), calloc(count, sizeof(float)) };
    slow        *slowly  = calloc(count, sizeof *slowly);
    test_rng     rng     = { .key = test_seed() };
    pri_nn_times times   = { 0 };

    assert_true(lane[0] && lane[1] && slowly);
    for (size_t i = 0; i < count; i++) slowly[i].p = (double)model->parameters[i];
    for (int t = 1; t <= STEPS; t++) {
        for (size_t i = 0; i < count; i++) {
            for (int k = 0; k < 2; k++) lane[k][i] = fix_real(&rng);
            slow_step(&slowly[i], o, (double)lane[0][i] + (double)lane[1][i], t);
        }
        omp_set_num_threads(1 + t % 3);
        fix_update(model, lane, 2, o, &times);
    }
    for (size_t i = 0; i < count; i++) /* 25 steps of some 0.02, each good to some 1e-6 of it */
        assert_true(fabs((double)model->parameters[i] - slowly[i].p) < 5e-6);
    free(lane[0]);
    free(lane[1]);
    free(slowly);
    pr_model_free(model);
}

static void updates_equal_adamw_in_double(void **state)
{
    (void)state;
    compare(&(pr_optimizer_options){ .kind         = PR_OPTIMIZER_ADAMW,
                                     .lr           = 0.02,
                                     .weight_decay = 0.5,
                                     .beta1        = 0.8,
                                     .beta2        = 0.95,
                                     .epsilon      = 1e-6 });
}

static void updates_equal_sgd_in_double_with_and_without_momentum(void **state)
{
    (void)state;
    pr_optimizer_options o = {
        .kind = PR_OPTIMIZER_SGD, .lr = 0.01, .weight_decay = 0.1, .momentum = 0.9
    };

    compare(&o);
    o.momentum = 0;
    compare(&o);
}

/* Give a parameter of 1 after two steps with gradients 0.5 and -1. */
static double two_steps(const pr_optimizer_options *o)
{
    pr_model    *model    = new_model();
    const size_t count    = (size_t)model->shape.num_parameters;
    float       *gradient = calloc(count, sizeof *gradient);
    pri_nn_times times    = { 0 };

    assert_non_null(gradient);
    model->parameters[7] = 1.0f;
    gradient[7]          = 0.5f;
    fix_update(model, &gradient, 1, o, &times);
    gradient[7] = -1.0f;
    fix_update(model, &gradient, 1, o, &times);
    const double after = (double)model->parameters[7];
    free(gradient);
    pr_model_free(model);
    return after;
}

static void two_steps_match_figures_worked_by_hand(void **state)
{
    (void)state;
    pr_optimizer_options o = { .kind         = PR_OPTIMIZER_SGD,
                               .lr           = 0.1,
                               .weight_decay = 0.2,
                               .momentum     = 0.5,
                               .beta1        = 0.5,
                               .beta2        = 0.75,
                               .epsilon      = 1e-8 };

    /* buf 0.5 + 0.2 = 0.7, p 0.93; buf 0.35 - 1 + 0.186 = -0.464, p 0.9764 */
    assert_true(fabs(two_steps(&o) - 0.9764) < 1e-6);
    /* p 0.98 - 0.1 = 0.88; then p 0.8624; m 0.25 and -0.375, over 1 - 0.25: -0.5; v 0.0625 and
     * 0.296875, over 1 - 0.5625: 0.678571; p 0.8624 + 0.05 / 0.823754 */
    o.kind = PR_OPTIMIZER_ADAMW;
    assert_true(fabs(two_steps(&o) - (0.8624 + 0.05 / sqrt(0.296875 / 0.4375))) < 1e-6);
}

static void without_decay_adamw_is_adam_to_the_bit(void **state)
{
    (void)state;
    pr_optimizer_options o = { .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 };

    const double adam = two_steps(&o);
    o.kind            = PR_OPTIMIZER_ADAMW;
    assert_true(two_steps(&o) == adam);
}

static void a_cosine_learning_rate_falls_along_half_a_wave(void **state)
{
    (void)state;
    enum { STEPS = 1000 };
    const pr_optimizer_options o      = { .lr = 0.02, .lr_schedule = PR_LR_COSINE };
    double                     before = 1.0;

    assert_true(pr_learning_rate(&o, 0, STEPS) == 0.02);
    assert_true(fabs(pr_learning_rate(&o, STEPS / 2, STEPS) - 0.01) < 1e-15);
    assert_true(fabs(pr_learning_rate(&o, STEPS / 3, 3 * (STEPS / 3)) - 0.015) < 1e-15);
    for (uint64_t t = 0; t < STEPS; t++) {
        const double lr = pr_learning_rate(&o, t, STEPS);
        assert_true(lr > 0 && lr < before);
        before = lr;
    }
    assert_true(pr_learning_rate(&o, STEPS, STEPS) == before);
    assert_true(pr_learning_rate(&o, 0, 0) == 0.02);
}

static void a_stepped_learning_rate_decays_as_often_as_asked(void **state)
{
    (void)state;
    pr_optimizer_options o = {
        .lr = 0.5, .lr_schedule = PR_LR_STEP, .lr_every = 10, .lr_gamma = 0.5
    };

    for (uint64_t t = 0; t < 95; t++)
        assert_true(pr_learning_rate(&o, t, 95) == 0.5 / (double)(UINT64_C(1) << t / 10));
    assert_true(pr_learning_rate(&o, 1000, 95) == pr_learning_rate(&o, 94, 95));
    o.lr_every = 0; /* a third of the run: two decays, whatever its length */
    for (uint64_t steps = 3; steps < 40; steps++) {
        assert_true(pr_learning_rate(&o, 0, steps) == 0.5);
        assert_true(pr_learning_rate(&o, steps - 1, steps) >= 0.125);
        assert_true(pr_learning_rate(&o, (steps + 2) / 3, steps) == 0.25);
    }
    assert_true(pr_learning_rate(&o, 59, 90) == 0.25 && pr_learning_rate(&o, 60, 90) == 0.125);
    assert_true(pr_learning_rate(&o, 0, 0) == 0.5);
    o.lr_gamma = 0; /* and after the first decay nothing changes any more */
    assert_true(pr_learning_rate(&o, 29, 90) == 0.5 && pr_learning_rate(&o, 30, 90) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_equal_adamw_in_double),
        cmocka_unit_test(updates_equal_sgd_in_double_with_and_without_momentum),
        cmocka_unit_test(two_steps_match_figures_worked_by_hand),
        cmocka_unit_test(without_decay_adamw_is_adam_to_the_bit),
        cmocka_unit_test(a_cosine_learning_rate_falls_along_half_a_wave),
        cmocka_unit_test(a_stepped_learning_rate_decays_as_often_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
