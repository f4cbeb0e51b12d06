/* test_steplog_places.c: lanes, what the kernel said about their memory, and notes, as rows and in
 * the views. */
#include "flow/log_fixture.h"

static pr_placement_row row_of(uint64_t step, uint32_t lane, const char *what, uint64_t elsewhere)
{
    return (pr_placement_row){ .step            = step,
                               .lane            = lane,
                               .what            = what,
                               .numa_node       = (int32_t)lane,
                               .bytes           = 1000000,
                               .pages           = 245,
                               .pages_checked   = 200,
                               .pages_on_node   = 150 - elsewhere,
                               .pages_elsewhere = elsewhere };
}

static void lanes_placements_and_notes_come_back_as_they_were_given(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    pr_lane_row lane = { 1, 2, 3, true, false, "0-3,8" };

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    pr_steplog_lane(log, &lane);
    lane = (pr_lane_row){ .lane = 0, .numa_node = -1, .threads = 4 };
    pr_steplog_lane(log, &lane);
    const pr_placement_row row = { 4, 5, "slab", 6, 7, 8, 9, 10, 11 };
    pr_steplog_placement(log, &row);
    pr_steplog_note(log, "first");
    pr_steplog_note(log, "");
    pr_steplog_note(log, "third");
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT group_concat(run||' '||lane||' '||coalesce(numa_node,"
                                     " 'NULL')||' '||threads||' '||threads_bound||' '||"
                                     "memory_bound||' '||cpus, '/') FROM lane"),
                        "1 0 NULL 4 0 0 /1 1 2 3 1 0 0-3,8");
    assert_string_equal(
        sql_text(db, "SELECT run||' '||step||' '||lane||' '||what||' '||numa_node||' '||bytes||' '"
                     "||pages||' '||pages_checked||' '||pages_on_node||' '||pages_elsewhere FROM"
                     " placement"),
        "1 4 5 slab 6 7 8 9 10 11");
    assert_string_equal(sql_text(db, "SELECT group_concat(note||' '||text, '/') FROM note"),
                        "0 first/1 /2 third");
    sql_run(db, "PRAGMA foreign_keys = ON; DELETE FROM run");
    assert_int_equal(sql_int(db, "SELECT (SELECT count(*) FROM lane) + (SELECT count(*) FROM note)"
                                 " + (SELECT count(*) FROM placement)"),
                     0);
    (void)sqlite3_close(db);
}

/* Texts travel in pieces: lengths around their ends, and the longest there is. */
static void a_text_of_any_length_arrives_whole_or_cut_at_its_bound(void **state)
{
    (void)state;
    static char text[PR_TEXT_BYTES + 2];
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    uint32_t    num  = 0;

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    const uint64_t calls = pri_mem_calls();
    for (size_t n = 0; n <= PR_TEXT_BYTES + 1; n += n < 1000 ? 1 : 97, num++) {
        for (size_t i = 0; i < n; i++) text[i] = (char)('a' + (i * 7 + n) % 26);
        text[n] = '\0';
        pr_steplog_note(log, text);
    }
    memset(text, 'x', PR_TEXT_BYTES + 1);
    pr_steplog_note(log, text);
    assert_int_equal(pri_mem_calls(), calls);
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM note"), num + 1);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM note WHERE note <= 1000 AND length(text) <>"
                                 " note"),
                     0);
    assert_int_equal(sql_int(db, "SELECT max(length(text)) FROM note"), PR_TEXT_BYTES - 1);
    sqlite3_stmt *rows = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT text FROM note WHERE note <= 1000", -1, &rows, NULL),
        SQLITE_OK);
    for (size_t n = 0; sqlite3_step(rows) == SQLITE_ROW; n++) {
        const char *got = (const char *)sqlite3_column_text(rows, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(got[i], (int)('a' + (i * 7 + n) % 26));
    }
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
}

static void a_second_look_at_the_same_memory_replaces_the_first(void **state)
{
    (void)state;
    const char      *path = path_in(test_directory(), "a.db");
    pr_steplog      *log  = NULL;
    pr_placement_row row  = row_of(1, 0, "shard", 3);

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    pr_steplog_placement(log, &row);
    row = row_of(1, 0, "shard", 5);
    pr_steplog_placement(log, &row);
    row.numa_node = 7; /* a shard of the same lane on another node is another row */
    pr_steplog_placement(log, &row);
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT group_concat(numa_node||' '||pages_elsewhere) FROM"
                                     " placement"),
                        "0 5,7 5");
    (void)sqlite3_close(db);
}

