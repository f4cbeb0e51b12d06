/* sage.h: one GraphSAGE layer with mean aggregation, forward and backward.
 *
 *     Y [D, out] = act([ X[dst] | mean of X over the drawn neighbours ] W + b)
 *
 * The mean is weighted where the block has weights, see aggregate.h.
 * W [2 in, out] is two matrices on top of each other: Ws for the vertex itself, Wn for the mean.
 * Dense inputs are aggregated first, then multiplied once with W. Sparse inputs are multiplied
 * first, since their mean would not be sparse: the mean of X Wn is the mean of X times Wn. */
#ifndef PIPELINE_NN_SAGE_H
#define PIPELINE_NN_SAGE_H

#include "pipeline/nn/nn.h"
#include "pipeline/nn/sparse.h"
#include "pipeline/nn/tape.h"

/* A layer at work on a block. */
typedef struct pri_sage {
    pri_layer_part  weights, gradient;
    pri_layer_tape *tape;
    const pr_block *block;
    bool            relu;
} pri_sage;

/* Fill tape->a and tape->y from dense rows. PR_E_LIBRARY when oneDNN fails. */
pr_status pri_sage_forward(const pri_sage *sage, const pri_rows *x, pri_nn_times *times);

/* Fill tape->y from the sparse rows of all inputs; z [inputs, out] is scratch. Cannot fail. */
void pri_sage_forward_sparse(const pri_sage *sage, const pri_sparse *inputs, float *z, size_t ldz,
                             pri_nn_times *times);

/* The gradient of W and b from that of Y, dy [D, out]; reads tape->a. */
pr_status pri_sage_backward_weights(const pri_sage *sage, const float *dy);

/* The gradient of the inputs, dx [sources, in], through the ReLU and dropout that made them.
 *
 *   reversed   scratch, large enough for the block
 *   kept       the inputs after ReLU and dropout; ld is lddx
 *   scale      of dropout
 *
 * Overwrites tape->a. */
pr_status pri_sage_backward_inputs(const pri_sage *sage, const float *dy, pri_reversed *reversed,
                                   const float *kept, float scale, float *dx, size_t lddx);

/* Like pri_sage_backward_weights, for sparse inputs; z is overwritten. Cannot fail. */
void pri_sage_backward_sparse(const pri_sage *sage, const pri_sparse *inputs, const float *dy,
                              pri_reversed *reversed, float *z, size_t ldz);

#endif
