/* blocks.h: sixteen Philox blocks at a time (Philox 4x32-10; Salmon et al., SC 2011), the same
 * words that base/rng.h gives one block at a time. One version for each instruction set. */
#ifndef PIPELINE_SAMPLER_BLOCKS_H
#define PIPELINE_SAMPLER_BLOCKS_H

#include <stdint.h>

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>
#endif

#define PRI_INLINE static inline __attribute__((always_inline))

enum { PRI_LANES = 16, PRI_PHILOX_ROUNDS = 10 };

#define PRI_PHILOX_MULTIPLY0 0xd2511f53u
#define PRI_PHILOX_MULTIPLY1 0xcd9e8d57u
#define PRI_PHILOX_ADD0      0x9e3779b9u
#define PRI_PHILOX_ADD1      0xbb67ae85u

/* One 32-bit word in each lane. */
typedef struct pri_word_lanes {
    uint32_t at[PRI_LANES];
} __attribute__((aligned(64))) pri_word_lanes;

/* What the blocks of one call have in common. */
typedef struct pri_block_key {
    uint64_t key;
    uint32_t c2, c3; /* counter words */
} pri_block_key;

/* Give word w of lane l's block in out[w].at[l]; counter words c0 and c1 are by lane. */
typedef void (*pri_blocks)(const pri_block_key *key, const pri_word_lanes *c0,
                           const pri_word_lanes *c1, pri_word_lanes out[4]);

PRI_INLINE void pri_blocks_portable(const pri_block_key *key, const pri_word_lanes *c0,
                                    const pri_word_lanes *c1, pri_word_lanes out[4])
{
    uint32_t k0 = (uint32_t)key->key, k1 = (uint32_t)(key->key >> 32);

    for (int l = 0; l < PRI_LANES; l++) {
        out[0].at[l] = c0->at[l];
        out[1].at[l] = c1->at[l];
        out[2].at[l] = key->c2;
        out[3].at[l] = key->c3;
    }
    for (int round = 0; round < PRI_PHILOX_ROUNDS; round++) {
        for (int l = 0; l < PRI_LANES; l++) {
            const uint64_t a = (uint64_t)PRI_PHILOX_MULTIPLY0 * out[0].at[l];
            const uint64_t b = (uint64_t)PRI_PHILOX_MULTIPLY1 * out[2].at[l];
            out[0].at[l]     = (uint32_t)(b >> 32) ^ out[1].at[l] ^ k0;
            out[2].at[l]     = (uint32_t)(a >> 32) ^ out[3].at[l] ^ k1;
            out[1].at[l]     = (uint32_t)b;
            out[3].at[l]     = (uint32_t)a;
        }
        k0 += PRI_PHILOX_ADD0;
        k1 += PRI_PHILOX_ADD1;
    }
}

#if PRI_X86
/* Lanes lie in 64-bit elements, whose upper halves hold anything: the multiplication does not look
 * at them. */
PRI_AVX2 PRI_INLINE void pri_blocks_avx2(const pri_block_key *key, const pri_word_lanes *c0,
                                         const pri_word_lanes *c1, pri_word_lanes out[4])
{
    enum { WIDE = 4, PARTS = PRI_LANES / WIDE };
    const __m256i m0    = _mm256_set1_epi64x(PRI_PHILOX_MULTIPLY0);
    const __m256i m1    = _mm256_set1_epi64x(PRI_PHILOX_MULTIPLY1);
    const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);

    for (int p = 0; p < PARTS; p++) {
        const __m128i *from0 = (const __m128i *)(const void *)(c0->at + WIDE * p);
        const __m128i *from1 = (const __m128i *)(const void *)(c1->at + WIDE * p);
        __m256i        x0    = _mm256_cvtepu32_epi64(_mm_load_si128(from0));
        __m256i        x1    = _mm256_cvtepu32_epi64(_mm_load_si128(from1));
        __m256i        x2 = _mm256_set1_epi64x(key->c2), x3 = _mm256_set1_epi64x(key->c3);
        uint32_t       k0 = (uint32_t)key->key, k1 = (uint32_t)(key->key >> 32);
        for (int round = 0; round < PRI_PHILOX_ROUNDS; round++) {
            const __m256i a  = _mm256_mul_epu32(x0, m0);
            const __m256i b  = _mm256_mul_epu32(x2, m1);
            const __m256i y1 = _mm256_xor_si256(x1, _mm256_set1_epi64x(k0));
            const __m256i y3 = _mm256_xor_si256(x3, _mm256_set1_epi64x(k1));
            x0               = _mm256_xor_si256(_mm256_srli_epi64(b, 32), y1);
            x2               = _mm256_xor_si256(_mm256_srli_epi64(a, 32), y3);
            x1               = b;
            x3               = a;
            k0 += PRI_PHILOX_ADD0;
            k1 += PRI_PHILOX_ADD1;
        }
        const __m256i x[4] = { x0, x1, x2, x3 };
        for (int w = 0; w < 4; w++)
            _mm_store_si128((__m128i *)(void *)(out[w].at + WIDE * p),
                            _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(x[w], evens)));
    }
}

PRI_AVX512 PRI_INLINE void pri_blocks_avx512(const pri_block_key *key, const pri_word_lanes *c0,
                                             const pri_word_lanes *c1, pri_word_lanes out[4])
{
    enum { WIDE = 8, PARTS = PRI_LANES / WIDE };
    const __m512i m0 = _mm512_set1_epi64(PRI_PHILOX_MULTIPLY0);
    const __m512i m1 = _mm512_set1_epi64(PRI_PHILOX_MULTIPLY1);
    __m512i       x[PARTS][4];
    uint32_t      k0 = (uint32_t)key->key, k1 = (uint32_t)(key->key >> 32);

    for (int p = 0; p < PARTS; p++) {
        const __m256i *from0 = (const __m256i *)(const void *)(c0->at + WIDE * p);
        const __m256i *from1 = (const __m256i *)(const void *)(c1->at + WIDE * p);
        x[p][0]              = _mm512_cvtepu32_epi64(_mm256_load_si256(from0));
        x[p][1]              = _mm512_cvtepu32_epi64(_mm256_load_si256(from1));
        x[p][2]              = _mm512_set1_epi64(key->c2);
        x[p][3]              = _mm512_set1_epi64(key->c3);
    }
    for (int round = 0; round < PRI_PHILOX_ROUNDS; round++) {
        enum { XOR3 = 0x96 };
        const __m512i key0 = _mm512_set1_epi64(k0), key1 = _mm512_set1_epi64(k1);
        for (int p = 0; p < PARTS; p++) {
            const __m512i a = _mm512_mul_epu32(x[p][0], m0);
            const __m512i b = _mm512_mul_epu32(x[p][2], m1);
            x[p][0] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(b, 32), x[p][1], key0, XOR3);
            x[p][2] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(a, 32), x[p][3], key1, XOR3);
            x[p][1] = b;
            x[p][3] = a;
        }
        k0 += PRI_PHILOX_ADD0;
        k1 += PRI_PHILOX_ADD1;
    }
    for (int p = 0; p < PARTS; p++)
        for (int w = 0; w < 4; w++)
            _mm256_store_si256((__m256i *)(void *)(out[w].at + WIDE * p),
                               _mm512_cvtepi64_epi32(x[p][w]));
}
#endif

#endif
