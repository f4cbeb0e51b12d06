/* test_sage.c: forward, loss and gradients of whole models against a network in double precision
 * and its central differences; one step for several thread counts. */
#include <math.h>
#include <omp.h>

#include "base/mem.h"
#include "unit/nn_fixture.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum { NUM_SEEDS = sizeof seeds / sizeof *seeds, COLS = 6, CLASSES = 4, HIDDEN = 5, FANOUT = 3 };

typedef struct setting {
    uint32_t layers;
    double   dropout;
    bool     sparse, weighted;
} setting;

static const setting settings[] = {
    { 1, 0.0, false, false }, { 1, 0.5, true, false },  { 2, 0.0, false, false },
    { 2, 0.0, true, false },  { 2, 0.4, false, false }, { 2, 0.4, true, false },
    { 3, 0.0, false, false }, { 3, 0.5, false, false }, { 3, 0.5, true, false },
    { 5, 0.1, false, false }, { 1, 0.0, false, true },  { 1, 0.3, true, true },
    { 2, 0.4, true, true },   { 3, 0.2, false, true },
};

enum { NUM_SETTINGS = sizeof settings / sizeof *settings };

/* A model at work on one batch. */
typedef struct bed {
    fixture       *f;
    fixture_batch *b;
    pr_model      *model;
    pri_tape      *tape;
    pr_model_shape shape;
} bed;

static bed make_bed(const setting *s, uint32_t hidden)
{
    bed t = { .f = fix_create(COLS, CLASSES, test_seed()) };
    t.b   = fix_batch(t.f, s->layers, FANOUT, seeds, NUM_SEEDS, s->sparse);
    if (s->weighted) fix_weigh(t.b);
    t.model = fix_model(t.f, s->layers, hidden, s->dropout);
    t.tape  = fix_tape(t.model);
    pr_model_describe(t.model, &t.shape);
    return t;
}

static void drop_bed(bed *t)
{
    pri_tape_free(t->tape);
    pr_model_free(t->model);
    fix_batch_free(t->b);
    fix_free(t->f);
}

/* Forward, loss and backward of the bed; gives the loss sum. */
static double run(bed *t, bool training, uint64_t global_seeds)
{
    pri_nn_times times = { 0 };
    double       loss  = 0.0;
    uint64_t     correct;

    assert_ok(pri_nn_forward(t->model, t->tape, &t->b->batch, &t->b->slab, training, 17, &times));
    fix_loss(t->tape, &t->b->batch, t->f->labels, (double)global_seeds, &loss, &correct);
    assert_true(correct <= t->b->batch.num_seeds);
    assert_ok(pri_nn_backward(t->model, t->tape, &t->b->batch, &times));
    return loss;
}

static double *parameters_in_double(const bed *t)
{
    double *p = calloc((size_t)t->shape.num_parameters, sizeof *p);
    assert_non_null(p);
    for (uint64_t i = 0; i < t->shape.num_parameters; i++)
        p[i] = (double)pri_nn_parameters(t->model)[i];
    return p;
}

static void forward_equals_a_naive_network(void **state)
{
    (void)state;
    for (int s = 0; s < NUM_SETTINGS; s++)
        for (int training = 0; training < 2; training++) {
            bed           t = make_bed(&settings[s], HIDDEN);
            double       *p = parameters_in_double(&t);
            double       *x = ref_room(&t.shape), *y = ref_room(&t.shape);
            const double *want = ref_forward(t.f, t.b, &t.shape, p, training, 17, x, y);
            const double  loss = run(&t, training, NUM_SEEDS);
            size_t        ld;
            const float  *logits = pri_nn_logits(t.tape, &ld);
            for (size_t i = 0; i < NUM_SEEDS; i++)
                for (size_t c = 0; c < CLASSES; c++)
                    assert_true(fabs((double)logits[i * ld + c] - want[i * CLASSES + c]) < 2e-5);
            assert_true(fabs(loss - ref_loss(t.f, t.b, want)) < 1e-4);
            free(p);
            free(x);
            free(y);
            drop_bed(&t);
        }
}

