/* test_teamwork.c: loops are spread by the work in them, and tasks are small enough to go round. */
#include "support/support.h"

#include "base/teamwork.h"

static void ten_microseconds_of_work_are_worth_a_team(void **state)
{
    (void)state;
    assert_false(pri_worth_team(0, 2000));
    assert_false(pri_worth_team(99999, 100));
    assert_true(pri_worth_team(100000, 100));
    assert_true(pri_worth_team(1, 10000000));
    assert_true(pri_worth_team(UINT64_C(1) << 40, 2000));
}

static void every_thread_gets_several_tasks_where_there_are_enough_rows(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 256; threads *= 2)
        for (uint64_t num = 0; num <= 1 << 20; num = num * 3 + 1) {
            const uint32_t task = pri_task_size(num, threads, 4, 64);
            assert_in_range(task, 4, 64);
            if (task > 4) assert_true(num / task >= 8 * (uint64_t)threads);
        }
    assert_int_equal(pri_task_size(1 << 20, 2, 4, 64), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_microseconds_of_work_are_worth_a_team),
        cmocka_unit_test(every_thread_gets_several_tasks_where_there_are_enough_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
