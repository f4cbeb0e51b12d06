/* draw_lanes_avx2.c: 8 rows at a time. */
#include "pipeline/sampler/draw_lanes.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX2
#    define INLINE TARGET static inline __attribute__((always_inline))

enum { LANES = 8 };

typedef __m256i vec;
typedef __m256i flags; /* all ones: yes */

INLINE vec from_one(uint32_t x)
{
    return _mm256_set1_epi32((int)x);
}

INLINE void to_words(uint32_t *at, vec x)
{
    _mm256_storeu_si256((__m256i *)at, x);
}

INLINE vec add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

INLINE vec sub(vec a, vec b)
{
    return _mm256_sub_epi32(a, b);
}

INLINE vec xor3(vec a, vec b, vec c)
{
    return _mm256_xor_si256(a, _mm256_xor_si256(b, c));
}

INLINE vec product(vec a, vec b)
{
    return _mm256_mul_epu32(a, b);
}

INLINE vec high(vec x)
{
    return _mm256_srli_epi64(x, 32);
}

INLINE vec join_high(vec even, vec odd)
{
    return _mm256_blend_epi32(high(even), odd, 0xaa);
}

INLINE vec join_low(vec even, vec odd)
{
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

INLINE flags equal(vec a, vec b)
{
    return _mm256_cmpeq_epi32(a, b);
}

INLINE flags at_most(vec a, vec b)
{
    return equal(_mm256_min_epu32(a, b), a);
}

INLINE flags below(vec a, vec b)
{
    return _mm256_andnot_si256(at_most(b, a), _mm256_set1_epi32(-1));
}

INLINE flags none(void)
{
    return _mm256_setzero_si256();
}

INLINE flags either(flags a, flags b)
{
    return _mm256_or_si256(a, b);
}

INLINE vec choose(flags f, vec yes, vec no)
{
    return _mm256_blendv_epi8(no, yes, f);
}

INLINE uint32_t bits(flags f)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(f));
}

/* Rows are four words: first (low, high), degree, vertex. Within 128 bits the words of rows i,
 * i + 2, i + 4, i + 6 come together, and are then put in order. */
INLINE void transpose_rows(const pri_row *rows, vec *first, vec *degree, vec *v)
{
    const vec      order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i *at    = (const __m256i *)rows;
    const vec      a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
    const vec      c = _mm256_loadu_si256(at + 2), d = _mm256_loadu_si256(at + 3);
    const vec      low_ab = _mm256_unpacklo_epi32(a, b), low_cd = _mm256_unpacklo_epi32(c, d);
    const vec      high_ab = _mm256_unpackhi_epi32(a, b), high_cd = _mm256_unpackhi_epi32(c, d);

    *first  = _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi64(low_ab, low_cd), order);
    *degree = _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi64(high_ab, high_cd), order);
    *v      = _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi64(high_ab, high_cd), order);
}

#    include "pipeline/sampler/draw_lanes_kernel.h"

const pri_draw_lanes pri_draw_lanes_avx2 = { choose_distinct, choose_repeated };
#endif

typedef int pri_draw_lanes_avx2_is_not_empty;
