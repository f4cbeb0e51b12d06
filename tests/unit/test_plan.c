/* test_plan.c: cache/plan.c, by example and by trying every small case. The slab is played here
 * with letters, and the least number of writes is found by trying every order of the rows. */
#include "support/support.h"

#include "cache/plan.h"

enum { MOST = 8 };

typedef struct arrays {
    pr_slot  freed[MOST + PRI_PLAN_SLACK], fill[MOST];
    uint8_t  mark[MOST + PRI_PLAN_SLACK];
    pri_move move[MOST];
    pri_plan plan;
} arrays;

static pri_plan *plan_of(arrays *a)
{
    memset(a, 0xee, sizeof *a);
    a->plan = (pri_plan){ .freed = a->freed, .fill = a->fill, .move = a->move };
    return &a->plan;
}

/* Set the marks of a bit mask of hits; gives how many there are. */
static uint32_t mark_hits(arrays *a, uint32_t hits)
{
    uint32_t count = 0;
    memset(a->mark, 0, sizeof a->mark);
    for (uint32_t s = 0; s < MOST; s++) count += a->mark[s] = hits >> s & 1;
    return count;
}

static pri_plan *packed(arrays *a, uint32_t capacity, uint32_t rows_before, uint32_t hits,
                        uint32_t num_missing)
{
    pri_plan           *plan    = plan_of(a);
    const uint32_t      num_hit = mark_hits(a, hits);
    const pri_plan_case given   = { capacity, rows_before, num_hit, num_missing };
    pri_plan_packed(plan, given, a->mark);
    return plan;
}

/* Three rows leave, one arrives: the newcomer takes the lowest slot, the hole at slot 2 is filled
 * from the tail, the hole in the tail costs nothing. */
static void packed_fills_low_holes_from_the_tail(void **state)
{
    (void)state;
    arrays          a;
    const pri_plan *plan = packed(&a, MOST, 6, 1u << 1 | 1u << 3 | 1u << 4, 1);

    assert_int_equal(plan->rows_after, 4);
    assert_int_equal(plan->num_added, 1);
    assert_int_equal(plan->fill[0], 0);
    assert_int_equal(plan->num_moved, 1);
    assert_int_equal(plan->move[0].from, 4);
    assert_int_equal(plan->move[0].to, 2);
    assert_int_equal(plan->num_freed, 3);
}

static void packed_growth_moves_nothing(void **state)
{
    (void)state;
    arrays          a;
    const pri_plan *plan = packed(&a, MOST, 3, 1u << 0 | 1u << 2, 4);

    assert_int_equal(plan->rows_after, 6);
    assert_int_equal(plan->num_moved, 0);
    const pr_slot want[] = { 1, 3, 4, 5 };
    assert_memory_equal(plan->fill, want, sizeof want);
}

static void packed_keeps_hits_and_the_first_misses_when_capacity_is_short(void **state)
{
    (void)state;
    arrays          a;
    const pri_plan *plan = packed(&a, 3, 3, 1u << 2, 4);

    assert_int_equal(plan->num_added, 2);
    assert_int_equal(plan->num_bypassed, 2);
    assert_int_equal(plan->num_moved, 0);
    const pr_slot want[] = { 0, 1, 3, 4 }; /* the tail begins at the capacity */
    assert_memory_equal(plan->fill, want, sizeof want);
}

static void an_empty_batch_empties_the_packed_slab_for_nothing(void **state)
{
    (void)state;
    arrays          a;
    const pri_plan *plan = packed(&a, MOST, 5, 0, 0);

    assert_int_equal(plan->rows_after, 0);
    assert_int_equal(plan->num_freed, 5);
    assert_int_equal(plan->num_added + plan->num_moved + plan->num_bypassed, 0);
}

/* The least number of slots whose row changes, over every order of the m rows `target` in slots
 * 0 .. m-1, when the slots held `before`. */
static uint32_t least_writes(const int *before, int *target, uint32_t m, uint32_t at)
{
    if (at == m) {
        uint32_t writes = 0;
        for (uint32_t s = 0; s < m; s++) writes += before[s] != target[s];
        return writes;
    }
    uint32_t best = UINT32_MAX;
    for (uint32_t i = at; i < m; i++) {
        const int held = target[at];
        target[at] = target[i], target[i] = held;
        const uint32_t writes = least_writes(before, target, m, at + 1);
        if (writes < best) best = writes;
        target[i] = target[at], target[at] = held;
    }
    return best;
}

