/* post.h: what a layer does to its rows behind the convolution: residual, layer norm (Ba, Kiros and
 * Hinton, 2016), activation.
 *
 *     U = U + X[dst] R        R [in, out]; the identity where in = out
 *     N = gamma (U - mean) / sqrt(variance + 1e-5) + beta        over the columns of a row
 *     Y = relu(N), or elu(N) = N > 0 ? N : exp(N) - 1 */
#ifndef PIPELINE_NN_POST_H
#define PIPELINE_NN_POST_H

#include "pipeline/nn/layer.h"

/* Norm and activation of rows, wherever they are: training, and exact inference by ranges. */
typedef struct pri_post {
    const float *norm_scale, *norm_shift; /* [cols]; NULL: no norm */
    int          activation;              /* pr_activation, or -1: none */
    size_t       cols;
} pri_post;

/* Give what the layer of a model has of them: nothing in the last. */
pri_post pri_post_of(const pr_model *model, uint32_t layer);

/* Do it in place to num rows, ld apart.
 *
 *   unit   NULL, or [num, cols] with ld: (U - mean) / sqrt(variance + 1e-5), for the way back
 *   rstd   NULL, or [num]: 1 / sqrt(variance + 1e-5)
 *
 * Cannot fail. */
void pri_post_rows(const pri_post *post, float *u, size_t ld, size_t num, float *unit, float *rstd);

/* Y [num, cols] += X, for a residual that is the identity; rows of CSR, behind dropout, likewise.
 * Cannot fail. */
void pri_post_add_rows(float *y, size_t ldy, const float *x, size_t ldx, uint32_t num, size_t cols);
void pri_post_add_sparse(float *y, size_t ldy, const pri_sparse *rows);

/* Residual, norm and activation of a layer whose convolution filled own->y, in place. Dropout comes
 * after it (network.c). */
pr_status pri_post_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);

/* The gradient of Y (dropout included) to that of U, in place; fills the gradients of norm and
 * residual matrix. */
pr_status pri_post_backward(const pri_layer *layer, const pri_input *x, float *dy);

/* Add the residual's part to the gradient of the inputs, which the convolution has filled. */
pr_status pri_post_inputs(const pri_layer *layer, const float *du, const pri_input_gradient *dx);

#endif
