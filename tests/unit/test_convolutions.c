/* test_convolutions.c: gcn, gin and SAGE with the largest: forward, loss and gradients of whole
 * models against networks in double precision and their central differences, on batches and on
 * whole graphs; one step for several thread counts. */
#include <omp.h>

#include "base/mem.h"
#include "unit/convs_fixture.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum {
    NUM_SEEDS = sizeof seeds / sizeof *seeds,
    COLS      = 6,
    CLASSES   = 4,
    HIDDEN    = 5,
    FANOUT    = 3,
    KEY       = 17
};

static const pr_model_options kinds[] = {
    { .kind = PR_MODEL_GCN },
    { .kind = PR_MODEL_GIN },
    { .kind = PR_MODEL_SAGE, .aggregator = PR_AGGREGATE_MAX },
};

enum { NUM_KINDS = sizeof kinds / sizeof *kinds };

typedef struct setting {
    uint32_t layers;
    double   dropout, input_dropout;
    bool     sparse, weighted;
} setting;

static const setting settings[] = {
    { 1, 0.0, 0.0, false, false }, { 1, 0.0, 0.0, true, false },  { 1, 0.0, 0.5, false, true },
    { 1, 0.0, 0.5, true, true },   { 2, 0.0, 0.0, false, false }, { 2, 0.0, 0.0, true, false },
    { 2, 0.4, 0.0, false, true },  { 2, 0.4, 0.0, true, true },   { 2, 0.4, 0.3, false, false },
    { 2, 0.4, 0.3, true, false },  { 3, 0.0, 0.0, false, false }, { 3, 0.2, 0.0, true, true },
    { 3, 0.2, 0.3, false, true },  { 3, 0.0, 0.3, true, false },
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

static bed make_bed_of(pr_model_options options, const setting *s, uint32_t hidden)
{
    bed t = { .f = fix_create(COLS, CLASSES, test_seed()) };

    options.hidden        = hidden;
    options.dropout       = s->dropout;
    options.input_dropout = s->input_dropout;
    t.b                   = fix_batch(t.f, s->layers, FANOUT, seeds, NUM_SEEDS, s->sparse);
    if (s->weighted) fix_weigh(t.b);
    t.model = convs_model(t.f, &options, s->layers);
    t.tape  = fix_tape_of(t.model, &t.f->graph);
    pr_model_describe(t.model, &t.shape);
    return t;
}

static bed make_bed(int kind, const setting *s, uint32_t hidden)
{
    return make_bed_of(kinds[kind], s, hidden);
}

static void drop_bed(bed *t)
{
    pri_tape_free(t->tape);
    pr_model_free(t->model);
    fix_batch_free(t->b);
    fix_free(t->f);
}

/* Forward, loss and backward of the bed; gives the loss sum. */
static double run(bed *t, bool training)
{
    pri_nn_times times = { 0 };
    double       loss  = 0.0;
    uint64_t     correct;

    assert_ok(pri_nn_forward(t->model, t->tape, &t->b->batch, &t->b->slab, training, KEY, &times));
    fix_loss(t->tape, &t->b->batch, t->f->labels, NUM_SEEDS, &loss, &correct);
    assert_ok(pri_nn_backward(t->model, t->tape, &t->b->batch, &times));
    return loss;
}

/* The reference beside a bed. */
typedef struct reference {
    convs_net net;
    double   *parameters, *x, *y;
} reference;

static reference make_reference(const bed *t, bool training)
{
    reference r = { .net        = { t->f, t->b, t->shape, training, KEY },
                    .parameters = calloc((size_t)t->shape.num_parameters, sizeof(double)),
                    .x          = ref_room(&t->shape),
                    .y          = ref_room(&t->shape) };

    assert_non_null(r.parameters);
    for (uint64_t i = 0; i < t->shape.num_parameters; i++)
        r.parameters[i] = (double)pri_nn_parameters(t->model)[i];
    return r;
}

static void drop_reference(reference *r)
{
    free(r->parameters);
    free(r->x);
    free(r->y);
}

static double loss_of(const reference *r)
{
    const double *logits = convs_forward(&r->net, r->parameters, r->x, r->y);

    return ref_loss(r->net.f, r->net.b, logits);
}

/* Tell which case failed. */
static void fail_case(int kind, int s, double error, double size)
{
    fail_msg("%s, setting %d: off by %g, size %g", pr_model_kind_name(kinds[kind].kind), s, error,
             size);
}

/* Rounding of f32 sums, of logits that gin lets grow. */
static void check_logits(const bed *t, const double *want, int kind, int s)
{
    size_t       ld;
    const float *logits = pri_nn_logits(t->tape, &ld);
    double       worst = 0.0, size = 1.0;

    for (size_t i = 0; i < t->b->batch.num_seeds; i++)
        for (size_t c = 0; c < CLASSES; c++) {
            worst = fmax(worst, fabs((double)logits[i * ld + c] - want[i * CLASSES + c]));
            size  = fmax(size, fabs(want[i * CLASSES + c]));
        }
    if (!(worst < 5e-6 * size)) fail_case(kind, s, worst, size);
}

static void forward_equals_a_naive_network(void **state)
{
    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (int s = 0; s < 2 * NUM_SETTINGS; s++) {
            const bool    training = s % 2;
            bed           t        = make_bed(kind, &settings[s / 2], HIDDEN);
            reference     r        = make_reference(&t, training);
            const double *want     = convs_forward(&r.net, r.parameters, r.x, r.y);
            const double  loss     = run(&t, training);
            check_logits(&t, want, kind, s / 2);
            assert_true(fabs(loss - ref_loss(t.f, t.b, want)) < 2e-4);
            drop_reference(&r);
            drop_bed(&t);
        }
}

/* Give how far a gradient is from the slope of the mean loss by one parameter: from the central
 * difference, or that of one side where a kink of ReLU, or of the largest, lies within a step. */
static double slope_error(reference *r, uint64_t parameter, double gradient, double *slope)
{
    const double at = r->parameters[parameter], step = 1e-6, here = loss_of(r);

    r->parameters[parameter] = at + step;
    const double up          = loss_of(r);
    r->parameters[parameter] = at - step;
    const double down        = loss_of(r);
    r->parameters[parameter] = at;
    const double above = (up - here) / step / NUM_SEEDS, below = (here - down) / step / NUM_SEEDS;
    *slope = (above + below) / 2;
    return fmin(fabs(gradient - *slope), fmin(fabs(gradient - above), fabs(gradient - below)));
}

/* Every parameter: the gradient is the slope of the double network's mean loss. The slope itself
 * is good to 1e-8; the rest is the rounding of f32 sums. */
static void every_gradient_equals_the_slope_of_a_naive_network(void **state)
{
    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (int s = 0; s < NUM_SETTINGS; s++) {
            bed       t     = make_bed(kind, &settings[s], HIDDEN);
            reference r     = make_reference(&t, true);
            double    worst = 0.0, largest = 0.0;

            (void)run(&t, true);
            for (uint64_t i = 0; i < t.shape.num_parameters; i++) {
                double slope;
                worst = fmax(worst, slope_error(&r, i, (double)pri_nn_gradient(t.tape)[i], &slope));
                largest = fmax(largest, fabs(slope));
            }
            if (!(worst < 3e-6 * fmax(1.0, largest)) || !(largest > 1e-3))
                fail_case(kind, s, worst, largest);
            drop_reference(&r);
            drop_bed(&t);
        }
}

/* Give the slope of the float code's loss along a direction, from a step to either side. */
static double slope_along(bed *t, const float *direction, double step)
{
    const size_t count = (size_t)t->shape.num_parameters;
    float       *p = pri_nn_parameters(t->model), *old = calloc(count, sizeof *old);
    double       loss[2];

    assert_non_null(old);
    memcpy(old, p, count * sizeof *p);
    for (int back = 0; back < 2; back++) {
        for (size_t i = 0; i < count; i++)
            p[i] = old[i] + (float)((back ? -step : step) * (double)direction[i]);
        loss[back] = run(t, true) / NUM_SEEDS;
    }
    memcpy(p, old, count * sizeof *p);
    free(old);
    return (loss[0] - loss[1]) / (2 * step);
}

/* The slope along the gradient is the gradient's square, but for curvature and kinks of ReLU, which
 * a shorter step has less of, and rounding, which it has more of: within 5 percent. */
static void check_descent(bed *t, int kind, int s)
{
    static const double steps[] = { 3e-4, 1e-4, 3e-5 };
    const size_t        count   = (size_t)t->shape.num_parameters;
    float              *g       = calloc(count, sizeof *g);
    double              square = 0.0, slope = 0.0;
    bool                found = false;

    assert_non_null(g);
    (void)run(t, true);
    memcpy(g, pri_nn_gradient(t->tape), count * sizeof *g);
    for (size_t i = 0; i < count; i++) square += (double)g[i] * (double)g[i];
    for (int i = 0; i < 3 && !found; i++) {
        slope = slope_along(t, g, steps[i] / sqrt(square));
        found = fabs(slope / square - 1.0) < 0.05;
    }
    if (!found) fail_case(kind, s, slope, square);
    free(g);
}

static void the_loss_falls_along_the_gradient_as_fast_as_it_says(void **state)
{
    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (int s = 0; s < NUM_SETTINGS; s++) {
            bed t = make_bed(kind, &settings[s], HIDDEN);
            check_descent(&t, kind, s);
            drop_bed(&t);
        }
}

/* What stands behind a convolution (post.h), in every combination: with it no layer ends in ReLU by
 * itself. */
static void it_does_with_residual_norm_and_other_activations_too(void **state)
{
    (void)state;
    for (int n = 0; n < 8 * NUM_KINDS; n++)
        for (int sparse = 0; sparse < 2; sparse++) {
            pr_model_options options = kinds[n / 8];
            const setting    s       = { 3, 0.2, n % 3 ? 0.3 : 0.0, sparse, n % 2 };
            options.layer_norm       = n & 1;
            options.residual         = n & 2;
            options.activation       = n & 4 ? PR_ACTIVATION_ELU : PR_ACTIVATION_AUTO;
            bed t                    = make_bed_of(options, &s, HIDDEN);
            check_descent(&t, n / 8, n);
            drop_bed(&t);
        }
}

static void every_neighbour_drawn_equals_the_formula_of_the_whole_graph(void **state)
{
    (void)state;
    pr_vid all[FIX_NODES];

    for (pr_vid v = 0; v < FIX_NODES; v++) all[v] = v;
    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (uint32_t layers = 1; layers <= 3; layers++)
            for (int sparse = 0; sparse < 2; sparse++) {
                const setting s = { layers, 0.0, 0.0, sparse, false };
                bed           t = make_bed(kind, &s, HIDDEN);
                fix_batch_free(t.b);
                t.b         = fix_batch(t.f, layers, FIX_MAX_DEGREE, all, FIX_NODES, sparse);
                reference r = make_reference(&t, false);
                (void)run(&t, false);
                check_logits(&t, convs_whole(&r.net, r.parameters, r.x, r.y), kind, -1);
                drop_reference(&r);
                drop_bed(&t);
            }
}

static void one_step_is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();

    for (int i = 0; i < 2 * NUM_KINDS; i++) {
        const bool    sparse = i % 2;
        const setting s      = { 3, 0.5, 0.4, sparse, !sparse };
        bed           t      = make_bed(i / 2, &s, 200);
        const size_t  count  = (size_t)t.shape.num_parameters;
        float        *first  = calloc(count, sizeof *first);
        double        loss = 0.0, size = 1.0;
        assert_non_null(first);
        for (int n = 1; n <= 3; n++) {
            omp_set_num_threads(n);
            const double now = run(&t, true);
            if (n == 1) {
                loss = now;
                memcpy(first, pri_nn_gradient(t.tape), count * sizeof *first);
                for (size_t k = 0; k < count; k++) size = fmax(size, fabs((double)first[k]));
            }
            assert_true(fabs(loss - now) < 1e-5 * fmax(1.0, loss)); /* oneDNN's rounding only */
            for (size_t k = 0; k < count; k++)
                assert_true(fabs((double)first[k] - (double)pri_nn_gradient(t.tape)[k]) <
                            2e-6 * size);
        }
        omp_set_num_threads(threads);
        free(first);
        drop_bed(&t);
    }
}

