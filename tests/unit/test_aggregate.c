/* test_aggregate.c: means over neighbour lists, their reverse and sparse products against plain
 * loops in double, and the same bits for any number of threads. */
#include <math.h>
#include <omp.h>

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/sparse.h"
#include "unit/nn_fixture.h"

enum { MAX_THREADS = 3 };

/* Values are in -1 .. 1 and lists have at most FIX_MAX_DEGREE entries: a few roundings. */
#define NEAR 2e-6

static float *random_rows(size_t rows, size_t ld)
{
    test_rng rng = { .key = test_seed() + ld };
    float   *m   = malloc(rows * ld * sizeof *m);
    assert_non_null(m);
    for (size_t i = 0; i < rows * ld; i++) m[i] = fix_real(&rng);
    return m;
}

/* The mean of column c over a list. */
static double mean_of(const pri_rows *x, const uint32_t *index, size_t n, size_t c)
{
    double sum = 0.0;
    for (size_t e = 0; e < n; e++) {
        const size_t row = x->slot ? x->slot[index[e]] : index[e];
        sum += (double)x->at[row * x->ld + c];
    }
    return n ? sum / (double)n : 0.0;
}

static void check_concat(const fixture_batch *b, const pri_rows *x)
{
    const pr_block *block = &b->block[0];
    const pri_lists lists = pri_lists_of_block(block);
    const size_t    lda   = 2 * x->cols + 3;
    float          *a     = malloc(FIX_NODES * lda * sizeof *a);

    assert_non_null(a);
    for (size_t i = 0; i < FIX_NODES * lda; i++) a[i] = 55.0f;
    pri_aggregate_concat(&lists, x, a, lda);
    for (uint32_t d = 0; d < block->num_dst; d++) {
        const size_t self = x->slot ? x->slot[d] : d;
        const size_t n    = block->indptr[d + 1] - block->indptr[d];
        for (size_t c = 0; c < x->cols; c++) {
            const double mean = mean_of(x, block->indices + block->indptr[d], n, c);
            assert_true(a[d * lda + c] == x->at[self * x->ld + c]);
            assert_true(fabs((double)a[d * lda + x->cols + c] - mean) < NEAR);
        }
        for (size_t c = 2 * x->cols; c < lda; c++) assert_true(a[d * lda + c] == 55.0f);
    }
    free(a);
}

static void means_equal_a_plain_loop_for_any_width(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 1, 2, 15, 16, 17, 31, 64, 100, 257 };
    pr_vid                seeds[FIX_NODES]; /* lists of every length */

    for (pr_vid v = 0; v < FIX_NODES; v++) seeds[v] = FIX_NODES - 1 - v;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        fixture       *f    = fix_create(widths[w], 3, test_seed());
        fixture_batch *b    = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, FIX_NODES, false);
        const pri_rows slab = {
            .at = b->slab.rows, .ld = b->slab.ld, .cols = widths[w], .slot = b->slot
        };
        check_concat(b, &slab);

        float         *h     = random_rows(FIX_NODES, widths[w] + 2);
        const pri_rows local = { .at = h, .ld = widths[w] + 2, .cols = widths[w] };
        check_concat(b, &local);
        free(h);
        fix_batch_free(b);
        fix_free(f);
    }
}

static void a_destination_without_neighbours_gets_a_zero_mean(void **state)
{
    (void)state;
    const pr_vid    seeds[] = { 0, 7, 14 }; /* isolated in the fixture */
    fixture        *f       = fix_create(20, 3, test_seed());
    fixture_batch  *b       = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, 3, false);
    const pri_rows  x       = { .at = b->slab.rows, .ld = b->slab.ld, .cols = 20, .slot = b->slot };
    const pri_lists lists   = pri_lists_of_block(&b->block[0]);
    float           a[3 * 40];

    assert_int_equal(b->block[0].num_edges, 0);
    pri_aggregate_concat(&lists, &x, a, 40);
    for (size_t d = 0; d < 3; d++)
        for (size_t c = 20; c < 40; c++) assert_true(a[d * 40 + c] == 0.0f);
    fix_batch_free(b);
    fix_free(f);
}

