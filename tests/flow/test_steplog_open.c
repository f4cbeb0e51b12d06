/* test_steplog_open.c: what may be opened as a log, what is refused and stays as it is, and where
 * one can be made. */
#include "flow/log_fixture.h"

#include "base/outfile.h"

static void refuse(const char *path, pr_status code, const char *words)
{
    char       *before = NULL, *after = NULL;
    size_t      n = 0, m = 0;
    pr_steplog *log = NULL;

    (void)pri_file_read(path, 1 << 24, &before, &n);
    assert_fails(code, words, pr_steplog_open(path, &fixture_run, &log));
    assert_null(log);
    (void)pri_file_read(path, 1 << 24, &after, &m);
    assert_int_equal(n, m);
    if (n) assert_memory_equal(before, after, n);
    assert_false(is_there(path, "-wal") || is_there(path, "-shm") || is_there(path, "-journal"));
    pri_free(before);
    pri_free(after);
}

static void somebody_elses_file_is_refused_and_stays_as_it_is(void **state)
{
    (void)state;
    const char *directory = test_directory();
    refuse(test_file(directory, "notes.txt", "buy bread\n", 10), PR_E_INPUT,
           "not an SQLite database");
    refuse(directory, PR_E_INPUT, "not a regular file");

    char garbage[8192] = "SQLite format 3";
    memset(garbage + 16, 0x5a, sizeof garbage - 16);
    refuse(test_file(directory, "garbage.db", garbage, sizeof garbage), PR_E_INPUT, "garbage.db");

    static const char *const foreign[] = {
        "CREATE TABLE songs (title); INSERT INTO songs VALUES ('x')",
        "PRAGMA journal_mode = WAL; CREATE TABLE songs (title)",
        "CREATE TABLE meta (a, b); INSERT INTO meta VALUES ('schema_version', 1)",
        "CREATE TABLE meta (key, value); INSERT INTO meta VALUES ('colour', 'red')",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        char     name[32];
        sqlite3 *db = NULL;
        snprintf(name, sizeof name, "foreign%zu.db", i);
        const char *path = path_in(directory, name);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        sql_run(db, foreign[i]);
        (void)sqlite3_close(db);
        refuse(path, PR_E_INPUT, "is not a packrat log");
    }
}

static void a_newer_schema_is_refused_by_both_versions(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    fixture_log(path, &fixture_run, 3, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE meta SET value = '99' WHERE key = 'schema_version'");
    (void)sqlite3_close(db);
    refuse(path, PR_E_INPUT, "has schema version 99");
    refuse(path, PR_E_INPUT, "knows up to 7");
}

static void a_place_that_cannot_be_written_is_an_error_of_the_world(void **state)
{
    (void)state;
    const char *directory = test_directory();
    pr_steplog *log       = NULL;
    char        name[5000];

    assert_fails(PR_E_ARG, "empty", pr_steplog_open("", &fixture_run, &log));
    assert_fails(PR_E_ARG, "empty", pr_steplog_open(NULL, &fixture_run, &log));
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_fails(PR_E_ARG, "at most 4095", pr_steplog_open(name, &fixture_run, &log));
    assert_fails(PR_E_IO, "nowhere/a.db",
                 pr_steplog_open(path_in(directory, "nowhere/a.db"), &fixture_run, &log));
    (void)test_file(directory, "file", "x", 1);
    assert_fails(PR_E_IO, "file/a.db",
                 pr_steplog_open(path_in(directory, "file/a.db"), &fixture_run, &log));
    assert_fails(PR_E_INPUT, "not a regular file",
                 pr_steplog_open("/dev/null", &fixture_run, &log));
}

static void a_disk_that_is_full_from_the_start_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    const char *path = path_in(small_disk("16k"), "a.db");
    pr_steplog *log  = NULL;
    assert_fails(PR_E_IO, path, pr_steplog_open(path, &fixture_run, &log));
    printf("%s\n", pr_error_message());
    assert_null(log);
    assert_false(is_there(path, "") || is_there(path, "-journal"));
}