static void sparse_and_dense_rows_give_the_same_step(void **state)
{
    (void)state;
    const setting dense = { 2, 0.3, 0.4, false, true }, sparse = { 2, 0.3, 0.4, true, true };

    for (int kind = 0; kind < NUM_KINDS; kind++) {
        bed a = make_bed(kind, &dense, 64), b = make_bed(kind, &sparse, 64);
        assert_true(fabs(run(&a, true) - run(&b, true)) < 1e-4);
        for (uint64_t i = 0; i < a.shape.num_parameters; i++)
            assert_true(fabsf(pri_nn_gradient(a.tape)[i] - pri_nn_gradient(b.tape)[i]) < 2e-5f);
        drop_bed(&a);
        drop_bed(&b);
    }
}

static void rows_may_be_reused_once_forward_is_done(void **state)
{
    (void)state;
    for (int i = 0; i < 4 * NUM_KINDS; i++) {
        const setting s = { 2, 0.0, i % 2 ? 0.5 : 0.0, i / 2 % 2, false };
        bed           a = make_bed(i / 4, &s, HIDDEN), b = make_bed(i / 4, &s, HIDDEN);
        pri_nn_times  times = { 0 };
        double        loss;
        uint64_t      correct;

        (void)run(&a, true);
        assert_ok(pri_nn_forward(b.model, b.tape, &b.b->batch, &b.b->slab, true, KEY, &times));
        for (size_t k = 0; k < FIX_SLOTS * b.b->slab.ld; k++) b.b->rows[k] = NAN;
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

/* Arrays of a tape that fits without a row to spare do not run into each other, and the logits are
 * those of forward when the way back is done. */
static void a_tape_of_just_the_batch_gives_the_same_step(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * NUM_KINDS; i++) {
        const setting s = { 3, 0.5, 0.5, i % 2, false };
        bed           t = make_bed(i / 2, &s, 40);
        uint32_t      max_dst[3];
        uint64_t      max_edges[3];
        pri_tape     *roomy = t.tape, *tight = NULL;

        for (int h = 0; h < 3; h++) {
            max_dst[h]   = t.b->block[h].num_dst;
            max_edges[h] = t.b->block[h].num_edges;
        }
        assert_ok(pri_tape_create(t.model, &t.f->graph, max_dst, max_edges,
                                  (uint32_t)t.b->batch.nodes.n, &tight));
        const double loss = run(&t, true);
        t.tape            = tight;
        assert_true(run(&t, true) == loss);
        assert_memory_equal(pri_nn_gradient(roomy), pri_nn_gradient(tight),
                            t.shape.num_parameters * sizeof(float));
        reference r = make_reference(&t, true);
        check_logits(&t, convs_forward(&r.net, r.parameters, r.x, r.y), i / 2, -1);
        drop_reference(&r);
        pri_tape_free(roomy);
        drop_bed(&t);
    }
}

static void steps_take_nothing_from_the_heap(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * NUM_KINDS; i++) {
        const setting s = { 3, 0.5, 0.5, i % 2, false };
        bed           t = make_bed(i / 2, &s, HIDDEN);

        (void)run(&t, true);
        const uint64_t calls = pri_mem_calls();
        for (int n = 0; n < 5; n++) (void)run(&t, true);
        assert_int_equal(pri_mem_calls(), calls);
        drop_bed(&t);
    }
}