static void adding_the_mean_applies_relu_only_when_asked(void **state)
{
    (void)state;
    enum { COLS = 37 };
    fixture        *f     = fix_create(COLS, 3, test_seed());
    const pri_lists lists = pri_lists_of_graph(&f->graph, 11, 40);
    const pri_rows  z     = { .at = f->rows, .ld = COLS, .cols = COLS };

    for (int relu = 0; relu < 2; relu++) {
        float *y = random_rows(40, COLS), *before = random_rows(40, COLS);
        pri_aggregate_add(&lists, &z, y, COLS, relu);
        for (uint32_t d = 0; d < 40; d++)
            for (size_t c = 0; c < COLS; c++) {
                const pr_eid begin = f->indptr[11 + d];
                const size_t n     = f->indptr[12 + d] - begin;
                double want = (double)before[d * COLS + c] + mean_of(&z, f->indices + begin, n, c);
                if (relu && want < 0.0) want = 0.0;
                assert_true(fabs((double)y[d * COLS + c] - want) < NEAR);
            }
        free(y);
        free(before);
    }
    fix_free(f);
}

/* Reverse block 0 into arrays of the caller's. */
typedef struct reverse_room {
    uint32_t     begin[FIX_NODES + 1], dst[FIX_NODES * FIX_MAX_DEGREE];
    float        share[FIX_NODES], value[FIX_NODES * FIX_MAX_DEGREE];
    pri_reversed reversed;
} reverse_room;

static void reverse_into(reverse_room *room, const pr_block *block)
{
    room->reversed = (pri_reversed){
        .begin = room->begin, .dst = room->dst, .share = room->share, .value = room->value
    };
    pri_aggregate_reverse(block, &room->reversed);
}

static void a_reversed_block_lists_every_edge_once_in_order(void **state)
{
    (void)state;
    const pr_vid    seeds[] = { 1, 2, 3, 0, 5, 8, 13, 21, 34, 55 };
    fixture        *f       = fix_create(4, 3, test_seed());
    fixture_batch  *b       = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, 10, false);
    const pr_block *block   = &b->block[0];
    reverse_room    room;
    uint32_t        found = 0;

    reverse_into(&room, block);
    assert_int_equal(room.reversed.num_src, block->num_src);
    assert_int_equal(room.begin[0], 0);
    assert_int_equal(room.begin[block->num_src], block->num_edges);
    for (uint32_t u = 0; u < block->num_src; u++)
        for (uint32_t i = room.begin[u]; i < room.begin[u + 1]; i++) {
            const uint32_t d = room.dst[i];
            if (i > room.begin[u]) assert_true(room.dst[i - 1] <= d);
            uint32_t same = 0, here = 0; /* parallel edges stay parallel */
            for (uint32_t e = block->indptr[d]; e < block->indptr[d + 1]; e++)
                same += block->indices[e] == u;
            for (uint32_t k = room.begin[u]; k < room.begin[u + 1]; k++) here += room.dst[k] == d;
            assert_int_equal(same, here);
            found++;
        }
    assert_int_equal(found, block->num_edges);
    for (uint32_t d = 0; d < block->num_dst; d++) {
        const uint32_t degree = block->indptr[d + 1] - block->indptr[d];
        assert_true(room.share[d] == (degree ? 1.0f / (float)degree : 0.0f));
    }
    fix_batch_free(b);
    fix_free(f);
}

