/* test_steplog_tuning.c: table tune says what a run was tuned with, and the report shows it in a
 * line. */
#include "flow/log_fixture.h"

#include "base/json.h"
#include "base/outfile.h"

static const pr_run_constant constants[] = {
    { "isa", "", 2 },
    { "row_ahead", "rows", 8 },
    { "index_ahead", "ids", 128 },
    { "thread_bytes", "bytes", 262144 },
    { "stream_bytes", "bytes", 16777216 },
    { "repack_share", "", 0.75 },
};

static const pr_run_tuning tuning = { .source        = "/c/tune.json",
                                      .row_bytes     = 400,
                                      .threads       = 2,
                                      .constants     = constants,
                                      .num_constants = 6 };

static char *report_of(const char *path, const char *page)
{
    pr_report_options options = { .run = "all" };
    const char *const paths[] = { path };
    char             *text    = NULL;
    size_t            bytes;

    if (page) snprintf(options.out, sizeof options.out, "%s", page);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    assert_int_equal(fclose(out), 0);
    return text;
}

static void a_runs_tuning_is_in_its_rows_of_table_tune(void **state)
{
    (void)state;
    const char     *path = path_in(test_directory(), "a.db");
    pr_run_info     info = fixture_run;
    pr_run_constant never[6];
    pr_run_tuning   other = tuning;

    info.tuning = &tuning;
    assert_int_equal(fixture_log(path, &info, 3, "off"), 1);
    assert_int_equal(fixture_log(path, &fixture_run, 3, "off"), 2); /* without any */
    memcpy(never, constants, sizeof never);
    never[3].value  = (double)NAN;
    other.constants = never;
    other.source    = "default";
    info.tuning     = &other;
    assert_int_equal(fixture_log(path, &info, 3, "off"), 3);

    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db,
                                 "SELECT group_concat(run || name || value || unit || row_bytes"
                                 " || threads || source, ' ') FROM tune WHERE name = 'row_ahead'"),
                        "1row_ahead8.0rows4002/c/tune.json 3row_ahead8.0rows4002default");
    assert_string_equal(
        sql_text(db, "SELECT value FROM tune WHERE run = 1 AND name = 'thread_bytes'"), "262144.0");
    assert_string_equal(
        sql_text(db, "SELECT value FROM tune WHERE run = 3 AND name = 'thread_bytes'"), "NULL");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM tune"), 12);
    sql_run(db, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id = 1");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM tune"), 6);
    (void)sqlite3_close(db);
}

static void a_report_shows_the_tuning_in_one_line(void **state)
{
    (void)state;
    static const char line[] =
        "avx512, rows 8 and ids 128 ahead, threads from 262144 bytes, repack "
        "from 75.0 %; /c/tune.json";
    const char       *directory = test_directory(), *path = path_in(directory, "a.db");
    const char       *page    = path_in(directory, "r.html");
    const char *const paths[] = { path };
    pr_run_info       info    = fixture_run;
    pr_report_options options = { .run = "1" };
    pr_json          *json    = NULL;

    info.tuning = &tuning;
    (void)fixture_log(path, &info, 3, "off");
    char *text = report_of(path, NULL);
    if (!strstr(text, "tuning")) fail_msg("no tuning in: %s", text);
    assert_non_null(strstr(text, "/c/tune.json"));
    free(text);
    free(report_of(path, page));
    char  *html;
    size_t bytes;
    assert_ok(pri_file_read(page, 1 << 24, &html, &bytes));
    assert_non_null(strstr(html, line));
    pri_free(html);
    assert_ok(pr_report(&options, paths, 1, NULL, &json));
    text = pr_json_text(json);
    assert_non_null(text);
    assert_non_null(strstr(text, "75.0 %; "));
    free(text);
    pr_json_free(json);
}

/* A view in place of the table would be SQL that came with the file. */
static void a_table_tune_that_is_a_view_is_refused(void **state)
{
    (void)state;
    const char             *path    = path_in(test_directory(), "a.db");
    const pr_report_options options = { .run = "last" };
    const char *const       paths[] = { path };

    (void)fixture_log(path, &fixture_run, 1, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "DROP TABLE tune; CREATE VIEW tune AS SELECT 1 AS run");
    (void)sqlite3_close(db);
    assert_fails(PR_E_INPUT, "no table tune", pr_report(&options, paths, 1, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runs_tuning_is_in_its_rows_of_table_tune),
        cmocka_unit_test(a_report_shows_the_tuning_in_one_line),
        cmocka_unit_test(a_table_tune_that_is_a_view_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
