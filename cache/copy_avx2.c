/* copy_avx2.c: the copies of copy.h with 256-bit words. */
#include "cache/copy_isa.h"

#if PRI_X86
#    include <immintrin.h>
#    include <string.h>

#    define TARGET PRI_AVX2
typedef __m256i word;
#    define WORD_BYTES ((int)sizeof(word))

TARGET static inline word load(const char *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

TARGET static inline void store(char *to, word w)
{
    _mm256_store_si256((__m256i *)(void *)to, w);
}

TARGET static inline void stream(char *to, word w)
{
    _mm256_stream_si256((__m256i *)(void *)to, w);
}

TARGET static inline void load_tail(const char *from, size_t bytes, word *w)
{
    memset(w, 0, 64);
    memcpy(w, from, bytes);
}

#    include "cache/copy_kernel.h"

const pri_copy_table pri_copy_avx2 = COPIES;
#endif

typedef int pri_copy_avx2_is_not_empty;