/* Every parameter: the gradient is the slope of the double network's mean loss. The slope itself
 * is good to 1e-8; the rest is the rounding of f32 sums. */
static void every_gradient_equals_the_slope_of_a_naive_network(void **state)
{
    (void)state;
    for (int s = 0; s < NUM_SETTINGS; s++) {
        bed     t = make_bed(&settings[s], HIDDEN);
        double *p = parameters_in_double(&t);
        double *x = ref_room(&t.shape), *y = ref_room(&t.shape);
        double  worst = 0.0, largest = 0.0;

        (void)run(&t, true, 2 * NUM_SEEDS); /* the divisor is the whole step's */
        for (uint64_t i = 0; i < t.shape.num_parameters; i++) {
            const double at = p[i], step = 1e-6;
            p[i]                = at + step;
            const double *above = ref_forward(t.f, t.b, &t.shape, p, true, 17, x, y);
            const double  up    = ref_loss(t.f, t.b, above);
            p[i]                = at - step;
            const double *below = ref_forward(t.f, t.b, &t.shape, p, true, 17, x, y);
            const double  down  = ref_loss(t.f, t.b, below);
            p[i]                = at;
            const double slope  = (up - down) / (2 * step) / (2.0 * NUM_SEEDS);
            const double error  = fabs((double)pri_nn_gradient(t.tape)[i] - slope);
            if (error > worst) worst = error;
            if (fabs(slope) > largest) largest = fabs(slope);
        }
        if (!(worst < 2e-6) || !(largest > 1e-3))
            fail_msg("%u layers, dropout %g, %s, %s: off by %g, largest slope %g",
                     settings[s].layers, settings[s].dropout,
                     settings[s].sparse ? "sparse" : "dense",
                     settings[s].weighted ? "weighted" : "alike", worst, largest);
        free(p);
        free(x);
        free(y);
        drop_bed(&t);
    }
}

static void sparse_and_dense_rows_give_the_same_step(void **state)
{
    (void)state;
    const setting dense = { 2, 0.3, false, true }, sparse = { 2, 0.3, true, true };
    bed           a = make_bed(&dense, 64), b = make_bed(&sparse, 64);

    assert_true(fabs(run(&a, true, NUM_SEEDS) - run(&b, true, NUM_SEEDS)) < 1e-4);
    for (uint64_t i = 0; i < a.shape.num_parameters; i++)
        assert_true(fabsf(pri_nn_gradient(a.tape)[i] - pri_nn_gradient(b.tape)[i]) < 1e-5f);
    drop_bed(&a);
    drop_bed(&b);
}

static void one_step_is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();

    for (int sparse = 0; sparse < 2; sparse++) {
        const setting s     = { 3, 0.5, sparse, !sparse };
        bed           t     = make_bed(&s, 200);
        const size_t  count = (size_t)t.shape.num_parameters;
        float        *first = calloc(count, sizeof *first);
        double        loss  = 0.0;
        assert_non_null(first);
        for (int n = 1; n <= 3; n++) {
            omp_set_num_threads(n);
            const double now = run(&t, true, NUM_SEEDS);
            if (n == 1) {
                loss = now;
                memcpy(first, pri_nn_gradient(t.tape), count * sizeof *first);
            }
            assert_true(fabs(loss - now) < 1e-5); /* oneDNN's rounding only */
            for (size_t i = 0; i < count; i++)
                assert_true(fabsf(first[i] - pri_nn_gradient(t.tape)[i]) < 1e-6f);
        }
        omp_set_num_threads(threads);
        free(first);
        drop_bed(&t);
    }
}

static void a_batch_without_seeds_has_no_loss_and_no_gradient(void **state)
{
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        const setting s = { 2, 0.5, sparse, false };
        bed           t = make_bed(&s, HIDDEN);

        (void)run(&t, true, NUM_SEEDS);
        fix_batch_free(t.b);
        t.b = fix_batch(t.f, 2, FANOUT, seeds, 0, sparse);
        assert_true(run(&t, true, NUM_SEEDS) == 0.0);
        for (uint64_t i = 0; i < t.shape.num_parameters; i++)
            assert_true(pri_nn_gradient(t.tape)[i] == 0.0f);
        drop_bed(&t);
    }
}

