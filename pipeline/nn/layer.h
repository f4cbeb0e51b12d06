/* layer.h: one layer at work on a batch, and what each kind of convolution gives it.
 *
 * A layer turns rows X of a block's sources into rows Y of its destinations:
 *
 *     U = convolution(X) [+ residual]        one of the kinds below
 *     Y = dropout(act([norm](U)))            post.h; none of it in the last layer but the residual
 *
 * The last layer's U are the logits. Where nothing stands before a ReLU (pri_model_fuses) the
 * convolution applies it itself.
 *
 * Let d_v be the arcs of v in the graph, and mu_e the share of arc e = (u, v) among those drawn for
 * v: one over their number, or w_e / sum w in a block with weights. A sum over all arcs of v is
 * estimated by d_v sum_e mu_e x_u, which is the sum itself where all are drawn. With that
 *
 *     sage   U_v = [ x_v | sum_e mu_e x_u ] [ Ws ; W ] + b      (or the largest x_u of each column)
 *     gcn    U_v = (x_v / (d_v + 1) + sum_e d_v mu_e x_u / sqrt((d_v + 1) (d_u + 1))) W + b
 *     gin    U_v = relu(((1 + eps) x_v + d_v sum_e mu_e x_u) W + b) W2 + b2
 *     gat    U_v = a_v z_v + sum_e a_e z_u, of each head, + b          z = x W
 *            a_e ~ d_v mu_e exp(s(u, v)),  a_v ~ exp(s(v, v)),  which add up to 1
 *            s(u, v) = leaky relu of slope 0.2 of <source, z_u> + <target, z_v>
 *
 * (Hamilton et al., NIPS 2017; Kipf and Welling, ICLR 2017, with the self loop that it adds; Xu et
 * al., ICLR 2019; Velickovic et al., ICLR 2018, with the self loop that its code adds.) Degrees are
 * those of arcs that come in, of the whole graph, never of the block. */
#ifndef PIPELINE_NN_LAYER_H
#define PIPELINE_NN_LAYER_H

#include "pipeline/nn/dropout.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/sparse.h"
#include "pipeline/nn/tape.h"

/* Rows of all sources of a block, in local order: those of the slab or of the tape's copy of it,
 * the outputs of the layer below, or rows of CSR. Dense rows of the slab are gone on the way back;
 * all others are still there. Derived rows, also of the slab, are products already (nn.h), and have
 * no way back. */
typedef struct pri_input {
    bool       is_sparse, is_derived;
    pri_rows   dense;
    pri_sparse sparse;
} pri_input;

typedef struct pri_layer {
    const pr_model *model;
    uint32_t        index;
    bool            is_last, fuses; /* fuses: the convolution ends in ReLU */
    pri_layer_part  weights, gradient;
    pri_tape       *tape;
    pri_layer_tape *own;
    const pr_block *block;
    const pr_graph *graph;    /* whose arcs the block has some of; for degrees */
    pr_vids         vertices; /* [block->num_src] of the sources, destinations first */
    bool            training;
    uint64_t        key, step; /* of dropout */
} pri_layer;

/* Where the gradient of a layer's inputs goes: OUT [num_src, in], overwritten. Where `kept` is not
 * NULL OUT is 0 where kept is not positive, and times `scale` elsewhere: ReLU and dropout of the
 * layer below in one. */
typedef struct pri_input_gradient {
    float       *out;
    const float *kept;
    size_t       ld; /* of out and kept */
    float        scale;
} pri_input_gradient;

/* Forward fills own->y with U, or with ReLU(U) where the layer fuses; times go to aggregate_ns and
 * gemm_ns. Backward has du [num_dst, out] with own->ldy, the gradient of U (of what ReLU passed on
 * already), which it leaves as it is: a residual passes it on. It overwrites the gradients of all
 * tensors of the convolution, and dx where there is one (NULL in the first layer). PR_E_LIBRARY
 * when oneDNN fails. No heap call. Results do not depend on the number of threads but for the
 * rounding of GEMMs. */
typedef pr_status (*pri_forward)(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
typedef pr_status (*pri_backward)(const pri_layer *layer, const pri_input *x, float *du,
                                  const pri_input_gradient *dx);

pr_status pri_sage_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
pr_status pri_sage_backward(const pri_layer *layer, const pri_input *x, float *du,
                            const pri_input_gradient *dx);
pr_status pri_max_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
pr_status pri_max_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx);
pr_status pri_gcn_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
pr_status pri_gcn_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx);
pr_status pri_gin_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
pr_status pri_gin_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx);
pr_status pri_gat_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times);
pr_status pri_gat_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx);

#endif
