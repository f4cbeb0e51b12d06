/* test_report_long.c: a report on a long run takes a time in proportion to its steps. */
#include "flow/log_fixture.h"

#include <time.h>

enum { STEPS = 20000 };

/* A query that reads all steps for each of them would take minutes of this process's time. */
static void a_long_run_is_reported_in_seconds(void **state)
{
    (void)state;
    const pr_report_options options = { .run = "last", .slowest = 5 };
    const char             *path    = path_in(test_directory(), "a.db");
    const char *const       paths[] = { path };
    char                   *text    = NULL;
    size_t                  bytes   = 0;

    fixture_log(path, &fixture_run, STEPS, "packed");
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    const clock_t start = clock();
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "slowest steps"));
    free(text);
    if (seconds > 10) fail_msg("%d steps took %.1f s", (int)STEPS, seconds);
    print_message("%d steps: %.2f s\n", (int)STEPS, seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_long_run_is_reported_in_seconds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
