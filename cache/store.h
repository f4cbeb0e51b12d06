/* store.h: where rows come from, as the cache sees it. A store is a table of calls over N rows of
 * the same number of columns; it never changes, and any number of threads may read it. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "base/check.h"
#include "cache/copy.h"

/* What one partition has on its way from a slow store: reads in flight, and rows in staging. */
typedef struct pri_fetcher pri_fetcher;

/* Where rows are to go, and how. */
typedef struct pri_place {
    const pri_write   *write; /* [n] */
    size_t             n;
    float             *rows; /* slot 0; 64-byte aligned */
    size_t             ld;   /* elements from slot to slot, a multiple of 16 */
    int                isa;
    pri_stores         stores;
    int                prefetch_to; /* as in pr_tuning */
    size_t             row_ahead;   /* rows from the one copied to the one prefetched */
    const pri_fetcher *fetcher;     /* of the partition that places; NULL: the store has none */
} pri_place;

/* What a partition needs to bring rows of one store. */
typedef struct pri_fetcher_setup {
    const pr_io_options *io;
    uint32_t             max_rows;        /* that one plan may have to fetch */
    void (*thread_begins)(void *context); /* may be NULL */
    void *context;
} pri_fetcher_setup;

typedef struct pri_store_calls {
    void (*free)(pr_store *store);

    /* Bring rows to where `place` can reach them at memory speed. NULL: they always are. Whatever
     * can fail fails here, before any slot is touched.
     *
     *   fetcher   of the partition; NULL for stores without open_fetcher
     *   cost      out, added to */
    pr_status (*fetch)(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                       size_t n, pr_fetch_cost *cost);

    /* Make what a partition brings rows with, before its first fetch. NULL: nothing is needed. */
    pr_status (*open_fetcher)(const pr_store *store, const pri_fetcher_setup *setup,
                              pri_fetcher **out);
    void (*free_fetcher)(pri_fetcher *fetcher); /* ends reads in flight; NULL is fine */

    /* Begin to read rows that a later fetch will ask for, the first of them that there is room for;
     * those that are on their way already cost nothing. Gives how many of the ids are on their way
     * now; if that is not all, there is no room before the next place. Never waits. The cost
     * becomes that of the fetch that asks for them. NULL: there is no reading early.
     *
     *   free_slots   slots of the slab that are still to be filled (pri_early_free_slots) */
    size_t (*read_early)(pri_fetcher *fetcher, const pr_vid *ids, size_t n, uint64_t free_slots);

    /* The rows of the last fetch are in their slots: their staging may be used again.
     *
     *   free_slots   before they were */
    void (*placed)(pri_fetcher *fetcher, const pri_write *write, size_t n, uint64_t free_slots);

    const char *(*describe)(const pri_fetcher *fetcher); /* see pr_cache_io */

    /* Append the memory of a fetcher. */
    void (*staging)(const pri_fetcher *fetcher, pr_ranges *ranges);

    /* Write row write[i].id to rows + write[i].to * ld for i in begin .. end-1, num_cols floats
     * each, padding zero. Slots are distinct; other ranges may be placed by other threads at the
     * same time. Rows from end on may be prefetched. The caller fences streamed stores. Cannot
     * fail. */
    void (*place)(const pr_store *store, const pri_place *place, size_t begin, size_t end);

    /* Read one row [num_cols] without a fetcher, wherever it goes; of derived rows, for checks only
     * and by the cache's thread. NULL: place() can do it. */
    pr_status (*read_row)(const pr_store *store, pr_vid id, float *row);

    /* Borrow dense rows that place() would do no more than copy, so that the cache can copy them
     * itself. NULL, as a call or as what it gives: only place() knows how. */
    const pr_features *(*rows)(const pr_store *store);

    /* Borrow the features so that kernels read them in place. NULL: that cannot be. */
    const pr_features *(*direct)(const pr_store *store);

    /* Why there is no direct(), and what to use instead; NULL: rows are not in memory. */
    const char *no_direct;

    /* Copy a lane's rows (pr_store_fill). NULL: there is nothing to copy. */
    void (*fill)(pr_store *store, uint32_t lane);

    /* Append the memory it holds, or reads from. NULL: none. */
    void (*ranges)(const pr_store *store, pr_ranges *ranges);
} pri_store_calls;

/* The head of every store. */
struct pr_store {
    const pri_store_calls *calls;
    pr_vid                 num_rows;
    uint32_t               num_cols;
    pr_shards             *shards;    /* the store's own; NULL: not known. free() leaves it alone */
    bool                   all_local; /* the machine has one node: whoever reads, it is local */
    bool                   derived;   /* rows are computed (store_derived.c) */
};

/* Check what can be checked of features without reading the rows; the loader has read them. */
pr_status pri_store_check_features(const pr_features *features);

/* Refuse features that a direct store cannot have: no file has their rows as they are. */
pr_status pri_store_check_direct(const pr_features *features);

/* Give the kind of store, never auto, that pr_store_open would open, and why: a literal. Where
 * there are no files and shards to choose from it asks how much memory is free. */
int pri_store_choose(const pr_store_setup *setup, const char **why);

/* Place dense rows. */
void pri_store_place_dense(const pr_features *features, const pri_place *place, size_t begin,
                           size_t end);

/* Place CSR rows, expanded. */
void pri_store_place_csr(const pr_features *features, const pri_place *place, size_t begin,
                         size_t end);

/* Keep a copy of where a store's rows are. The store is freed when that fails. */
pr_status pri_store_keep_shards(pr_store **store, const pr_shards *shards);

/* Append rows that are not sharded: to the only node they can be on, if that is known. */
void pri_store_ranges_of(const pr_store *store, const pr_features *features, pr_ranges *ranges);
void pri_store_ranges_of_rows(const pr_store *store, const void *rows, size_t bytes,
                              pr_ranges *ranges);

#endif
