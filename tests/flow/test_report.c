/* test_report.c: packrat report: its figures against SQL, its words, hostile texts and files, logs
 * that are still written or were cut off. */
#include "flow/log_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/outfile.h"

/* The text of a report; the caller frees it. */
static char *text_of(const char *const *paths, size_t n, const char *run)
{
    const pr_report_options options = fixture_report(run);
    char                   *text    = NULL;
    size_t                  bytes   = 0;
    FILE                   *out     = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, n, out, NULL));
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("\"%s\" is not in:\n%s", words, text);
}

static void expect_none(const char *text, const char *words)
{
    if (strstr(text, words)) fail_msg("\"%s\" is in:\n%s", words, text);
}

static void the_defaults_are_the_last_run_five_steps_and_text(void **state)
{
    (void)state;
    const pr_report_options options = fixture_report("last");
    assert_string_equal(options.run, "last");
    assert_string_equal(options.out, "");
    assert_int_equal(options.slowest, 5);
    pr_report_options bad     = options;
    bad.slowest               = 1001;
    const char *const paths[] = { "x.db" };
    assert_fails(PR_E_ARG, "slowest", pr_report(&bad, paths, 1, NULL, NULL));
    assert_fails(PR_E_ARG, "needs a log", pr_report(&options, NULL, 0, NULL, NULL));
}

static void the_text_tells_what_happened(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 40, "packed");
    char *text = text_of(paths, 1, "last");
    printf("%s\n", text);
    expect(text, "run 1 of ");
    expect(text, "train\n");
    expect(text, "synthetic");
    expect(text, "model=sage cache.mode=packed");
    expect(text, "done");
    expect(text, "accuracy");
    expect(text, "train loss  train %  val loss  val %");
    expect(text, "    3      0.0500    53.00    0.0500  43.00     0.0500   33.00     0.0\n");
    expect(text, "where the time goes");
    expect(text, "backward");
    expect(text, "sample");
    expect(text, "hit %");
    expect(text, "bound");
    expect(text, "1.000"); /* moved over bound */
    expect(text, "slowest steps");
    expect(text, "cache partitions");
    expect_none(text, "no steps");
    expect_none(text, "runs compared");
    free(text);
}

static void a_run_without_steps_says_so(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 0, "packed");
    char *text = text_of(paths, 1, "all");
    expect(text, "no steps");
    expect_none(text, "slowest");
    free(text);
}

/* Find the member, or fail. */
static const pr_json *at(const pr_json *object, const char *key)
{
    const pr_json *value = pri_json_find(object, key);
    if (!value) fail_msg("no \"%s\" in the JSON", key);
    return value;
}

/* Expect "key":value in compact JSON. */
static void expect_member(const char *json, const char *key, const char *value)
{
    char words[4200];
    snprintf(words, sizeof words, "\"%s\":%s,", key, value);
    expect(json, words);
}

static void the_json_has_the_numbers_of_sql(void **state)
{
    (void)state;
    const char             *path    = path_in(test_directory(), "a.db");
    const char *const       paths[] = { path };
    const pr_report_options options = fixture_report("all");
    pr_json                *json    = NULL;
    fixture_log(path, &fixture_run, 40, "packed");
    fixture_log(path, &fixture_run, 50, "resident");
    assert_ok(pr_report(&options, paths, 1, NULL, &json));
    char *text = pr_json_text(json);
    assert_non_null(text);
    assert_non_null(at(json, "runs"));
    assert_non_null(at(json, "comparison"));

    sqlite3 *db = sql_open(path);
    expect_member(text, "train_loss",
                  sql_text(db, "SELECT printf('%.12g', loss) FROM step"
                               " WHERE run = 2 AND step = 49"));
    expect_member(text, "step_ms_median",
                  sql_text(db,
                           "SELECT printf('%.12g', avg(step_ns) / 1e6) FROM (SELECT step_ns FROM"
                           " step WHERE run = 2 ORDER BY step_ns LIMIT 2 OFFSET 24)"));
    expect_member(text, "hit_percent",
                  sql_text(db, "SELECT printf('%.12g', 100.0 * sum(rows_hit) / sum(num_inputs))"
                               " FROM step WHERE run = 1"));
    expect_member(text, "rows_moved_per_step",
                  sql_text(db, "SELECT printf('%.12g', avg(rows_moved)) FROM step WHERE run = 2"));
    expect_member(text, "step",
                  sql_text(db, "SELECT step FROM step WHERE run = 1"
                               " ORDER BY step_ns DESC, step LIMIT 1"));
    (void)sqlite3_close(db);
    free(text);
    pr_json_free(json);
}

