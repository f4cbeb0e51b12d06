/* test_infer.c: exact inference over the whole graph equals the forward pass on batches with
 * every neighbour, for dense and sparse features and both ways of doing a layer. */
#include <math.h>
#include <omp.h>

#include "base/mem.h"
#include "unit/nn_fixture.h"

typedef struct shape_case {
    uint32_t layers, cols, hidden, classes;
    bool     sparse;
} shape_case;

/* Narrowing layers are transformed first, widening ones aggregated first; all orders of both. */
static const shape_case cases[] = {
    { 1, 9, 4, 3, false },  { 1, 3, 4, 9, false },  { 1, 9, 4, 3, true },    { 1, 3, 4, 9, true },
    { 2, 20, 8, 4, false }, { 2, 5, 40, 4, false }, { 2, 5, 8, 50, false },  { 2, 20, 8, 12, true },
    { 3, 20, 8, 4, false }, { 3, 4, 33, 5, false }, { 4, 30, 17, 60, true }, { 3, 8, 8, 8, false },
};

enum { NUM_CASES = sizeof cases / sizeof *cases };

static void every_vertex_gets_the_logits_of_its_full_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_CASES; i++) {
        const shape_case s      = cases[i];
        fixture         *f      = fix_create(s.cols, s.classes, test_seed());
        pr_model        *model  = fix_model(f, s.layers, s.hidden, 0.5);
        pri_tape        *tape   = fix_tape(model);
        float           *logits = calloc((size_t)FIX_NODES * s.classes, sizeof *logits);
        pri_nn_times     times  = { 0 };
        assert_non_null(logits);
        assert_ok(pri_nn_infer_exact(model, &f->graph, s.sparse ? &f->csr : &f->dense, logits, NULL,
                                     &times));
        assert_true(times.gemm_ns > 0 && times.aggregate_ns > 0);
        for (pr_vid v = 0; v < FIX_NODES; v += 3) { /* batches of one, two or three seeds */
            const pr_vid   seeds[3] = { v, v + 1, v + 2 };
            const uint32_t n        = 1 + v / 3 % 3;
            fixture_batch *b        = fix_batch(f, s.layers, FIX_MAX_DEGREE, seeds, n, s.sparse);
            size_t         ld;
            assert_ok(pri_nn_forward(model, tape, &b->batch, &b->slab, false, 1, &times));
            const float *want = pri_nn_logits(tape, &ld);
            for (size_t k = 0; k < n; k++)
                for (size_t c = 0; c < s.classes; c++) {
                    const double got = (double)logits[(v + k) * s.classes + c];
                    if (!(fabs(got - (double)want[k * ld + c]) < 2e-5))
                        fail_msg("case %zu, vertex %zu, class %zu: %g, not %g", i, v + k, c, got,
                                 (double)want[k * ld + c]);
                }
            fix_batch_free(b);
        }
        pri_tape_free(tape);
        pr_model_free(model);
        fix_free(f);
        free(logits);
    }
}

/* A ring of more vertices than one range holds, so that ranges and their borders are used. */
typedef struct ring {
    pr_graph    graph;
    pr_features features;
    pr_eid     *indptr;
    pr_vid     *indices;
    float      *rows;
} ring;

static ring make_ring(pr_vid n, uint32_t cols)
{
    ring r = { .indptr  = calloc(n + 1u, sizeof *r.indptr),
               .indices = calloc(2u * n, sizeof *r.indices),
               .rows    = calloc((size_t)n * cols, sizeof *r.rows) };
    assert_true(r.indptr && r.indices && r.rows);
    for (pr_vid v = 0; v < n; v++) {
        r.indices[2 * v]     = v ? v - 1 : n - 1;
        r.indices[2 * v + 1] = v + 1 < n ? v + 1 : 0;
        r.indptr[v + 1]      = 2 * ((pr_eid)v + 1);
        for (uint32_t c = 0; c < cols; c++)
            r.rows[(size_t)v * cols + c] = (float)((v * 7 + c) % 11) - 5.0f;
    }
    r.graph    = (pr_graph){ n, 2 * (pr_eid)n, r.indptr, r.indices, NULL };
    r.features = (pr_features){ .num_rows = n, .num_cols = cols, .rows = r.rows, .ld = cols };
    return r;
}

static void free_ring(ring *r)
{
    free(r->indptr);
    free(r->indices);
    free(r->rows);
}

