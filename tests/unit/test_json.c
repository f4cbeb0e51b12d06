/* test_json.c: JSON is written on one line, owned as promised, and read strictly. */
#include "support/support.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

static void expect_text(const pr_json *json, const char *expected)
{
    char *text = pr_json_text(json);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static pr_json *parsed(const char *text)
{
    pr_json *json;
    assert_ok(pri_json_parse(text, strlen(text), "text", &json));
    return json;
}

static void members_are_written_in_order_on_one_line(void **state)
{
    (void)state;
    pr_json *json = pr_json_object(), *list = pr_json_array(), *item = pr_json_object();

    assert_ok(pr_json_set_string(json, "b", "x\ny \"z\""));
    assert_ok(pr_json_set_int(json, "a", INT64_MIN));
    assert_ok(pr_json_set_real(json, "r", 0.1));
    assert_ok(pr_json_set_bool(json, "t", true));
    assert_ok(pr_json_set_null(json, "n"));
    assert_ok(pr_json_set_int(item, "k", 1));
    assert_ok(pr_json_append(list, item));
    assert_ok(pr_json_set(json, "list", list));
    expect_text(json, "{\"b\":\"x\\ny \\\"z\\\"\",\"a\":-9223372036854775808,\"r\":0.1,\"t\":true,"
                      "\"n\":null,\"list\":[{\"k\":1}]}");
    pr_json_free(json);
}

static void setting_a_member_again_replaces_it(void **state)
{
    (void)state;
    pr_json *json = pr_json_object();

    assert_ok(pr_json_set_int(json, "a", 1));
    assert_ok(pr_json_set_string(json, "a", "two"));
    expect_text(json, "{\"a\":\"two\"}");
    pr_json_free(json);
}

static void numbers_that_are_not_finite_and_absent_strings_become_null(void **state)
{
    (void)state;
    pr_json *json = pr_json_object();

    assert_ok(pr_json_set_real(json, "nan", (double)NAN));
    assert_ok(pr_json_set_real(json, "inf", -(double)INFINITY));
    assert_ok(pr_json_set_string(json, "none", NULL));
    expect_text(json, "{\"nan\":null,\"inf\":null,\"none\":null}");
    pr_json_free(json);
}

static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
    (void)state;
    pr_json *json = pr_json_object();

    assert_ok(pr_json_set_string(json, "ok", "\xc3\xa9"));
    assert_ok(pr_json_set_string(json, "bad", "a\xff\xc3"));
    assert_ok(pr_json_set_string(json, "surrogate", "\xed\xa0\x80!"));
    expect_text(json, "{\"ok\":\"\xc3\xa9\",\"bad\":\"a?\?\",\"surrogate\":\"?\?\?!\"}");
    pr_json_free(json);
}

/* A builder may run out of memory half-way; what it hands on must not leak (seen by the leak
 * checker of the sanitizer build). */
static void a_value_is_taken_even_when_it_cannot_be_stored(void **state)
{
    (void)state;
    pr_json *json = pr_json_object(), *list = pr_json_array();

    assert_fails(PR_E_NOMEM, "kept", pr_json_set(NULL, "kept", pr_json_object()));
    assert_fails(PR_E_NOMEM, "kept", pr_json_set_string(NULL, "kept", "words"));
    assert_fails(PR_E_NOMEM, "\xff", pr_json_set(json, "\xff", pr_json_array()));
    assert_fails(PR_E_NOMEM, "list", pr_json_set(list, "list", pr_json_array()));
    assert_fails(PR_E_NOMEM, "append", pr_json_append(NULL, pr_json_object()));
    assert_fails(PR_E_NOMEM, "append", pr_json_append(json, pr_json_object()));
    assert_fails(PR_E_NOMEM, "a", pr_json_set(json, "a", NULL));
    assert_fails(PR_E_NOMEM, "append", pr_json_append(list, NULL));
    expect_text(json, "{}");
    expect_text(list, "[]");
    pr_json_free(json);
    pr_json_free(list);
    pr_json_free(NULL);
}

