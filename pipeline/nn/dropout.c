/* dropout.c: one 64-bit mix a row, one 32-bit mix an element; loops that vectorise. */
#include "pipeline/nn/dropout.h"

#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/rows.h"

enum {
    ELEMENT_PS = 200, /* what an element takes */
    SELECT     = 16   /* words made at a time */
};

pri_dropout pri_dropout_of(double p, uint64_t key, uint64_t step, uint32_t layer)
{
    PR_ASSERT(p >= 0.0 && p < 1.0);
    const uint64_t stream = pri_stream_key(key, PRI_STREAM_DROPOUT);

    return (pri_dropout){ .base      = pri_mix64(pri_mix64(stream + step) + layer),
                          .threshold = (uint32_t)(p * 0x1p32),
                          .scale     = (float)(1.0 / (1.0 - p)) };
}

static uint64_t row_key(const pri_dropout *dropout, pr_vid vertex)
{
    return pri_mix64(dropout->base + vertex);
}

/* Mix a row's key and a column to a word: an xor-multiply hash of full avalanche on 32 bits whose
 * second half of the key comes in between, so that rows are not shifts of each other. */
static inline uint32_t element_word(uint32_t low, uint32_t high, uint32_t column)
{
    uint32_t x = low + column;
    x          = (x ^ (x >> 16)) * 0x7feb352du;
    x          = (x ^ (x >> 15) ^ high) * 0x846ca68bu;
    return x ^ (x >> 16);
}

bool pri_dropout_keeps(const pri_dropout *dropout, pr_vid vertex, uint32_t column)
{
    const uint64_t key = row_key(dropout, vertex);

    return element_word((uint32_t)key, (uint32_t)(key >> 32), column) >= dropout->threshold;
}

PRI_CLONES static void nn_drop_row(float *restrict y, uint32_t cols, uint64_t key,
                                   uint32_t threshold, float scale)
{
    const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);

    for (uint32_t c = 0; c < cols; c++)
        y[c] *= element_word(low, high, c) >= threshold ? scale : 0.0f;
}

/* Words of a run of columns; those of a whole group are made also where fewer are asked for, since
 * rows are short: `column` is readable so far. */
static inline __attribute__((always_inline)) void
words(uint64_t key, const uint32_t *restrict column, uint32_t *restrict word)
{
    const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);

    for (uint32_t k = 0; k < SELECT; k++) word[k] = element_word(low, high, column[k]);
}

/* The entries that stay: each is written, and written over where it does not, since no branch
 * would be foretold. */
PRI_CLONES static uint32_t nn_select(uint64_t key, const pri_dropout *dropout,
                                     const uint32_t *restrict column, const float *restrict value,
                                     uint32_t num, uint32_t num_after,
                                     uint32_t *restrict kept_column, float *restrict kept_value)
{
    const uint32_t threshold = dropout->threshold;
    const float    scale     = dropout->scale;
    uint32_t       word[SELECT], copy[SELECT] = { 0 }, n = 0;

    for (uint32_t begin = 0; begin < num; begin += SELECT) {
        const uint32_t  here = num - begin < SELECT ? num - begin : SELECT;
        const uint32_t *from = column + begin;
        if (num - begin + (uint64_t)num_after < SELECT) {
            memcpy(copy, from, here * sizeof *copy);
            from = copy;
        }
        words(key, from, word);
        for (uint32_t k = 0; k < here; k++) {
            kept_column[n] = column[begin + k];
            kept_value[n]  = value[begin + k] * scale;
            n += word[k] >= threshold;
        }
    }
    return n;
}

uint32_t pri_dropout_select(const pri_dropout *dropout, pr_vid vertex, const uint32_t *column,
                            const float *value, uint32_t num, uint32_t num_after,
                            uint32_t *kept_column, float *kept_value)
{
    return nn_select(row_key(dropout, vertex), dropout, column, value, num, num_after, kept_column,
                     kept_value);
}

void pri_dropout_apply(const pri_dropout *dropout, pr_vids vertices, float *y, size_t ld,
                       size_t cols)
{
#pragma omp parallel for schedule(static) if (pri_worth_team(vertices.n * cols, ELEMENT_PS))
    for (size_t i = 0; i < vertices.n; i++)
        nn_drop_row(y + i * ld, (uint32_t)cols, row_key(dropout, vertices.at[i]),
                    dropout->threshold, dropout->scale);
}
