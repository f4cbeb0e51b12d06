/* test_steplog_versions.c: logs of every older schema version are read as they are, and brought to
 * the present by the next run that appends to them. */
#include "flow/log_fixture.h"

#include "base/outfile.h"

static char *report_of(const char *path)
{
    const pr_report_options options = { .run = "all" };
    const char *const       paths[] = { path };
    char                   *text    = NULL;
    size_t                  bytes;

    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Give a log of that version, of one run with two partitions. */
static const char *old_log(int version)
{
    const char *path = path_in(test_directory(), "a.db");

    (void)fixture_log(path, &fixture_run, 20, "packed");
    fixture_age(path, version);
    return path;
}

static void an_old_log_is_read_and_stays_as_it_is(void **state)
{
    (void)state;
    for (int version = 1; version < 7; version++) {
        const char *path = old_log(version);
        char       *before, *after;
        size_t      n, m;

        assert_ok(pri_file_read(path, 1 << 24, &before, &n));
        char *text = report_of(path);
        assert_non_null(strstr(text, "run 1 of"));
        assert_non_null(strstr(text, "cache partitions"));
        assert_null(strstr(text, "tuning"));
        if (version < 4) assert_null(strstr(text, "replicated"));
        assert_null(strstr(text, "read from disk"));
        assert_null(strstr(text, "what came of it"));
        free(text);
        assert_ok(pri_file_read(path, 1 << 24, &after, &m));
        assert_int_equal(n, m);
        assert_memory_equal(before, after, n);
        pri_free(before);
        pri_free(after);
    }
}

static void an_old_log_is_brought_to_the_present_by_the_next_run(void **state)
{
    (void)state;
    for (int version = 1; version < 7; version++) {
        const char *path = old_log(version);

        assert_int_equal(fixture_log(path, &fixture_run, 20, "packed"), 2);
        sqlite3 *db = sql_open(path);
        check_prefixes(db);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 40);
        assert_string_equal(sql_text(db, "SELECT value FROM meta WHERE key = 'schema_version'"),
                            "7");
        assert_int_equal(sql_int(db, "PRAGMA user_version"), 7);
        assert_int_equal(
            sql_int(db, "SELECT count(*) FROM epoch WHERE mrr IS NULL AND auc IS NULL"), 12);
        assert_int_equal(sql_int(db, "SELECT count(endpoint) + count(shed) FROM request"), 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM v_request"), 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM v_tradeoff"), 2);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM v_locality"), 4);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM tune"), 0);
        /* what the old program could not know is NULL, the rest is as it was */
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition WHERE run = 1 AND"
                                     " rows_replicated IS NULL"),
                         version < 4 ? 40 : 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE run = 1 AND"
                                     " inputs_repeated IS NULL"),
                         version < 4 ? 20 : 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE run = 1 AND disk_ns IS NULL"
                                     " AND wait_rows_ns IS NULL AND reads_disk + reads_again +"
                                     " rows_disk + rows_early = 0"),
                         version < 5 ? 20 : 0);
        assert_int_equal(sql_int(db, "SELECT sum(reads_disk) FROM step_partition"), 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM forecast"), 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM v_disk"), 0);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition AS a JOIN step_partition"
                                     " AS b USING (phase, step, partition) WHERE a.run = 1 AND"
                                     " b.run = 2 AND (a.num_inputs, a.bytes_moved, a.lane_ns) ="
                                     " (b.num_inputs, b.bytes_moved, b.lane_ns)"),
                         40);
        /* a run still takes its rows along */
        sql_run(db, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id = 1");
        assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition"), 40);
        (void)sqlite3_close(db);
    }
}

/* One partition has nothing to share rows with: its 0 was counted. */
static void a_single_partition_of_an_old_log_keeps_its_zero(void **state)
{
    (void)state;
    const char       *path = path_in(test_directory(), "a.db");
    pr_steplog       *log  = NULL;
    pr_step_partition part;

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    const pr_step step = fixture_step(0, "packed");
    fixture_partitions(&step, &part, 1);
    pr_steplog_step(log, &step, &part, 1);
    assert_ok(pr_steplog_close(log, 0, NULL));
    fixture_age(path, 3);
    (void)fixture_log(path, &fixture_run, 1, "off");
    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition WHERE rows_replicated = 0 AND"
                                 " run = 1"),
                     1);
    (void)sqlite3_close(db);
}

static void views_that_somebody_added_survive_the_upgrade(void **state)
{
    (void)state;
    const char *path = old_log(2);
    sqlite3    *db   = sql_open(path);

    sql_run(db, "CREATE VIEW mine AS SELECT run, sum(rows_replicated) AS r FROM step_partition"
                " GROUP BY run; CREATE VIEW broken AS SELECT * FROM nowhere;"
                "CREATE INDEX by_input ON step_partition (num_inputs)");
    (void)sqlite3_close(db);
    assert_int_equal(fixture_log(path, &fixture_run, 20, "packed"), 2);
    db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM mine"), 2);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM sqlite_master WHERE type = 'view'"), 15);
    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    (void)sqlite3_close(db);
}

/* The upgrade copies a table: without the room for it the log is an error and stays what it was. */
static void an_upgrade_that_finds_no_room_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    const char *made = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    char       *bytes, size[24];
    size_t      n;

    (void)fixture_log(made, &fixture_run, 1200, "packed");
    fixture_age(made, 3);
    assert_ok(pri_file_read(made, 1 << 24, &bytes, &n));
    snprintf(size, sizeof size, "%zuk", n / 1024 + 64);
    const char *path = test_file(small_disk(size), "a.db", bytes, n);
    assert_fails(PR_E_IO, "a.db", pr_steplog_open(path, &fixture_run, &log));
    printf("%s\n", pr_error_message());
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    assert_int_equal(sql_int(db, "PRAGMA user_version"), 3);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition"), 2400);
    (void)sqlite3_close(db);
    free(report_of(path));
    pri_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_log_is_read_and_stays_as_it_is),
        cmocka_unit_test(an_old_log_is_brought_to_the_present_by_the_next_run),
        cmocka_unit_test(a_single_partition_of_an_old_log_keeps_its_zero),
        cmocka_unit_test(views_that_somebody_added_survive_the_upgrade),
        cmocka_unit_test_teardown(an_upgrade_that_finds_no_room_leaves_the_log_as_it_was, unmount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