/* Carry out a plan on letters: slot s held row 1 + s, missing row i is 100 + i. Every source must
 * still hold its old row when it is read, whatever the order: targets are no sources. */
static void play(const pri_plan *plan, int *slot, const int *before)
{
    for (uint32_t i = 0; i < plan->num_moved; i++) {
        const pri_move move = plan->move[i];
        assert_true(move.from < plan->rows_before && move.from >= plan->rows_after);
        assert_true(move.to < plan->rows_after);
        assert_int_equal(slot[move.from], before[move.from]);
        slot[move.to] = before[move.from];
    }
    for (uint32_t i = 0; i < plan->num_added; i++) {
        assert_true(plan->fill[i] < plan->rows_after);
        slot[plan->fill[i]] = 100 + (int)i;
    }
}

/* Check a plan that is to lead to rows_after packed rows: survivors, and added rows. */
static void check_plan(const pri_plan *plan, uint32_t rows_before, uint32_t hits)
{
    int      before[MOST] = { 0 }, slot[MOST] = { 0 }, target[MOST] = { 0 };
    uint32_t m = 0;

    for (uint32_t s = 0; s < rows_before; s++) {
        slot[s] = before[s] = 1 + (int)s;
        if (hits >> s & 1) target[m++] = 1 + (int)s;
    }
    assert_int_equal(plan->num_freed, rows_before - m);
    for (uint32_t i = 0; i < plan->num_added; i++) target[m++] = 100 + (int)i;
    assert_int_equal(plan->rows_after, m);
    play(plan, slot, before);
    uint32_t freed = 0, above = 0;
    for (uint32_t i = 0; i < plan->num_freed; i++) {
        freed |= 1u << plan->freed[i];
        above += plan->freed[i] >= plan->rows_after;
        assert_true(above == 0 || plan->freed[i] >= plan->rows_after); /* parted */
    }
    assert_int_equal(freed, ((1u << rows_before) - 1) & ~hits);
    for (uint32_t t = 0; t < m; t++) { /* every target once: m slots, m rows, each found */
        uint32_t found = 0;
        for (uint32_t s = 0; s < m; s++) found += slot[s] == target[t];
        assert_int_equal(found, 1);
    }
    uint32_t writes = 0;
    for (uint32_t s = 0; s < m; s++) writes += slot[s] != before[s];
    assert_int_equal(writes, plan->num_added + plan->num_moved);
    if (m <= 5) assert_int_equal(writes, least_writes(before, target, m, 0));
}

static void check_packed(uint32_t capacity, uint32_t rows_before, uint32_t hits,
                         uint32_t num_missing)
{
    arrays          a;
    const pri_plan *plan    = packed(&a, capacity, rows_before, hits, num_missing);
    const uint32_t  num_hit = (uint32_t)__builtin_popcount(hits), room = capacity - num_hit;

    assert_int_equal(plan->num_added, num_missing < room ? num_missing : room);
    assert_int_equal(plan->num_added + plan->num_bypassed, num_missing);
    for (uint32_t i = 0; i < plan->num_bypassed; i++)
        assert_int_equal(plan->fill[plan->num_added + i], capacity + i);
    check_plan(plan, rows_before, hits);
}

/* Give the freed slots in another order for every `turn`. */
static void check_delta(uint32_t rows_before, uint32_t hits, uint32_t num_added, uint32_t turn)
{
    arrays    a;
    pr_slot   scratch[MOST], left[MOST];
    uint32_t  num_freed = 0;
    pri_plan *plan      = plan_of(&a);

    memset(a.mark, 0, sizeof a.mark);
    for (uint32_t s = 0; s < rows_before; s++)
        if (!(hits >> s & 1)) left[num_freed++] = s;
    for (uint32_t i = 0; i < num_freed; i++)
        plan->freed[i] = left[turn % 2 ? num_freed - 1 - i : (i + turn) % num_freed];
    pri_plan_delta(plan, rows_before, num_freed, num_added, a.mark, scratch);
    for (uint32_t i = 0; i < num_added; i++) plan->fill[i] = pri_plan_delta_slot(plan, i);
    assert_int_equal(plan->num_added, num_added);
    assert_int_equal(plan->num_bypassed, 0);
    check_plan(plan, rows_before, hits);
    for (uint32_t s = 0; s < MOST; s++) assert_int_equal(a.mark[s], 0);
}

