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

#include <string.h>

#include "base/check.h"
#include "cache/sweep.h"

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

/* Give the slots that the added rows take: freed ones first, then new ones behind the old end. */
static void fill_added(pri_plan *plan, uint32_t num_low)
{
    const uint32_t num_added = plan->num_added, num_paired = least(num_added, num_low);

    for (uint32_t i = 0; i < num_paired; i++) plan->fill[i] = plan->freed[i];
    for (uint32_t i = num_paired; i < num_added; i++)
        plan->fill[i] = plan->rows_before + (i - num_paired);
}

void pri_plan_packed(pri_plan *plan, pri_plan_case given, const uint8_t *mark)
{
    split_missing(plan, given);
    const uint32_t rows_before = given.rows_before;
    const uint32_t rows_after  = given.num_hit + plan->num_added;
    pr_slot *const freed       = plan->freed;
    uint32_t       num_moved   = 0;

    const uint32_t num_low   = pri_sweep_unmarked(mark, 0, least(rows_before, rows_after), freed);
    uint32_t       num_freed = num_low;
    fill_added(plan, num_low);
    for (pr_slot slot = rows_after; slot < rows_before; slot++) {
        if (mark[slot]) {
            plan->move[num_moved] =
                (pri_move){ .from = slot, .to = freed[plan->num_added + num_moved] };
            num_moved++;
        } else {
            freed[num_freed++] = slot;
        }
    }
    PR_ASSERT(rows_after >= rows_before || num_low == plan->num_added + num_moved);
    PR_ASSERT(num_freed == rows_before - given.num_hit);
    plan->rows_after = rows_after;
    plan->num_freed  = num_freed;
    plan->num_moved  = num_moved;
}

/* Part the freed slots at rows_after, keeping their order; gives how many lie below. Those above
 * are marked. */
static uint32_t part_freed(pri_plan *plan, uint8_t *mark, pr_slot *scratch)
{
    uint32_t num_low = 0, num_tail = 0;

    for (uint32_t i = 0; i < plan->num_freed; i++) {
        const pr_slot slot = plan->freed[i];
        if (slot < plan->rows_after) {
            plan->freed[num_low++] = slot;
        } else {
            mark[slot]          = 1;
            scratch[num_tail++] = slot;
        }
    }
    for (uint32_t i = 0; i < num_tail; i++) plan->freed[num_low + i] = scratch[i];
    return num_low;
}

void pri_plan_delta(pri_plan *plan, uint32_t rows_before, uint32_t num_freed, uint32_t num_added,
                    uint8_t *mark, pr_slot *scratch)
{
    plan->rows_before  = rows_before;
    plan->rows_after   = rows_before - num_freed + num_added;
    plan->num_freed    = num_freed;
    plan->num_added    = num_added;
    plan->num_bypassed = plan->num_moved = 0;
    const bool     cut                   = plan->rows_after < rows_before;
    const uint32_t num_low               = cut ? part_freed(plan, mark, scratch) : num_freed;

    for (pr_slot slot = plan->rows_after; slot < rows_before; slot++) {
        if (!mark[slot]) {
            plan->move[plan->num_moved] =
                (pri_move){ .from = slot, .to = plan->freed[num_added + plan->num_moved] };
            plan->num_moved++;
        }
        mark[slot] = 0;
    }
    PR_ASSERT(!cut || num_low == num_added + plan->num_moved);
}

static void insert_sort(pr_slot *slots, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const pr_slot slot = slots[i];
        uint32_t      to   = i;
        for (; to > 0 && slots[to - 1] > slot; to--) slots[to] = slots[to - 1];
        slots[to] = slot;
    }
}

void pri_plan_sort(pr_slot *slots, uint32_t n, uint32_t end, pr_slot *scratch)
{
    enum { FEW = 24, DIGIT = 8, DIGITS = 1 << DIGIT };

    if (n <= FEW) {
        insert_sort(slots, n);
        return;
    }
    for (uint32_t shift = 0; shift < 32 && (end - 1) >> shift > 0; shift += DIGIT) {
        uint32_t first[DIGITS + 1] = { 0 };
        for (uint32_t i = 0; i < n; i++) first[(slots[i] >> shift & (DIGITS - 1)) + 1]++;
        for (uint32_t d = 0; d < DIGITS; d++) first[d + 1] += first[d];
        for (uint32_t i = 0; i < n; i++)
            scratch[first[slots[i] >> shift & (DIGITS - 1)]++] = slots[i];
        memcpy(slots, scratch, n * sizeof *slots);
    }
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