static void a_batch_without_seeds_has_no_loss_and_no_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * NUM_KINDS; i++) {
        const setting s = { 2, 0.5, 0.5, i % 2, false };
        bed           t = make_bed(i / 2, &s, HIDDEN);

        (void)run(&t, true);
        fix_batch_free(t.b);
        t.b = fix_batch(t.f, 2, FANOUT, seeds, 0, s.sparse);
        assert_true(run(&t, true) == 0.0);
        for (uint64_t k = 0; k < t.shape.num_parameters; k++)
            assert_true(pri_nn_gradient(t.tape)[k] == 0.0f);
        drop_bed(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_a_naive_network),
        cmocka_unit_test(every_gradient_equals_the_slope_of_a_naive_network),
        cmocka_unit_test(the_loss_falls_along_the_gradient_as_fast_as_it_says),
        cmocka_unit_test(it_does_with_residual_norm_and_other_activations_too),
        cmocka_unit_test(every_neighbour_drawn_equals_the_formula_of_the_whole_graph),
        cmocka_unit_test(one_step_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(sparse_and_dense_rows_give_the_same_step),
        cmocka_unit_test(rows_may_be_reused_once_forward_is_done),
        cmocka_unit_test(a_tape_of_just_the_batch_gives_the_same_step),
        cmocka_unit_test(steps_take_nothing_from_the_heap),
        cmocka_unit_test(a_batch_without_seeds_has_no_loss_and_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
