/* test_link_loss.c: the loss of pairs and its gradient, against a network in double. */
#include "unit/nn_fixture.h"

#include <omp.h>

#include "pipeline/nn/link_loss.h"
#include "pipeline/nn/tape.h"

enum { COLS = 6, NUM_SEEDS = 12, GROUP = 3, NUM_EDGES = 9, NUM_PAIRS = GROUP * NUM_EDGES };

/* Pairs with lists of who is in which; some seeds are in many pairs, the last in none. */
typedef struct bed {
    fixture       *f;
    fixture_batch *b;
    pr_model      *model;
    pri_tape      *tape;
    pr_model_shape shape;
    pri_pairs      pairs;
    uint32_t       source[NUM_PAIRS], target[NUM_PAIRS];
    uint32_t       indptr[NUM_SEEDS + 1], pair_of[2 * NUM_PAIRS];
    float          slope[NUM_PAIRS];
    double         loss[NUM_PAIRS];
} bed;

static bed t;

static void draw_pairs(void)
{
    test_rng rng = { .key = test_seed() + 7 };
    uint32_t n   = 0;

    for (uint32_t p = 0; p < NUM_PAIRS; p++) {
        t.source[p] = p % GROUP ? t.source[p - 1] : test_below(&rng, NUM_SEEDS - 1);
        do t.target[p] = test_below(&rng, NUM_SEEDS - 1);
        while (t.target[p] == t.source[p]);
    }
    for (uint32_t i = 0; i < NUM_SEEDS; i++) {
        t.indptr[i] = n;
        for (uint32_t p = 0; p < NUM_PAIRS; p++)
            if (t.source[p] == i || t.target[p] == i) t.pair_of[n++] = p;
    }
    t.indptr[NUM_SEEDS] = n;
    t.pairs             = (pri_pairs){ NUM_SEEDS, NUM_PAIRS, GROUP,   t.source, t.target,
                                       t.indptr,  t.pair_of, t.slope, t.loss };
}

static void open_bed(uint32_t outputs)
{
    pr_vid seeds[NUM_SEEDS];

    for (pr_vid i = 0; i < NUM_SEEDS; i++) seeds[i] = 5 * i % FIX_NODES;
    t       = (bed){ .f = fix_create(COLS, outputs, test_seed()) };
    t.b     = fix_batch(t.f, 2, 5, seeds, NUM_SEEDS, false);
    t.model = fix_model(t.f, 2, 8, 0);
    t.tape  = fix_tape(t.model);
    pr_model_describe(t.model, &t.shape);
    draw_pairs();
}

static void close_bed(void)
{
    pri_tape_free(t.tape);
    pr_model_free(t.model);
    fix_batch_free(t.b);
    fix_free(t.f);
}

static pri_loss run(void)
{
    pri_nn_times times = { 0 };
    pri_loss     loss;

    assert_ok(pri_nn_forward(t.model, t.tape, &t.b->batch, &t.b->slab, true, 1, &times));
    pri_nn_link_loss(t.tape, &t.b->batch, &t.pairs, NUM_PAIRS, &loss);
    return loss;
}

/* The sum over pairs, written as the formula. */
static double loss_in_double(const double *z, size_t cols)
{
    double sum = 0;

    for (uint32_t p = 0; p < NUM_PAIRS; p++) {
        double s = 0;
        for (size_t c = 0; c < cols; c++)
            s += z[t.source[p] * cols + c] * z[t.target[p] * cols + c];
        sum += p % GROUP ? log(1 + exp(s)) : log(1 + exp(-s));
    }
    return sum;
}

static double loss_of_network(const double *parameters)
{
    double        x[FIX_NODES * 64], y[FIX_NODES * 64];
    const double *z = ref_forward(t.f, t.b, &t.shape, parameters, true, 1, x, y);

    return loss_in_double(z, t.shape.width[2]);
}

