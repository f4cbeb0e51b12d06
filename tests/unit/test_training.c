/* test_training.c: the parts of learning around the layers: initial weights, loss, Adam, dropout
 * masks, options; and that all together learn. */
#include <math.h>
#include <omp.h>

#include "base/mem.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/tape.h"
#include "unit/nn_fixture.h"

static pr_model *new_model(uint32_t layers, uint32_t features, uint32_t hidden, uint32_t classes,
                           uint64_t seed)
{
    const pr_model_options options = { .hidden = hidden, .dropout = 0.5 };
    pr_model              *model   = NULL;
    assert_ok(pr_model_create(&options, layers, features, classes, seed, &model));
    return model;
}

static void initial_weights_are_glorot_uniform_and_biases_zero(void **state)
{
    (void)state;
    pr_model *model = new_model(2, 100, 64, 10, 1);

    assert_int_equal(model->shape.num_parameters, (200 + 1) * 64 + (128 + 1) * 10);
    assert_int_equal((uintptr_t)pri_nn_parameters(model) % 64, 0);
    for (uint32_t l = 0; l < 2; l++) {
        const pri_layer_part part  = pri_model_layer(model, model->parameters, l);
        const size_t         count = 2 * part.in * part.out;
        const double         limit = sqrt(6.0 / (double)(2 * part.in + part.out));
        double               sum = 0.0, squares = 0.0, most = 0.0;
        for (size_t i = 0; i < count; i++) {
            const double w = (double)part.at[PRI_ROLE_SELF][i];
            sum += w;
            squares += w * w;
            most = fmax(most, fabs(w));
        }
        assert_true(most <= limit && most > 0.98 * limit);
        assert_true(fabs(sum / (double)count) < 5.0 * limit / sqrt(3.0 * (double)count));
        assert_true(fabs(squares / (double)count / (limit * limit / 3.0) - 1.0) < 0.1);
        for (size_t i = 0; i < part.out; i++) assert_true(part.at[PRI_ROLE_BIAS][i] == 0.0f);
    }
    pr_model_free(model);
}

static void initial_weights_depend_on_the_seed_and_nothing_else(void **state)
{
    (void)state;
    pr_model    *a = new_model(3, 9, 8, 4, 7), *b = new_model(3, 9, 8, 4, 7);
    pr_model    *c     = new_model(3, 9, 8, 4, 8);
    const size_t bytes = a->shape.num_parameters * sizeof(float);

    assert_memory_equal(pri_nn_parameters(a), pri_nn_parameters(b), bytes);
    assert_memory_not_equal(pri_nn_parameters(a), pri_nn_parameters(c), bytes);
    const pri_layer_part one = pri_model_layer(a, a->parameters, 1);
    const pri_layer_part two = pri_model_layer(a, a->parameters, 2);
    assert_memory_not_equal(one.at[PRI_ROLE_SELF], two.at[PRI_ROLE_SELF], 4 * sizeof(float));
    pr_model_free(a);
    pr_model_free(b);
    pr_model_free(c);
}

static void absurd_models_are_refused_with_the_bounds(void **state)
{
    (void)state;
    pr_model        *model = (pr_model *)(uintptr_t)1;
    pr_model_options o     = { .hidden = 256, .dropout = 0.5 };

    assert_fails(PR_E_ARG, "num_layers is 0", pr_model_create(&o, 0, 5, 5, 1, &model));
    assert_null(model);
    assert_fails(PR_E_ARG, "1 .. 16", pr_model_create(&o, 17, 5, 5, 1, &model));
    assert_fails(PR_E_ARG, "num_features is 0", pr_model_create(&o, 2, 0, 5, 1, &model));
    assert_fails(PR_E_ARG, "num_outputs is 0", pr_model_create(&o, 2, 5, 0, 1, &model));
    o.hidden = 0;
    assert_fails(PR_E_ARG, "--hidden", pr_model_create(&o, 2, 5, 5, 1, &model));
    o.hidden = 65537;
    assert_fails(PR_E_ARG, "65536", pr_model_create(&o, 2, 5, 5, 1, &model));
    o.hidden = 65536;
    assert_int_equal(pr_model_create(&o, 2, INT32_MAX, INT32_MAX, 1, &model), PR_E_NOMEM);
    o.hidden  = 16;
    o.dropout = 1.0;
    assert_fails(PR_E_ARG, "--dropout", pr_model_create(&o, 2, 5, 5, 1, &model));
    o.dropout = NAN;
    assert_fails(PR_E_ARG, "--dropout", pr_model_create(&o, 2, 5, 5, 1, &model));
    o.dropout = 0.5;
    o.kind    = 4;
    assert_fails(PR_E_ARG, "--model", pr_model_create(&o, 2, 5, 5, 1, &model));
    assert_fails(PR_E_ARG, "options", pr_model_create(NULL, 2, 5, 5, 1, &model));
    assert_null(model);
}

