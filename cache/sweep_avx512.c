/* sweep_avx512.c: the passes of sweep.h with 512-bit words. */
#include "cache/sweep_isa.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX512

TARGET static inline uint64_t marked64(const uint8_t *mark)
{
    const __m512i v = _mm512_loadu_si512(mark);
    return _mm512_test_epi8_mask(v, v);
}

TARGET static inline uint64_t below64(const uint16_t *key, uint16_t threshold)
{
    const __m512i  t    = _mm512_set1_epi16((short)threshold);
    const uint64_t low  = _mm512_cmplt_epu16_mask(_mm512_loadu_si512(key), t);
    const uint64_t high = _mm512_cmplt_epu16_mask(_mm512_loadu_si512(key + 32), t);
    return high << 32 | low;
}

TARGET static inline uint64_t equal64(const uint16_t *key, uint16_t threshold)
{
    const __m512i  t    = _mm512_set1_epi16((short)threshold);
    const uint64_t low  = _mm512_cmpeq_epu16_mask(_mm512_loadu_si512(key), t);
    const uint64_t high = _mm512_cmpeq_epu16_mask(_mm512_loadu_si512(key + 32), t);
    return high << 32 | low;
}

typedef struct edges {
    __m512i high, low;
} edges;

TARGET static inline edges edges_start(void)
{
    return (edges){ .high = _mm512_setzero_si512(), .low = _mm512_set1_epi16(-1) };
}

TARGET static inline void edges_add(edges *e, const uint16_t *key, uint64_t below, uint64_t above)
{
    const __m512i a = _mm512_loadu_si512(key), b = _mm512_loadu_si512(key + 32);
    e->high = _mm512_mask_max_epu16(e->high, (__mmask32)below, e->high, a);
    e->high = _mm512_mask_max_epu16(e->high, (__mmask32)(below >> 32), e->high, b);
    e->low  = _mm512_mask_min_epu16(e->low, (__mmask32)above, e->low, a);
    e->low  = _mm512_mask_min_epu16(e->low, (__mmask32)(above >> 32), e->low, b);
}

TARGET static inline uint16_t edges_high(const edges *e)
{
    uint16_t at[32], high = 0;
    _mm512_storeu_si512(at, e->high);
    for (int i = 0; i < 32; i++) high = at[i] > high ? at[i] : high;
    return high;
}

TARGET static inline uint16_t edges_low(const edges *e)
{
    uint16_t at[32], low = UINT16_MAX;
    _mm512_storeu_si512(at, e->low);
    for (int i = 0; i < 32; i++) low = at[i] < low ? at[i] : low;
    return low;
}

/* Compress in registers and store whole vectors: storing compressed lanes is slow on some hosts. */
TARGET static inline uint32_t list64(uint64_t bits, uint32_t base, pr_slot *out)
{
    const __m512i step  = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint32_t      count = 0;

    for (uint32_t i = 0; bits && i < 64; i += 16, bits >>= 16) {
        const __mmask16 part = (__mmask16)(bits & 0xffff);
        const __m512i   slot = _mm512_add_epi32(step, _mm512_set1_epi32((int)(base + i)));
        _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(part, slot));
        count += (uint32_t)__builtin_popcount(part);
    }
    return count;
}

TARGET static inline void stamp64(uint16_t *key, const uint8_t *mark, uint16_t stamp)
{
    const uint64_t marked = marked64(mark);
    const __m512i  s      = _mm512_set1_epi16((short)stamp);
    if (!marked) return;
    _mm512_mask_storeu_epi16(key, (__mmask32)marked, s);
    _mm512_mask_storeu_epi16(key + 32, (__mmask32)(marked >> 32), s);
}

#    include "cache/sweep_kernel.h"

const pri_sweeps pri_sweeps_avx512 = SWEEPS;
#endif

typedef int pri_sweep_avx512_is_not_empty;
