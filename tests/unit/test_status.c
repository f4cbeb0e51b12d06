/* test_status.c: the status table, and errors that keep their sentence on the way up. */
#include "support/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static void every_status_has_name_words_and_exit_status(void **state)
{
    (void)state;
    int numbers = 0;
#define CHECK(name, number, exit_status, text)                                                     \
    assert_int_equal(name, number);                                                                \
    assert_int_equal(number, numbers++);                                                           \
    assert_string_equal(pr_status_name(name), #name);                                              \
    assert_string_equal(pr_status_text(name), text);                                               \
    assert_int_equal(pr_status_exit(name), exit_status);
    PR_STATUS_TABLE(CHECK)
#undef CHECK
    assert_int_equal(pr_status_exit(PR_OK), 0);
    assert_int_equal(pr_status_exit(PR_E_ARG), 2);
    assert_int_equal(pr_status_exit(PR_E_IO), 1);
}

static void a_number_that_is_no_status_still_has_words(void **state)
{
    (void)state;
    const pr_status odd = (pr_status)77;

    assert_non_null(pr_status_name(odd));
    assert_true(pr_status_text(odd)[0] != '\0');
    assert_int_equal(pr_status_exit(odd), 1);
}

static pr_status inner(int value)
{
    pr_status st = PR_OK;
    PR_CHECK(value < 10, PR_E_RANGE, "value is %d, must be below 10", value);
done:
    return st;
}

static pr_status outer(int value)
{
    pr_status st = PR_OK;
    PR_TRY(inner(value));
    PR_RAISE(PR_E_BUG, "not reached for bad values");
done:
    return st;
}

static void the_innermost_sentence_and_place_reach_the_top(void **state)
{
    (void)state;
    assert_fails(PR_E_RANGE, "value is 12, must be below 10", outer(12));
    assert_non_null(strstr(pr_error_place(), "test_status.c:"));
    assert_non_null(strstr(pr_error_place(), "inner"));
    assert_null(strchr(pr_error_place(), '/'));
}

static void a_prefix_stands_before_the_sentence(void **state)
{
    (void)state;
    (void)inner(12);
    pri_error_prefix("%s: ", "a.json");
    assert_string_equal(pr_error_message(), "a.json: value is 12, must be below 10");
}

/* The sentence may quote the last one: its buffer is an argument then. */
static void a_sentence_may_quote_the_one_before(void **state)
{
    (void)state;
    (void)inner(12);
    pri_error_set(PR_E_BUG, "f.c", 1, "f", "again: %s", pr_error_message());
    assert_string_equal(pr_error_message(), "again: value is 12, must be below 10");
}

static void long_sentences_are_cut_and_ended(void **state)
{
    (void)state;
    static char words[5000];
    memset(words, 'x', sizeof words - 1);

    pri_error_set(PR_E_ARG, words, 1, words, "%s", words);
    const size_t full = strlen(pr_error_message());
    assert_in_range(full, 500, 4999);
    for (int i = 0; i < 3; i++) {
        pri_error_prefix("%s", words);
        assert_int_equal(strlen(pr_error_message()), full);
    }
    pri_error_set(PR_E_ARG, "f.c", 1, "f", "short");
    pri_error_prefix("%s", words);
    assert_int_equal(strlen(pr_error_message()), full);
}

static void *fail_elsewhere(void *out)
{
    assert_true(pr_error_message()[0] == '\0');
    pri_error_save(out, inner(99));
    return NULL;
}

static void threads_have_errors_of_their_own_and_can_hand_them_over(void **state)
{
    (void)state;
    pthread_t thread;
    pri_error error;

    (void)inner(12);
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &error), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(pr_error_message(), "value is 12, must be below 10");
    assert_int_equal(pri_error_restore(&error), PR_E_RANGE);
    assert_string_equal(pr_error_message(), "value is 99, must be below 10");
    assert_non_null(strstr(pr_error_place(), "inner"));
}

/* Run `say` with standard error in a pipe; gives what it wrote. */
static const char *captured(void (*say)(void))
{
    static char text[8192];
    int         ends[2];
    const int   kept = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    say();
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    const ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void say_all(void)
{
    pr_diag(PR_ERROR, "one %d", 1);
    pr_diag(PR_WARN, "two");
    pr_diag(PR_INFO, "three");
    pr_diag(PR_DEBUG, "four");
}

static void say_long(void)
{
    static char words[9000];
    memset(words, 'y', sizeof words - 1);
    pr_diag(PR_ERROR, "%s", words);
}

static void messages_below_the_level_are_dropped(void **state)
{
    (void)state;
    assert_string_equal(captured(say_all),
                        "packrat: error: one 1\npackrat: warning: two\npackrat: three\n");
    pr_diag_set_level(PR_DEBUG);
    assert_non_null(strstr(captured(say_all), "packrat: debug: four\n"));
    pr_diag_set_level(PR_ERROR);
    assert_string_equal(captured(say_all), "packrat: error: one 1\n");
    pr_diag_set_level(PR_INFO);
}

static void a_long_message_is_one_ended_line(void **state)
{
    (void)state;
    const char *text = captured(say_long);
    const char *end  = strchr(text, '\n');

    assert_non_null(end);
    assert_true(end[1] == '\0');
    assert_true(strlen(text) > 1000);
}

static void the_clock_never_steps_back(void **state)
{
    (void)state;
    int64_t last = pr_now_ns();

    for (int i = 0; i < 10000; i++) {
        const int64_t now = pr_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_name_words_and_exit_status),
        cmocka_unit_test(a_number_that_is_no_status_still_has_words),
        cmocka_unit_test(the_innermost_sentence_and_place_reach_the_top),
        cmocka_unit_test(a_prefix_stands_before_the_sentence),
        cmocka_unit_test(a_sentence_may_quote_the_one_before),
        cmocka_unit_test(long_sentences_are_cut_and_ended),
        cmocka_unit_test(threads_have_errors_of_their_own_and_can_hand_them_over),
        cmocka_unit_test(messages_below_the_level_are_dropped),
        cmocka_unit_test(a_long_message_is_one_ended_line),
        cmocka_unit_test(the_clock_never_steps_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