static void defaults_of_the_option_tables_are_what_the_manual_says(void **state)
{
    (void)state;
    pr_model_options      model;
    pr_optimizer_options  optimizer;
    const pr_option_group groups[] = { { &pr_model_option_table, &model },
                                       { &pr_optimizer_option_table, &optimizer } };

    pr_options_init(groups, 2);
    assert_int_equal(model.kind, PR_MODEL_SAGE);
    assert_int_equal(model.hidden, 256);
    assert_true(model.dropout == 0.5);
    assert_true(optimizer.lr == 0.01 && optimizer.weight_decay == 5e-4);
    assert_true(optimizer.beta1 == 0.9 && optimizer.beta2 == 0.999 && optimizer.epsilon == 1e-8);
    assert_int_equal(optimizer.lr_schedule, PR_LR_CONSTANT);
    assert_fails(PR_E_ARG, "constant|linear", pr_options_set(groups, 2, "lr-schedule", "sine"));
    assert_fails(PR_E_ARG, "--beta1", pr_options_set(groups, 2, "beta1", "1"));
    assert_fails(PR_E_ARG, "--epsilon", pr_options_set(groups, 2, "epsilon", "0"));
    assert_fails(PR_E_ARG, "--model", pr_options_set(groups, 2, "model", "gpt"));
}

/* Put logits into a tape and take the loss of seed 0 (label 1 of 3). */
static double loss_of(const float *logits, uint64_t *correct)
{
    const int32_t  labels[] = { 1 };
    const pr_vid   node     = 0;
    const uint32_t dst[]    = { 4 };
    const uint64_t edges[]  = { 4 };
    const pr_batch batch    = { .num_seeds = 1, .num_layers = 1, .nodes = { &node, 1 } };
    pr_model      *model    = new_model(1, 2, 1, 3, 1);
    pri_tape      *tape     = NULL;
    double         loss, sum = 0.0;

    assert_ok(pri_tape_create(model, NULL, dst, edges, 4, &tape));
    memcpy(tape->layer[0].y, logits, 3 * sizeof *logits);
    fix_loss(tape, &batch, labels, 1, &loss, correct);
    for (int c = 0; c < 3; c++) sum += (double)tape->dy[0][c];
    assert_true(isnan(loss) || fabs(sum) < 1e-6); /* gradients of a seed cancel */
    pri_tape_free(tape);
    pr_model_free(model);
    return loss;
}

static void the_loss_is_stable_and_nan_stays_nan(void **state)
{
    (void)state;
    uint64_t    correct;
    const float even[] = { 2.0f, 2.0f, 2.0f }, two[] = { 2.0f, 2.0f, 1.0f };
    const float late[] = { 1.0f, 2.0f, 2.0f }, sure[] = { 0.0f, 1e4f, -1e4f };
    const float wrong[] = { 1e4f, -1e4f, 0.0f }, bad[] = { 1.0f, NAN, 0.0f };
    const float first[] = { NAN, 1.0f, 0.0f }, endless[] = { 0.0f, INFINITY, 0.0f };

    assert_true(fabs(loss_of(even, &correct) - log(3.0)) < 1e-6);
    assert_int_equal(correct, 0); /* the first of equal logits is the answer */
    (void)loss_of(two, &correct);
    assert_int_equal(correct, 0);
    (void)loss_of(late, &correct);
    assert_int_equal(correct, 1);
    assert_true(loss_of(sure, &correct) == 0.0);
    assert_int_equal(correct, 1);
    assert_true(fabs(loss_of(wrong, &correct) - 2e4) < 1e-2);
    assert_int_equal(correct, 0);
    assert_true(isnan(loss_of(bad, &correct)));
    assert_true(isnan(loss_of(first, &correct)));
    assert_true(isnan(loss_of(endless, &correct)));
}

