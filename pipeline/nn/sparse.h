/* sparse.h: products of CSR rows (bags of words) with dense matrices: the first layer when
 * features stay sparse. Results do not depend on the number of threads. */
#ifndef PIPELINE_NN_SPARSE_H
#define PIPELINE_NN_SPARSE_H

#include <packrat/nouns.h>

#include "base/check.h"
#include "pipeline/nn/dropout.h"

/* Rows of X in CSR: row i is row[i], or first + i when row is NULL. */
typedef struct pri_sparse {
    const pr_features *x;
    const pr_slot     *row; /* [num] or NULL */
    uint32_t           first, num;
    const pr_vid *vertex;  /* [num] whose rows they are, for dropout; NULL: nothing is dropped */
    pri_dropout   dropout; /* of their values, by vertex and column */
} pri_sparse;

/* Give the first `num` of them. */
static inline pri_sparse pri_sparse_head(const pri_sparse *rows, uint32_t num)
{
    pri_sparse first = *rows;
    first.num        = num;
    return first;
}

/* A part of a row: its non-zeros from some on, at most PRI_SPARSE_PART of them behind dropout. */
typedef struct pri_sparse_part {
    const uint32_t *column;
    const float    *value;
    size_t          num, num_after; /* and readable entries behind them */
} pri_sparse_part;

enum { PRI_SPARSE_PART = 512 };

/* Where parts are put together when values are dropped. */
typedef struct pri_sparse_room {
    uint32_t column[PRI_SPARSE_PART];
    float    value[PRI_SPARSE_PART];
} pri_sparse_room;

/* Give the next part of row i: *at is 0 for the first and moves on; false behind the last. `part`
 * is borrowed from rows and room. Cannot fail. */
bool pri_sparse_next(const pri_sparse *rows, uint32_t i, size_t *at, pri_sparse_room *room,
                     pri_sparse_part *part);

/* Z [num, cols] = bias + X[rows] W.
 *
 *   w      [num_cols of X, cols], ldw
 *   bias   [cols], or NULL for zero
 *   z      overwritten
 *
 * Cannot fail. O(non-zeros * cols). */
void pri_sparse_multiply(const pri_sparse *rows, const float *w, size_t ldw, const float *bias,
                         float *z, size_t ldz, size_t cols);

/* DW [num_cols of X, cols] = X[rows]^T DZ, where DZ is [num, cols]; ld of DW is cols. Rows are
 * added in order, each thread to its own columns. Cannot fail. */
void pri_sparse_gradient(const pri_sparse *rows, const float *dz, size_t lddz, size_t cols,
                         float *dw);

#endif
