/* words.h: random words one after the other, four from each Philox block, and exact bounded draws
 * from them. */
#ifndef PIPELINE_SAMPLER_WORDS_H
#define PIPELINE_SAMPLER_WORDS_H

#include "base/rng.h"

/* A pure function of key and first counter: words 4 b .. 4 b + 3 are Philox block b, whose counter
 * is the first one with b added to its second word. */
typedef struct pri_words {
    uint64_t  key;
    uint32_t  counter[4]; /* of the next block */
    uint32_t  used;       /* words of `block` handed out */
    pri_rand4 block;
} pri_words;

/* Start a stream before its first word. */
static inline pri_words pri_words_start(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2,
                                        uint32_t c3)
{
    return (pri_words){ .key = key, .counter = { c0, c1, c2, c3 }, .used = 4 };
}

/* Give the next 32 random bits. */
static inline uint32_t pri_words_next(pri_words *words)
{
    if (words->used == 4) {
        const uint32_t *c = words->counter;
        words->block      = pri_philox(words->key, c[0], c[1], c[2], c[3]);
        words->counter[1]++;
        words->used = 0;
    }
    return words->block.at[words->used++];
}

/* Give a number of 0 .. bound-1, each exactly equally likely; bound >= 1.
 *
 * Multiply and shift (Lemire, ACM TOMACS 2019): word * bound falls into `bound` intervals of 2^32.
 * The first 2^32 mod bound products of each are one too many for some intervals: such a word is
 * thrown away and the next one taken, with a probability below bound / 2^32.
 */
static inline uint32_t pri_words_below(pri_words *words, uint32_t bound)
{
    uint64_t product = (uint64_t)pri_words_next(words) * bound;

    if ((uint32_t)product < bound) {
        const uint32_t surplus = (0u - bound) % bound; /* 2^32 mod bound */
        while ((uint32_t)product < surplus) product = (uint64_t)pri_words_next(words) * bound;
    }
    return (uint32_t)(product >> 32);
}

#endif
