/* copy_avx512.c: the copies of copy.h with 512-bit words. */
#include "cache/copy_isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX512
typedef __m512i word;
#    define WORD_BYTES ((int)sizeof(word))

TARGET static inline word load(const char *from)
{
    return _mm512_loadu_si512(from);
}

TARGET static inline void store(char *to, word w)
{
    _mm512_store_si512(to, w);
}

TARGET static inline void stream(char *to, word w)
{
    _mm512_stream_si512((void *)to, w);
}

TARGET static inline void load_tail(const char *from, size_t bytes, word *w)
{
    w[0] = _mm512_maskz_loadu_epi32((__mmask16)((1u << bytes / 4) - 1), from);
}

#    include "cache/copy_kernel.h"

const pri_copy_table pri_copy_avx512 = COPIES;
#endif

typedef int pri_copy_avx512_is_not_empty;