static void writing_to_a_full_device_is_an_io_error(void **state)
{
    (void)state;
    FILE    *full = fopen("/dev/full", "w");
    pr_json *json = pr_json_object();

    if (!full) skip();
    setvbuf(full, NULL, _IONBF, 0);
    assert_ok(pr_json_set_int(json, "a", 1));
    assert_fails(PR_E_IO, "cannot write", pr_json_write(json, full));
    fclose(full);
    pr_json_free(json);
}

static void a_written_value_reads_back(void **state)
{
    (void)state;
    char     text[64] = "";
    FILE    *file     = fmemopen(text, sizeof text, "w");
    pr_json *json     = pr_json_object();

    assert_ok(pr_json_set_real(json, "x", 1e-9));
    assert_ok(pr_json_write(json, file));
    fclose(file);
    pr_json_free(json);
    double x;
    json = parsed(text);
    assert_true(pri_json_as_real(pri_json_find(json, "x"), &x) && x == 1e-9);
    pr_json_free(json);
}

static void each_reader_accepts_its_own_type_only(void **state)
{
    (void)state;
    pr_json *json = parsed("{\"i\":-7,\"r\":2.5,\"t\":true,\"s\":\"w\",\"n\":null,\"o\":{}}");
    static const char *const key[] = { "i", "r", "t", "s", "n", "o", "absent" };
    int64_t                  i     = 0;
    double                   r     = 0;
    bool                     b     = false;

    for (size_t k = 0; k < sizeof key / sizeof key[0]; k++) {
        const pr_json *value = pri_json_find(json, key[k]);
        assert_int_equal(pri_json_as_int(value, &i), k == 0);
        assert_int_equal(pri_json_as_real(value, &r), k <= 1);
        assert_int_equal(pri_json_as_bool(value, &b), k == 2);
        assert_int_equal(pri_json_as_string(value) != NULL, k == 3);
        assert_int_equal(pri_json_is_object(value), k == 5);
    }
    assert_int_equal(i, -7);
    assert_true(r == 2.5 && b);
    assert_null(pri_json_find(pri_json_find(json, "i"), "x"));
    pr_json_free(json);
}

static void members_are_walked_in_the_files_order(void **state)
{
    (void)state;
    pr_json *json = parsed("{\"z\":0,\"a\":1,\"m\":2}"), *empty = parsed("{}");
    char     seen[8] = "";
    int64_t  next    = 0, value;

    for (void *it = pri_json_next(json, NULL); it; it = pri_json_next(json, it)) {
        strcat(seen, pri_json_key(it));
        assert_true(pri_json_as_int(pri_json_value(it), &value) && value == next++);
    }
    assert_string_equal(seen, "zam");
    assert_null(pri_json_next(empty, NULL));
    pr_json_free(json);
    pr_json_free(empty);
}

static void bad_text_is_refused_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "", "line 1" },
        { "{", "line 1" },
        { "{\"a\":1}}", "end of file expected" },
        { "{\"a\":1,\n\"a\":2}", "line 2" },
        { "{\"a\":01}", "line 1" },
        { "{\"a\":NaN}", "line 1" },
        { "{\"a\":1e999}", "overflow" },
        { "{\"a\":99999999999999999999}", "too big" },
        { "{'a':1}", "line 1" },
        { "{\"a\":\"\xff\"}", "decode byte" },
        { "{\"a\":\"\\u0000\"}", "line 1" },
        { "{\"a\\u0000b\":1}", "line 1" },
        { "{\"a\":1,}", "line 1" },
        { "5", "line 1" },
        { "// {}", "line 1" },
    };
    pr_json *json;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(PR_E_INPUT, bad[i].words,
                     pri_json_parse(bad[i].text, strlen(bad[i].text), "f.json", &json));
        assert_non_null(strstr(pr_error_message(), "f.json: line"));
        assert_null(json);
    }
    assert_fails(PR_E_INPUT, "f.json", pri_json_parse("{\0}", 3, "f.json", &json));
}

