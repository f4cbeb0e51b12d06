/* rng.h: counter-based random numbers (Philox 4x32-10; Salmon et al., SC 2011, through Random123)
 * and the 64-bit mix behind hashes. All are pure functions: no state, any thread. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* What a stream of draws is for; part of the counter, so streams never meet. */
typedef enum pri_stream {
    PRI_STREAM_SAMPLE = 1,
    PRI_STREAM_ORDER,
    PRI_STREAM_INIT,
    PRI_STREAM_DROPOUT,
    PRI_STREAM_GEN,
    PRI_STREAM_SPLIT,
    PRI_STREAM_TEST,
    PRI_STREAM_LINK /* negatives; which end of an edge is its source */
} pri_stream;

typedef struct pri_rand4 {
    uint32_t at[4];
} pri_rand4;

/* Give four random words, a pure function of the 64-bit key and the four counter words. */
pri_rand4 pri_philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3);

/* Derive the key of one stream from the user's seed. */
uint64_t pri_stream_key(uint64_t seed, pri_stream stream);

/* Scramble 64 bits: a bijection in which every input bit moves every output bit (the finaliser
 * of SplitMix64; Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t pri_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Map a random word to [0, 1): 24 bits. */
static inline float pri_unit_float(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

#endif
