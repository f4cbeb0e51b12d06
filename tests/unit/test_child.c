/* test_child.c: work in a process of its own: its result arrives, and whatever else becomes of it
 * stays there. */
#include "support/support.h"

#include <signal.h>
#include <unistd.h>

#include "base/child.h"

enum { MANY = 300000 }; /* more than a pipe holds */

static uint32_t            numbers[MANY];
static const volatile int *stop_flag;

static pr_status count_up(void *context)
{
    for (uint32_t i = 0; i < MANY; i++) numbers[i] = i * *(const uint32_t *)context;
    return PR_OK;
}

static pr_status print_and_refuse(void *context)
{
    (void)context;
    printf("the child prints\n");
    fflush(stdout);
    fprintf(stderr, "the child complains\n");
    return PR_E_NOMEM;
}

static pr_status break_down(void *context)
{
    (void)context;
    (void)signal(SIGABRT, SIG_DFL);
    raise(SIGKILL);
    return PR_OK;
}

static pr_status leave(void *context)
{
    (void)context;
    _exit(3);
}

static pr_status never_end(void *context)
{
    (void)context;
    for (;;) (void)pause();
    return PR_OK;
}

static pr_status take_memory(void *context)
{
    char *at = malloc(*(const size_t *)context);
    if (!at) return PR_E_NOMEM;
    memset(at, 1, *(const size_t *)context);
    numbers[0] = (uint32_t)at[1000];
    free(at);
    return PR_OK;
}

static pr_status run(pr_status (*work)(void *), void *context, uint64_t *peak)
{
    const pri_child_work child = { .name         = "child",
                                   .run          = work,
                                   .context      = context,
                                   .result       = numbers,
                                   .result_bytes = sizeof numbers,
                                   .stop         = stop_flag };
    return pri_child_run(&child, peak);
}

static void a_result_larger_than_the_pipe_arrives(void **state)
{
    (void)state;
    uint32_t factor = 7;
    uint64_t peak;

    memset(numbers, 0, sizeof numbers);
    assert_ok(run(count_up, &factor, &peak));
    for (uint32_t i = 0; i < MANY; i++) assert_int_equal(numbers[i], 7 * i);
}

static void whatever_becomes_of_the_child_is_an_error_of_the_caller(void **state)
{
    (void)state;
    uint64_t peak;

    assert_fails(PR_E_NOMEM, "child: out of memory", run(print_and_refuse, NULL, &peak));
    assert_fails(PR_E_LIBRARY, "child: ended by signal 9", run(break_down, NULL, &peak));
    assert_fails(PR_E_LIBRARY, "child: ended without a result", run(leave, NULL, &peak));
}

static void a_child_is_given_up_when_asked_to(void **state)
{
    (void)state;
    static const volatile int asked = 130;
    uint64_t                  peak;

    stop_flag = &asked;
    assert_fails(PR_E_INTERRUPTED, "interrupted", run(never_end, NULL, &peak));
    stop_flag = NULL;
}

static void the_peak_is_what_the_child_added(void **state)
{
    (void)state;
    size_t   bytes = (size_t)64 << 20;
    uint64_t peak;

#ifdef PRI_SANITIZED
    skip(); /* their heaps keep what was freed, and more */
#endif
    assert_ok(run(take_memory, &bytes, &peak));
    assert_true(peak > bytes / 2 && peak < 2 * bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_larger_than_the_pipe_arrives),
        cmocka_unit_test(whatever_becomes_of_the_child_is_an_error_of_the_caller),
        cmocka_unit_test(a_child_is_given_up_when_asked_to),
        cmocka_unit_test(the_peak_is_what_the_child_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
