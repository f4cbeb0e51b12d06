/* gather.h: the rival: copying the wanted rows of every plane into a preallocated block, as fast as
 * we can write it. Every way of copying that this host has is a kernel: the bench's own, and the
 * library's. Each is tuned for its prefetch distance, and the fastest of all is what the cache is
 * compared with. */
#ifndef BENCH_SUPPORT_GATHER_H
#define BENCH_SUPPORT_GATHER_H

#include "bench/support/bench.h"
#include "cache/copy.h"

typedef struct bench_plane {
    const float *from; /* [rows of the store, cols] 64-byte aligned */
    float       *to;   /* the same */
    uint32_t     cols; /* a multiple of 16 */
} bench_plane;

/* Rows to copy, as either kind of kernel wants them. Made before the clock starts. */
typedef struct bench_rows {
    const pr_vid    *ids;   /* [n] */
    const pr_slot   *slots; /* [n], or NULL: row i of the target */
    const pri_write *write; /* [n] the same for the library */
    size_t           n;
} bench_rows;

/* Write the library's form of a list. */
void bench_rows_write(const pr_vid *ids, const pr_slot *slots, size_t n, pri_write *out);

typedef struct bench_kernel {
    char name[48];    /* "own avx512 streamed to L2", "library avx2 plain", ... */
    bool streams;     /* stores past the caches */
    int  prefetch_to; /* 1 or 2: row i + ahead goes to that cache while row i is copied; 0: none */
    pri_copy_rows library; /* NULL: one of the bench's own */
    pri_stores    stores;
    int           isa; /* pr_isa */
    void (*own)(const bench_plane *plane, const bench_rows *rows, size_t begin, size_t end,
                size_t ahead);
} bench_kernel;

/* Kernels of this host; kernel 0 is a memcpy a row, the plain check of the others. */
size_t              bench_num_kernels(void);
const bench_kernel *bench_kernel_at(size_t i);

/* A kernel at its best distance, and how fast it went. */
typedef struct bench_copy {
    const bench_kernel *kernel;
    uint32_t            ahead;
    double              gbps; /* payload bytes a ns, of the fastest of the tuning's runs */
} bench_copy;

/* Copy rows of all planes; `threads` OpenMP threads share the rows. */
void bench_gather(const bench_copy *how, const bench_plane *planes, uint32_t num_planes,
                  const bench_rows *rows, int threads);

/* How kernels are tuned. */
typedef struct bench_tuning_case {
    const bench_plane *planes;
    uint32_t           num_planes;
    const bench_rows  *lists; /* [num_lists] of the same length, taken in turn */
    uint32_t           num_lists;
    int                repeats, threads;
    bool               flush; /* before every timed call */
} bench_tuning_case;

typedef struct bench_gathers {
    bench_copy *each;                             /* [bench_num_kernels()] at its best distance */
    bench_copy  best, best_streaming, best_plain; /* of all, of the two kinds of stores */
} bench_gathers;

/* Find every kernel's best distance; free with bench_gathers_free. */
bench_gathers bench_gathers_tune(const bench_tuning_case *given);
void          bench_gathers_free(bench_gathers *gathers);

/* Give the kernel that place copies with under this tuning, at its distance. */
bench_copy bench_library_copy(const pr_tuning *tuning, pri_stores stores);

/* Fail the bench unless every kernel's bytes are those of kernel 0. */
void bench_kernels_check(const bench_plane *planes, uint32_t num_planes, const bench_rows *rows);

#endif