/* Adam in double on one model, from the gradients of two lanes. */
static void updates_equal_adam_in_double(void **state)
{
    (void)state;
    enum { STEPS = 25 };
    const pr_optimizer_options o = {
        .lr = 0.02, .weight_decay = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6
    };
    pr_model    *model   = new_model(2, 70, 33, 5, 3);
    const size_t count   = (size_t)model->shape.num_parameters;
    float       *lane[2] = { calloc(count, sizeof(float)), calloc(count, sizeof(float)) };
    double      *p = calloc(count, sizeof *p), *m = calloc(count, sizeof *m);
    double      *v     = calloc(count, sizeof *v);
    test_rng     rng   = { .key = test_seed() };
    pri_nn_times times = { 0 };

    assert_true(lane[0] && lane[1] && p && m && v);
    for (size_t i = 0; i < count; i++) p[i] = (double)model->parameters[i];
    for (int t = 1; t <= STEPS; t++) {
        for (size_t i = 0; i < count; i++) {
            for (int k = 0; k < 2; k++) lane[k][i] = fix_real(&rng);
            const double g = (double)lane[0][i] + (double)lane[1][i] + o.weight_decay * p[i];
            m[i]           = o.beta1 * m[i] + (1.0 - o.beta1) * g;
            v[i]           = o.beta2 * v[i] + (1.0 - o.beta2) * g * g;
            p[i] -= o.lr * (m[i] / (1.0 - pow(o.beta1, t))) /
                    (sqrt(v[i] / (1.0 - pow(o.beta2, t))) + o.epsilon);
        }
        omp_set_num_threads(1 + t % 3);
        fix_update(model, lane, 2, &o, &times);
    }
    for (size_t i = 0; i < count; i++) /* 25 steps of 0.02, each good to some 1e-6 of it */
        assert_true(fabs((double)model->parameters[i] - p[i]) < 5e-6);
    assert_int_equal(model->adam_steps, STEPS);
    free(lane[0]);
    free(lane[1]);
    free(p);
    free(m);
    free(v);
    pr_model_free(model);
}

/* Slices of any number make up all parameters, each from a line of its own, and leave what one
 * update leaves, to the bit. */
