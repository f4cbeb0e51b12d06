/* tape.h: what one lane keeps of a batch from forward to backward. All arrays lie in one
 * reservation made for the worst batch; a batch commits the pages it writes. */
#ifndef PIPELINE_NN_TAPE_H
#define PIPELINE_NN_TAPE_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"

/* Of one layer: D destinations, S sources, E edges, `in` and `out` columns. Arrays that a layer
 * does not use have no bytes. */
typedef struct pri_layer_tape {
    uint32_t max_dst, max_src;
    uint64_t max_edges;
    float *a; /* [D, lda] what the convolution multiplies: sage [ X[dst] | mean ], gcn the sum, gin
                 the sum and, in the first layer, X[dst]; the way back may overwrite it */
    float *y; /* Y [D, out] after activation and dropout: the next layer's inputs, or the logits */
    float *h; /* gin: [D, out] behind the first product and ReLU, ld = ldy */
    float *z; /* gat: X W of all sources [S, ldz] */
    float *scores;    /* gat: of sources, then of destinations [S + D, heads]; their gradients on
                         the way back */
    float *alpha;     /* gat: weights of edges, then of each destination itself [E + D, heads];
                         those that dropout takes are negative */
    uint32_t *argmax; /* sage max: the source that each of the largest is of [D, in] */
    float    *unit, *rstd; /* layer norm: [D, out] with ldy, [D] */
    size_t    lda, ldy, ldz;
    uint32_t  heads;
    pri_gemm *forward; /* Y = A W + b, ReLU if the layer fuses; gat Z = X W; gin's first, ReLU */
    pri_gemm *weight;  /* DW = A^T DY */
    pri_gemm *input;   /* DA = DY W^T; may be NULL in layer 0 */
    pri_gemm *forward2, *weight2, *input2;                 /* gin: the second product */
    pri_gemm *residual, *residual_weight, *residual_input; /* where in != out */
} pri_layer_tape;

struct pri_tape {
    uint32_t        num_layers, num_outputs;
    const pr_graph *graph; /* for degrees; NULL where no model asks */
    pri_layer_tape  layer[PR_MAX_LAYERS];
    float          *gradient; /* flat, as the model's parameters */
    float          *dy[2];    /* gradient of Y of layer l in dy[l % 2], ld = ldy of l */
    float          *x0;       /* copy of dense inputs (pri_model_copies) [inputs, ldx0] */
    size_t          ldx0;
    float          *z; /* sparse first layer: X W of all inputs, then its gradient; also the
                          gradient of gat's Z */
    size_t       ldz;
    float       *dh;           /* gin: the gradient of h of one layer at a time, ld = ldy of it */
    float       *norm;         /* gcn: of a layer's sources (coefficients.h) [S] */
    float       *edge;         /* gat: gradients of scores [E + D, heads] */
    pr_slot     *row_of_input; /* sparse first layer: CSR rows, copied from the slab */
    pri_reversed reversed;     /* of one layer at a time */
    double      *row_loss;     /* [seeds] */
    uint32_t    *row_counts; /* [seeds, 4]: correct; true positives, false ones, false negatives */
    pri_engine  *engine;
    void        *pages;
    size_t       pages_bytes;

    /* Of the last forward. */
    const pr_features *sparse; /* the first layer read these, or NULL */
    bool               training;
    uint64_t           key;   /* of dropout */
    float              scale; /* of what dropout kept; 1 without */
};

#endif
