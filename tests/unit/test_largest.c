/* test_largest.c: the largest of neighbour rows and the way back against plain loops, and the same
 * bits for any number of threads. */
#include <math.h>
#include <omp.h>

#include "pipeline/nn/largest.h"
#include "unit/nn_fixture.h"

static const pr_vid seeds[] = { 1, 2, 3, 0, 5, 8, 13, 21, 34, 55, 7, 9, 10, 11 };

enum { NUM_SEEDS = sizeof seeds / sizeof *seeds, COLS = 35, LDA = 2 * COLS + 3, MAX_THREADS = 3 };

/* A batch of one hop, its rows, and what is made of them. */
typedef struct bench {
    fixture       *f;
    fixture_batch *b;
    pri_lists      lists;
    pri_rows       x;
    float          a[FIX_NODES * LDA], out[FIX_NODES * COLS];
    uint32_t       from[FIX_NODES * COLS];
    uint32_t       begin[FIX_NODES + 1], dst[FIX_NODES * FIX_MAX_DEGREE];
    float          share[FIX_NODES];
    pri_reversed   reversed;
} bench;

static bench *make_bench(bool sparse)
{
    bench *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->f     = fix_create(COLS, 3, test_seed());
    t->b     = fix_batch(t->f, 1, FIX_MAX_DEGREE, seeds, NUM_SEEDS, sparse);
    t->lists = pri_lists_of_block(&t->b->block[0]);
    t->x = (pri_rows){ .at = t->b->rows, .ld = t->b->slab.ld, .cols = COLS, .slot = t->b->slot };
    t->reversed = (pri_reversed){ .begin = t->begin, .dst = t->dst, .share = t->share };
    pri_aggregate_reverse(&t->b->block[0], &t->reversed);
    return t;
}

static void drop_bench(bench *t)
{
    fix_batch_free(t->b);
    fix_free(t->f);
    free(t);
}

static void the_largest_and_its_first_source_equal_a_plain_loop(void **state)
{
    (void)state;
    bench *t = make_bench(false);

    for (size_t i = 0; i < (size_t)FIX_SLOTS * t->x.ld; i += 3) t->b->rows[i] = 0.25f; /* ties */
    for (size_t i = 0; i < FIX_NODES * LDA; i++) t->a[i] = 55.0f;
    pri_largest_concat(&t->lists, &t->x, t->a, LDA, t->from);
    for (uint32_t d = 0; d < t->lists.num; d++)
        for (size_t c = 0; c < COLS; c++) {
            const uint32_t begin = t->lists.begin32[d], end = t->lists.begin32[d + 1];
            float          best = 0.0f;
            uint32_t       from = PRI_LARGEST_NONE;
            for (uint32_t e = begin; e < end; e++) {
                const float x = pri_row(&t->x, t->lists.index[e])[c];
                if (from != PRI_LARGEST_NONE && x <= best) continue;
                best = x;
                from = t->lists.index[e];
            }
            assert_true(t->a[d * LDA + c] == pri_row(&t->x, d)[c]);
            assert_true(t->a[d * LDA + COLS + c] == best);
            assert_int_equal(t->from[d * COLS + c], from);
        }
    for (uint32_t d = 0; d < t->lists.num; d++)
        for (size_t c = 2 * COLS; c < LDA; c++) assert_true(t->a[d * LDA + c] == 55.0f);
    drop_bench(t);
}

