/* copy.h: rows from where they lie to their slots, at the speed of memory.
 *
 * Three ways to store, each for three instruction sets; the bytes that arrive are the same:
 *
 *   plain      one row after the other, through the caches
 *   cached     the same, with the source rows prefetched: for a reader that comes next
 *   streamed   prefetched, and stored past the caches (non-temporal): nothing is read that is about
 *              to be overwritten, and nothing is evicted for it */
#ifndef CACHE_COPY_H
#define CACHE_COPY_H

#include <packrat/cache.h>

#include "base/isa.h"
#include "cache/plan.h"

typedef enum pri_stores { PRI_STORES_PLAIN, PRI_STORES_CACHED, PRI_STORES_STREAMED } pri_stores;
enum { PRI_NUM_STORES = PRI_STORES_STREAMED + 1 };

/* Rows to copy: write[i].id names the source row, write[i].to the target row. Targets are distinct
 * and no target is a source. */
typedef struct pri_copy {
    const char *from;       /* 4-byte aligned, as is from_bytes */
    size_t      from_bytes; /* from one source row to the next */
    char       *to;         /* 64-byte aligned, as is to_bytes */
    size_t      to_bytes;
    size_t      row_bytes;  /* a multiple of 4; the rest of a target row's last 64 bytes may be
                               set to zero */
    const pri_write *write; /* [n] */
    size_t           n;
    size_t           ahead; /* rows from the one copied to the one prefetched */
} pri_copy;

/* Copy rows begin .. end-1; rows behind end are prefetched. Any threads, distinct ranges. After
 * streamed stores the thread that made them calls pri_copy_fence before others read. */
typedef void (*pri_copy_rows)(const pri_copy *copy, size_t begin, size_t end);

/* Give the kernel for an instruction set the host has.
 *
 *   prefetch_to   1 or 2: the cache level that prefetches reach for (pr_tuning) */
pri_copy_rows pri_copy_of(int isa, pri_stores stores, int prefetch_to);

/* Kernels of one instruction set: [stores][prefetch_to - 1]. */
typedef pri_copy_rows pri_copy_table[PRI_NUM_STORES][2];

/* Make streamed stores visible in order. */
void pri_copy_fence(pri_stores stores);

/* "plain", "cached", "streamed". */
const char *pri_stores_name(pri_stores stores);

#endif
