/* labor_avx2.c: the rows of labor.h, eight neighbours at a time. */
#include "pipeline/sampler/labor_isa.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX2

/* Keys with the first step of M applied: it shifts and adds to itself, exclusively, so a key may as
 * well be added behind it. */
typedef struct lanes {
    __m256i of_vertex, old_up_to, epoch[2], first, second;
} lanes;

TARGET static inline __m256i shifted(uint32_t key)
{
    return _mm256_set1_epi32((int)(key ^ key >> 16));
}

TARGET static inline lanes lanes_of(const pri_labor_keys *keys)
{
    return (lanes){
        .of_vertex = shifted(keys->of_vertex),
        .old_up_to = _mm256_set1_epi32((int)keys->old_up_to),
        .epoch     = { shifted(keys->epoch[0]), shifted(keys->epoch[1]) },
        .first     = _mm256_set1_epi32(0x21f0aaad),
        .second    = _mm256_set1_epi32((int)0xd35a2d97u),
    };
}

/* All ones where a <= b, unsigned. */
TARGET static inline __m256i at_most(__m256i a, __m256i b)
{
    return _mm256_cmpeq_epi32(_mm256_min_epu32(a, b), a);
}

/* M of x xor the key, of four vectors in step: one after the other, their long chains would fill
 * the processor's window. */
TARGET static inline void mix(const lanes *k, __m256i *x, const __m256i *key)
{
    for (int i = 0; i < 4; i++)
        x[i] = _mm256_xor_si256(_mm256_xor_si256(x[i], key[i]), _mm256_srli_epi32(x[i], 16));
    for (int i = 0; i < 4; i++) x[i] = _mm256_mullo_epi32(x[i], k->first);
    for (int i = 0; i < 4; i++) x[i] = _mm256_xor_si256(x[i], _mm256_srli_epi32(x[i], 15));
    for (int i = 0; i < 4; i++) x[i] = _mm256_mullo_epi32(x[i], k->second);
}

/* Replace vertices by their r_t. */
TARGET static inline void r_of(const lanes *k, __m256i *t)
{
    __m256i key[4];

    for (int i = 0; i < 4; i++) key[i] = k->of_vertex;
    mix(k, t, key);
    for (int i = 0; i < 4; i++)
        key[i] = _mm256_blendv_epi8(k->epoch[1], k->epoch[0], at_most(t[i], k->old_up_to));
    mix(k, t, key);
}

/* Read 32, or those of them that there are. */
TARGET static inline void load32(const pr_vid *from, uint32_t n, __m256i *t)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    if (n >= 32) {
        for (int i = 0; i < 4; i++) t[i] = _mm256_loadu_si256((const __m256i *)from + i);
        return;
    }
    for (int i = 0; i < 4; i++) {
        const __m256i there = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - 8 * i), lane);
        t[i]                = _mm256_maskload_epi32((const int *)from + 8 * i, there);
    }
}

TARGET static inline uint64_t pass64(const lanes *k, const pr_vid *from, uint32_t n, uint32_t limit)
{
    const __m256i most = _mm256_set1_epi32((int)limit);
    uint64_t      pass = 0;

    for (uint32_t at = 0; at < n; at += 32) {
        __m256i t[4];
        load32(from + at, n - at, t);
        r_of(k, t);
        for (int i = 0; i < 4; i++) {
            const int bits = _mm256_movemask_ps(_mm256_castsi256_ps(at_most(t[i], most)));
            pass |= (uint64_t)(uint32_t)bits << (at + 8 * (uint32_t)i);
        }
    }
    return n < 64 ? pass & ((UINT64_C(1) << n) - 1) : pass;
}

/* How many are smaller than each; compares all with all. */
TARGET static inline uint64_t kept64(const lanes *k, const pr_vid *id, uint32_t num, uint32_t count)
{
    const __m256i  border = _mm256_set1_epi32((int)count);
    const __m256i  sign   = _mm256_set1_epi32(INT32_MIN); /* there is no unsigned comparison */
    const uint32_t groups = (num + 31) / 32;
    uint32_t       of[64];
    uint64_t       kept = 0;

    for (uint32_t g = 0; g < groups; g++) {
        __m256i t[4];
        load32(id + 32 * g, num - 32 * g, t);
        r_of(k, t);
        for (uint32_t i = 0; i < 4; i++)
            _mm256_storeu_si256((__m256i *)(of + 32 * g + 8 * i), _mm256_xor_si256(t[i], sign));
    }
    for (uint32_t g = 0; g < groups; g++) {
        __m256i r[4], rank[4];
        for (uint32_t i = 0; i < 4; i++) {
            r[i]    = _mm256_loadu_si256((const __m256i *)(of + 32 * g + 8 * i));
            rank[i] = _mm256_setzero_si256();
        }
        for (uint32_t j = 0; j < num; j++) {
            const __m256i other = _mm256_set1_epi32((int)of[j]);
            for (int i = 0; i < 4; i++)
                rank[i] = _mm256_sub_epi32(rank[i], _mm256_cmpgt_epi32(r[i], other));
        }
        for (uint32_t i = 0; i < 4; i++) {
            const __m256i below = _mm256_cmpgt_epi32(border, rank[i]);
            const int     bits  = _mm256_movemask_ps(_mm256_castsi256_ps(below));
            kept |= (uint64_t)(uint32_t)bits << (32 * g + 8 * i);
        }
    }
    return num < 64 ? kept & ((UINT64_C(1) << num) - 1) : kept;
}

TARGET static void hash(const pri_labor_keys *keys, const pr_vid *id, uint32_t n, uint32_t *r)
{
    const lanes   k    = lanes_of(keys);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    for (uint32_t at = 0; at < n; at += 32) {
        __m256i t[4];
        load32(id + at, n - at, t);
        r_of(&k, t);
        for (int i = 0; i < 4; i++) {
            const __m256i left = _mm256_set1_epi32((int)(n - at) - 8 * i);
            _mm256_maskstore_epi32((int *)r + at + 8 * i, _mm256_cmpgt_epi32(left, lane), t[i]);
        }
    }
}

TARGET static uint64_t below(const uint64_t *key, uint32_t n, uint32_t count)
{
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN), last = _mm256_set1_epi64x(count);
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    uint64_t      kept = 0;

    for (uint32_t at = 0; at < n; at += 4) {
        const __m256i there = _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)(n - at)), lane);
        const __m256i own   = _mm256_maskload_epi64((const long long *)key + at, there);
        const __m256i mine  = _mm256_xor_si256(own, sign);
        __m256i       rank  = _mm256_setzero_si256();
        for (uint32_t j = 0; j < n; j++) {
            const __m256i other = _mm256_xor_si256(_mm256_set1_epi64x((int64_t)key[j]), sign);
            rank                = _mm256_sub_epi64(rank, _mm256_cmpgt_epi64(mine, other));
        }
        const __m256i in = _mm256_and_si256(there, _mm256_cmpgt_epi64(last, rank));
        kept |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(in)) << at;
    }
    return kept;
}

#    include "pipeline/sampler/labor_bits.h"

#    include "pipeline/sampler/labor_kernel.h"

const pri_labor_isa pri_labor_avx2 = {
    .scan = scan, .hash = hash, .below = below, .read = read_rows
};
#endif

typedef int pri_labor_avx2_is_not_empty;
