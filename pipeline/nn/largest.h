/* largest.h: the largest of each column over neighbour lists, and the way back. Results do not
 * depend on the number of threads. */
#ifndef PIPELINE_NN_LARGEST_H
#define PIPELINE_NN_LARGEST_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/sparse.h"

#define PRI_LARGEST_NONE UINT32_MAX

/* A[d, :] = [ X[first + d] | largest over the list of d of X[u] ]; an empty list gives zeros.
 *
 *   a      out [num, 2 x.cols], must not overlap X
 *   from   NULL, or out [num, x.cols]: the source that each is of, the first in the list of those
 *          that are alike, PRI_LARGEST_NONE for an empty one
 *
 * Cannot fail. O(list lengths * cols), memory bound. */
void pri_largest_concat(const pri_lists *lists, const pri_rows *x, float *a, size_t lda,
                        uint32_t *from);

/* The same of sparse rows, whose zeros count: source u is row u of X.
 *
 *   count   room [num, columns of X]
 *
 * Cannot fail. O(non-zeros of all lists + num * columns). */
void pri_largest_concat_sparse(const pri_lists *lists, const pri_sparse *x, float *a, size_t lda,
                               uint32_t *count);

/* The gradient of sources from that of the largest, pri_aggregate_scatter's with other sums:
 *
 *     OUT[u, c] = SELF[u, c] + sum over the destinations d of u with from[d, c] = u of MEAN[d, c]
 *
 * A destination that has u several times counts once. Cannot fail. */
void pri_largest_scatter(const pri_reversed *reversed, const pri_scatter *gradient,
                         const uint32_t *from, float *out, size_t ldout);

#endif