static void scattering_is_the_transpose_of_the_mean(void **state)
{
    (void)state;
    enum { COLS = 35, LD = 40 };
    const pr_vid    seeds[] = { 1, 2, 3, 0, 5, 8, 13, 21, 34, 55 };
    fixture        *f       = fix_create(4, 3, test_seed());
    fixture_batch  *b       = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, 10, false);
    const pr_block *block   = &b->block[0];
    float          *self = random_rows(FIX_NODES, LD), *mean = random_rows(FIX_NODES, LD + 1);
    float          *kept = random_rows(FIX_NODES, COLS), *out = random_rows(FIX_NODES, COLS);
    double          want[FIX_NODES][COLS] = { { 0.0 } };
    reverse_room    room;

    for (uint32_t d = 0; d < block->num_dst; d++)
        for (size_t c = 0; c < COLS; c++) {
            want[d][c] += (double)self[d * LD + c];
            const uint32_t degree = block->indptr[d + 1] - block->indptr[d];
            for (uint32_t e = block->indptr[d]; e < block->indptr[d + 1]; e++)
                want[block->indices[e]][c] += (double)mean[d * LD + c] / degree;
        }
    reverse_into(&room, block);
    const pri_scatter from = { .self     = self,
                               .mean     = mean,
                               .kept     = kept,
                               .ld       = LD,
                               .cols     = COLS,
                               .num_self = block->num_dst,
                               .scale    = 2.0f };
    pri_aggregate_scatter(&room.reversed, &from, out, COLS);
    for (uint32_t u = 0; u < block->num_src; u++)
        for (size_t c = 0; c < COLS; c++) {
            const double expected = kept[u * COLS + c] > 0.0f ? 2.0 * want[u][c] : 0.0;
            assert_true(fabs((double)out[u * COLS + c] - expected) < 1e-5);
        }
    fix_batch_free(b);
    fix_free(f);
    free(self);
    free(mean);
    free(kept);
    free(out);
}

/* A block with weights: the mean, the sum of a transformed mean, and the way back, against loops in
 * double; lists of one to nine rows. */
static void weighted_means_and_their_transpose_equal_a_plain_loop(void **state)
{
    (void)state;
    enum { COLS = 35, LD = 2 * COLS };
    static const pr_vid seeds[] = { 1, 2, 3, 0, 5, 8, 13, 21, 34, 55, 7, 9, 10, 11 };
    static double       back[FIX_NODES][COLS];
    fixture            *f     = fix_create(COLS, 3, test_seed());
    fixture_batch      *b     = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, 14, false);
    const pr_block     *block = &b->block[0];
    float              *a = random_rows(FIX_NODES, LD), *y = random_rows(FIX_NODES, LD);
    float              *before = random_rows(FIX_NODES, LD), *mean = random_rows(FIX_NODES, LD + 1);
    float              *out = random_rows(FIX_NODES, COLS);
    reverse_room        room;

    fix_weigh(b);
    const pri_rows  x     = { .at = b->slab.rows, .ld = b->slab.ld, .cols = COLS, .slot = b->slot };
    const pri_lists lists = pri_lists_of_block(block);
    pri_aggregate_concat(&lists, &x, a, LD);
    pri_aggregate_add(&lists, &x, y, LD, false);
    memset(back, 0, sizeof back);
    for (uint32_t d = 0; d < block->num_dst; d++) {
        const uint32_t begin = block->indptr[d], end = block->indptr[d + 1];
        double         total = 0.0;
        for (uint32_t e = begin; e < end; e++) total += (double)block->weights[e];
        for (size_t c = 0; c < COLS; c++) {
            double sum = 0.0;
            for (uint32_t e = begin; e < end; e++) {
                const uint32_t u    = block->indices[e];
                const double   part = (double)block->weights[e] / total;
                sum += part * (double)x.at[x.slot[u] * x.ld + c];
                back[u][c] += part * (double)mean[d * LD + c];
            }
            assert_true(fabs((double)a[d * LD + COLS + c] - sum) < NEAR);
            assert_true(fabs((double)y[d * LD + c] - (double)before[d * LD + c] - sum) < NEAR);
        }
    }
    reverse_into(&room, block);
    pri_aggregate_scatter(&room.reversed, &(pri_scatter){ .mean = mean, .ld = LD, .cols = COLS },
                          out, COLS);
    for (uint32_t u = 0; u < block->num_src; u++)
        for (size_t c = 0; c < COLS; c++)
            assert_true(fabs((double)out[u * COLS + c] - back[u][c]) < 1e-5);
    fix_batch_free(b);
    fix_free(f);
    free(a);
    free(y);
    free(before);
    free(mean);
    free(out);
}