static void loss_and_gradient_are_those_of_the_formula(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 1, 7, 16, 45 };

    for (size_t w = 0; w < 4; w++) {
        open_bed(widths[w]);
        const pri_loss loss = run();
        size_t         ld, cols = widths[w];
        const float   *logits = pri_nn_logits(t.tape, &ld);
        const float   *dz     = t.tape->dy[1];
        double         z[NUM_SEEDS * 64];

        for (size_t i = 0; i < NUM_SEEDS; i++)
            for (size_t c = 0; c < cols; c++) z[i * cols + c] = (double)logits[i * ld + c];
        const double want = loss_in_double(z, cols);
        assert_true(fabs(loss.sum - want) < 1e-4 * (1 + want)); /* scores are floats */
        for (size_t i = 0; i < NUM_SEEDS; i++)
            for (size_t c = 0; c < cols; c++) {
                const double kept = z[i * cols + c], h = 1e-5;
                z[i * cols + c]    = kept + h;
                const double up    = loss_in_double(z, cols);
                z[i * cols + c]    = kept - h;
                const double down  = loss_in_double(z, cols);
                z[i * cols + c]    = kept;
                const double slope = (up - down) / (2 * h) / NUM_PAIRS;
                assert_true(fabs((double)dz[i * ld + c] - slope) < 1e-5 + 1e-4 * fabs(slope));
                if (i == NUM_SEEDS - 1) assert_true(dz[i * ld + c] == 0.0f); /* in no pair */
            }
        close_bed();
    }
}

static void every_gradient_is_the_slope_of_the_network(void **state)
{
    (void)state;
    pri_nn_times times = { 0 };
    double       parameters[1024];

    open_bed(7);
    (void)run();
    assert_ok(pri_nn_backward(t.model, t.tape, &t.b->batch, &times));
    assert_true(t.shape.num_parameters <= 1024);
    for (uint64_t i = 0; i < t.shape.num_parameters; i++)
        parameters[i] = (double)pri_nn_parameters(t.model)[i];
    for (uint64_t i = 0; i < t.shape.num_parameters; i++) {
        const double kept = parameters[i], h = 1e-6;
        parameters[i]      = kept + h;
        const double up    = loss_of_network(parameters);
        parameters[i]      = kept - h;
        const double down  = loss_of_network(parameters);
        parameters[i]      = kept;
        const double slope = (up - down) / (2 * h) / NUM_PAIRS;
        assert_true(fabs((double)pri_nn_gradient(t.tape)[i] - slope) < 1e-4);
    }
    close_bed();
}

static void right_pairs_are_those_of_the_right_sign(void **state)
{
    (void)state;
    open_bed(7);
    const pri_loss loss = run();
    size_t         ld;
    const float   *z    = pri_nn_logits(t.tape, &ld);
    uint64_t       want = 0;

    for (uint32_t p = 0; p < NUM_PAIRS; p++) {
        const float s = pri_dot(z + t.source[p] * ld, z + t.target[p] * ld, 7);
        want += p % GROUP ? s < 0 : s > 0;
    }
    assert_int_equal(loss.num_correct, want);
    close_bed();
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    float     first[NUM_SEEDS * 64];
    double    loss = 0;

    open_bed(45);
    const size_t bytes = NUM_SEEDS * t.tape->layer[1].ldy * sizeof(float);
    assert_true(bytes <= sizeof first);
    (void)run();
    for (int n = 1; n <= 3; n++) {
        pri_loss now;
        omp_set_num_threads(n);
        pri_nn_link_loss(t.tape, &t.b->batch, &t.pairs, NUM_PAIRS, &now);
        if (n == 1) {
            memcpy(first, t.tape->dy[1], bytes);
            loss = now.sum;
        }
        assert_true(now.sum == loss);
        assert_memory_equal(first, t.tape->dy[1], bytes);
    }
    omp_set_num_threads(threads);
    close_bed();
}

static void large_scores_neither_overflow_nor_vanish(void **state)
{
    (void)state;
    assert_true(pri_softplus(1000) == 1000 && pri_softplus(-1000) == 0);
    assert_true(fabs(pri_softplus(0) - log(2.0)) < 1e-15);
    assert_true(fabs(pri_softplus(-40) - exp(-40)) < 1e-30);
    assert_true(isnan(pri_softplus((double)NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient_are_those_of_the_formula),
        cmocka_unit_test(every_gradient_is_the_slope_of_the_network),
        cmocka_unit_test(right_pairs_are_those_of_the_right_sign),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(large_scores_neither_overflow_nor_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
