/* index.h: which slot holds which row, which rows the present batch found, and which rows were ever
 * wanted. Prepare only reads what place will write; a batch that is refused leaves no trace. */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include "base/check.h"
#include "cache/plan.h"

/* Two bits a row, side by side so that one access serves both. */
typedef struct pri_index_bits {
    uint64_t wanted; /* in a batch that was placed */
    uint64_t marked; /* missing from the batch being looked up; all clear between calls */
} pri_index_bits;

typedef struct pri_index {
    pr_vid          num_rows;     /* rows of the store, N */
    uint32_t        max_slots;    /* 0: mode off, every row is missing and slot_of is NULL */
    uint32_t        num_resident; /* slots 0 .. num_resident-1 hold rows */
    uint32_t        now;          /* the batch looked up last; 1, 2, ... */
    pr_slot        *slot_of;      /* [num_rows] or PR_SLOT_NONE */
    pr_vid         *id_of;        /* [max_slots] the row in a slot, below num_resident */
    uint32_t       *last_wanted; /* [max_slots] equal to `now`: a hit of the batch looked up last */
    pri_index_bits *bits;        /* [num_rows / 64, rounded up] */
} pri_index;

/* Make an empty index: 4.25 bytes a row, and address space for 8 bytes a slot, committed when first
 * used. Free with pri_index_clear, also after a failure. */
pr_status pri_index_init(pri_index *index, pr_vid num_rows, uint32_t max_slots);
void      pri_index_clear(pri_index *index); /* zeroed is fine */

/* Look up a batch.
 *
 *   wanted    [n] ids
 *   slot_of   out [min(n, num_rows)] the slot of each, PR_SLOT_NONE when it is missing
 *   missing   out [min(n, num_rows)] places in `wanted` of the missing rows, ascending
 *   first     out, how many of them no earlier batch wanted
 *
 * PR_E_RANGE for an id outside the store, PR_E_ARG when one comes twice; nothing has changed then.
 * O(n): about one random 4-byte read an id. */
pr_status pri_index_find(pri_index *index, pr_vids wanted, pr_slot *slot_of, uint32_t *missing,
                         uint32_t *num_missing, uint32_t *first);

/* Carry out a plan: freed rows leave, moved rows change slots, the first plan->num_added writes
 * come in. Cannot fail. */
void pri_index_commit(pri_index *index, const pri_plan *plan, const pri_write *write);

/* Note the batch's missing rows as wanted. */
void pri_index_note(pri_index *index, pr_vids wanted, const uint32_t *missing,
                    uint32_t num_missing);

/* PR_E_BUG unless both tables say the same and no mark is left. O(num_rows). */
pr_status pri_index_check(const pri_index *index);

#endif