static void ranges_join_without_a_seam_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { N = 40000, COLS = 4 };
    const int      threads   = omp_get_max_threads();
    const uint32_t widths[2] = { 2, 6 }; /* narrower and wider than the features */
    ring           r         = make_ring(N, COLS);
    float         *logits    = calloc(N * 3, sizeof *logits);
    pri_nn_times   times     = { 0 };
    assert_non_null(logits);
    for (int i = 0; i < 4; i++) {
        const pr_model_options options = { .hidden = widths[i % 2], .dropout = 0.5 };
        pr_model              *model   = NULL;
        omp_set_num_threads(1 + i);
        assert_ok(pr_model_create(&options, 2, COLS, 3, 1, &model));
        assert_ok(pri_nn_infer_exact(model, &r.graph, &r.features, logits, NULL, &times));
        /* The features repeat every 11 vertices, so the logits do, away from the ring's joint. */
        for (size_t v = 13; v + 13 < N; v++)
            for (size_t c = 0; c < 3; c++)
                assert_true(fabsf(logits[v * 3 + c] - logits[(v % 11 + 11) * 3 + c]) < 1e-4f);
        pr_model_free(model);
    }
    omp_set_num_threads(threads);
    free(logits);
    free_ring(&r);
}

/* Parts of any number, more than there are vertices among them, give what one gives; within a pass
 * their order is of no matter. */
static void parts_of_the_vertices_join_to_the_whole(void **state)
{
    (void)state;
    static const uint32_t numbers[] = { 1, 2, 3, 7, FIX_NODES + 9 };

    for (size_t i = 0; i < NUM_CASES; i++) {
        const shape_case   s     = cases[i];
        fixture           *f     = fix_create(s.cols, s.classes, test_seed());
        pr_model          *model = fix_model(f, s.layers, s.hidden, 0.5);
        const pr_features *x     = s.sparse ? &f->csr : &f->dense;
        const size_t       count = (size_t)FIX_NODES * s.classes;
        float             *whole = calloc(count, sizeof *whole), *joined = malloc(count * 4);
        pri_nn_times       times = { 0 };
        assert_true(whole && joined);
        assert_ok(pri_nn_infer_exact(model, &f->graph, x, whole, NULL, &times));
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            pri_exact *exact;
            pr_vid     end = 0, begin;
            memset(joined, 0xff, count * 4);
            assert_ok(pri_exact_create(model, &f->graph, x, joined, numbers[k], &exact));
            for (uint32_t part = 0; part < numbers[k]; part++) {
                const uint32_t rows = pri_exact_rows(exact, part, &begin);
                assert_int_equal(begin, end);
                end = begin + rows;
            }
            assert_int_equal(end, FIX_NODES);
            for (uint32_t pass = 0; pass < pri_exact_num_passes(exact); pass++)
                for (uint32_t part = 0; part < numbers[k]; part++) {
                    const uint32_t at = pass % 2 ? part : numbers[k] - 1 - part;
                    assert_ok(pri_exact_pass(exact, pass, at, NULL, &times));
                }
            for (size_t e = 0; e < count; e++) assert_true(fabsf(joined[e] - whole[e]) < 2e-5f);
            pri_exact_free(exact);
        }
        free(whole);
        free(joined);
        pr_model_free(model);
        fix_free(f);
    }
    pri_exact_free(NULL);
}

static void stop_ends_the_work(void **state)
{
    (void)state;
    fixture      *f     = fix_create(5, 3, test_seed());
    pr_model     *model = fix_model(f, 2, 4, 0.5);
    volatile int  stop  = 1;
    float         logits[FIX_NODES * 3];
    pri_nn_times  times = { 0 };
    const int64_t live  = pri_mem_live();

    assert_fails(PR_E_INTERRUPTED, "interrupted",
                 pri_nn_infer_exact(model, &f->graph, &f->dense, logits, &stop, &times));
    assert_fails(PR_E_INTERRUPTED, "interrupted",
                 pri_nn_infer_exact(model, &f->graph, &f->csr, logits, &stop, &times));
    assert_int_equal(pri_mem_live(), live);
    stop = 0;
    assert_ok(pri_nn_infer_exact(model, &f->graph, &f->dense, logits, &stop, &times));
    assert_int_equal(pri_mem_live(), live);
    pr_model_free(model);
    fix_free(f);
}

static void features_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    fixture     *f     = fix_create(5, 3, test_seed());
    pr_model    *model = fix_model(f, 2, 4, 0.5);
    pr_features  wrong = f->dense;
    pr_graph     none  = { 0 };
    float        logits[FIX_NODES * 3];
    pri_nn_times times = { 0 };

    wrong.num_cols = 6;
    assert_fails(PR_E_MISMATCH, "6 columns",
                 pri_nn_infer_exact(model, &f->graph, &wrong, logits, NULL, &times));
    wrong          = f->dense;
    wrong.num_rows = 59;
    assert_fails(PR_E_MISMATCH, "59 feature rows",
                 pri_nn_infer_exact(model, &f->graph, &wrong, logits, NULL, &times));
    wrong.num_rows = 0;
    assert_ok(pri_nn_infer_exact(model, &none, &wrong, logits, NULL, &times));
    pr_model_free(model);
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vertex_gets_the_logits_of_its_full_batch),
        cmocka_unit_test(ranges_join_without_a_seam_for_any_number_of_threads),
        cmocka_unit_test(parts_of_the_vertices_join_to_the_whole),
        cmocka_unit_test(stop_ends_the_work),
        cmocka_unit_test(features_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
