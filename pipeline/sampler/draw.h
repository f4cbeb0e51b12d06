/* draw.h: which neighbours one vertex draws.
 *
 * A vertex's draw is a pure function of (seed, phase, epoch, step, hop, vertex): nothing else in
 * the batch, no thread and no earlier draw has a say. Its random words come from Philox 4x32-10
 *
 *     key          pri_mix64(pri_stream_key(seed, PRI_STREAM_SAMPLE) + (step >> 32))
 *     counter 0    vertex
 *     counter 1    phase << 30 | hop << 24 | block      2, 6 and 24 bits; block = 0, 1, 2, ...
 *     counter 2    step, low 32 bits
 *     counter 3    epoch
 *
 * and choose positions 0 .. degree-1 in the vertex's stored row by Floyd's algorithm (Bentley and
 * Floyd, CACM 1987): for i = 0 .. count-1, with j = degree - count + i, draw t in 0 .. j (one word,
 * or more after a rejection); position i is t, or j when t was chosen before. Every set of `count`
 * positions is equally likely. A vertex with degree <= fanout takes its whole row in stored order
 * and draws no word.
 */
#ifndef PIPELINE_SAMPLER_DRAW_H
#define PIPELINE_SAMPLER_DRAW_H

#include <packrat/sampler.h>

#include "pipeline/sampler/words.h"

/* What the draws of one hop of one batch have in common. */
typedef struct pri_draw_hop {
    uint64_t key;
    uint32_t phase_hop, step, epoch; /* counter words 1 (block 0), 2 and 3 */
} pri_draw_hop;

/* Give the common part; stream_key is pri_stream_key(seed, PRI_STREAM_SAMPLE), hop < 64. */
pri_draw_hop pri_draw_hop_of(uint64_t stream_key, pr_draw draw, uint32_t hop);

/* Give how many slots of scratch pri_draw_positions needs for `count`; 0 when it needs none. */
uint32_t pri_draw_scratch(uint32_t count);

/* Write `count` distinct positions below `degree`.
 *
 *   count     1 .. min(degree - 1, PR_FANOUT_MAX)
 *   scratch   [pri_draw_scratch(count)], overwritten
 *   out       [count]
 *
 * Cannot fail. O(count), with a quadratic term while count is small.
 */
void pri_draw_positions(const pri_draw_hop *hop, pr_vid v, uint32_t degree, uint32_t count,
                        uint32_t *scratch, uint32_t *out);

/* Write `count` positions below `degree`, each drawn from all of them with the next word; count and
 * degree >= 1. Cannot fail. O(count). */
void pri_draw_repeated(const pri_draw_hop *hop, pr_vid v, uint32_t degree, uint32_t count,
                       uint32_t *out);

#endif
