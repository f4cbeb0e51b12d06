/* test_derived_rows.c: a model that reads derived rows answers as it does over features, for every
 * kind it can be; and what it cannot be is refused. */
#include <omp.h>

#include "base/mem.h"
#include "unit/convs_fixture.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum {
    NUM_SEEDS = sizeof seeds / sizeof *seeds,
    COLS      = 37,
    CLASSES   = 5,
    HIDDEN    = 24,
    FANOUT    = 4,
    PIECE     = 7 /* rows derived at a time */
};

static const pr_model_options kinds[] = {
    { .kind = PR_MODEL_SAGE },
    { .kind = PR_MODEL_GCN },
    { .kind = PR_MODEL_GIN },
    { .kind = PR_MODEL_GAT, .heads = 4, .out_heads = 2 },
    { .kind = PR_MODEL_GAT, .heads = 1, .out_heads = 1 },
};

enum { NUM_KINDS = sizeof kinds / sizeof *kinds };

typedef struct bed {
    fixture       *f;
    fixture_batch *b;
    pr_model      *model;
    pri_tape      *tape;
    pri_deriver   *deriver;
    uint32_t       cols;
    float         *rows; /* of the derived slab */
    pr_slab        slab;
} bed;

/* Put what is derived of the batch's rows into slots, all others are NaN. */
static void derive(bed *t, bool csr)
{
    const size_t m = t->b->batch.nodes.n, ld = t->cols + 5, ldx = COLS + 2;
    float       *x = calloc(PIECE * ldx, sizeof *x), *out = calloc(PIECE * ld, sizeof *out);

    t->rows = calloc(FIX_SLOTS * ld, sizeof *t->rows);
    assert_true(x && out && t->rows);
    for (size_t i = 0; i < FIX_SLOTS * ld; i++) t->rows[i] = NAN;
    for (size_t at = 0; at < m; at += PIECE) {
        const size_t n = m - at < PIECE ? m - at : PIECE;
        for (size_t i = 0; i < n; i++)
            memcpy(x + i * ldx, t->f->rows + (size_t)t->b->nodes[at + i] * COLS, COLS * sizeof *x);
        assert_ok(
            pri_derive(t->deriver, t->b->nodes + at, (uint32_t)n, csr ? NULL : x, ldx, out, ld));
        for (size_t i = 0; i < n; i++)
            memcpy(t->rows + ((at + i) * 31 + 5) % FIX_SLOTS * ld, out + i * ld,
                   t->cols * sizeof *out);
    }
    free(x);
    free(out);
    for (uint32_t i = 0; i < m; i++) t->b->slot[i] = (i * 31 + 5) % FIX_SLOTS;
    t->slab = (pr_slab){ .rows          = t->rows,
                         .ld            = ld,
                         .num_cols      = t->cols,
                         .num_inputs    = (uint32_t)m,
                         .slot_of_input = t->b->slot,
                         .is_derived    = true };
}

static bed make_bed(pr_model_options options, uint32_t layers, bool csr, bool weighted)
{
    bed            t = { .f = fix_create(COLS, CLASSES, test_seed()) };
    pr_model_shape shape;

    options.hidden = HIDDEN;
    t.b            = fix_batch(t.f, layers, FANOUT, seeds, NUM_SEEDS, false);
    if (weighted) fix_weigh(t.b);
    t.model = convs_model(t.f, &options, layers);
    t.tape  = fix_tape_of(t.model, &t.f->graph);
    pr_model_describe(t.model, &shape);
    t.cols = pri_nn_derived_cols(&shape);
    assert_ok(pri_deriver_create(t.model, csr ? &t.f->csr : &t.f->dense, &t.deriver));
    return t;
}

static void drop_bed(bed *t)
{
    free(t->rows);
    pri_deriver_free(t->deriver);
    pri_tape_free(t->tape);
    pr_model_free(t->model);
    fix_batch_free(t->b);
    fix_free(t->f);
}

/* Copy the logits, and what stands before the last layer. */
static void run(bed *t, const pr_slab *slab, float *logits, float *hidden, uint32_t layers)
{
    pri_nn_times times = { 0 };
    size_t       ld;

    assert_ok(pri_nn_forward(t->model, t->tape, &t->b->batch, slab, false, 0, &times));
    const float *at = pri_nn_logits(t->tape, &ld);
    for (uint32_t i = 0; i < NUM_SEEDS; i++)
        memcpy(logits + i * CLASSES, at + i * ld, CLASSES * sizeof *at);
    if (layers < 2) return;
    at = pri_nn_hidden(t->tape, &ld);
    for (uint32_t i = 0; i < NUM_SEEDS; i++)
        memcpy(hidden + i * HIDDEN, at + i * ld, HIDDEN * sizeof *at);
}

