/* plan.c: from the difference of two sets to the fewest row writes.
 *
 * Packed. From m0 old rows, A added, R leaving: m1 = m0 + A - R rows must fill slots 0 .. m1-1.
 *
 *     slot    0            m1        m0
 *             |h.hh..h.hhh.|hh..h...h|          h a hit, . a row that leaves
 *                           h of them survive the cut and must move
 *
 * When A >= R nothing is cut: the added rows take the R freed slots and A - R new ones. Otherwise
 * the tail has R - A slots of which h hold hits, so R - A - h of the freed slots lie in it, and
 * A + h below it: the lowest A take the added rows, the other h the survivors. Every slot is
 * written at most once and A + h writes is also the least possible: an added row is nowhere in the
 * slab, and a survivor is not where it may stay. Freed slots are met in ascending order, so they
 * come parted at m1 without a sort.
 *
 * Resident. Rows stay until their slot is needed: exactly A writes, none of them a move. */
#include "cache/plan.h"

#include "base/check.h"

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Split the missing rows into kept and bypassed, and give the latter their slots. */
static void split_missing(pri_plan *plan, pri_plan_case given)
{
    PR_ASSERT(given.num_hit <= given.rows_before && given.rows_before <= given.capacity);
    plan->rows_before  = given.rows_before;
    plan->num_added    = least(given.num_missing, given.capacity - given.num_hit);
    plan->num_bypassed = given.num_missing - plan->num_added;
    for (uint32_t i = 0; i < plan->num_bypassed; i++)
        plan->fill[plan->num_added + i] = given.capacity + i;
}

void pri_plan_packed(pri_plan *plan, pri_plan_case given, const uint32_t *last_wanted, uint32_t now)
{
    split_missing(plan, given);
    const uint32_t rows_before = given.rows_before, num_added = plan->num_added;
    const uint32_t rows_after = given.num_hit + num_added;
    pr_slot *const freed      = plan->freed;
    uint32_t       num_freed = 0, num_moved = 0;

    for (pr_slot slot = 0; slot < least(rows_before, rows_after); slot++) {
        freed[num_freed] = slot;
        num_freed += last_wanted[slot] != now;
    }
    const uint32_t num_low = num_freed, num_paired = least(num_added, num_low);
    for (uint32_t i = 0; i < num_paired; i++) plan->fill[i] = freed[i];
    for (uint32_t i = num_paired; i < num_added; i++)
        plan->fill[i] = rows_before + (i - num_paired);

    for (pr_slot slot = rows_after; slot < rows_before; slot++) {
        if (last_wanted[slot] == now) {
            plan->move[num_moved] = (pri_move){ .from = slot, .to = freed[num_added + num_moved] };
            num_moved++;
        } else {
            freed[num_freed++] = slot;
        }
    }
    PR_ASSERT(rows_after >= rows_before || num_low == num_added + num_moved);
    PR_ASSERT(num_freed == rows_before - given.num_hit);
    plan->rows_after = rows_after;
    plan->num_freed  = num_freed;
    plan->num_moved  = num_moved;
}

uint32_t pri_plan_num_victims(pri_plan_case given)
{
    const uint32_t num_added = least(given.num_missing, given.capacity - given.num_hit);
    const uint32_t num_free  = given.capacity - given.rows_before;
    return num_added - least(num_added, num_free);
}

void pri_plan_resident(pri_plan *plan, pri_plan_case given)
{
    split_missing(plan, given);
    plan->num_freed        = pri_plan_num_victims(given);
    plan->num_moved        = 0;
    const uint32_t num_new = plan->num_added - plan->num_freed;
    for (uint32_t i = 0; i < num_new; i++) plan->fill[i] = given.rows_before + i;
    for (uint32_t i = num_new; i < plan->num_added; i++) plan->fill[i] = plan->freed[i - num_new];
    plan->rows_after = given.rows_before + num_new;
}
