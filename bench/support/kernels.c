/* kernels.c: the copy loops of the rival: the bench's own, so that the library is not only measured
 * against itself, and then the library's. */
#include <string.h>

#include "bench/support/gather.h"

#if defined(__x86_64__)
#    include <immintrin.h>
#endif

enum { LINE_FLOATS = 16, MAX_OWN = 13, MAX_KERNELS = MAX_OWN + PRI_NUM_ISAS * PRI_NUM_STORES * 2 };

static void copy_memcpy(const bench_plane *plane, const bench_rows *rows, size_t begin, size_t end,
                        size_t ahead)
{
    const size_t cols = plane->cols;
    (void)ahead;
    for (size_t i = begin; i < end; i++)
        memcpy(plane->to + (rows->slots ? rows->slots[i] : i) * cols,
               plane->from + rows->ids[i] * cols, cols * sizeof(float));
}

/* One loop for all: while a row is copied, the same lines of the row `ahead` are prefetched to the
 * first-level (locality 3) or second-level cache (2). LINE copies 16 floats. */
#define KERNEL(name, attribute, locality, LINE, FENCE)                                             \
    attribute static void name(const bench_plane *plane, const bench_rows *rows, size_t begin,     \
                               size_t end, size_t ahead)                                           \
    {                                                                                              \
        const size_t        cols = plane->cols;                                                    \
        const pr_vid *const ids  = rows->ids;                                                      \
        for (size_t i = begin; i < end; i++) {                                                     \
            const float *const row  = plane->from + ids[i] * cols;                                 \
            const float *const next = plane->from + ids[i + ahead < end ? i + ahead : i] * cols;   \
            float *const       out  = plane->to + (rows->slots ? rows->slots[i] : i) * cols;       \
            for (size_t c = 0; c < cols; c += LINE_FLOATS) {                                       \
                __builtin_prefetch(next + c, 0, locality);                                         \
                LINE(out + c, row + c);                                                            \
            }                                                                                      \
        }                                                                                          \
        FENCE;                                                                                     \
    }
#define KERNELS(name, attribute, LINE, FENCE)                                                      \
    KERNEL(name##_l1, attribute, 3, LINE, FENCE)                                                   \
    KERNEL(name##_l2, attribute, 2, LINE, FENCE)

#define NO_FENCE                (void)0
#define LINE_PORTABLE(out, row) memcpy(out, row, LINE_FLOATS * sizeof(float))
KERNELS(copy_portable, , LINE_PORTABLE, NO_FENCE)

#if defined(__x86_64__)
#    define LINE_SSE2_STREAM(out, row)                                                             \
        for (int j = 0; j < LINE_FLOATS; j += 4) _mm_stream_ps((out) + j, _mm_load_ps((row) + j))
#    define LINE_AVX2(out, row)                                                                    \
        for (int j = 0; j < LINE_FLOATS; j += 8)                                                   \
        _mm256_store_ps((out) + j, _mm256_load_ps((row) + j))
#    define LINE_AVX2_STREAM(out, row)                                                             \
        for (int j = 0; j < LINE_FLOATS; j += 8)                                                   \
        _mm256_stream_ps((out) + j, _mm256_load_ps((row) + j))
#    define LINE_AVX512(out, row)        _mm512_store_ps(out, _mm512_load_ps(row))
#    define LINE_AVX512_STREAM(out, row) _mm512_stream_ps(out, _mm512_load_ps(row))
#    define AVX2                         __attribute__((target("avx2")))
#    define AVX512                       __attribute__((target("avx512f")))
KERNELS(copy_sse2_stream, , LINE_SSE2_STREAM, _mm_sfence())
KERNELS(copy_avx2, AVX2, LINE_AVX2, NO_FENCE)
KERNELS(copy_avx2_stream, AVX2, LINE_AVX2_STREAM, _mm_sfence())
KERNELS(copy_avx512, AVX512, LINE_AVX512, NO_FENCE)
KERNELS(copy_avx512_stream, AVX512, LINE_AVX512_STREAM, _mm_sfence())
#endif

#define OWN(NAME, STORES, ISA, LEVEL, COPY)                                                        \
    {                                                                                              \
        .name = "own " NAME " to L" #LEVEL, .streams = STORES == PRI_STORES_STREAMED,              \
        .prefetch_to = LEVEL, .stores = STORES, .isa = ISA, .own = COPY##_l##LEVEL                 \
    }
#define OWN_BOTH(NAME, STORES, ISA, COPY)                                                          \
    OWN(NAME, STORES, ISA, 1, COPY), OWN(NAME, STORES, ISA, 2, COPY)

static const bench_kernel own[] = {
    { .name = "own memcpy", .own = copy_memcpy },
    OWN_BOTH("portable cached", PRI_STORES_CACHED, PR_ISA_PORTABLE, copy_portable),
#if defined(__x86_64__)
    OWN_BOTH("sse2 streamed", PRI_STORES_STREAMED, PR_ISA_PORTABLE, copy_sse2_stream),
    OWN_BOTH("avx2 cached", PRI_STORES_CACHED, PR_ISA_AVX2, copy_avx2),
    OWN_BOTH("avx2 streamed", PRI_STORES_STREAMED, PR_ISA_AVX2, copy_avx2_stream),
    OWN_BOTH("avx512 cached", PRI_STORES_CACHED, PR_ISA_AVX512, copy_avx512),
    OWN_BOTH("avx512 streamed", PRI_STORES_STREAMED, PR_ISA_AVX512, copy_avx512_stream),
#endif
};

static bench_kernel kernels[MAX_KERNELS];
static size_t       num_kernels;

static void add_library_kernel(int isa, pri_stores stores, int prefetch_to)
{
    bench_kernel *k       = &kernels[num_kernels++];
    const bool    fetches = stores != PRI_STORES_PLAIN;

    *k = (bench_kernel){ .streams     = stores == PRI_STORES_STREAMED,
                         .prefetch_to = fetches ? prefetch_to : 0,
                         .library     = pri_copy_of(isa, stores, prefetch_to),
                         .stores      = stores,
                         .isa         = isa };
    if (fetches)
        snprintf(k->name, sizeof k->name, "library %s %s to L%d", pri_isa_name(isa),
                 pri_stores_name(stores), prefetch_to);
    else
        snprintf(k->name, sizeof k->name, "library %s %s", pri_isa_name(isa),
                 pri_stores_name(stores));
}

static void list_kernels(void)
{
    const int best = pri_isa_at_most(PR_ISA_AVX512);

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].isa <= best) kernels[num_kernels++] = own[i];
    for (int isa = 0; isa <= best; isa++)
        for (int stores = 0; stores < PRI_NUM_STORES; stores++)
            for (int level = 1; level <= (stores == PRI_STORES_PLAIN ? 1 : 2); level++)
                add_library_kernel(isa, (pri_stores)stores, level);
}

size_t bench_num_kernels(void)
{
    if (num_kernels == 0) list_kernels();
    return num_kernels;
}

const bench_kernel *bench_kernel_at(size_t i)
{
    return i < bench_num_kernels() ? &kernels[i] : NULL;
}
