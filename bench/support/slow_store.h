/* slow_store.h: a store that takes a fixed time for each fetch, asleep: a tier that is far. */
#ifndef BENCH_SUPPORT_SLOW_STORE_H
#define BENCH_SUPPORT_SLOW_STORE_H

#include "cache/store.h"

typedef struct slow_store {
    pr_store        head; /* first: the cache sees this store */
    const pr_store *inner;
    int64_t         latency_ns; /* may be changed between steps */
} slow_store;

/* Give a slow store of the rows of `inner`, which must outlive it. Nothing to free. */
slow_store slow_store_of(const pr_store *inner);

#endif
