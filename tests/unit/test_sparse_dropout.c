/* test_sparse_dropout.c: products of sparse rows some of whose values are dropped, against those of
 * dense rows dropped element by element. */
#include <math.h>
#include <omp.h>

#include "pipeline/nn/sparse.h"
#include "unit/nn_fixture.h"

enum { LD = 75, NUM = 41, MAX_COLS = 1300 };

/* Rows of the fixture in some order, with dropout. */
static pri_sparse dropped_rows(const fixture *f, pr_slot row[NUM], double p)
{
    for (uint32_t i = 0; i < NUM; i++) row[i] = (i * 7 + 3) % FIX_NODES;
    return (pri_sparse){ .x       = &f->csr,
                         .row     = row,
                         .num     = NUM,
                         .vertex  = row,
                         .dropout = pri_dropout_of(p, test_seed(), 3, 0) };
}

/* An element of those rows, dropped or scaled. */
static double element(const fixture *f, const pri_sparse *rows, uint32_t i, uint32_t c, double p)
{
    const pr_vid v = rows->row[i];

    if (!pri_dropout_keeps(&rows->dropout, v, c)) return 0.0;
    return (double)f->rows[(size_t)v * f->num_cols + c] / (1.0 - p);
}

static float *random_matrix(size_t rows, size_t cols)
{
    test_rng rng = { .key = test_seed() + cols };
    float   *m   = malloc(rows * cols * sizeof *m);

    assert_non_null(m);
    for (size_t i = 0; i < rows * cols; i++) m[i] = fix_real(&rng);
    return m;
}

/* Rows of more non-zeros than a part has, and of a few; one line of columns, and others. */
static void products_equal_those_of_dense_rows_dropped_one_by_one(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 5, 23, MAX_COLS }, columns[] = { 3, 16, 70 };
    pr_slot               row[NUM];

    for (int n = 0; n < 9; n++) {
        const uint32_t   F = widths[n / 3], H = columns[n % 3];
        const double     p    = n % 2 ? 0.5 : 0.1;
        fixture         *f    = fix_create(F, 3, test_seed());
        const pri_sparse rows = dropped_rows(f, row, p);
        float *w = random_matrix(F, H), *dz = random_matrix(NUM, LD), *z = random_matrix(NUM, LD);
        float *dw = random_matrix(F, H);

        pri_sparse_multiply(&rows, w, H, w, z, LD, H); /* the bias: any numbers */
        pri_sparse_gradient(&rows, dz, LD, H, dw);
        for (uint32_t i = 0; i < NUM; i++)
            for (uint32_t h = 0; h < H; h++) {
                double want = (double)w[h];
                for (uint32_t c = 0; c < F; c++)
                    want += element(f, &rows, i, c, p) * (double)w[c * H + h];
                assert_true(fabs((double)z[i * LD + h] - want) < 1e-4);
            }
        for (uint32_t c = 0; c < F; c++)
            for (uint32_t h = 0; h < H; h += 2) {
                double want = 0.0;
                for (uint32_t i = 0; i < NUM; i++)
                    want += element(f, &rows, i, c, p) * (double)dz[i * LD + h];
                assert_true(fabs((double)dw[c * H + h] - want) < 1e-4);
            }
        free(w);
        free(dz);
        free(z);
        free(dw);
        fix_free(f);
    }
}

static void products_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { F = 700, H = 70 };
    const int        threads = omp_get_max_threads();
    fixture         *f       = fix_create(F, 3, test_seed());
    pr_slot          row[NUM];
    const pri_sparse rows = dropped_rows(f, row, 0.5);
    float           *w = random_matrix(F, H), *dz = random_matrix(NUM, LD);
    float           *z[2]  = { random_matrix(NUM, LD), random_matrix(NUM, LD) };
    float           *dw[2] = { random_matrix(F, H), random_matrix(F, H) };

    for (int n = 1; n <= 3; n++) {
        omp_set_num_threads(n);
        pri_sparse_multiply(&rows, w, H, NULL, z[n > 1], LD, H);
        pri_sparse_gradient(&rows, dz, LD, H, dw[n > 1]);
        if (n == 1) continue;
        assert_memory_equal(z[0], z[1], NUM * LD * sizeof(float));
        assert_memory_equal(dw[0], dw[1], F * H * sizeof(float));
    }
    omp_set_num_threads(threads);
    for (int i = 0; i < 2; i++) {
        free(z[i]);
        free(dw[i]);
    }
    free(w);
    free(dz);
    fix_free(f);
}

/* However many columns may be read behind those asked for. */
static void what_stays_is_what_dropout_keeps_in_order(void **state)
{
    (void)state;
    const pri_dropout dropout = pri_dropout_of(0.3, test_seed(), 5, 0);
    uint32_t          column[100], kept_column[100];
    float             value[100], kept_value[100];

    for (uint32_t i = 0; i < 100; i++) {
        column[i] = 3 * i + i % 2;
        value[i]  = (float)(i + 1);
    }
    for (uint32_t num = 0; num <= 50; num++)
        for (uint32_t after = 0; after <= 50; after += 5) {
            const uint32_t n = pri_dropout_select(&dropout, 77, column, value, num, after,
                                                  kept_column, kept_value);
            uint32_t       k = 0;
            for (uint32_t i = 0; i < num; i++) {
                if (!pri_dropout_keeps(&dropout, 77, column[i])) continue;
                assert_true(k < n && kept_column[k] == column[i]);
                assert_true(kept_value[k] == value[i] * dropout.scale);
                k++;
            }
            assert_int_equal(k, n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_those_of_dense_rows_dropped_one_by_one),
        cmocka_unit_test(products_are_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(what_stays_is_what_dropout_keeps_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
