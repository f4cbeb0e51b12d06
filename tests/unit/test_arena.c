/* test_arena.c: an arena hands out aligned pieces that do not overlap, and says when it is full. */
#include "support/support.h"

#include "base/arena.h"

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    pri_arena arena;
    test_rng  rng = { .key = test_seed() };
    char     *end = NULL;

    assert_ok(pri_arena_init(&arena, 1 << 20));
    for (int i = 0; i < 500; i++) {
        const size_t n     = test_below(&rng, 2000);
        char        *piece = pri_arena_take(&arena, n, 1);
        if (!piece) break;
        assert_true((uintptr_t)piece % 64 == 0);
        assert_true(piece >= arena.base && piece + n <= arena.base + arena.bytes);
        if (end) assert_true(piece >= end);
        memset(piece, 1, n);
        end = piece + n;
    }
    pri_arena_clear(&arena);
}

static void the_last_byte_can_be_taken_and_no_more(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 4096));
    assert_null(pri_arena_take(&arena, 4097, 1));
    assert_non_null(pri_arena_take(&arena, 4032, 1));
    assert_null(pri_arena_take(&arena, 65, 1));
    assert_non_null(pri_arena_take(&arena, 64, 1));
    assert_null(pri_arena_take(&arena, 1, 1));
    assert_int_equal(arena.used, 4096);
    assert_int_equal(arena.peak, 4096);
    pri_arena_clear(&arena);
}

/* 100 bytes are no multiple of the alignment: the second piece would start behind the end. */
static void an_odd_size_is_kept_to_the_byte(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 100));
    assert_non_null(pri_arena_take(&arena, 65, 1));
    assert_null(pri_arena_take(&arena, 1, 1));
    pri_arena_reset(&arena);
    assert_non_null(pri_arena_take(&arena, 100, 1));
    assert_null(pri_arena_take(&arena, 0, 1)); /* its place would be behind the end */
    pri_arena_clear(&arena);
}

static void a_full_arena_stays_as_it_was(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 4096));
    assert_non_null(pri_arena_take(&arena, 100, 1));
    assert_null(pri_arena_take(&arena, SIZE_MAX, 1));
    assert_null(pri_arena_take(&arena, SIZE_MAX / 2 + 2, 2)); /* wraps to 2 */
    assert_null(pri_arena_take(&arena, SIZE_MAX, SIZE_MAX));
    assert_int_equal(arena.used, 100);
    pri_arena_clear(&arena);
}

static void a_reset_gives_all_of_it_back_and_keeps_the_peak(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 8192));
    void *first = pri_arena_take(&arena, 5000, 1);
    pri_arena_reset(&arena);
    assert_ptr_equal(pri_arena_take(&arena, 10, 1), first);
    assert_int_equal(arena.used, 10);
    assert_int_equal(arena.peak, 5000);
    pri_arena_clear(&arena);
}

static pr_status take(pri_arena *arena, size_t count)
{
    pr_status st = PR_OK;
    uint64_t *numbers;
    PR_TAKE(arena, numbers, count);
    numbers[0] = 1;
done:
    return st;
}

static void a_full_arena_names_both_numbers(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 4096));
    assert_ok(take(&arena, 512));
    assert_fails(PR_E_FULL, "arena of 4096 bytes has 0 left, numbers wants 513 x 8",
                 take(&arena, 513));
    pri_arena_clear(&arena);
}

static void taking_makes_no_call_through_the_heap_door(void **state)
{
    (void)state;
    pri_arena arena;

    assert_ok(pri_arena_init(&arena, 1 << 16));
    const uint64_t calls = pri_mem_calls();
    for (int i = 0; i < 1000; i++) {
        pri_arena_reset(&arena);
        while (pri_arena_take(&arena, 1000, 1)) {
        }
    }
    assert_true(pri_mem_calls() == calls);
    pri_arena_clear(&arena);
}

static void a_zeroed_arena_is_full_and_can_be_cleared(void **state)
{
    (void)state;
    pri_arena arena = { 0 };

    assert_null(pri_arena_take(&arena, 1, 1));
    assert_null(pri_arena_take(&arena, 0, 1));
    pri_arena_reset(&arena);
    pri_arena_clear(&arena);
    pri_arena_clear(&arena);
}

static void absurd_sizes_are_refused_with_their_bytes(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();
    pri_arena     arena;

    assert_fails(PR_E_NOMEM, "18446744073709551615 bytes", pri_arena_init(&arena, SIZE_MAX));
    assert_null(arena.base);
    pri_arena_clear(&arena);
    assert_ok(pri_arena_init(&arena, 0)); /* a step may need nothing */
    pri_arena_clear(&arena);
    pri_mem_fail_at(0);
    assert_fails(PR_E_NOMEM, "4096 bytes", pri_arena_init(&arena, 4096));
    pri_mem_fail_at(-1);
    assert_int_equal(pri_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_last_byte_can_be_taken_and_no_more),
        cmocka_unit_test(an_odd_size_is_kept_to_the_byte),
        cmocka_unit_test(a_full_arena_stays_as_it_was),
        cmocka_unit_test(a_reset_gives_all_of_it_back_and_keeps_the_peak),
        cmocka_unit_test(a_full_arena_names_both_numbers),
        cmocka_unit_test(taking_makes_no_call_through_the_heap_door),
        cmocka_unit_test(a_zeroed_arena_is_full_and_can_be_cleared),
        cmocka_unit_test(absurd_sizes_are_refused_with_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
