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
    uint32_t rows_before, rows_after;
    uint32_t num_added, num_bypassed; /* sum: the missing rows; the first num_added are kept */
    uint32_t num_freed, num_moved;
    pr_slot *freed; /* [num_freed] distinct slots whose row leaves; those below rows_after first,
                       and the first of them take the added rows */
    pr_slot  *fill; /* [num_added + num_bypassed] the slot of each missing row, in wanted order */
    pri_move *move; /* [num_moved] targets below rows_after, sources from there on */
} pri_plan;

/* Room that freed must have behind its last element: sweeps write whole vectors. */
enum { PRI_PLAN_SLACK = 64 };

/* Plan a packed slab: rows_after = hits + added rows, in slots 0 .. rows_after-1.
 *
 *   mark   [rows_before] 1 for the slots of hits, else 0
 *   plan   its arrays have room for rows_before + PRI_PLAN_SLACK, num_missing and num_hit elements
 *
 * Cannot fail. O(rows_before / 64 + leaving + missing + rows cut off). */
void pri_plan_packed(pri_plan *plan, pri_plan_case given, const uint8_t *mark);

/* Plan a change of a packed slab that is given as a difference: rows leave from the slots
 * plan->freed[0 .. num_freed), in any order, and num_added rows come in.
 *
 *   mark   [rows_before] all 0, and all 0 again afterwards
 *
 * Parts plan->freed at rows_after; pri_plan_delta_slot gives the slots of the added rows,
 * plan->fill is left alone. Cannot fail. O(num_freed + num_added). */
void pri_plan_delta(pri_plan *plan, uint32_t rows_before, uint32_t num_freed, uint32_t num_added,
                    uint8_t *mark, pr_slot *scratch);

/* Sort n slots below `end`; scratch [n]. Not needed for the fewest writes, but rows written in the
 * order of their slots arrive faster: memory likes neighbours. Cannot fail. O(n) passes, one for
 * every 8 bits of `end`. */
void pri_plan_sort(pr_slot *slots, uint32_t n, uint32_t end, pr_slot *scratch);

/* Give the slot that added row i takes in such a plan. */
static inline pr_slot pri_plan_delta_slot(const pri_plan *plan, uint32_t i)
{
    return i < plan->num_freed ? plan->freed[i] : plan->rows_before + (i - plan->num_freed);
}

/* Give the rows a resident slab must let go for this batch: at most rows_before - num_hit. */
uint32_t pri_plan_num_victims(pri_plan_case given);

/* Plan a resident slab. plan->freed holds pri_plan_num_victims() slots that are not hits; missing
 * rows take free slots first, then these in their order. Cannot fail. O(missing). */
void pri_plan_resident(pri_plan *plan, pri_plan_case given);

#endif