static void compare(const float *got, const float *want, size_t n)
{
    float largest = 0;

    for (size_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(want[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++) /* products and sums change places */
        if (!(fabsf(got[i] - want[i]) <= 1e-5f * largest))
            fail_msg("element %zu is %g, not %g; the largest is %g", i, (double)got[i],
                     (double)want[i], (double)largest);
}

static void check(pr_model_options options, uint32_t layers, bool csr, bool weighted)
{
    bed   t = make_bed(options, layers, csr, weighted);
    float want[NUM_SEEDS * CLASSES], got[NUM_SEEDS * CLASSES];
    float want_hidden[NUM_SEEDS * HIDDEN] = { 0 }, got_hidden[NUM_SEEDS * HIDDEN] = { 0 };

    run(&t, &t.b->slab, want, want_hidden, layers);
    derive(&t, csr);
    run(&t, &t.slab, got, got_hidden, layers);
    compare(got, want, NUM_SEEDS * CLASSES);
    if (layers > 1) compare(got_hidden, want_hidden, NUM_SEEDS * HIDDEN);
    drop_bed(&t);
}

static void answers_are_those_of_the_features(void **state)
{
    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (int activation = PR_ACTIVATION_AUTO; activation <= PR_ACTIVATION_ELU; activation++)
            for (int form = 0; form < 16; form++) {
                pr_model_options options = kinds[kind];
                options.activation       = activation;
                options.layer_norm       = form & 1;
                check(options, form & 8 ? 1 : 2, form & 2, form & 4);
            }
}

/* Rates of dropout are the training run's, and mean nothing here. */
static void rates_of_dropout_change_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < NUM_KINDS; kind++) {
        pr_model_options options  = kinds[kind];
        options.dropout           = 0.5;
        options.input_dropout     = 0.3;
        options.attention_dropout = options.kind == PR_MODEL_GAT ? 0.2 : 0.0;
        check(options, 2, false, false);
    }
}

static void any_number_of_threads_gives_them(void **state)
{
    (void)state;
    const int was = omp_get_max_threads();

    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        for (int kind = 0; kind < NUM_KINDS; kind++) check(kinds[kind], 2, threads == 2, true);
    }
    omp_set_num_threads(was);
}

static void a_step_on_derived_rows_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    float logits[NUM_SEEDS * CLASSES], hidden[NUM_SEEDS * HIDDEN];

    for (int kind = 0; kind < NUM_KINDS; kind++)
        for (int csr = 0; csr < 2; csr++) {
            bed    t  = make_bed(kinds[kind], 2, csr, false);
            size_t ld = (t.cols + 15) / 16 * 16, ldx = (COLS + 15) / 16 * 16;
            float *x = calloc(3 * ldx, sizeof *x), *out = calloc(3 * ld, sizeof *out);
            assert_true(x && out);
            const uint64_t first = pri_mem_calls();
            for (uint32_t n = 1; n <= 3; n++) /* rows as far apart as slabs have them */
                assert_ok(pri_derive(t.deriver, seeds, n, x, ldx, out, ld));
            assert_int_equal(pri_mem_calls(), first);
            derive(&t, csr);
            const uint64_t before = pri_mem_calls();
            for (int turn = 0; turn < 3; turn++) run(&t, &t.slab, logits, hidden, 2);
            assert_int_equal(pri_mem_calls(), before);
            free(x);
            free(out);
            drop_bed(&t);
        }
}

static void models_that_need_features_have_no_derived_rows(void **state)
{
    (void)state;
    pri_deriver *deriver = (pri_deriver *)state;
    fixture     *f       = fix_create(COLS, CLASSES, test_seed());

    for (int kind = 0; kind <= NUM_KINDS; kind++) {
        pr_model_options options = { .kind = PR_MODEL_SAGE, .aggregator = PR_AGGREGATE_MAX };
        pr_model_shape   shape;
        if (kind < NUM_KINDS) {
            options          = kinds[kind];
            options.residual = true;
        }
        options.hidden  = HIDDEN;
        pr_model *model = convs_model(f, &options, 2);
        pr_model_describe(model, &shape);
        assert_int_equal(pri_nn_derived_cols(&shape), 0);
        assert_fails(PR_E_UNSUPPORTED, "residuals", pri_deriver_create(model, &f->dense, &deriver));
        assert_null(deriver);
        pr_model_free(model);
    }
    fix_free(f);
}

static void what_does_not_fit_derived_rows_is_refused(void **state)
{
    (void)state;
    pri_nn_times times   = { 0 };
    pri_deriver *deriver = (pri_deriver *)state;
    bed          t       = make_bed(kinds[0], 2, false, false);
    pr_slab      narrow;

    derive(&t, false);
    assert_fails(PR_E_UNSUPPORTED, "trained",
                 pri_nn_forward(t.model, t.tape, &t.b->batch, &t.slab, true, 1, &times));
    narrow          = t.slab;
    narrow.num_cols = t.cols - 1;
    assert_fails(PR_E_MISMATCH, "derived rows have 47 columns, the model reads 48",
                 pri_nn_forward(t.model, t.tape, &t.b->batch, &narrow, false, 0, &times));
    narrow            = t.slab;
    narrow.is_derived = false;
    assert_fails(PR_E_MISMATCH, "rows have 48 columns, the model reads 37",
                 pri_nn_forward(t.model, t.tape, &t.b->batch, &narrow, false, 0, &times));
    pr_features other = t.f->dense;
    other.num_cols    = COLS - 1;
    assert_fails(PR_E_MISMATCH, "rows have 36 columns, the model reads 37",
                 pri_deriver_create(t.model, &other, &deriver));
    assert_null(deriver);
    pri_deriver_free(NULL);
    drop_bed(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_features),
        cmocka_unit_test(rates_of_dropout_change_nothing),
        cmocka_unit_test(any_number_of_threads_gives_them),
        cmocka_unit_test(a_step_on_derived_rows_takes_nothing_from_the_heap),
        cmocka_unit_test(models_that_need_features_have_no_derived_rows),
        cmocka_unit_test(what_does_not_fit_derived_rows_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