static void sparse_rows_give_the_bits_of_dense_ones(void **state)
{
    (void)state;
    static uint32_t count[FIX_NODES * COLS];
    bench          *dense = make_bench(false), *sparse = make_bench(true);
    pri_sparse      rows = { .x   = &sparse->f->csr,
                             .row = sparse->b->slot,
                             .num = (uint32_t)sparse->b->batch.nodes.n };

    for (int drop = 0; drop < 2; drop++) {
        if (drop) {
            float        *x        = calloc(FIX_NODES * COLS, sizeof *x);
            const pr_vids vertices = { .at = dense->b->nodes, .n = rows.num };
            assert_non_null(x);
            rows.dropout = pri_dropout_of(0.5, 3, 4, 0);
            rows.vertex  = sparse->b->nodes;
            pri_rows_copy(&dense->x, rows.num, x, COLS);
            pri_dropout_apply(&rows.dropout, vertices, x, COLS, COLS);
            const pri_rows dropped = { .at = x, .ld = COLS, .cols = COLS };
            pri_largest_concat(&dense->lists, &dropped, dense->a, LDA, NULL);
            free(x);
        } else {
            pri_largest_concat(&dense->lists, &dense->x, dense->a, LDA, NULL);
        }
        pri_largest_concat_sparse(&sparse->lists, &rows, sparse->a, LDA, count);
        for (uint32_t d = 0; d < dense->lists.num; d++)
            for (size_t c = 0; c < 2 * COLS; c++)
                assert_true(dense->a[d * LDA + c] == sparse->a[d * LDA + c]);
    }
    drop_bench(dense);
    drop_bench(sparse);
}

/* Two arcs from the same source: the destination's gradient goes to it once. */
static void a_source_that_was_drawn_twice_gets_its_gradient_once(void **state)
{
    (void)state;
    const uint32_t indptr[] = { 0, 3 }, indices[] = { 1, 2, 1 };
    const pr_block block = {
        .num_dst = 1, .num_src = 3, .num_edges = 3, .indptr = indptr, .indices = indices
    };
    const float       rows[] = { 9.0f, 9.0f, 5.0f, 1.0f, 4.0f, 2.0f };
    const float       self[] = { 0.5f, 0.25f }, gradient[] = { 10.0f, 20.0f };
    const pri_rows    x       = { .at = rows, .ld = 2, .cols = 2 };
    const pri_lists   lists   = pri_lists_of_block(&block);
    const pri_scatter scatter = {
        .self = self, .mean = gradient, .ld = 2, .cols = 2, .num_self = 1
    };
    uint32_t     begin[4], dst[3], from[2];
    float        share[1], a[4], out[6];
    pri_reversed reversed = { .begin = begin, .dst = dst, .share = share };

    pri_largest_concat(&lists, &x, a, 4, from);
    assert_true(a[2] == 5.0f && a[3] == 2.0f);
    pri_aggregate_reverse(&block, &reversed);
    pri_largest_scatter(&reversed, &scatter, from, out, 2);
    assert_true(out[0] == 0.5f && out[1] == 0.25f);
    assert_true(out[2] == 10.0f && out[3] == 0.0f);
    assert_true(out[4] == 0.0f && out[5] == 20.0f);
}

static void the_way_back_is_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    bench    *t       = make_bench(false);
    float     first[FIX_NODES * COLS];

    for (int n = 1; n <= MAX_THREADS; n++) {
        omp_set_num_threads(n);
        pri_largest_concat(&t->lists, &t->x, t->a, LDA, t->from);
        const pri_scatter scatter = { .self     = t->a,
                                      .mean     = t->a + COLS,
                                      .kept     = t->f->rows,
                                      .ld       = LDA,
                                      .cols     = COLS,
                                      .num_self = t->lists.num,
                                      .scale    = 2.0f };
        pri_largest_scatter(&t->reversed, &scatter, t->from, t->out, COLS);
        if (n == 1) memcpy(first, t->out, sizeof first);
        assert_memory_equal(first, t->out, sizeof first);
    }
    omp_set_num_threads(threads);
    for (uint32_t u = 0; u < t->reversed.num_src; u++)
        for (size_t c = 0; c < COLS; c++) {
            double want = u < t->lists.num ? (double)t->a[u * LDA + c] : 0.0;
            for (uint32_t d = 0; d < t->lists.num; d++)
                if (t->from[d * COLS + c] == u) want += (double)t->a[d * LDA + COLS + c];
            want = t->f->rows[u * COLS + c] > 0.0f ? 2.0 * want : 0.0;
            assert_true(fabs((double)first[u * COLS + c] - want) < 1e-5);
        }
    drop_bench(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_and_its_first_source_equal_a_plain_loop),
        cmocka_unit_test(sparse_rows_give_the_bits_of_dense_ones),
        cmocka_unit_test(a_source_that_was_drawn_twice_gets_its_gradient_once),
        cmocka_unit_test(the_way_back_is_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
