/* slab.h: the memory rows live in. Slots are 64-byte aligned rows; kernels see one base pointer for
 * the slots that keep rows and, behind them, the bypass tail of one batch:
 *
 *     slot   0 ...            capacity-1 | capacity ...   num_slots-1 | one more
 *            rows that may stay          | bypassed rows              | scratch of check
 *
 * Columns from num_cols to ld are padding: always zero. A cache has one slab a plane. */
#ifndef CACHE_SLAB_H
#define CACHE_SLAB_H

#include "cache/index.h"
#include "cache/store.h"

typedef struct pri_slab {
    float   *rows;
    uint32_t num_cols;
    size_t   ld; /* elements from one slot to the next */
    uint64_t num_slots;
    size_t   bytes;
} pri_slab;

/* Give the elements of one slot: num_cols rounded up to 64 bytes. */
size_t pri_slab_ld(uint32_t num_cols);

/* Reserve address space for the slots, and one more; pages are committed when first written. */
pr_status pri_slab_init(pri_slab *slab, uint64_t num_slots, uint32_t num_cols);
void      pri_slab_clear(pri_slab *slab); /* zeroed is fine */

/* Copy rows from slot to slot, moves begin .. end-1. No target is a source. Cannot fail. */
void pri_slab_move(const pri_slab *slab, const pri_move *move, size_t begin, size_t end);

/* PR_E_BUG unless every resident row equals the store's, bit for bit (derived rows: to rounding),
 * and its padding is zero. Overwrites the scratch slot. O(C F). */
pr_status pri_slab_check(const pri_slab *slab, const pri_index *index, const pr_store *store);

#endif