static void several_runs_are_compared_on_the_same_batches(void **state)
{
    (void)state;
    const char       *directory = test_directory(), *a = path_in(directory, "a.db");
    const char       *b      = path_in(directory, "b.db");
    const char *const both[] = { a, b };
    fixture_log(a, &fixture_run, 40, "off");
    fixture_log(a, &fixture_run, 40, "packed");
    fixture_log(a, &fixture_run, 39, "resident");
    fixture_log(b, &fixture_run, 40, "resident");

    char *text = text_of(both, 1, "all");
    printf("%s\n", strstr(text, "runs compared"));
    expect(text, "runs compared");
    expect(text, "batches of");
    expect(text, "run 1\n"); /* packed on the batches of off */
    free(text);

    text = text_of(both, 2, "all");
    expect(text, "a.db run 1\n");
    free(text);

    text = text_of(both, 1, "2");
    expect(text, "run 2 of ");
    expect_none(text, "run 3 of ");
    expect_none(text, "runs compared");
    free(text);

    text = text_of(both, 2, "last");
    expect(text, "run 3 of ");
    expect(text, "run 1 of ");
    expect(text, "runs compared");
    free(text);
}

static void a_run_that_is_not_there_is_named(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 1, "off");
    pr_report_options options = fixture_report("7");
    assert_fails(PR_E_INPUT, "holds no run 7", pr_report(&options, paths, 1, NULL, NULL));
    static const char *const bad[] = { "", "0", "-1", "+1", "1x", "first", "99999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options = fixture_report(bad[i]);
        assert_fails(PR_E_ARG, "--run is", pr_report(&options, paths, 1, NULL, NULL));
    }
    sqlite3 *db = sql_open(path);
    sql_run(db, "DELETE FROM run");
    (void)sqlite3_close(db);
    options = fixture_report("all");
    assert_fails(PR_E_INPUT, "holds no run yet", pr_report(&options, paths, 1, NULL, NULL));
}

static const char hostile[] = "<script>alert(\"x\")</script> & 'q' \x1b[31mred\x07 \xff\xc3 "
                              "\xe2\x80\xae"
                              "evil \xc3\xa9\n";

