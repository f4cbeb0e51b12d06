/* copy.c: the copies for any machine, and the choice among instruction sets. */
#include "cache/copy_isa.h"

#include <string.h>

#if defined(__SSE2__)
#    include <immintrin.h>
#endif

#define TARGET
#if defined(__SSE2__)
typedef __m128i word;

static inline word load(const char *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

static inline void store(char *to, word w)
{
    _mm_store_si128((__m128i *)(void *)to, w);
}

static inline void stream(char *to, word w)
{
    _mm_stream_si128((__m128i *)(void *)to, w);
}
#else
typedef struct word {
    char at[16];
} word;

static inline word load(const char *from)
{
    word w;
    memcpy(w.at, from, sizeof w.at);
    return w;
}

static inline void store(char *to, word w)
{
    memcpy(to, w.at, sizeof w.at);
}

static inline void stream(char *to, word w) /* no such store here */
{
    store(to, w);
}
#endif

#define WORD_BYTES ((int)sizeof(word))

static inline void load_tail(const char *from, size_t bytes, word *w)
{
    memset(w, 0, 64);
    memcpy(w, from, bytes);
}

#include "cache/copy_kernel.h"

static const pri_copy_table portable = COPIES;

pri_copy_rows pri_copy_of(int isa, pri_stores stores, int prefetch_to)
{
    const int second = prefetch_to == 2;
#if PRI_X86
    if (isa == PR_ISA_AVX512) return pri_copy_avx512[stores][second];
    if (isa == PR_ISA_AVX2) return pri_copy_avx2[stores][second];
#endif
    (void)isa;
    return portable[stores][second];
}

void pri_copy_fence(pri_stores stores)
{
#if defined(__SSE2__)
    if (stores == PRI_STORES_STREAMED) _mm_sfence();
#else
    (void)stores;
#endif
}

const char *pri_stores_name(pri_stores stores)
{
    static const char *const names[] = { "plain", "cached", "streamed" };
    return names[stores];
}