static void deep_nesting_is_refused_not_followed(void **state)
{
    (void)state;
    enum { DEEP = 1 << 20 };
    char    *text = malloc(DEEP);
    pr_json *json;

    memset(text, '[', DEEP);
    assert_fails(PR_E_INPUT, "depth", pri_json_parse(text, DEEP, "deep.json", &json));
    for (size_t i = 0; i + 5 <= DEEP; i += 5) memcpy(text + i, "{\"a\":", 5);
    assert_fails(PR_E_INPUT, "depth", pri_json_parse(text, DEEP, "deep.json", &json));
    free(text);
}

static void a_cut_text_never_passes(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"name\":\"x\\u00e9\",\"list\":[1,2.5e3,true,null],\"o\":{\"a\":-1}}";
    pr_json *json;

    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_fails(PR_E_INPUT, "cut.json", pri_json_parse(whole, n, "cut.json", &json));
    assert_ok(pri_json_parse(whole, sizeof whole - 1, "cut.json", &json));
    pr_json_free(json);
}

static void a_file_must_hold_one_object(void **state)
{
    (void)state;
    const char *dir = test_directory();
    pr_json    *json;

    assert_ok(pri_json_read_object(test_file(dir, "ok.json", " {\"a\":1} \n", 10), 100, &json));
    pr_json_free(json);
    assert_fails(PR_E_INPUT, "list.json: is not a JSON object",
                 pri_json_read_object(test_file(dir, "list.json", "[1]", 3), 100, &json));
    assert_fails(PR_E_INPUT, "empty.json: line",
                 pri_json_read_object(test_file(dir, "empty.json", "", 0), 100, &json));
    assert_fails(PR_E_INPUT, "has 8 bytes, at most 7 are allowed",
                 pri_json_read_object(test_file(dir, "big.json", "{\"a\":12}", 8), 7, &json));
    assert_fails(PR_E_INPUT, dir, pri_json_read_object(dir, 100, &json));
    assert_null(json);
}

static pr_status read_it(void *path, void **out)
{
    return pri_json_read_object(path, 100, (pr_json **)out);
}

static void free_it(void *json)
{
    pr_json_free(json);
}

static void an_arrays_elements_are_borrowed_by_index(void **state)
{
    (void)state;
    pr_json       *json = parsed("{\"a\": [7, null, {}], \"n\": null}");
    const pr_json *list = pri_json_find(json, "a");
    int64_t        n    = 0;

    assert_true(pri_json_is_array(list));
    assert_int_equal(pri_json_length(list), 3);
    assert_true(pri_json_as_int(pri_json_at(list, 0), &n) && n == 7);
    assert_true(pri_json_is_null(pri_json_at(list, 1)));
    assert_true(pri_json_is_object(pri_json_at(list, 2)));
    assert_null(pri_json_at(list, 3));
    assert_true(pri_json_is_null(pri_json_find(json, "n")));
    assert_false(pri_json_is_null(pri_json_find(json, "absent")));
    assert_false(pri_json_is_array(json) || pri_json_is_array(NULL));
    assert_int_equal(pri_json_length(json), 0);
    pr_json_free(json);
}

static void reading_survives_a_failed_allocation(void **state)
{
    (void)state;
    const char *path = test_file(test_directory(), "a.json", "{}", 2);
    test_oom("pri_json_read_object", read_it, free_it, (void *)(uintptr_t)path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_written_in_order_on_one_line),
        cmocka_unit_test(setting_a_member_again_replaces_it),
        cmocka_unit_test(numbers_that_are_not_finite_and_absent_strings_become_null),
        cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
        cmocka_unit_test(a_value_is_taken_even_when_it_cannot_be_stored),
        cmocka_unit_test(writing_to_a_full_device_is_an_io_error),
        cmocka_unit_test(a_written_value_reads_back),
        cmocka_unit_test(each_reader_accepts_its_own_type_only),
        cmocka_unit_test(members_are_walked_in_the_files_order),
        cmocka_unit_test(bad_text_is_refused_with_line_and_column),
        cmocka_unit_test(deep_nesting_is_refused_not_followed),
        cmocka_unit_test(a_cut_text_never_passes),
        cmocka_unit_test(a_file_must_hold_one_object),
        cmocka_unit_test(an_arrays_elements_are_borrowed_by_index),
        cmocka_unit_test(reading_survives_a_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
