/* packrat/cache.h: the packed feature cache. Feature rows live in slots of a slab, kernels read
 * them in place, and a step changes only what it must: a row that comes in overwrites one that may
 * go. Calls of one step:
 *
 *     pr_cache_prepare   decides what to move; touches no row
 *     pr_cache_fetch     brings rows of slow tiers to staging; may run while a view is read
 *     pr_cache_place     writes rows into slots and gives the view
 *     pr_cache_release   ends the view; the next place may write again
 *
 * All belong to the lane's thread. */
#ifndef PACKRAT_CACHE_H
#define PACKRAT_CACHE_H

#include <packrat/base.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pr_cache_mode {
    PR_CACHE_RESIDENT, /* rows stay until their slot is needed: C > m; exactly A writes */
    PR_CACHE_PACKED,   /* slots 0 .. m-1 hold exactly the wanted rows; A + h writes */
    PR_CACHE_OFF       /* kernels read the store in place */
} pr_cache_mode;

typedef enum pr_cache_policy { PR_POLICY_LRU } pr_cache_policy;

typedef struct pr_cache_options {
    int      mode;   /* pr_cache_mode */
    uint64_t rows;   /* capacity C in rows; 0: see bytes */
    uint64_t bytes;  /* capacity in bytes of slots; 0: resident see factor, packed a whole batch */
    double   factor; /* C = factor * m of the first batch that is not empty; 0: all bypass */
    int      policy; /* pr_cache_policy */
} pr_cache_options;

extern const pr_option_table pr_cache_option_table; /* cache.mode, cache.rows, ... */

/* Instruction sets that copies and sweeps are compiled for. */
typedef enum pr_isa { PR_ISA_PORTABLE, PR_ISA_AVX2, PR_ISA_AVX512 } pr_isa;

/* Where rows come from: the store behind the cache. */
typedef struct pr_store pr_store;

/* A store over features in memory (dense or CSR), which must outlive it. */
pr_status pr_store_memory(const pr_features *features, pr_store **out);
void      pr_store_free(pr_store *store);

/* Bytes of one slab row, S: columns * 4, without the padding of slots. */
size_t pr_store_row_bytes(const pr_store *store);

typedef struct pr_cache pr_cache;

/* What a step will do; rows, not bytes. Borrowed until the next prepare. */
typedef struct pr_cache_plan {
    uint64_t    num_wanted;
    uint64_t    rows_hit, rows_added, rows_bypassed, rows_direct; /* sum: num_wanted */
    uint64_t    rows_victim;                                      /* rows that lost their slot */
    uint64_t    rows_compacted;                                   /* survivors moved, h */
    uint64_t    rows_moved;   /* row writes: added + compacted + bypassed */
    uint64_t    rows_first;   /* wanted for the first time since create */
    uint64_t    bytes_moved;  /* rows_moved * S */
    int64_t     bytes_bound;  /* packed: (A + h) * S, A = added + bypassed; else PR_NULL_INT */
    uint64_t    bytes_gather; /* num_wanted * S: what a fresh copy of the batch would move */
    const char *path;         /* "paired" (slots were overwritten in place) or "direct" (off) */
} pr_cache_plan;

/* Create one cache partition.
 *
 *   store        must outlive the cache; any number of partitions may share it
 *   max_wanted   most ids one prepare may ask for
 *   out          free with pr_cache_free; NULL on failure
 *
 * Reserves address space for max(C, max_wanted) slots; pages are committed when first written, so
 * memory follows the capacity, or the batch where that is larger: bypassed rows use the slots
 * behind C. No other call allocates. PR_E_ARG for options out of bounds, PR_E_UNSUPPORTED for mode
 * off over a store that is not in memory.
 */
pr_status pr_cache_create(const pr_cache_options *options, const pr_store *store,
                          uint32_t max_wanted, pr_cache **out);
void      pr_cache_free(pr_cache *cache); /* NULL is fine */

/* Decide which rows to move so that every wanted id can be read through the next view.
 *
 *   wanted   [n] distinct ids, n <= max_wanted; may exceed the capacity: the surplus bypasses.
 *            Borrowed until place.
 *   plan     out; borrowed until the next prepare or free
 *
 * PR_E_RANGE for an id outside the store, PR_E_ARG for a duplicate or a second prepare without
 * place: the cache is unchanged then. Decisions depend only on earlier calls, never on timing or
 * threads. O(n), no feature byte is touched.
 */
pr_status pr_cache_prepare(pr_cache *cache, pr_vids wanted, const pr_cache_plan **plan);

/* Bring rows of slow tiers to staging. Nothing to do for stores in memory; place calls it when the
 * caller did not. PR_E_ARG without a prepare. When the store fails the plan is dropped: index and
 * rows are as before prepare, which may be called again. */
pr_status pr_cache_fetch(pr_cache *cache);

/* Write the plan's rows into their slots and give the view. PR_E_ARG without a prepare, or while
 * an earlier view is live; cache, plan and *view are unchanged then. Uses the caller's OpenMP
 * threads; the result is the same for any number of them. */
pr_status pr_cache_place(pr_cache *cache, pr_slab *view);

/* End the view; its pointers are invalid from now. Nothing happens without one. */
void pr_cache_release(pr_cache *cache);

/* Most rows kept, C: never more than the store has; 0 in mode off, and as long as the first batch
 * has to decide it. */
uint64_t pr_cache_capacity_rows(const pr_cache *cache);

uint64_t    pr_cache_resident_rows(const pr_cache *cache);
const char *pr_cache_mode_name(const pr_cache *cache);   /* "resident", "packed", "off" */
const char *pr_cache_policy_name(const pr_cache *cache); /* "lru", "none" */

/* Check every invariant of index, slab and policy; PR_E_BUG with the broken one. O(N + C F). */
pr_status pr_cache_check(const pr_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
