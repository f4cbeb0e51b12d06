/* tape.h: what one lane keeps of a batch from forward to backward. All arrays lie in one
 * reservation made for the worst batch; a batch commits the pages it writes. */
#ifndef PIPELINE_NN_TAPE_H
#define PIPELINE_NN_TAPE_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"

/* Of one layer: D destinations, `in` and `out` columns. */
typedef struct pri_layer_tape {
    uint32_t  max_dst, max_src;
    uint64_t  max_edges;
    float    *a; /* A [D, 2 in]; backward turns it into its own gradient */
    float    *y; /* Y [D, out] after ReLU and dropout: the next layer's inputs, or the logits */
    size_t    lda, ldy;
    pri_gemm *forward; /* Y = A W + b, ReLU unless last */
    pri_gemm *weight;  /* DW = A^T DY */
    pri_gemm *input;   /* DA = DY W^T; NULL for layer 0 */
} pri_layer_tape;

struct pri_tape {
    uint32_t       num_layers, num_classes;
    pri_layer_tape layer[PR_MAX_LAYERS];
    float         *gradient; /* flat, as the model's parameters */
    float         *dy[2];    /* gradient of Y of layer l in dy[l % 2], ld = ldy of l */
    float         *z;        /* sparse first layer: X Wn of all inputs, then its gradient */
    size_t         ldz;
    pr_slot       *row_of_input; /* sparse first layer: CSR rows, copied from the slab */
    pri_reversed   reversed;     /* of one layer at a time */
    double        *row_loss;     /* [seeds] */
    uint8_t       *row_correct;  /* [seeds] */
    pri_engine    *engine;
    void          *pages;
    size_t         pages_bytes;

    /* Of the last forward. */
    const pr_features *sparse; /* the first layer read these, or NULL */
    float              scale;  /* of what dropout kept; 1 without */
};

#endif
