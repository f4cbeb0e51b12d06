/* sparse.c: see sparse.h. */
#include "pipeline/nn/sparse.h"

#include <omp.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/rows.h"

enum {
    LINE = 16 /* floats in a cache line: threads never share one of DW */
};

/* A line's worth of floats at any address; compilers turn it into what the CPU has. */
typedef float line __attribute__((vector_size(LINE * sizeof(float)), aligned(4), may_alias));

static uint32_t row_id(const pri_sparse *rows, uint32_t i)
{
    return rows->row ? rows->row[i] : rows->first + i;
}

bool pri_sparse_next(const pri_sparse *rows, uint32_t i, size_t *at, pri_sparse_room *room,
                     pri_sparse_part *part)
{
    const pr_features *x     = rows->x;
    const uint32_t     r     = row_id(rows, i);
    const uint64_t     begin = x->indptr[r] + *at, end = x->indptr[r + 1];

    if (begin == end) return false;
    *part = (pri_sparse_part){ .column    = x->indices + begin,
                               .value     = x->data + begin,
                               .num       = (size_t)(end - begin),
                               .num_after = (size_t)(x->indptr[x->num_rows] - end) };
    if (rows->vertex) {
        const size_t num   = part->num < PRI_SPARSE_PART ? part->num : PRI_SPARSE_PART;
        const size_t after = part->num - num + part->num_after;
        *at += num;
        part->num = pri_dropout_select(
            &rows->dropout, rows->vertex[i], part->column, part->value, (uint32_t)num,
            after < PRI_SPARSE_PART ? (uint32_t)after : PRI_SPARSE_PART, room->column, room->value);
        part->num_after = 0;
        part->column    = room->column;
        part->value     = room->value;
    } else {
        *at += part->num;
    }
    return true;
}

/* Rows of the other matrix that are added up for these: the mean row's entries each, and one. */
static uint64_t num_terms(const pri_sparse *rows)
{
    const pr_features *x = rows->x;

    return rows->num * (x->indptr[x->num_rows] / (x->num_rows + UINT64_C(1)) + 1);
}

/* Add the product of row i to z [cols]. */
static void multiply_row(const pri_sparse *rows, uint32_t i, const pri_rows *weights, float *z)
{
    pri_sparse_room room;
    pri_sparse_part part;

    for (size_t at = 0; pri_sparse_next(rows, i, &at, &room, &part);) {
        const pri_list terms = {
            .index = part.column, .num = part.num, .num_after = part.num_after, .value = part.value
        };
        pri_rows_add(z, weights, &terms);
    }
}

void pri_sparse_multiply(const pri_sparse *rows, const float *w, size_t ldw, const float *bias,
                         float *z, size_t ldz, size_t cols)
{
    const pri_rows weights = { .at = w, .ld = ldw, .cols = cols };
    const bool     spread  = pri_worth_team(num_terms(rows) * cols, PRI_SUM_PS);
    const uint32_t task    = pri_rows_task(rows->num);

#pragma omp parallel for schedule(dynamic, task) if (spread)
    for (uint32_t i = 0; i < rows->num; i++) {
        if (bias)
            memcpy(z + i * ldz, bias, cols * sizeof *z);
        else
            memset(z + i * ldz, 0, cols * sizeof *z);
        multiply_row(rows, i, &weights, z + i * ldz);
    }
}

/* Add one row's part: dw[column, :] += value * dz. */
PRI_CLONES static void nn_add_outer(float *restrict dw, size_t ld, const uint32_t *restrict column,
                                    const float *restrict value, size_t num,
                                    const float *restrict dz, size_t    cols)
{
    for (size_t k = 0; k < num; k++) {
        float *restrict to = dw + column[k] * ld;
        const float v      = value[k];
        size_t      c      = 0;
        for (; c + LINE <= cols; c += LINE) *(line *)(to + c) += *(const line *)(dz + c) * v;
        for (; c < cols; c++) to[c] += v * dz[c];
    }
}

/* Compute columns [at, at + n) of DW. */
static void gradient_slice(const pri_sparse *rows, const float *dz, size_t lddz, size_t cols,
                           size_t at, size_t n, float *dw)
{
    const size_t    num_rows = rows->x->num_cols;
    pri_sparse_room room;
    pri_sparse_part part;

    if (n == cols)
        memset(dw, 0, num_rows * cols * sizeof *dw);
    else
        for (size_t f = 0; f < num_rows; f++) memset(dw + f * cols + at, 0, n * sizeof *dw);
    for (uint32_t i = 0; i < rows->num; i++)
        for (size_t from = 0; pri_sparse_next(rows, i, &from, &room, &part);)
            nn_add_outer(dw + at, cols, part.column, part.value, part.num, dz + i * lddz + at, n);
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
