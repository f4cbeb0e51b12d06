/* draw_lanes_avx512.c: 16 rows at a time. */
#include "pipeline/sampler/draw_lanes.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX512
#    define INLINE TARGET static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef __m512i   vec;
typedef __mmask16 flags;

INLINE vec from_one(uint32_t x)
{
    return _mm512_set1_epi32((int)x);
}

INLINE void to_words(uint32_t *at, vec x)
{
    _mm512_storeu_si512(at, x);
}

INLINE vec add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

INLINE vec sub(vec a, vec b)
{
    return _mm512_sub_epi32(a, b);
}

INLINE vec xor3(vec a, vec b, vec c)
{
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

INLINE vec product(vec a, vec b)
{
    return _mm512_mul_epu32(a, b);
}

INLINE vec high(vec x)
{
    return _mm512_srli_epi64(x, 32);
}

INLINE vec join_high(vec even, vec odd)
{
    return _mm512_mask_mov_epi32(high(even), 0xaaaa, odd);
}

INLINE vec join_low(vec even, vec odd)
{
    return _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
}

INLINE flags equal(vec a, vec b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}

INLINE flags below(vec a, vec b)
{
    return _mm512_cmplt_epu32_mask(a, b);
}

INLINE flags at_most(vec a, vec b)
{
    return _mm512_cmple_epu32_mask(a, b);
}

INLINE flags none(void)
{
    return 0;
}

INLINE flags either(flags a, flags b)
{
    return (flags)(a | b);
}

INLINE vec choose(flags f, vec yes, vec no)
{
    return _mm512_mask_mov_epi32(no, f, yes);
}

INLINE uint32_t bits(flags f)
{
    return f;
}

/* Rows are four words: first (low, high), degree, vertex. Within 128 bits the words of rows i,
 * i + 4, i + 8, i + 12 come together, and are then put in order. */
INLINE void transpose_rows(const pri_row *rows, vec *first, vec *degree, vec *v)
{
    const vec order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const vec a = _mm512_loadu_si512(rows), b = _mm512_loadu_si512(rows + 4);
    const vec c = _mm512_loadu_si512(rows + 8), d = _mm512_loadu_si512(rows + 12);
    const vec low_ab = _mm512_unpacklo_epi32(a, b), low_cd = _mm512_unpacklo_epi32(c, d);
    const vec high_ab = _mm512_unpackhi_epi32(a, b), high_cd = _mm512_unpackhi_epi32(c, d);

    *first  = _mm512_permutexvar_epi32(order, _mm512_unpacklo_epi64(low_ab, low_cd));
    *degree = _mm512_permutexvar_epi32(order, _mm512_unpacklo_epi64(high_ab, high_cd));
    *v      = _mm512_permutexvar_epi32(order, _mm512_unpackhi_epi64(high_ab, high_cd));
}

#    include "pipeline/sampler/draw_lanes_kernel.h"

const pri_draw_lanes pri_draw_lanes_avx512 = { choose_distinct, choose_repeated };
#endif

typedef int pri_draw_lanes_avx512_is_not_empty;
