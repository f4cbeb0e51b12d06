/* test_gemm.c: the three products of a dense layer against a triple loop in double. */
#include <math.h>
#include <omp.h>

#include "base/mem.h"
#include "pipeline/nn/engine.h"
#include "support/support.h"

enum { PAD = 5 }; /* columns between one row and the next that nobody may touch */

typedef struct case_shape {
    size_t rows, k, n;
} case_shape;

static const case_shape cases[] = {
    { 0, 3, 4 },      { 1, 1, 1 },    { 1, 7, 5 },    { 2, 1, 9 },
    { 5, 9, 1 },      { 3, 16, 16 },  { 17, 33, 47 }, { 64, 200, 16 },
    { 100, 64, 256 }, { 257, 31, 7 }, { 33, 515, 3 }, { 1000, 8, 8 },
};

static float *random_matrix(test_rng *rng, size_t rows, size_t ld)
{
    float *m = malloc((rows + 1) * ld * sizeof *m);
    assert_non_null(m);
    for (size_t i = 0; i < (rows + 1) * ld; i++)
        m[i] = (float)((double)test_random(rng) * 0x1p-31 - 1.0);
    return m;
}

/* Element (i, j) of the product in double. */
static double element(const pri_gemm_shape *s, size_t rows, const float *a, const float *b,
                      const float *bias, size_t i, size_t j)
{
    double sum = bias ? (double)bias[j] : 0.0;

    switch (s->form) {
    case PRI_GEMM_AB:
        for (size_t t = 0; t < s->k; t++)
            sum += (double)a[i * s->lda + t] * (double)b[t * s->ldb + j];
        return s->relu && sum < 0.0 ? 0.0 : sum;
    case PRI_GEMM_ATB:
        for (size_t t = 0; t < rows; t++)
            sum += (double)a[t * s->lda + i] * (double)b[t * s->ldb + j];
        return sum;
    case PRI_GEMM_ABT:
        for (size_t t = 0; t < s->n; t++)
            sum += (double)a[i * s->lda + t] * (double)b[j * s->ldb + t];
        return sum;
    }
    return NAN;
}

/* Run one kept product for several row counts in turn and compare every element. Values are in
 * -1 .. 1, so a sum of t terms is off by at most about t * 2^-24 * sqrt(t). */
static void check_product(pri_engine *engine, const pri_gemm_shape *s, size_t rows)
{
    test_rng     rng      = { .key = test_seed() };
    const size_t most     = rows * 2 + 3;
    pri_gemm    *gemm     = NULL;
    float       *a        = random_matrix(&rng, most, s->lda);
    float       *b        = random_matrix(&rng, s->form == PRI_GEMM_ATB ? most : s->k, s->ldb);
    float       *bias     = random_matrix(&rng, 1, s->n);
    const size_t counts[] = { rows, most, rows, 1, 0, rows };

    assert_ok(pri_gemm_create(engine, s, &gemm));
    for (size_t turn = 0; turn < sizeof counts / sizeof *counts; turn++) {
        const size_t now   = counts[turn];
        const size_t num_i = s->form == PRI_GEMM_ATB ? s->k : now;
        const size_t num_j = s->form == PRI_GEMM_ABT ? s->k : s->n;
        const size_t terms = s->form == PRI_GEMM_AB ? s->k : s->form == PRI_GEMM_ATB ? now : s->n;
        float       *c     = malloc((num_i + 1) * s->ldc * sizeof *c);
        assert_non_null(c);
        for (size_t i = 0; i < (num_i + 1) * s->ldc; i++) c[i] = 77.0f;
        assert_ok(pri_gemm_run(gemm, now, a, b, s->bias ? bias : NULL, c));
        for (size_t i = 0; i <= num_i; i++)
            for (size_t j = 0; j < s->ldc; j++) {
                const bool   inside = i < num_i && j < num_j;
                const double before = s->adds ? 77.0 : 0.0;
                const double want =
                    inside ? element(s, now, a, b, s->bias ? bias : NULL, i, j) + before : 77.0;
                const double bound = inside ? 3e-7 * (1.0 + (double)terms) + 3e-6 * before : 0.0;
                if (!(fabs((double)c[i * s->ldc + j] - want) <= bound))
                    fail_msg("form %d, rows %zu, k %zu, n %zu: (%zu, %zu) is %g, want %g",
                             (int)s->form, now, s->k, s->n, i, j, (double)c[i * s->ldc + j], want);
            }
        free(c);
    }
    pri_gemm_free(gemm);
    free(a);
    free(b);
    free(bias);
}