/* Sums with norms (gcn) and without (gin) of ranges of a whole graph, behind a bias and ReLU. */
static void sums_of_a_graph_equal_a_plain_loop(void **state)
{
    (void)state;
    enum { COLS = 37, FIRST = 11, NUM = 40 };
    fixture        *f     = fix_create(COLS, 3, test_seed());
    const pri_lists lists = pri_lists_of_graph(&f->graph, FIRST, NUM);
    const pri_rows  z     = { .at = f->rows, .ld = COLS, .cols = COLS };
    float           norm[FIX_NODES], y[NUM * COLS], *bias = random_rows(1, COLS);

    pri_coefficients_norm(&f->graph, (pr_vids){ .n = FIX_NODES }, norm);
    for (int n = 0; n < 8; n++) {
        const bool             relu = n & 1, biased = n & 2, normed = n & 4;
        const pri_coefficients how = { .graph = &f->graph,
                                       .norm  = normed ? norm : NULL,
                                       .self  = 1.25f };
        pri_aggregate_sum(&lists, &how, &z, biased ? bias : NULL, y, COLS, relu);
        for (uint32_t d = 0; d < NUM; d++)
            for (size_t c = 0; c < COLS; c++) {
                const pr_vid v      = FIRST + d;
                const double degree = (double)(f->indptr[v + 1] - f->indptr[v]);
                double       want   = biased ? (double)bias[c] : 0.0;
                want += (double)f->rows[v * COLS + c] * (normed ? 1.0 / (degree + 1.0) : 1.25);
                for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++) {
                    const pr_vid u    = f->indices[e];
                    const double self = (double)(f->indptr[u + 1] - f->indptr[u]) + 1.0;
                    want += (double)f->rows[u * COLS + c] /
                            (normed ? sqrt((degree + 1.0) * self) : 1.0);
                }
                if (relu && want < 0.0) want = 0.0;
                assert_true(fabs((double)y[d * COLS + c] - want) < NEAR);
            }
    }
    free(bias);
    fix_free(f);
}

static void products_of_rows_add_up_in_one_order(void **state)
{
    (void)state;
    enum { LD = 80 };
    static const uint32_t rows[] = { 0, 1, 31, 32, 33, 1000 }, cols[] = { 1, 16, 79 };
    const int             threads = omp_get_max_threads();
    float                *x = random_rows(1000, LD), *y = random_rows(1000, LD + 1);

    for (int n = 0; n < 18; n++) {
        const pri_rows of    = { .at = x, .ld = LD, .cols = cols[n % 3] };
        const uint32_t num   = rows[n / 3];
        double         first = 0.0, want = 0.0;
        for (int t = 1; t <= MAX_THREADS; t++) {
            omp_set_num_threads(t);
            const double now = pri_rows_dot(&of, y, LD + 1, num);
            if (t == 1) first = now;
            assert_true(first == now);
        }
        for (size_t r = 0; r < num; r++)
            for (size_t c = 0; c < of.cols; c++)
                want += (double)x[r * LD + c] * (double)y[r * (LD + 1) + c];
        assert_true(fabs(first - want) < 1e-3);
    }
    omp_set_num_threads(threads);
    free(x);
    free(y);
}

static void column_sums_equal_a_plain_loop(void **state)
{
    (void)state;
    enum { ROWS = 1000, COLS = 130, LD = 131 };
    float *x = random_rows(ROWS, LD), sum[COLS];

    for (size_t rows = 0; rows <= ROWS; rows += 250) {
        pri_aggregate_columns(x, LD, rows, COLS, sum);
        for (size_t c = 0; c < COLS; c++) {
            double want = 0.0;
            for (size_t r = 0; r < rows; r++) want += (double)x[r * LD + c];
            assert_true(fabs((double)sum[c] - want) < 1e-4);
        }
    }
    free(x);
}

