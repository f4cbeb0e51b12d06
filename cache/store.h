/* store.h: where rows come from, as the cache sees it. A store is a table of calls over N rows of
 * the same number of columns; it never changes, and any number of threads may read it. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include <packrat/cache.h>

#include "cache/plan.h"

typedef struct pri_store_calls {
    void (*free)(pr_store *store);

    /* Bring rows to where `place` can reach them at memory speed. NULL: they always are. Whatever
     * can fail fails here, before any slot is touched. */
    pr_status (*fetch)(const pr_store *store, const pri_write *write, size_t n);

    /* Write row write[i].id to rows + write[i].to * ld, num_cols floats each. Slots are distinct;
     * the order does not matter, so it may use threads. Cannot fail. */
    void (*place)(const pr_store *store, const pri_write *write, size_t n, float *rows, size_t ld);

    /* Borrow the features so that kernels read them in place. NULL: rows are not in memory. */
    const pr_features *(*direct)(const pr_store *store);
} pri_store_calls;

/* The head of every store. */
struct pr_store {
    const pri_store_calls *calls;
    pr_vid                 num_rows;
    uint32_t               num_cols;
};

#endif
