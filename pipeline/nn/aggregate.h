/* aggregate.h: means and sums over neighbour lists, read in place, and the way back. Where
 * neighbours have weights w the mean is sum w x / sum w (PinSAGE's importance pooling), else
 * sum x / number.
 *
 * Every result row is computed by one thread in the order of its list, so results do not depend
 * on the number of threads, nor on the instruction set. */
#ifndef PIPELINE_NN_AGGREGATE_H
#define PIPELINE_NN_AGGREGATE_H

#include <packrat/nouns.h>

#include "pipeline/nn/coefficients.h"
#include "pipeline/nn/rows.h"

/* The neighbour lists of `num` destinations: destination d is row `first + d` of the sources and
 * its neighbours are index[begin(d) .. begin(d + 1)), where begin is begin32 or begin64. */
typedef struct pri_lists {
    uint32_t        first, num;
    const uint32_t *begin32; /* [num + 1], or NULL */
    const uint64_t *begin64; /* [num + 1] when begin32 is NULL */
    const uint32_t *index;
    const float    *weight; /* as index, > 0; NULL: alike */
} pri_lists;

pri_lists pri_lists_of_block(const pr_block *block);
pri_lists pri_lists_of_graph(const pr_graph *graph, pr_vid first, uint32_t num);

/* Give where the list of destination d begins, or ends where d is the next. */
static inline uint64_t pri_lists_begin(const pri_lists *lists, uint32_t d)
{
    return lists->begin32 ? lists->begin32[d] : lists->begin64[d];
}

/* Rows that are read and written to sum lists. */
static inline uint64_t pri_lists_rows(const pri_lists *lists)
{
    return lists->num ? lists->num + pri_lists_begin(lists, lists->num) - pri_lists_begin(lists, 0)
                      : 0;
}

/* A[d, :] = [ X[first + d] | mean over the list of d of X[u] ]; an empty list gives a zero mean.
 *
 *   a   out [num, 2 x.cols], must not overlap X
 *
 * Cannot fail. O(list lengths * cols), memory bound. */
void pri_aggregate_concat(const pri_lists *lists, const pri_rows *x, float *a, size_t lda);

/* Y[d, :] = Y[d, :] + mean over the list of d of Z[u], then ReLU if asked. Cannot fail.
 *
 *   y   in and out [num, z.cols], must not overlap Z */
void pri_aggregate_add(const pri_lists *lists, const pri_rows *z, float *y, size_t ldy, bool relu);

/* Y[d, :] = bias + s x + l (mean over the list of d of n[u] X[u, :]), x = X[first + d, :], then
 * ReLU if asked. The coefficients have s and l of source row first + d, and n where they have a
 * norm.
 *
 *   bias  [x.cols], or NULL for zero
 *   y     out [num, x.cols], must not overlap X
 *
 * Cannot fail. */
void pri_aggregate_sum(const pri_lists *lists, const pri_coefficients *coefficients,
                       const pri_rows *x, const float *bias, float *y, size_t ldy, bool relu);

/* A block turned round: for every source the destinations that drew it, ascending, and for every
 * destination one over its number of neighbours (0 when it has none), or for every edge of a block
 * with weights its part of the destination's sum. */
typedef struct pri_reversed {
    uint32_t  num_src;
    uint32_t *begin; /* [num_src + 1] */
    uint32_t *dst;   /* [num_edges] */
    float    *share; /* [num_dst]; of a block without weights */
    float    *value; /* [num_edges]; of one with weights */
    uint32_t *arc;   /* [num_edges] which edge of the block each is; NULL: not asked for */
    bool      weighted;
} pri_reversed;

/* Fill the arrays, which the caller has made large enough; a counting sort by source. */
void pri_aggregate_reverse(const pr_block *block, pri_reversed *out);

/* The same for sums: share and value are times what the coefficients say of destinations. */
void pri_aggregate_reverse_sums(const pr_block *block, const pri_coefficients *coefficients,
                                pri_reversed *out);

/* The gradient of sources from that of the lists' means:
 *
 *     OUT[u, :] = SELF[u, :] + sum over the destinations d of u of share[d] or value * MEAN[d, :]
 *
 *   self   [num_self, cols], the gradient of the first sources' own rows; NULL when num_self is 0
 *   mean   [num_dst, cols]; ld is shared by self and mean
 *   kept   NULL, or [num_src, cols] with ldout: where it is not positive OUT becomes 0, elsewhere
 *          OUT is multiplied by `scale` (ReLU and dropout in one). May not be OUT.
 *   out    [num_src, cols]; overlaps nothing
 *   coefficients   NULL, or of sums: SELF[u] is times its own, the sum times norm[u]
 *
 * Cannot fail. */
typedef struct pri_scatter {
    const float            *self, *mean, *kept;
    size_t                  ld, cols;
    uint32_t                num_self;
    float                   scale;
    const pri_coefficients *coefficients;
} pri_scatter;

void pri_aggregate_scatter(const pri_reversed *reversed, const pri_scatter *from, float *out,
                           size_t ldout);

/* sum[c] = sum over rows of X[r, c]: the gradient of a bias. Cannot fail. */
void pri_aggregate_columns(const float *x, size_t ld, size_t num_rows, size_t cols, float *sum);

#endif