static void a_read_only_directory_is_an_error_of_the_world(void **state)
{
    (void)state;
    const char *directory = small_disk("1m");
    const char *before = path_in(directory, "old.db"), *after = path_in(directory, "new.db");
    const pr_report_options options = { .run = "last" };
    const char *const       paths[] = { before };
    pr_steplog             *log     = NULL;

    fixture_log(before, &fixture_run, 3, "off");
    assert_int_equal(mount("tmpfs", directory, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
    assert_fails(PR_E_IO, after, pr_steplog_open(after, &fixture_run, &log));
    printf("%s\n", pr_error_message());
    assert_fails(PR_E_IO, before, pr_steplog_open(before, &fixture_run, &log));
    printf("%s\n", pr_error_message());
    assert_ok(pr_report(&options, paths, 1, NULL, NULL)); /* reading needs no writing */
}

static void an_empty_file_becomes_a_log(void **state)
{
    (void)state;
    const char *path = test_file(test_directory(), "a.db", "", 0);
    assert_int_equal(fixture_log(path, &fixture_run, 5, "off"), 1);
}

static void a_name_is_a_file_whatever_it_looks_like(void **state)
{
    (void)state;
    static const char *const names[] = { ":memory:", "file:x.db?mode=memory", "a b%20c#d?e.db",
                                         "-wal",     "\xc3\xbc\xc3\x9f.db",   "bad\xff.db" };
    char                     here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(test_directory()), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(fixture_log(names[i], &fixture_run, 5, "off"), 1);
        assert_true(is_there(names[i], ""));
        assert_int_equal(fixture_log(names[i], &fixture_run, 5, "off"), 2);
    }
    assert_int_equal(chdir(here), 0);
}

static void broken_json_of_a_run_is_an_argument_error(void **state)
{
    (void)state;
    const char *path  = path_in(test_directory(), "a.db");
    pr_steplog *log   = NULL;
    pr_run_info info  = fixture_run;
    info.options_json = "{\"a\":";
    assert_fails(PR_E_ARG, "options of the run", pr_steplog_open(path, &info, &log));
    assert_null(log);
}

/* The dot-file locking VFS has no shared memory, as a network file system would not. */
static void without_shared_memory_the_journal_is_truncate(void **state)
{
    (void)state;
    const char  *path   = path_in(test_directory(), "a.db");
    sqlite3_vfs *before = sqlite3_vfs_find(NULL), *dotfile = sqlite3_vfs_find("unix-dotfile");
    if (!dotfile) skip();
    assert_int_equal(sqlite3_vfs_register(dotfile, 1), SQLITE_OK);
    fixture_log(path, &fixture_run, 500, "packed");
    fixture_log(path, &fixture_run, 500, "packed");
    assert_int_equal(sqlite3_vfs_register(before, 1), SQLITE_OK);
    assert_false(is_there(path, "-wal"));
    sqlite3 *db = sql_open(path);
    check_prefixes(db);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 1000);
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_disk_that_is_full_from_the_start_is_an_error_and_leaves_nothing,
                                  unmount),
        cmocka_unit_test(somebody_elses_file_is_refused_and_stays_as_it_is),
        cmocka_unit_test(a_newer_schema_is_refused_by_both_versions),
        cmocka_unit_test(a_place_that_cannot_be_written_is_an_error_of_the_world),
        cmocka_unit_test_teardown(a_read_only_directory_is_an_error_of_the_world, unmount),
        cmocka_unit_test(an_empty_file_becomes_a_log),
        cmocka_unit_test(a_name_is_a_file_whatever_it_looks_like),
        cmocka_unit_test(broken_json_of_a_run_is_an_argument_error),
        cmocka_unit_test(without_shared_memory_the_journal_is_truncate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
