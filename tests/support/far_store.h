/* far_store.h: a store whose rows must be fetched: it takes its time, counts, and can fail. */
#ifndef TESTS_FAR_STORE_H
#define TESTS_FAR_STORE_H

#include <stdatomic.h>

#include "cache/store.h"

typedef struct far_store {
    pr_store         head; /* first: the cache sees this store */
    const pr_store  *inner;
    int64_t          latency_ns;   /* of each fetch, slept */
    int64_t          fetches_left; /* before one fails; negative: none fails */
    _Atomic uint64_t num_fetches;
} far_store;

/* Give a store of the rows of `inner`, which must outlive it. Nothing to free. */
far_store far_store_of(const pr_store *inner, int64_t latency_ns, int64_t fetches_left);

#endif