static void hostile_text_does_no_harm(void **state)
{
    (void)state;
    const char       *directory = test_directory(), *path = path_in(directory, "a.db");
    const char       *page_path = path_in(directory, "r.html");
    const char *const paths[]   = { path };
    pr_run_info       info      = fixture_run;
    info.dataset = info.host = info.cpu = info.command = hostile;
    info.options_json  = "{\"model\":\"<b>\\u001b]0;x\\u0007\",\"x\":[1,{\"y\":2}]}";
    info.versions_json = "[\"<i>\", null]";
    fixture_log(path, &info, 20, "packed");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET mode = '<u>' || char(27), path = NULL, policy = x'00ff'");
    (void)sqlite3_close(db);

    char *text = text_of(paths, 1, "all");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\n') fail_msg("control character %d", *c);
    expect_none(text, "\xff");
    expect_none(text, "\xe2\x80\xae");
    expect(text, "evil \xc3\xa9");
    free(text);

    pr_report_options options = fixture_report("all");
    snprintf(options.out, sizeof options.out, "%s", page_path);
    assert_ok(pr_report(&options, paths, 1, NULL, NULL));
    char  *page;
    size_t bytes;
    assert_ok(pri_file_read(page_path, 1 << 24, &page, &bytes));
    assert_int_equal(strlen(page), bytes);
    expect(page, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;q&#39;");
    expect_none(page, "<script");
    expect_none(page, "<b>\xef");
    expect_none(page, "<u>");
    expect_none(page, "<i>,");
    expect_none(page, "\x1b");
    expect_none(page, "\xff");
    pri_free(page);
}

/* Every opened element is closed in order; enough for a page we write ourselves. */
static void check_nesting(const char *page)
{
    char open[64][16];
    int  depth = 0;

    for (const char *c = strchr(page, '<'); c; c = strchr(c + 1, '<')) {
        char      name[16] = "";
        const int closing  = c[1] == '/';
        if (c[1] == '!' || sscanf(c + 1 + closing, "%15[a-z0-9]", name) != 1) continue;
        if (!strcmp(name, "meta")) continue;
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else {
            assert_true(depth < 64);
            snprintf(open[depth++], sizeof open[0], "%s", name);
        }
    }
    assert_int_equal(depth, 0);
}

static void the_page_is_whole_and_stands_alone(void **state)
{
    (void)state;
    const char       *directory = test_directory(), *path = path_in(directory, "a.db");
    const char       *page_path = path_in(directory, "r.html");
    const char *const paths[]   = { path };
    fixture_log(path, &fixture_run, 40, "packed");
    fixture_log(path, &fixture_run, 0, "packed");
    fixture_log(path, &fixture_run, 40, "off");
    pr_report_options options = fixture_report("all");
    snprintf(options.out, sizeof options.out, "%s", page_path);
    char  *text  = NULL, *page;
    size_t bytes = 0;
    FILE  *out   = open_memstream(&text, &bytes);
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    assert_int_equal(fclose(out), 0);
    assert_int_equal(bytes, 0); /* the page instead of the text */
    free(text);
    assert_ok(pri_file_read(page_path, 1 << 24, &page, &bytes));
    expect(page, "<!DOCTYPE html>");
    expect(page, "</html>\n");
    expect(page, "prefers-color-scheme: dark");
    expect(page, "where the time goes");
    expect(page, "runs compared");
    expect(page, "class=\"bar\"");
    expect(page, "has no steps");
    expect_none(page, "http://");
    expect_none(page, "https://");
    expect_none(page, "<script");
    check_nesting(page);
    pri_free(page);
}

static void a_page_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    const char       *directory = test_directory(), *path = path_in(directory, "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 3, "off");
    pr_report_options options = fixture_report("last");
    snprintf(options.out, sizeof options.out, "%s/nowhere/r.html", directory);
    assert_fails(PR_E_IO, "nowhere/r.html", pr_report(&options, paths, 1, NULL, NULL));

    snprintf(options.out, sizeof options.out, "%s/./a.db", directory);
    assert_fails(PR_E_ARG, "name another file", pr_report(&options, paths, 1, NULL, NULL));

    const char *old = test_file(directory, "r.html", "old", 3); /* a failing report keeps it */
    snprintf(options.out, sizeof options.out, "%s", old);
    const char *const gone[] = { path_in(directory, "gone.db") };
    assert_fails(PR_E_INPUT, "gone.db", pr_report(&options, gone, 1, NULL, NULL));
    char  *page;
    size_t bytes;
    assert_ok(pri_file_read(old, 100, &page, &bytes));
    assert_string_equal(page, "old");
    pri_free(page);

    FILE *full = fopen("/dev/full", "w");
    if (!full) skip();
    options = fixture_report("last");
    assert_fails(PR_E_IO, "cannot be printed", pr_report(&options, paths, 1, full, NULL));
    (void)fclose(full);
}

static void a_page_that_finds_no_room_says_why(void **state)
{
    (void)state;
    const char       *directory = test_directory(), *path = path_in(directory, "a.db");
    const char *const paths[] = { path };
    struct rlimit     old;
    fixture_log(path, &fixture_run, 40, "packed");
    pr_report_options options = fixture_report("last");
    snprintf(options.out, sizeof options.out, "%s/r.html", directory);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit small = { 2048, old.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const pr_status st = pr_report(&options, paths, 1, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(st, PR_E_IO);
    expect(pr_error_message(), "r.html: cannot be written: ");
    expect(pr_error_message(), strerror(EFBIG));
    assert_int_not_equal(access(options.out, F_OK), 0);
}

static void exact_passes_and_unmeasured_bytes_show_a_dash(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 3, "off");
    fixture_log(path, &fixture_run, 3, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET batch_hash = 0, bytes_local = NULL, bytes_remote = NULL;"
                "UPDATE step_partition SET bytes_local = NULL, bytes_remote = NULL");
    (void)sqlite3_close(db);
    char       *text = text_of(paths, 1, "all");
    const char *line = strstr(text, "  remote ");
    assert_non_null(line);
    assert_int_equal(line[strspn(line + 8, " ") + 8], '-');
    expect_none(text, "batches of\n"); /* the column's heading */
    free(text);
}

static void what_is_no_log_is_refused(void **state)
{
    (void)state;
    const char             *directory = test_directory();
    const pr_report_options options   = fixture_report("last");
    char                    garbage[16384];
    test_rng                rng = { .key = test_seed() };
    for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = (char)test_random(&rng);
    memcpy(garbage, "SQLite format 3", 16);
    sqlite3    *db      = NULL;
    const char *foreign = path_in(directory, "foreign.db");
    assert_int_equal(sqlite3_open(foreign, &db), SQLITE_OK);
    sql_run(db, "CREATE TABLE songs (title)");
    (void)sqlite3_close(db);
    const char *view = path_in(directory, "view.db"); /* a step that is no table could never end */
    fixture_log(view, &fixture_run, 1, "off");
    db = sql_open(view);
    sql_run(db, "DROP TABLE step; CREATE VIEW step AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL"
                " SELECT x + 1 FROM c) SELECT x AS run FROM c");
    (void)sqlite3_close(db);
    const char *columns = path_in(directory, "columns.db");
    fixture_log(columns, &fixture_run, 1, "off");
    db = sql_open(columns);
    sql_run(db, "DROP TABLE step; CREATE TABLE step (run, colour)");
    (void)sqlite3_close(db);
    const char *newer = path_in(directory, "newer.db");
    fixture_log(newer, &fixture_run, 1, "off");
    db = sql_open(newer);
    sql_run(db, "UPDATE meta SET value = '8' WHERE key = 'schema_version'");
    (void)sqlite3_close(db);

    const char *const cases[][2] = {
        { path_in(directory, "gone.db"), "gone.db" },
        { directory, "not a regular file" },
        { "/dev/zero", "not a regular file" },
        { test_file(directory, "empty.db", "", 0), "is empty" },
        { test_file(directory, "text.db", "hello, world\n", 13), "not an SQLite database" },
        { test_file(directory, "garbage.db", garbage, sizeof garbage), "garbage.db" },
        { test_file(directory, "short.db", "SQLite format 3", 16), "short.db" },
        { foreign, "is not a packrat log" },
        { view, "no table step" },
        { columns, "no such column" },
        { newer, "has schema version 8" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const paths[] = { cases[i][0] };
        assert_fails(PR_E_INPUT, cases[i][1], pr_report(&options, paths, 1, NULL, NULL));
    }
}

static void a_damaged_log_is_an_error_or_a_report_and_never_a_crash(void **state)
{
    (void)state;
    const char             *directory = test_directory(), *path = path_in(directory, "a.db");
    const pr_report_options options = fixture_report("all");
    test_rng                rng     = { .key = test_seed() + 2 };
    char                   *whole;
    size_t                  bytes;
    int                     refused = 0;
    fixture_log(path, &fixture_run, 100, "packed");
    assert_ok(pri_file_read(path, 1 << 24, &whole, &bytes));
    char *copy = malloc(bytes);
    assert_non_null(copy);
    const char       *damaged = path_in(directory, "damaged.db");
    const char *const paths[] = { damaged };
    for (int round = 0; round < 60; round++) {
        memcpy(copy, whole, bytes);
        size_t n = bytes;
        if (round % 3 == 0)
            n = test_below(&rng, (uint32_t)bytes);
        else
            for (int k = 0; k < 1 + round / 12; k++)
                copy[test_below(&rng, (uint32_t)bytes)] = (char)test_random(&rng);
        FILE *file = fopen(damaged, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(copy, 1, n, file), n);
        assert_int_equal(fclose(file), 0);
        FILE           *text = tmpfile();
        const pr_status st   = pr_report(&options, paths, 1, text, NULL);
        (void)fclose(text);
        if (st != PR_OK && st != PR_E_INPUT && st != PR_E_IO)
            fail_msg("round %d: %s: %s", round, pr_status_name(st), pr_error_message());
        refused += st != PR_OK;
    }
    printf("60 damaged logs: %d refused\n", refused);
    assert_true(refused > 0);
    free(copy);
    pri_free(whole);
}

static void count_files(const char *path, const char *when)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
    char                     name[600];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (access(name, F_OK) == 0) fail_msg("%s: %s is there", when, name);
    }
}

static void reading_a_finished_log_leaves_nothing_beside_it(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    char             *before, *after;
    size_t            n, m;
    fixture_log(path, &fixture_run, 10, "off");
    assert_ok(pri_file_read(path, 1 << 24, &before, &n));
    free(text_of(paths, 1, "all"));
    count_files(path, "after the report");
    assert_ok(pri_file_read(path, 1 << 24, &after, &m));
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    pri_free(before);
    pri_free(after);
}

static void a_running_and_a_killed_log_can_be_read(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    int               ready[2];
    char              byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pr_steplog *log = NULL;
        if (pr_steplog_open(path, &fixture_run, &log) != PR_OK) _exit(1);
        for (uint64_t i = 0;; i++) {
            const pr_step s = fixture_step(i, "packed");
            pr_steplog_step(log, &s, NULL, 0);
            (void)usleep(200);
            if (i == 500 && write(ready[1], "x", 1) != 1) _exit(2);
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)usleep(100000); /* two flushes */
    char *text = text_of(paths, 1, "last");
    expect(text, "running or killed");
    expect(text, "slowest steps");
    free(text);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);

    text = text_of(paths, 1, "last");
    expect(text, "running or killed");
    expect(text, "packed");
    free(text);

    /* the same without the right to make the -shm: a copy of the three files, read only */
    fixture_log(path, &fixture_run, 10, "off");
    text = text_of(paths, 1, "all");
    expect(text, "run 2 of ");
    free(text);
}

