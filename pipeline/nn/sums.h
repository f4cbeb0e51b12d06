/* sums.h: what gcn and gin have in common: U = (sum of X by coefficients) W + b, forward and
 * backward (layer.h).
 *
 * The sum goes over in columns where it comes first and over out where the product does. Dense rows
 * are summed first: their slab is read in place, once. Sparse rows are multiplied first, since
 * their sum would not be sparse; derived rows have been. */
#ifndef PIPELINE_NN_SUMS_H
#define PIPELINE_NN_SUMS_H

#include "pipeline/nn/layer.h"

/* Fill out [num_dst, out] with ld of own->ldy; own->forward ends in ReLU where `relu` says so. */
pr_status pri_sums_forward(const pri_layer *layer, const pri_input *x, const pri_coefficients *how,
                           float *out, bool relu, pri_nn_times *times);

/* The way back from du, the gradient of U (of what ReLU passed on): W and b, and dx if there is
 * one.
 *
 *   self   NULL, or out: the gradient of what a destination's own row counts. Dense rows of a first
 *          layer are gone: own->a has them behind the sums then */
pr_status pri_sums_backward(const pri_layer *layer, const pri_input *x, const pri_coefficients *how,
                            const float *du, float *self, const pri_input_gradient *dx);

#endif
