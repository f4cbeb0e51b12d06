/* dropout.h: which activations a training step drops: a pure function of (key, step, layer,
 * vertex, column), so that threads, lanes and the vertex's place in the batch do not matter. */
#ifndef PIPELINE_NN_DROPOUT_H
#define PIPELINE_NN_DROPOUT_H

#include <packrat/nouns.h>

#include "base/rng.h"

/* One layer's dropout in one step. */
typedef struct pri_dropout {
    uint64_t base;      /* of key, step and layer */
    uint32_t threshold; /* a word below it drops */
    float    scale;     /* of what stays: 1 / (1 - p) */
} pri_dropout;

/* `layer` is the layer whose inputs are dropped; p in [0, 1). */
pri_dropout pri_dropout_of(double p, uint64_t key, uint64_t step, uint32_t layer);

/* Drop in place: Y [vertices.n, cols], row i belonging to vertices.at[i]. Cannot fail. */
void pri_dropout_apply(const pri_dropout *dropout, pr_vids vertices, float *y, size_t ld,
                       size_t cols);

/* Drop of non-zeros of a vertex's row: give how many stay, and those, scaled, in their order.
 *
 *   column, value             [num]; `num_after` columns behind them are readable
 *   kept_column, kept_value   room [num] each; overlap nothing
 *
 * Cannot fail. */
uint32_t pri_dropout_select(const pri_dropout *dropout, pr_vid vertex, const uint32_t *column,
                            const float *value, uint32_t num, uint32_t num_after,
                            uint32_t *kept_column, float *kept_value);

/* Tell whether one element stays; for tests and for whoever must name a mask. */
bool pri_dropout_keeps(const pri_dropout *dropout, pr_vid vertex, uint32_t column);

#endif