static void slices_of_the_parameters_are_updated_to_the_same_bits(void **state)
{
    (void)state;
    enum { STEPS = 4, MOST = 70 };
    const pr_optimizer_options o = {
        .lr = 0.02, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    test_rng     rng   = { .key = test_seed() };
    pri_nn_times times = { 0 };

    for (uint32_t parts = 1; parts <= MOST; parts = parts < 9 ? parts + 1 : parts * 2 - 3)
        for (uint32_t hidden = 1; hidden <= 1000; hidden *= 20) { /* 13 parameters, 222, 4402 */
            pr_model *whole = new_model(2, 3, hidden, 2, 8), *cut = new_model(2, 3, hidden, 2, 8);
            const size_t count = (size_t)whole->shape.num_parameters;
            float       *lane[3];
            for (int k = 0; k < 3; k++) lane[k] = malloc(count * sizeof(float));
            for (int t = 0; t < STEPS; t++) {
                for (size_t i = 0; i < 3 * count; i++) lane[i % 3][i / 3] = fix_real(&rng);
                fix_update(whole, lane, 3, &o, &times);
                size_t end = 0;
                for (uint32_t part = 0; part < parts; part++) {
                    const pri_nn_slice slice = pri_nn_slice_of(cut, part, parts);
                    assert_int_equal(slice.begin, end);
                    assert_int_equal((uintptr_t)(cut->parameters + slice.begin) % 64, 0);
                    end = slice.end;
                    pri_nn_update(cut, slice, lane, 3, &o, &times);
                }
                assert_int_equal(end, count);
                pri_nn_updated(cut);
            }
            assert_memory_equal(cut->parameters, whole->parameters, 3 * cut->padded * 4);
            assert_int_equal(cut->adam_steps, STEPS);
            for (int k = 0; k < 3; k++) free(lane[k]);
            pr_model_free(whole);
            pr_model_free(cut);
        }
}

static void a_constant_learning_rate_is_the_one_asked_for(void **state)
{
    (void)state;
    const pr_optimizer_options o = { .lr = 0.3, .lr_schedule = PR_LR_CONSTANT };

    assert_true(pr_learning_rate(&o, 0, 10) == 0.3 && pr_learning_rate(&o, 9, 10) == 0.3);
    assert_true(pr_learning_rate(&o, 99, 10) == 0.3 && pr_learning_rate(&o, 0, 0) == 0.3);
}

static void a_linear_learning_rate_falls_from_lr_to_nothing_behind_the_last_step(void **state)
{
    (void)state;
    enum { STEPS = 1000 };
    const pr_optimizer_options o      = { .lr = 0.02, .lr_schedule = PR_LR_LINEAR };
    double                     before = 1.0;

    assert_true(pr_learning_rate(&o, 0, STEPS) == 0.02);
    for (uint64_t t = 0; t < STEPS; t++) {
        const double lr = pr_learning_rate(&o, t, STEPS);
        assert_true(lr > 0 && lr < before);
        assert_true(fabs(lr - 0.02 * (1.0 - (double)t / STEPS)) < 1e-15);
        before = lr;
    }
    /* a run of one step, steps behind the end and a run of unknown length still learn */
    assert_true(pr_learning_rate(&o, 0, 1) == 0.02 && pr_learning_rate(&o, 0, 0) == 0.02);
    assert_true(pr_learning_rate(&o, STEPS, STEPS) == before);
    assert_true(pr_learning_rate(&o, UINT64_MAX, UINT64_MAX) > 0);
}

static void a_copy_takes_weights_and_optimiser_state(void **state)
{
    (void)state;
    const pr_optimizer_options o = {
        .lr = 0.01, .weight_decay = 0, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    pr_model    *a = new_model(2, 7, 6, 5, 3), *b = new_model(2, 7, 6, 5, 4);
    const size_t count    = (size_t)a->shape.num_parameters;
    float       *gradient = calloc(count, sizeof *gradient);
    pri_nn_times times    = { 0 };

    assert_non_null(gradient);
    for (size_t i = 0; i < count; i++) gradient[i] = 1.0f;
    fix_update(a, &gradient, 1, &o, &times);
    pri_model_copy(b, a);
    for (int t = 0; t < 3; t++) {
        fix_update(a, &gradient, 1, &o, &times);
        fix_update(b, &gradient, 1, &o, &times);
    }
    assert_memory_equal(a->parameters, b->parameters, count * sizeof(float));
    free(gradient);
    pr_model_free(a);
    pr_model_free(b);
}

static void dropout_drops_its_share_of_every_column_and_scales_the_rest(void **state)
{
    (void)state;
    enum { ROWS = 4000, FEW = 50 };
    static const double shares[] = { 0.1, 0.5, 0.9 };
    pr_vid             *ids      = calloc(ROWS, sizeof *ids);
    float              *y        = calloc((size_t)ROWS * FEW, sizeof *y);

    assert_true(ids && y);
    for (uint32_t i = 0; i < ROWS; i++) ids[i] = i;
    for (int s = 0; s < 3; s++) {
        const pri_dropout drop = pri_dropout_of(shares[s], test_seed(), 12, 1);
        for (size_t i = 0; i < (size_t)ROWS * FEW; i++) y[i] = 1.0f;
        pri_dropout_apply(&drop, (pr_vids){ ids, ROWS }, y, FEW, FEW);
        for (size_t c = 0; c < FEW; c++) {
            size_t zeros = 0;
            for (size_t i = 0; i < ROWS; i++) {
                const float x = y[i * FEW + c];
                zeros += x == 0.0f;
                assert_true(x == 0.0f || fabs((double)x * (1.0 - shares[s]) - 1.0) < 1e-6);
                assert_int_equal(x != 0.0f, pri_dropout_keeps(&drop, ids[i], (uint32_t)c));
            }
            const double sigma = sqrt(ROWS * shares[s] * (1.0 - shares[s]));
            assert_true(fabs((double)zeros - ROWS * shares[s]) < 5.0 * sigma);
        }
    }
    free(ids);
    free(y);
}

static void a_mask_is_keyed_by_vertex_and_not_by_place_or_threads(void **state)
{
    (void)state;
    enum { ROWS = 300, WIDE = 64 };
    const int         threads = omp_get_max_threads();
    const pri_dropout drop    = pri_dropout_of(0.5, 1, 2, 1);
    pr_vid            up[ROWS], down[ROWS];
    float            *a = calloc(ROWS * WIDE, sizeof *a), *b = calloc(ROWS * WIDE, sizeof *b);

    assert_true(a && b);
    for (uint32_t i = 0; i < ROWS; i++) {
        up[i]   = 1000 + i;
        down[i] = 1000 + ROWS - 1 - i;
    }
    for (size_t i = 0; i < ROWS * WIDE; i++) a[i] = b[i] = 1.0f;
    omp_set_num_threads(1);
    pri_dropout_apply(&drop, (pr_vids){ up, ROWS }, a, WIDE, WIDE);
    omp_set_num_threads(3);
    pri_dropout_apply(&drop, (pr_vids){ down, ROWS }, b, WIDE, WIDE);
    omp_set_num_threads(threads);
    for (size_t i = 0; i < ROWS; i++)
        assert_memory_equal(a + i * WIDE, b + (ROWS - 1 - i) * WIDE, WIDE * sizeof(float));
    free(a);
    free(b);
}

/* Masks of other steps, layers, keys, vertices and columns agree on half of the elements. */
static void masks_of_different_keys_are_unrelated(void **state)
{
    (void)state;
    enum { PAIRS = 20000 };
    const pri_dropout base     = pri_dropout_of(0.5, 1, 2, 1);
    const pri_dropout other[3] = { pri_dropout_of(0.5, 2, 2, 1), pri_dropout_of(0.5, 1, 3, 1),
                                   pri_dropout_of(0.5, 1, 2, 2) };
    uint32_t          same[5]  = { 0 };

    for (uint32_t i = 0; i < PAIRS; i++) {
        const pr_vid   v = i / 100;
        const uint32_t c = i % 100;
        const bool     x = pri_dropout_keeps(&base, v, c);
        for (int k = 0; k < 3; k++) same[k] += x == pri_dropout_keeps(&other[k], v, c);
        same[3] += x == pri_dropout_keeps(&base, v + 1, c);
        same[4] += x == pri_dropout_keeps(&base, v, c + 1);
    }
    for (int k = 0; k < 5; k++) /* five standard deviations of a fair coin */
        assert_true(fabs(same[k] - PAIRS / 2.0) < 5.0 * sqrt(PAIRS / 4.0));
}

/* Labels are a function of the vertex's own and its neighbours' features. */
static void training_drives_the_loss_down(void **state)
{
    (void)state;
    const pr_optimizer_options o = {
        .lr = 0.01, .weight_decay = 5e-4, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    for (int sparse = 0; sparse < 2; sparse++) {
        fixture     *f = fix_create(8, 3, test_seed());
        pr_vid       seeds[FIX_NODES];
        pri_nn_times times = { 0 };
        double       first = 0.0, loss = 0.0;
        uint64_t     correct = 0;

        for (pr_vid v = 0; v < FIX_NODES; v++) {
            float at[3] = { f->rows[v * 8], f->rows[v * 8 + 1], 0.0f };
            for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++)
                at[2] += f->rows[f->indices[e] * 8 + 2] * 0.5f;
            f->labels[v] = at[0] > at[1] ? (at[0] > at[2] ? 0 : 2) : (at[1] > at[2] ? 1 : 2);
            seeds[v]     = v;
        }
        fixture_batch *b        = fix_batch(f, 2, FIX_MAX_DEGREE, seeds, FIX_NODES, sparse);
        pr_model      *model    = fix_model(f, 2, 32, 0.1);
        pri_tape      *tape     = fix_tape(model);
        float         *gradient = pri_nn_gradient(tape);
        for (uint64_t step = 0; step < 150; step++) {
            b->batch.step = step;
            assert_ok(pri_nn_forward(model, tape, &b->batch, &b->slab, true, 3, &times));
            fix_loss(tape, &b->batch, f->labels, FIX_NODES, &loss, &correct);
            if (step == 0) first = loss;
            assert_ok(pri_nn_backward(model, tape, &b->batch, &times));
            fix_update(model, &gradient, 1, &o, &times);
        }
        assert_true(loss < 0.2 * first);
        assert_true(correct > FIX_NODES * 9 / 10);
        pri_tape_free(tape);
        pr_model_free(model);
        fix_batch_free(b);
        fix_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_weights_are_glorot_uniform_and_biases_zero),
        cmocka_unit_test(initial_weights_depend_on_the_seed_and_nothing_else),
        cmocka_unit_test(absurd_models_are_refused_with_the_bounds),
        cmocka_unit_test(defaults_of_the_option_tables_are_what_the_manual_says),
        cmocka_unit_test(the_loss_is_stable_and_nan_stays_nan),
        cmocka_unit_test(updates_equal_adam_in_double),
        cmocka_unit_test(slices_of_the_parameters_are_updated_to_the_same_bits),
        cmocka_unit_test(a_constant_learning_rate_is_the_one_asked_for),
        cmocka_unit_test(a_linear_learning_rate_falls_from_lr_to_nothing_behind_the_last_step),
        cmocka_unit_test(a_copy_takes_weights_and_optimiser_state),
        cmocka_unit_test(dropout_drops_its_share_of_every_column_and_scales_the_rest),
        cmocka_unit_test(a_mask_is_keyed_by_vertex_and_not_by_place_or_threads),
        cmocka_unit_test(masks_of_different_keys_are_unrelated),
        cmocka_unit_test(training_drives_the_loss_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