/* Lanes split the seeds; their gradients and losses add up to those of the whole. */
static void lanes_add_up_to_the_whole_batch(void **state)
{
    (void)state;
    const setting s     = { 2, 0.5, false, false };
    bed           t     = make_bed(&s, HIDDEN);
    const size_t  count = (size_t)t.shape.num_parameters;
    const double  whole = run(&t, true, NUM_SEEDS);
    float        *rest  = calloc(count, sizeof *rest);
    double        sum   = 0.0;

    assert_non_null(rest);
    memcpy(rest, pri_nn_gradient(t.tape), count * sizeof *rest);
    for (uint32_t at = 0; at < NUM_SEEDS; at += 5) {
        fix_batch_free(t.b);
        t.b = fix_batch(t.f, 2, FANOUT, seeds + at, 5, false);
        sum += run(&t, true, NUM_SEEDS);
        for (size_t i = 0; i < count; i++) rest[i] -= pri_nn_gradient(t.tape)[i];
    }
    assert_true(fabs(whole - sum) < 1e-5);
    for (size_t i = 0; i < count; i++) assert_true(fabsf(rest[i]) < 1e-6f);
    free(rest);
    drop_bed(&t);
}

static void rows_may_be_reused_once_forward_is_done(void **state)
{
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        const setting s = { 2, 0.0, sparse, false };
        bed           a = make_bed(&s, HIDDEN), b = make_bed(&s, HIDDEN);
        pri_nn_times  times = { 0 };
        double        loss;
        uint64_t      correct;

        (void)run(&a, true, NUM_SEEDS);
        assert_ok(pri_nn_forward(b.model, b.tape, &b.b->batch, &b.b->slab, true, 17, &times));
        for (size_t i = 0; i < FIX_SLOTS * b.b->slab.ld; i++) b.b->rows[i] = NAN;
        memset(b.b->slot, 0xff, sizeof b.b->slot);
        memset(&b.b->slab, 0, sizeof b.b->slab);
        fix_loss(b.tape, &b.b->batch, b.f->labels, NUM_SEEDS, &loss, &correct);
        assert_ok(pri_nn_backward(b.model, b.tape, &b.b->batch, &times));
        assert_memory_equal(pri_nn_gradient(a.tape), pri_nn_gradient(b.tape),
                            a.shape.num_parameters * sizeof(float));
        drop_bed(&a);
        drop_bed(&b);
    }
}

static void steps_take_nothing_from_the_heap_and_times_are_added(void **state)
{
    (void)state;
    const setting              s         = { 3, 0.5, false, false };
    const pr_optimizer_options optimizer = {
        .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    bed          t     = make_bed(&s, HIDDEN);
    pri_nn_times times = { 0 };

    const uint64_t calls = pri_mem_calls();
    for (int i = 0; i < 5; i++) {
        float *gradient = pri_nn_gradient(t.tape);
        (void)run(&t, true, NUM_SEEDS);
        fix_update(t.model, &gradient, 1, &optimizer, &times);
    }
    assert_int_equal(pri_mem_calls(), calls);
    assert_ok(pri_nn_forward(t.model, t.tape, &t.b->batch, &t.b->slab, true, 1, &times));
    assert_ok(pri_nn_backward(t.model, t.tape, &t.b->batch, &times));
    assert_true(times.aggregate_ns > 0 && times.gemm_ns > 0);
    assert_true(times.backward_ns > 0 && times.update_ns > 0);
    drop_bed(&t);
}

static void a_batch_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const setting  s           = { 2, 0.0, false, false };
    const uint32_t max_dst[]   = { 4, 60 };
    const uint64_t max_edges[] = { 1000, 1000 };
    bed            t           = make_bed(&s, HIDDEN);
    pri_tape      *small       = NULL;
    pri_nn_times   times       = { 0 };
    pr_slab        narrow      = t.b->slab;
    pr_batch       shallow     = t.b->batch;

    assert_ok(pri_tape_create(t.model, NULL, max_dst, max_edges, FIX_NODES, &small));
    assert_fails(PR_E_FULL, "hop 0 has 10 destinations",
                 pri_nn_forward(t.model, small, &t.b->batch, &t.b->slab, true, 1, &times));
    narrow.num_cols = 7;
    assert_fails(PR_E_MISMATCH, "7 columns",
                 pri_nn_forward(t.model, t.tape, &t.b->batch, &narrow, true, 1, &times));
    shallow.num_layers = 1;
    assert_fails(PR_E_MISMATCH, "the batch 1",
                 pri_nn_forward(t.model, t.tape, &shallow, &t.b->slab, true, 1, &times));
    pri_tape_free(small);
    drop_bed(&t);
}