static void the_views_say_what_is_where(void **state)
{
    (void)state;
    const char      *path = path_in(test_directory(), "a.db");
    pr_steplog      *log  = NULL;
    pr_placement_row row  = row_of(1, 0, "slab", 0);

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    pr_steplog_placement(log, &row);
    row = row_of(1, 1, "slab", 15);
    pr_steplog_placement(log, &row);
    row           = row_of(1, 1, "tape", 0);
    row.numa_node = -1;
    pr_steplog_placement(log, &row);
    assert_ok(pr_steplog_close(log, 0, NULL));
    (void)fixture_log(path, &fixture_run, 1, "off");
    sqlite3 *db = sql_open(path);
    assert_string_equal(
        sql_text(db, "SELECT group_concat(lane||' '||what||' '||coalesce(numa_node,"
                     " 'any')||' '||mb||' '||pages_checked||' '||pages_present||' '||"
                     "percent_on_node,"
                     " '/') FROM v_placement"),
        "0 slab 0 1.0 200 150 100.0/1 slab 1 1.0 200 150 90.0/1 tape any 1.0 200 150 100.0");
    assert_string_equal(sql_text(db, "SELECT pages_checked||' '||pages_elsewhere FROM v_run WHERE"
                                     " run = 1"),
                        "600 15");
    assert_string_equal(sql_text(db, "SELECT pages_elsewhere FROM v_run WHERE run = 2"), "NULL");
    (void)sqlite3_close(db);
}

static void locality_over_time_has_at_most_200_buckets_a_run(void **state)
{
    (void)state;
    static const int steps[] = { 1, 7, 199, 200, 201, 999, 1000 };
    const char      *path    = path_in(test_directory(), "a.db");
    char             sql[300];

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        (void)fixture_log(path, &fixture_run, (uint64_t)steps[i], "packed");
    sqlite3 *db = sql_open(path);
    /* the first 100 steps of the last run read from the other node */
    sql_run(db, "UPDATE step_partition SET bytes_remote = bytes_local, bytes_local = 0 WHERE run ="
                " 7 AND step < 100");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const int width = (steps[i] + 199) / 200, buckets = (steps[i] + width - 1) / width;
        snprintf(sql, sizeof sql,
                 "SELECT count(DISTINCT bucket)||' '||count(*)||' '||min(first_step)||' '||"
                 "max(last_step) FROM v_locality_time WHERE run = %zu",
                 i + 1);
        char want[64];
        snprintf(want, sizeof want, "%d %d 0 %d", buckets, 2 * buckets, steps[i] - 1);
        assert_string_equal(sql_text(db, sql), want);
        snprintf(sql, sizeof sql,
                 "SELECT abs(sum(mb_local + mb_remote) * 1e6 - (SELECT sum(bytes_moved) FROM"
                 " step_partition WHERE run = %zu)) < 1 FROM v_locality_time WHERE run = %zu",
                 i + 1, i + 1);
        assert_int_equal(sql_int(db, sql), 1);
    }
    assert_string_equal(sql_text(db, "SELECT group_concat(DISTINCT local_percent) FROM"
                                     " v_locality_time WHERE run = 7 AND last_step < 100"),
                        "0.0");
    assert_string_equal(sql_text(db, "SELECT group_concat(DISTINCT local_percent) FROM"
                                     " v_locality_time WHERE run = 7 AND first_step >= 100"),
                        "100.0");
    assert_int_equal(sql_int(db, "SELECT round(local_percent) FROM v_locality WHERE run = 7"), 90);
    (void)sqlite3_close(db);
}

static void replicated_rows_are_those_of_the_steps_counted(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");

    (void)fixture_log(path, &fixture_run, 64, "packed");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step_partition SET rows_replicated = CASE step % 16 WHEN 0 THEN step END");
    assert_string_equal(sql_text(db, "SELECT group_concat(steps_counted||' '||"
                                     "rows_replicated_per_step) FROM v_locality"),
                        "4 24.0,4 24.0");
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_placements_and_notes_come_back_as_they_were_given),
        cmocka_unit_test(a_text_of_any_length_arrives_whole_or_cut_at_its_bound),
        cmocka_unit_test(a_second_look_at_the_same_memory_replaces_the_first),
        cmocka_unit_test(the_views_say_what_is_where),
        cmocka_unit_test(locality_over_time_has_at_most_200_buckets_a_run),
        cmocka_unit_test(replicated_rows_are_those_of_the_steps_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
