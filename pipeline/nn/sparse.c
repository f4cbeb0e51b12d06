/* sparse.c: see sparse.h. */
#include "pipeline/nn/sparse.h"

#include <omp.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/rows.h"

enum {
    MOST_TASK  = 64, /* rows a thread takes at a time, */
    LEAST_TASK = 4,  /* fewer where there are many threads for few rows */
    LINE       = 16  /* floats in a cache line: threads never share one of DW */
};

static uint32_t row_id(const pri_sparse *rows, uint32_t i)
{
    return rows->row ? rows->row[i] : rows->first + i;
}

/* Rows of the other matrix that are added up for these: the mean row's entries each, and one. */
static uint64_t num_terms(const pri_sparse *rows)
{
    const pr_features *x = rows->x;

    return rows->num * (x->indptr[x->num_rows] / (x->num_rows + UINT64_C(1)) + 1);
}

void pri_sparse_multiply(const pri_sparse *rows, const float *w, size_t ldw, const float *bias,
                         float *z, size_t ldz, size_t cols)
{
    const pr_features *x       = rows->x;
    const pri_rows     weights = { .at = w, .ld = ldw, .cols = cols };
    const uint64_t     nnz     = x->indptr[x->num_rows];
    const bool         spread  = pri_worth_team(num_terms(rows) * cols, PRI_SUM_PS);
    const uint32_t task = pri_task_size(rows->num, omp_get_max_threads(), LEAST_TASK, MOST_TASK);

#pragma omp parallel for schedule(dynamic, task) if (spread)
    for (uint32_t i = 0; i < rows->num; i++) {
        const uint32_t r     = row_id(rows, i);
        const uint64_t begin = x->indptr[r], end = x->indptr[r + 1];
        const pri_list terms = { .index     = x->indices + begin,
                                 .num       = (size_t)(end - begin),
                                 .num_after = (size_t)(nnz - end),
                                 .value     = x->data + begin };
        if (bias)
            memcpy(z + i * ldz, bias, cols * sizeof *z);
        else
            memset(z + i * ldz, 0, cols * sizeof *z);
        pri_rows_add(z + i * ldz, &weights, &terms);
    }
}

/* Add one row's part: dw[column, :] += value * dz, for the non-zeros [begin, end). */
PRI_CLONES static void nn_add_outer(float *restrict dw, size_t ld, const uint32_t *restrict column,
                                    const float *restrict value, size_t num,
                                    const float *restrict dz, size_t    cols)
{
    for (size_t k = 0; k < num; k++) {
        float *restrict to = dw + column[k] * ld;
        const float v      = value[k];
        for (size_t c = 0; c < cols; c++) to[c] += v * dz[c];
    }
}

/* Compute columns [at, at + n) of DW. */
static void gradient_slice(const pri_sparse *rows, const float *dz, size_t lddz, size_t cols,
                           size_t at, size_t n, float *dw)
{
    const pr_features *x = rows->x;

    for (size_t f = 0; f < x->num_cols; f++) memset(dw + f * cols + at, 0, n * sizeof *dw);
    for (uint32_t i = 0; i < rows->num; i++) {
        const uint32_t r     = row_id(rows, i);
        const uint64_t begin = x->indptr[r];
        nn_add_outer(dw + at, cols, x->indices + begin, x->data + begin,
                     (size_t)(x->indptr[r + 1] - begin), dz + i * lddz + at, n);
    }
}

void pri_sparse_gradient(const pri_sparse *rows, const float *dz, size_t lddz, size_t cols,
                         float *dw)
{
    const bool   spread  = pri_worth_team(num_terms(rows) * cols, PRI_SUM_PS);
    const size_t threads = spread ? (size_t)omp_get_max_threads() : 1;
    const size_t share   = (cols + threads - 1) / threads;
    const size_t slice   = (share + LINE - 1) / LINE * LINE;

#pragma omp parallel for schedule(static, 1) if (spread)
    for (size_t at = 0; at < cols; at += slice)
        gradient_slice(rows, dz, lddz, cols, at, cols - at < slice ? cols - at : slice, dw);
}
