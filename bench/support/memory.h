/* memory.h: large blocks on huge pages, and emptying the last-level cache. */
#ifndef BENCH_SUPPORT_MEMORY_H
#define BENCH_SUPPORT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, committed, on huge pages where the kernel gives them; 2 MiB aligned. */
void *bench_block_new(size_t bytes);
void  bench_block_free(void *block, size_t bytes);

/* Give how many bytes of a block the kernel has put on huge pages. */
size_t bench_block_huge_bytes(const void *block, size_t bytes);

/* Fill rows [num_rows, cols] so that every row differs: element 0 is the row's number as a float
 * (so num_rows <= 2^24), the others are mixed from (plane, row, column). */
void bench_fill_rows(float *rows, uint32_t num_rows, uint32_t cols, uint32_t plane);

/* Give the size of the last-level cache as the system says it; 32 MiB when it does not. */
size_t bench_llc_bytes(void);

/* Leave nothing of use in the caches: read a buffer of three times the last-level cache. */
void   bench_flush_llc(void);
size_t bench_flush_bytes(void);

#endif