static void sparse_products_equal_dense_ones(void **state)
{
    (void)state;
    enum { F = 23, H = 70, LD = 75 };
    fixture *f = fix_create(F, 3, test_seed());
    float   *w = random_rows(F, H), *bias = random_rows(1, H), *dz = random_rows(FIX_NODES, LD);
    float   *z = random_rows(FIX_NODES, LD), dw[F * H];
    pr_slot  row[FIX_NODES];
    for (uint32_t i = 0; i < FIX_NODES; i++) row[i] = (i * 7 + 3) % FIX_NODES;
    const pri_sparse rows = { .x = &f->csr, .row = row, .num = 41 };

    pri_sparse_multiply(&rows, w, H, bias, z, LD, H);
    for (uint32_t i = 0; i < rows.num; i++)
        for (size_t h = 0; h < H; h++) {
            double want = (double)bias[h];
            for (size_t c = 0; c < F; c++)
                want += (double)f->rows[row[i] * F + c] * (double)w[c * H + h];
            assert_true(fabs((double)z[i * LD + h] - want) < 1e-5);
        }
    pri_sparse_gradient(&rows, dz, LD, H, dw);
    for (size_t c = 0; c < F; c++)
        for (size_t h = 0; h < H; h++) {
            double want = 0.0;
            for (uint32_t i = 0; i < rows.num; i++)
                want += (double)f->rows[row[i] * F + c] * (double)dz[i * LD + h];
            assert_true(fabs((double)dw[c * H + h] - want) < 1e-5);
        }
    fix_free(f);
    free(w);
    free(bias);
    free(dz);
    free(z);
}

static void results_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { COLS = 150, LD = 2 * COLS };
    const int        threads = omp_get_max_threads();
    const pr_vid     seeds[] = { 1, 2, 3, 0, 5, 8, 13, 21, 34, 55, 6, 9, 10, 11, 12 };
    fixture         *f       = fix_create(COLS, 3, test_seed());
    fixture_batch   *b       = fix_batch(f, 1, FIX_MAX_DEGREE, seeds, 15, false);
    const pri_lists  lists   = pri_lists_of_graph(&f->graph, 0, FIX_NODES);
    const pri_rows   x       = { .at = f->rows, .ld = COLS, .cols = COLS };
    const pri_sparse csr     = { .x = &f->csr, .num = FIX_NODES };
    const size_t     bytes   = (size_t)FIX_NODES * LD * sizeof(float);
    float           *dy      = random_rows(FIX_NODES, LD), *first[5], *now[5];
    reverse_room     room;

    reverse_into(&room, &b->block[0]);
    const pri_scatter from = {
        .self = dy, .mean = dy + COLS, .ld = LD, .cols = COLS, .num_self = b->block[0].num_dst
    };
    for (int i = 0; i < 5; i++) {
        first[i] = calloc(1, COLS * LD * sizeof(float));
        now[i]   = calloc(1, COLS * LD * sizeof(float));
        assert_true(first[i] && now[i]);
    }
    for (int t = 1; t <= MAX_THREADS; t++) {
        float **to = t == 1 ? first : now;
        omp_set_num_threads(t);
        pri_aggregate_concat(&lists, &x, to[0], LD);
        pri_aggregate_scatter(&room.reversed, &from, to[1], COLS);
        pri_aggregate_columns(dy, LD, FIX_NODES, LD, to[2]);
        pri_sparse_multiply(&csr, f->rows, 32, NULL, to[3], LD, 32);
        pri_sparse_gradient(&csr, dy, LD, LD, to[4]);
        for (int i = 0; t > 1 && i < 4; i++) assert_memory_equal(first[i], now[i], bytes);
        if (t > 1) assert_memory_equal(first[4], now[4], COLS * LD * sizeof(float));
    }
    omp_set_num_threads(threads);
    for (int i = 0; i < 5; i++) {
        free(first[i]);
        free(now[i]);
    }
    free(dy);
    fix_batch_free(b);
    fix_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_equal_a_plain_loop_for_any_width),
        cmocka_unit_test(a_destination_without_neighbours_gets_a_zero_mean),
        cmocka_unit_test(adding_the_mean_applies_relu_only_when_asked),
        cmocka_unit_test(a_reversed_block_lists_every_edge_once_in_order),
        cmocka_unit_test(scattering_is_the_transpose_of_the_mean),
        cmocka_unit_test(weighted_means_and_their_transpose_equal_a_plain_loop),
        cmocka_unit_test(sums_of_a_graph_equal_a_plain_loop),
        cmocka_unit_test(products_of_rows_add_up_in_one_order),
        cmocka_unit_test(column_sums_equal_a_plain_loop),
        cmocka_unit_test(sparse_products_equal_dense_ones),
        cmocka_unit_test(results_are_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