/* Arrays of a tape that fits without a row to spare do not run into each other. */
static void a_tape_of_just_the_batch_gives_the_same_step(void **state)
{
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        const setting s = { 4, 0.5, sparse, false };
        bed           t = make_bed(&s, 40);
        uint32_t      max_dst[4];
        uint64_t      max_edges[4];
        pri_tape     *roomy = t.tape, *tight = NULL;

        for (int h = 0; h < 4; h++) {
            max_dst[h]   = t.b->block[h].num_dst;
            max_edges[h] = t.b->block[h].num_edges;
        }
        assert_ok(pri_tape_create(t.model, NULL, max_dst, max_edges, (uint32_t)t.b->batch.nodes.n,
                                  &tight));
        const double loss = run(&t, true, NUM_SEEDS);
        t.tape            = tight;
        assert_true(run(&t, true, NUM_SEEDS) == loss);
        assert_memory_equal(pri_nn_gradient(roomy), pri_nn_gradient(tight),
                            t.shape.num_parameters * sizeof(float));
        pri_tape_free(roomy);
        drop_bed(&t);
    }
}

static void a_tape_for_the_worst_legal_batch_only_reserves_addresses(void **state)
{
    (void)state;
    const setting  s           = { 2, 0.0, false, false };
    const uint32_t max_dst[]   = { 1024, 20000000 };
    const uint64_t max_edges[] = { 1u << 20, 4000000000u };
    const uint64_t absurd[]    = { UINT64_MAX, UINT64_MAX };
    const uint32_t all[]       = { UINT32_MAX, UINT32_MAX };
    bed            t           = make_bed(&s, 256);
    pri_tape      *tape        = NULL;
    pr_model      *wide        = NULL;

    assert_ok(pri_tape_create(t.model, NULL, max_dst, max_edges, 100000000, &tape));
    pri_tape_free(tape);
    const pr_model_options options = { .hidden = 1, .dropout = 0.0 };
    assert_ok(pr_model_create(&options, 1, 1 << 20, 2, 1, &wide));
    assert_int_equal(pri_tape_create(wide, NULL, all, absurd, UINT32_MAX, &tape), PR_E_NOMEM);
    assert_null(tape);
    pr_model_free(wide);
    drop_bed(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_a_naive_network),
        cmocka_unit_test(every_gradient_equals_the_slope_of_a_naive_network),
        cmocka_unit_test(sparse_and_dense_rows_give_the_same_step),
        cmocka_unit_test(one_step_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(a_batch_without_seeds_has_no_loss_and_no_gradient),
        cmocka_unit_test(lanes_add_up_to_the_whole_batch),
        cmocka_unit_test(rows_may_be_reused_once_forward_is_done),
        cmocka_unit_test(steps_take_nothing_from_the_heap_and_times_are_added),
        cmocka_unit_test(a_batch_that_does_not_fit_is_refused),
        cmocka_unit_test(a_tape_of_just_the_batch_gives_the_same_step),
        cmocka_unit_test(a_tape_for_the_worst_legal_batch_only_reserves_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
