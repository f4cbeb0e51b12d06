/* test_exact_span.c: exact inference of some layers, whose inputs are features of their own. */
#include <math.h>

#include "pipeline/nn/exact.h"
#include "support/whole.h"

static pr_status run(const pri_exact *exact, const volatile int *stop)
{
    pri_nn_times times = { 0 };
    pr_status    st    = PR_OK;

    for (uint32_t pass = 0; st == PR_OK && pass < pri_exact_num_passes(exact); pass++)
        for (uint32_t part = 0; st == PR_OK && part < exact->num_parts; part++)
            st = pri_exact_pass(exact, pass, part, stop, &times);
    return st;
}

/* Sums in another order: 1e-5 of the largest. */
/* Layers in two goes, the outputs of the first in memory: what they are in one go. */
static void spans_of_layers_give_what_all_layers_give(void **state)
{
    (void)state;
    enum { N = 3000, HIDDEN = 24, CLASSES = 5, LAYERS = 3 };
    whole               *w     = whole_create(N, 40, PR_ROWS_F32, test_seed());
    pr_model            *model = whole_model(w, LAYERS, HIDDEN, CLASSES);
    float               *want = calloc(N * CLASSES, 4), *got = calloc(N * CLASSES, 4);
    float               *middle  = calloc((size_t)N * HIDDEN, 4);
    pri_nn_times         times   = { 0 };
    float                largest = 0;
    pri_exact           *exact;
    const char          *directory = test_directory();
    pr_model_shape       shape;
    const pri_exact_span below[] = { { 0, 1 }, { 0, 2 } };

    assert_true(want && got && middle);
    pr_model_describe(model, &shape);
    assert_ok(pri_nn_infer_exact(model, &w->graph, &w->rows, want, NULL, &times));
    for (size_t i = 0; i < 4; i++) {
        const pri_exact_span below_it = below[i / 2], above = { below_it.end, LAYERS };
        const pr_features    hidden = { .kind     = PR_FEATURES_DENSE,
                                        .num_rows = N,
                                        .num_cols = HIDDEN,
                                        .rows     = middle,
                                        .ld       = HIDDEN };
        const struct {
            const pr_features    *x;
            const pri_exact_span *span;
            float                *y;
        } go[] = { { &w->filed, &below_it, middle }, { &hidden, &above, got } };
        for (size_t k = 0; k < 2; k++) {
            pri_exact_limits limits = { 0, directory };
            uint64_t         most, least;
            pri_exact_measure(&shape, go[k].x, 2, go[k].span, 0, &most, &least, NULL);
            limits.memory_bytes = i % 2 ? least : most;
            assert_ok(pri_exact_create_within(model, &w->graph, go[k].x,
                                              (pri_exact_output){ .logits = go[k].y }, 2, &limits,
                                              go[k].span, &exact));
            assert_true(exact->plan.bytes <= limits.memory_bytes);
            assert_ok(run(exact, NULL));
            pri_exact_free(exact);
        }
        for (size_t k = 0; k < (size_t)N * CLASSES; k++) largest = fmaxf(largest, fabsf(want[k]));
        for (size_t k = 0; k < (size_t)N * CLASSES; k++)
            assert_true(fabsf(got[k] - want[k]) <= 1e-5f * largest);
    }
    pr_model_free(model);
    whole_free(w);
    free(want);
    free(got);
    free(middle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_of_layers_give_what_all_layers_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