static void every_small_packed_plan_is_packed_and_writes_the_least_possible(void **state)
{
    (void)state;
    uint32_t cases = 0;

    for (uint32_t capacity = 0; capacity <= 7; capacity++)
        for (uint32_t before = 0; before <= capacity; before++)
            for (uint32_t hits = 0; hits < 1u << before; hits++)
                for (uint32_t missing = 0; missing <= 7; missing++, cases++)
                    check_packed(capacity, before, hits, missing);
    printf("%u packed plans\n", cases);
}

static void every_small_difference_is_packed_and_writes_the_least_possible(void **state)
{
    (void)state;
    for (uint32_t before = 0; before <= 7; before++)
        for (uint32_t hits = 0; hits < 1u << before; hits++)
            for (uint32_t added = 0; (uint32_t)__builtin_popcount(hits) + added <= 7; added++)
                for (uint32_t turn = 0; turn < 4; turn++) check_delta(before, hits, added, turn);
}

/* The victims are chosen here: the highest slots that are not hits, highest first. */
static void check_resident(uint32_t capacity, uint32_t rows_before, uint32_t hits,
                           uint32_t num_missing)
{
    arrays              a;
    const uint32_t      num_hit     = (uint32_t)__builtin_popcount(hits);
    const pri_plan_case given       = { capacity, rows_before, num_hit, num_missing };
    const uint32_t      num_victims = pri_plan_num_victims(given);
    pri_plan           *plan        = plan_of(&a);

    assert_true(num_victims <= rows_before - num_hit);
    uint32_t chosen = 0, used = 0;
    for (uint32_t s = rows_before; s-- > 0 && chosen < num_victims;)
        if (!(hits >> s & 1)) plan->freed[chosen++] = s;
    assert_int_equal(chosen, num_victims);
    pri_plan_resident(plan, given);

    const uint32_t room = capacity - num_hit;
    assert_int_equal(plan->num_added, num_missing < room ? num_missing : room);
    assert_int_equal(plan->num_added + plan->num_bypassed, num_missing);
    assert_int_equal(plan->num_moved, 0);
    assert_int_equal(plan->num_freed, num_victims);
    assert_int_equal(plan->rows_after, rows_before + plan->num_added - num_victims);
    assert_true(num_victims == 0 || plan->rows_after == capacity); /* free slots go first */
    for (uint32_t i = 0; i < plan->num_added; i++) {
        const pr_slot slot = plan->fill[i];
        assert_true(slot < plan->rows_after);
        assert_false(used >> slot & 1);
        used |= 1u << slot;
        if (slot < rows_before)
            assert_int_equal(slot, plan->freed[i - (plan->num_added - num_victims)]);
    }
    assert_int_equal(used & hits, 0);
    for (uint32_t i = 0; i < plan->num_bypassed; i++)
        assert_int_equal(plan->fill[plan->num_added + i], capacity + i);
}

static void every_small_resident_plan_writes_each_missing_row_once_and_no_hit(void **state)
{
    (void)state;
    for (uint32_t capacity = 0; capacity <= 7; capacity++)
        for (uint32_t before = 0; before <= capacity; before++)
            for (uint32_t hits = 0; hits < 1u << before; hits++)
                for (uint32_t missing = 0; missing <= 7; missing++)
                    check_resident(capacity, before, hits, missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_fills_low_holes_from_the_tail),
        cmocka_unit_test(packed_growth_moves_nothing),
        cmocka_unit_test(packed_keeps_hits_and_the_first_misses_when_capacity_is_short),
        cmocka_unit_test(an_empty_batch_empties_the_packed_slab_for_nothing),
        cmocka_unit_test(every_small_packed_plan_is_packed_and_writes_the_least_possible),
        cmocka_unit_test(every_small_difference_is_packed_and_writes_the_least_possible),
        cmocka_unit_test(every_small_resident_plan_writes_each_missing_row_once_and_no_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
