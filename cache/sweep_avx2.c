/* sweep_avx2.c: the passes of sweep.h with 256-bit words. */
#include "cache/sweep_isa.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX2

TARGET static inline uint64_t marked64(const uint8_t *mark)
{
    const __m256i  zero = _mm256_setzero_si256();
    const __m256i  a    = _mm256_loadu_si256((const __m256i *)(const void *)mark);
    const __m256i  b    = _mm256_loadu_si256((const __m256i *)(const void *)(mark + 32));
    const uint32_t low  = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, zero));
    const uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, zero));
    return ~((uint64_t)high << 32 | low);
}

/* 32 words of all ones or zeros, in two registers, as bits. */
TARGET static inline uint32_t bits32(__m256i a, __m256i b)
{
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
    return (uint32_t)_mm256_movemask_epi8(packed);
}

TARGET static inline __m256i keys16(const uint16_t *key)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)key);
}

/* a < t without sign: the smaller of a and t - 1 is a, and t is not 0. */
TARGET static inline uint64_t below64(const uint16_t *key, uint16_t threshold)
{
    if (threshold == 0) return 0;
    const __m256i top = _mm256_set1_epi16((short)(threshold - 1));
    __m256i       is[4];
    for (int i = 0; i < 4; i++) {
        const __m256i k = keys16(key + 16 * i);
        is[i]           = _mm256_cmpeq_epi16(_mm256_min_epu16(k, top), k);
    }
    return (uint64_t)bits32(is[2], is[3]) << 32 | bits32(is[0], is[1]);
}

TARGET static inline uint64_t equal64(const uint16_t *key, uint16_t threshold)
{
    const __m256i t = _mm256_set1_epi16((short)threshold);
    __m256i       is[4];
    for (int i = 0; i < 4; i++) is[i] = _mm256_cmpeq_epi16(keys16(key + 16 * i), t);
    return (uint64_t)bits32(is[2], is[3]) << 32 | bits32(is[0], is[1]);
}

/* 16 bits become 16 words of all ones or zeros. */
TARGET static inline __m256i words16(uint32_t bits)
{
    const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                          8192, 16384, (short)-32768);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((short)bits), bit), bit);
}

typedef struct edges {
    __m256i high, low;
} edges;

TARGET static inline edges edges_start(void)
{
    return (edges){ .high = _mm256_setzero_si256(), .low = _mm256_set1_epi16(-1) };
}

TARGET static inline void edges_add(edges *e, const uint16_t *key, uint64_t below, uint64_t above)
{
    const __m256i ones = _mm256_set1_epi16(-1);
    for (int i = 0; i < 4; i++) {
        const __m256i k = keys16(key + 16 * i);
        const __m256i b = words16((uint32_t)(below >> 16 * i) & 0xffff);
        const __m256i a = words16((uint32_t)(above >> 16 * i) & 0xffff);
        e->high         = _mm256_max_epu16(e->high, _mm256_and_si256(k, b));
        e->low          = _mm256_min_epu16(e->low, _mm256_or_si256(k, _mm256_xor_si256(a, ones)));
    }
}

TARGET static inline uint16_t edges_high(const edges *e)
{
    uint16_t at[16], high = 0;
    _mm256_storeu_si256((__m256i *)(void *)at, e->high);
    for (int i = 0; i < 16; i++) high = at[i] > high ? at[i] : high;
    return high;
}

TARGET static inline uint16_t edges_low(const edges *e)
{
    uint16_t at[16], low = UINT16_MAX;
    _mm256_storeu_si256((__m256i *)(void *)at, e->low);
    for (int i = 0; i < 16; i++) low = at[i] < low ? at[i] : low;
    return low;
}

TARGET static inline uint32_t list64(uint64_t bits, uint32_t base, pr_slot *out)
{
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) out[count++] = base + (uint32_t)__builtin_ctzll(bits);
    return count;
}

TARGET static inline void stamp64(uint16_t *key, const uint8_t *mark, uint16_t stamp)
{
    const uint64_t marked = marked64(mark);
    const __m256i  s      = _mm256_set1_epi16((short)stamp);
    if (!marked) return;
    for (int i = 0; i < 4; i++) {
        const __m256i is = words16((uint32_t)(marked >> 16 * i) & 0xffff);
        _mm256_storeu_si256((__m256i *)(void *)(key + 16 * i),
                            _mm256_blendv_epi8(keys16(key + 16 * i), s, is));
    }
}

#    include "cache/sweep_kernel.h"

const pri_sweeps pri_sweeps_avx2 = SWEEPS;
#endif

typedef int pri_sweep_avx2_is_not_empty;
