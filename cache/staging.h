/* staging.h: where rows of a file wait, as the file has them, from the read that brings them to the
 * place that converts them.
 *
 *     slot_of   id -> slot, 4 bytes a row of the store
 *     rows      slot   0      1      2      3          top             num_slots
 *                      | id 7 |      | id 3 | id 12 |  |  not committed  |
 *
 * A row takes the lowest slot that is free, so that memory is that of the rows staged at a time,
 * whatever the address space. What no plan needs any more (all rows of the first batch) is given
 * back: at once, or after two plans that needed less, so that plans of about the same size find
 * their pages there. Slots depend on earlier calls alone. */
#ifndef CACHE_STAGING_H
#define CACHE_STAGING_H

#include <packrat/numa.h>

#include "base/check.h"
#include "cache/plan.h"

typedef struct pri_staging {
    pr_vid    num_rows; /* of the store */
    uint32_t  num_slots;
    uint32_t  num_used;
    size_t    slot_bytes; /* a multiple of 64 */
    char     *rows;       /* [num_slots, slot_bytes] */
    uint32_t *slot_of;    /* [num_rows] slot + 1; 0: not staged */
    pr_vid   *id_of;      /* [num_slots] of those in use */
    uint64_t *free_bits;  /* [num_slots / 64 + 1] bit s % 64 of word s / 64: slot s is free */
    uint32_t  first_word; /* words below have no free slot */
    uint32_t  top;        /* slots below were in use since the last look back */
    uint32_t  touched;    /* slots below may have pages */
    uint32_t  rests;      /* since the last look back */
} pri_staging;

/* Reserve address space for the rows, and 4 bytes a row of the store. Clear also after a failure.
 *
 *   row_bytes   as the file has them; a slot is as much, rounded up to 64 */
pr_status pri_staging_init(pri_staging *staging, pr_vid num_rows, uint32_t num_slots,
                           size_t row_bytes);
void      pri_staging_clear(pri_staging *staging); /* zeroed is fine */

/* Give the most that it takes, and what it takes beside the rows. */
uint64_t pri_staging_bytes(pr_vid num_rows, uint32_t num_slots, size_t row_bytes);

/* Give the slot of a row; PR_SLOT_NONE: it is not staged. Any threads, while nobody takes or gives.
 */
static inline pr_slot pri_staging_find(const pri_staging *staging, pr_vid id)
{
    return staging->slot_of[id] - 1;
}

static inline const char *pri_staging_row(const pri_staging *staging, pr_slot slot)
{
    return staging->rows + slot * staging->slot_bytes;
}

/* Take a slot for a row that has none. There must be a free one. */
pr_slot pri_staging_take(pri_staging *staging, pr_vid id);

/* Give the slot of a row back. */
void pri_staging_give(pri_staging *staging, pr_slot slot);

/* Note that a plan was carried out; every other one memory that neither needed is given back, if
 * that is a fifth of it. */
void pri_staging_rest(pri_staging *staging);

/* The same, but give back at once all memory behind the last row that is staged. */
void pri_staging_shrink(pri_staging *staging);

/* Append the memory it takes: rows as "staging", the rest as "index". */
void pri_staging_ranges(const pri_staging *staging, pr_ranges *ranges);

#endif
