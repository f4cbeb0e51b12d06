/* shuffle.h: permutations for the orders of seeds, from stream PRI_STREAM_ORDER of the run's seed.
 * The counter's first word says what for: pr_seed_order has 0. */
#ifndef PIPELINE_SHUFFLE_H
#define PIPELINE_SHUFFLE_H

#include <packrat/nouns.h>

#include "pipeline/sampler/words.h"

enum {
    PRI_SHUFFLE_CLUSTERS = 1,
    PRI_SHUFFLE_BUFFER,
    PRI_SHUFFLE_ECHO = 16 /* and the round */
};

/* Start the random words of one permutation: a pure function of all four. */
static inline pri_words pri_shuffle_words(uint64_t seed, uint32_t what, uint32_t which,
                                          uint32_t epoch)
{
    return pri_words_start(pri_stream_key(seed, PRI_STREAM_ORDER), what, 0, which, epoch);
}

/* Permute n numbers (Fisher and Yates). */
static inline void pri_shuffle(pri_words *words, uint32_t *at, uint32_t n)
{
    for (uint32_t left = n; left > 1; left--) {
        const uint32_t other = pri_words_below(words, left);
        const uint32_t last  = at[left - 1];
        at[left - 1]         = at[other];
        at[other]            = last;
    }
}

#endif
