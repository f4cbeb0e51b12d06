/* attention.h: attention of one destination over its neighbours and itself, of all heads, and the
 * way back (layer.h has the formulas). Rows Z [rows, heads * cols] have the heads side by side, and
 * so have the vectors that scores are made with. Sums run in list order, and products of two rows
 * sixteen columns side by side: results depend neither on threads nor on the instruction set. */
#ifndef PIPELINE_NN_ATTENTION_H
#define PIPELINE_NN_ATTENTION_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/dropout.h"
#include "pipeline/nn/model.h"

#define PRI_LEAKY_SLOPE 0.2f /* of scores below 0 */

static inline float pri_leaky_relu(float s)
{
    return s > 0.0f ? s : PRI_LEAKY_SLOPE * s;
}

/* What all destinations of a layer have in common. */
typedef struct pri_attention {
    uint32_t           heads; /* at most PRI_MAX_HEADS */
    size_t             cols;  /* of a head */
    bool               mean;  /* of the heads; else they stand side by side */
    pri_rows           z;
    const float       *source_score; /* [rows, heads] */
    const pr_vid      *vertex;       /* [rows] for dropout; NULL: nothing is dropped */
    const pri_dropout *dropout;      /* pri_attention_dropout */
} pri_attention;

/* The arcs of one destination. */
typedef struct pri_arcs {
    uint32_t        row; /* of Z: the destination's own */
    const uint32_t *index;
    const float    *weight; /* as index, > 0; NULL: alike */
    size_t          num;
    uint64_t        degree;       /* in the graph */
    const float    *target_score; /* [heads] */
} pri_arcs;

/* Give what training drops of a layer's attention weights: by destination, source and head, so that
 * neither the place in a list nor that in the batch matters. */
pri_dropout pri_attention_dropout(double p, uint64_t key, uint64_t step, uint32_t layer);

/* Tell whether the weight of an arc stays; the destination itself is its own source. */
bool pri_attention_keeps(const pri_dropout *dropout, pr_vid target, pr_vid source, uint32_t head);

/* SCORE[i, head] = <vector, Z[i]> of each head, rows 0 .. num - 1. Cannot fail. */
void pri_attention_scores(const pri_attention *a, uint32_t num, const float *vector, float *score);

/* y = bias + attention of one destination, on the calling thread alone.
 *
 *   bias   [cols], or [heads * cols] where they stand side by side
 *   alpha  out [num, heads] of arcs, and `self` [heads]: weights, which add up to 1 in each head;
 *          negative where dropout takes one
 *   y      overwritten; overlaps nothing
 *
 * Cannot fail. */
void pri_attention_row(const pri_attention *a, const pri_arcs *arcs, const float *bias,
                       float *alpha, float *self, float *y);

/* The way back of one destination, from dy to what its scores get.
 *
 *   alpha, self            of pri_attention_row
 *   d_alpha, d_self        out, as they: the gradient of each arc's score before leaky ReLU
 *   d_target               out [heads]: of the destination's; may be target_score */
void pri_attention_row_back(const pri_attention *a, const pri_arcs *arcs, const float *dy,
                            const float *alpha, const float *self, float *d_alpha, float *d_self,
                            float *d_target);

/* The arcs that a source has to destinations: entry k is arc `arc[k]` to destination index[k]. */
typedef struct pri_arcs_back {
    const uint32_t *index, *arc;
    size_t          num;
    const float    *alpha; /* [edges, heads] */
    const float    *dy;    /* [destinations] with lddy */
    size_t          lddy;
} pri_arcs_back;

/* dz += a' dY over the arcs of a source, each head's part. Cannot fail. */
void pri_attention_spread(const pri_attention *a, const pri_arcs_back *arcs, float *dz);

/* The same for one arc: of a destination to itself. */
void pri_attention_spread_self(const pri_attention *a, const float *self, const float *dy,
                               float *dz);

/* dz += score[head] * vector, each head's part. Cannot fail. */
void pri_attention_add_vector(const pri_attention *a, const float *score, const float *vector,
                              float *dz);

/* SUM[c] = sum over rows i < num of SCORE[i, head of c] * Z[i, c]: the gradient of a vector. Cannot
 * fail. */
void pri_attention_columns(const pri_attention *a, uint32_t num, const float *score, float *sum);

#endif
