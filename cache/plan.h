/* plan.h: from counts and marks to slots: which slot every missing row gets, which slots lose their
 * row, which rows move. Integers only; no row is seen here. */
#ifndef CACHE_PLAN_H
#define CACHE_PLAN_H

#include <packrat/nouns.h>

/* Store row `id` is to be written to slot `to`. */
typedef struct pri_write {
    pr_vid  id;
    pr_slot to;
} pri_write;

/* The row in slot `from` is to be copied to slot `to`. */
typedef struct pri_move {
    pr_slot from, to;
} pri_move;

/* What a batch finds. num_hit <= rows_before <= capacity. */
typedef struct pri_plan_case {
    uint32_t capacity;    /* slots that may keep a row, C */
    uint32_t rows_before; /* slots 0 .. rows_before-1 hold rows */
    uint32_t num_hit;     /* wanted rows among them */
    uint32_t num_missing; /* wanted rows that are not */
} pri_plan_case;

/* What the batch does. Slots from `capacity` on are the bypass tail: rows there are forgotten with
 * the view. */
typedef struct pri_plan {
    uint32_t  rows_before, rows_after;
    uint32_t  num_added, num_bypassed; /* sum: the missing rows; the first num_added are kept */
    uint32_t  num_freed, num_moved;
    pr_slot  *freed; /* [num_freed] distinct slots whose row leaves */
    pr_slot  *fill;  /* [num_added + num_bypassed] the slot of each missing row, in wanted order */
    pri_move *move;  /* [num_moved] targets below rows_after, sources from there on */
} pri_plan;

/* Plan a packed slab: rows_after = hits + added rows, in slots 0 .. rows_after-1.
 *
 *   last_wanted   [rows_before] equal to `now` for the slots of hits
 *   plan          its arrays have room for rows_before, num_missing and num_hit elements
 *
 * Cannot fail. O(rows_before + missing). */
void pri_plan_packed(pri_plan *plan, pri_plan_case given, const uint32_t *last_wanted,
                     uint32_t now);

/* Give the rows a resident slab must let go for this batch: at most rows_before - num_hit. */
uint32_t pri_plan_num_victims(pri_plan_case given);

/* Plan a resident slab. plan->freed holds pri_plan_num_victims() slots that are not hits; missing
 * rows take free slots first, then these in their order. Cannot fail. O(missing). */
void pri_plan_resident(pri_plan *plan, pri_plan_case given);

#endif