static void every_form_and_shape_equals_a_triple_loop(void **state)
{
    (void)state;
    pri_engine *engine = NULL;

    assert_ok(pri_engine_create(&engine));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t k = cases[i].k, n = cases[i].n;
        for (int post = 0; post < 4; post++) {
            const pri_gemm_shape ab = { PRI_GEMM_AB, k,        n,        k + PAD, n + PAD,
                                        n + PAD,     post & 1, post & 2, 0 };
            check_product(engine, &ab, cases[i].rows);
        }
        const pri_gemm_shape atb = { PRI_GEMM_ATB, k, n, k + PAD, n + PAD, n + PAD, 0, 0, 0 };
        const pri_gemm_shape abt = { PRI_GEMM_ABT, k, n, n + PAD, n + PAD, k + PAD, 0, 0, 0 };
        check_product(engine, &atb, cases[i].rows);
        check_product(engine, &abt, cases[i].rows);
    }
    pri_engine_free(engine);
}

static void a_product_may_be_added_to_what_is_there(void **state)
{
    (void)state;
    pri_engine *engine = NULL;

    assert_ok(pri_engine_create(&engine));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t k = cases[i].k, n = cases[i].n;
        for (int bias = 0; bias < 2; bias++) {
            const pri_gemm_shape ab = { PRI_GEMM_AB, k, n, k + PAD, n + PAD, n + PAD, bias, 0, 1 };
            check_product(engine, &ab, cases[i].rows);
        }
        const pri_gemm_shape abt = { PRI_GEMM_ABT, k, n, n + PAD, n + PAD, k + PAD, 0, 0, 1 };
        check_product(engine, &abt, cases[i].rows);
    }
    pri_engine_free(engine);
}

static void rows_without_padding_work_too(void **state)
{
    (void)state;
    pri_engine *engine = NULL;

    assert_ok(pri_engine_create(&engine));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t         k = cases[i].k, n = cases[i].n;
        const pri_gemm_shape ab  = { PRI_GEMM_AB, k, n, k, n, n, 1, 1, 0 };
        const pri_gemm_shape atb = { PRI_GEMM_ATB, k, n, k, n, n, 0, 0, 0 };
        const pri_gemm_shape abt = { PRI_GEMM_ABT, k, n, n, n, k, 0, 0, 0 };
        check_product(engine, &ab, cases[i].rows);
        check_product(engine, &atb, cases[i].rows);
        check_product(engine, &abt, cases[i].rows);
    }
    pri_engine_free(engine);
}

static void a_kept_product_follows_the_size_of_the_team(void **state)
{
    (void)state;
    const int            threads = omp_get_max_threads();
    const pri_gemm_shape shape   = { PRI_GEMM_AB, 64, 48, 64, 48, 48, 0, 1, 0 };
    test_rng             rng     = { .key = test_seed() };
    pri_engine          *engine  = NULL;
    pri_gemm            *gemm    = NULL;
    float               *a = random_matrix(&rng, 300, 64), *b = random_matrix(&rng, 64, 48);
    float               *first = calloc(300 * 48, sizeof *first);
    float               *c     = calloc(300 * 48, sizeof *c);

    assert_ok(pri_engine_create(&engine));
    assert_ok(pri_gemm_create(engine, &shape, &gemm));
    assert_ok(pri_gemm_run(gemm, 300, a, b, NULL, first));
    for (int t = 1; t <= 3; t++) {
        omp_set_num_threads(t);
        assert_ok(pri_gemm_run(gemm, 300, a, b, NULL, c));
        for (size_t i = 0; i < 300 * 48; i++) assert_true(fabsf(c[i] - first[i]) < 1e-5f);
    }
    omp_set_num_threads(threads);
    pri_gemm_free(gemm);
    pri_engine_free(engine);
    free(a);
    free(b);
    free(first);
    free(c);
}

static void running_a_product_never_calls_the_heap_door(void **state)
{
    (void)state;
    const pri_gemm_shape shape     = { PRI_GEMM_AB, 8, 8, 8, 8, 8, 1, 1, 0 };
    pri_engine          *engine    = NULL;
    pri_gemm            *gemm      = NULL;
    float                a[32 * 8] = { 0 }, b[64] = { 0 }, bias[8] = { 0 }, c[32 * 8];

    assert_ok(pri_engine_create(&engine));
    assert_ok(pri_gemm_create(engine, &shape, &gemm));
    const uint64_t calls = pri_mem_calls();
    for (size_t rows = 0; rows <= 32; rows++) assert_ok(pri_gemm_run(gemm, rows, a, b, bias, c));
    assert_int_equal(pri_mem_calls(), calls);
    pri_gemm_free(gemm);
    pri_engine_free(engine);
}

static void the_version_of_the_library_is_told(void **state)
{
    (void)state;
    char version[32];
    int  major = 0;

    pri_engine_version(version, sizeof version);
    assert_int_equal(sscanf(version, "%d.", &major), 1);
    assert_true(major >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_and_shape_equals_a_triple_loop),
        cmocka_unit_test(a_product_may_be_added_to_what_is_there),
        cmocka_unit_test(rows_without_padding_work_too),
        cmocka_unit_test(a_kept_product_follows_the_size_of_the_team),
        cmocka_unit_test(running_a_product_never_calls_the_heap_door),
        cmocka_unit_test(the_version_of_the_library_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