/* A rollback journal left by a killed writer is played back, as any reader must. */
static void a_log_killed_in_truncate_mode_can_be_read(void **state)
{
    (void)state;
    const char       *path    = path_in(test_directory(), "a.db");
    const char *const paths[] = { path };
    fixture_log(path, &fixture_run, 50, "packed");
    sqlite3 *db = sql_open(path);
    sql_run(db, "PRAGMA journal_mode = TRUNCATE");
    (void)sqlite3_close(db);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (sqlite3_open(path, &db) != SQLITE_OK) _exit(1);
        /* a cache of one page spills changed pages into the file before the commit */
        (void)sqlite3_exec(db,
                           "PRAGMA cache_size = 1; BEGIN; UPDATE step SET loss = 99, mode ="
                           " 'halfwritten'",
                           NULL, NULL, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char *text = text_of(paths, 1, "last");
    expect(text, "packed");
    expect_none(text, "halfwritten");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_the_last_run_five_steps_and_text),
        cmocka_unit_test(the_text_tells_what_happened),
        cmocka_unit_test(a_run_without_steps_says_so),
        cmocka_unit_test(the_json_has_the_numbers_of_sql),
        cmocka_unit_test(several_runs_are_compared_on_the_same_batches),
        cmocka_unit_test(a_run_that_is_not_there_is_named),
        cmocka_unit_test(hostile_text_does_no_harm),
        cmocka_unit_test(the_page_is_whole_and_stands_alone),
        cmocka_unit_test(a_page_that_cannot_be_written_leaves_nothing),
        cmocka_unit_test(a_page_that_finds_no_room_says_why),
        cmocka_unit_test(exact_passes_and_unmeasured_bytes_show_a_dash),
        cmocka_unit_test(what_is_no_log_is_refused),
        cmocka_unit_test(a_damaged_log_is_an_error_or_a_report_and_never_a_crash),
        cmocka_unit_test(reading_a_finished_log_leaves_nothing_beside_it),
        cmocka_unit_test(a_running_and_a_killed_log_can_be_read),
        cmocka_unit_test(a_log_killed_in_truncate_mode_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
