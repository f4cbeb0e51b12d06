/* test_retention.c: what a server's log deletes, and that the disk gets the space back: seen in the
 * tables, and in the length of the files. */
#include "flow/serving_log.h"

#include <stdio.h>

/* A log that holds a training run and a server's, run 2, with so many requests. */
static const char *made_log(uint64_t requests)
{
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;

    fixture_log(path, &fixture_run, 100, "packed");
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    for (uint64_t i = 0; i < requests; i += 20000) {
        serving_hand_over(log, i, requests - i < 20000 ? requests - i : 20000);
        serving_settle(log);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
    return path;
}

/* Training's rows are all there, no request lacks its batch, and no batch stays that is older than
 * all requests of its run. */
static void check_log(sqlite3 *db)
{
    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE run = 1"), 100);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step_partition WHERE run = 1"), 200);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM epoch"), 30);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request AS q WHERE batch_step IS NOT NULL"
                                 " AND NOT EXISTS (SELECT 1 FROM step AS s WHERE s.run = q.run AND"
                                 " s.phase = 'serve' AND s.step = q.batch_step)"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step AS s JOIN (SELECT run,"
                                 " min(batch_step) AS first FROM request GROUP BY run) AS q"
                                 " ON q.run = s.run WHERE s.phase = 'serve' AND s.step < q.first"),
                     0);
    assert_int_equal(sql_int(db, "SELECT (SELECT count(*) FROM step WHERE phase = 'serve') -"
                                 " (SELECT count(*) FROM step_partition WHERE phase = 'serve')"),
                     0);
}

/* Wait until the query gives that, a minute at most. */
static void wait_for(sqlite3 *db, const char *sql, int64_t value)
{
    for (int i = 0; i < 6000 && sql_int(db, sql) != value; i++) (void)usleep(10000);
    assert_int_equal(sql_int(db, sql), value);
}

static void requests_that_are_too_old_go_with_their_batches(void **state)
{
    (void)state;
    const char *path = made_log(2000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db   = sql_open(path);

    /* one a minute, from 34 hours ago on; training was a year ago */
    sql_run(db, "UPDATE request SET arrival_ns = request * 60000000000;"
                "UPDATE run SET started_at = started_at - 34 * 3600000000000 WHERE id = 2;"
                "UPDATE run SET started_at = started_at - 31536000000000000 WHERE id = 1");
    info.keep_ns = 24 * INT64_C(3600000000000);
    assert_ok(pr_steplog_open(path, &info, &log));
    serving_hand_over(log, 0, 400);
    serving_settle(log);
    wait_for(db, "SELECT min(request) BETWEEN 600 AND 601 FROM request WHERE run = 2", 1);
    assert_true(serving_health(log).rows_deleted >= 600 + 2 * 150);
    assert_ok(pr_steplog_close(log, 0, NULL));
    check_log(db);
    assert_int_equal(sql_int(db, "SELECT max(request) - min(request) + 1 - count(*) FROM request"
                                 " WHERE run = 2"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request WHERE run = 3"), 400);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM run"), 3);
    (void)sqlite3_close(db);
}

/* A request that took long is numbered behind those that came after it. */
static void an_old_request_among_younger_ones_goes_too(void **state)
{
    (void)state;
    const char *path = made_log(2000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db   = sql_open(path);

    sql_run(db, "UPDATE request SET arrival_ns = CASE WHEN request % 7 = 0 THEN 0 ELSE"
                " 7200000000000 END; UPDATE run SET started_at = started_at - 2 * 3600000000000"
                " WHERE id = 2");
    info.keep_ns = INT64_C(3600000000000);
    assert_ok(pr_steplog_open(path, &info, &log));
    wait_for(db, "SELECT count(*) FROM request WHERE request % 7 = 0 AND request < 1000", 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request WHERE request % 7 <> 0"), 1714);
    check_log(db);
    (void)sqlite3_close(db);
}

/* The run's row says 1970: the machine learned the time when the server had begun. */
static void a_clock_that_is_set_does_not_make_rows_old(void **state)
{
    (void)state;
    const char *path = made_log(2000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db   = sql_open(path);

    info.keep_ns = INT64_C(3600000000000);
    (void)sqlite3_busy_timeout(db, 10000);
    assert_ok(pr_steplog_open(path, &info, &log));
    sql_run(db, "UPDATE run SET started_at = 0 WHERE id = 3");
    serving_hand_over(log, 0, 400);
    serving_settle(log);
    sql_run(db, "UPDATE run SET started_at = started_at - 7200000000000 WHERE id = 2");
    wait_for(db, "SELECT count(*) FROM request WHERE run = 2", 0); /* that one is old */
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request WHERE run = 3"), 400);
    assert_ok(pr_steplog_close(log, 0, NULL));
    check_log(db);
    (void)sqlite3_close(db);
}

static void batches_of_an_old_run_without_requests_go(void **state)
{
    (void)state;
    const char *path = made_log(400);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db   = sql_open(path);

    sql_run(db, "DELETE FROM request;"
                "UPDATE run SET started_at = started_at - 2 * 3600000000000 WHERE id = 2");
    info.keep_ns = INT64_C(3600000000000);
    assert_ok(pr_steplog_open(path, &info, &log));
    wait_for(db, "SELECT count(*) FROM step WHERE phase = 'serve'", 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
    check_log(db);
    (void)sqlite3_close(db);
}

/* The limit holds while rows come, by what the kernel says of the files. */
static void a_log_that_grows_beyond_its_limit_loses_its_oldest(void **state)
{
    (void)state;
    enum { LIMIT = 3 << 20, REQUESTS = 96000 };
    const char *path = made_log(2000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    uint64_t    most = 0;

    info.max_bytes = LIMIT;
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint64_t i = 0; i < REQUESTS; i += 8000) {
        serving_hand_over(log, i, 8000);
        serving_settle(log);
        (void)usleep(20000);
        const uint64_t bytes = serving_bytes(path);
        if (bytes > most) most = bytes;
    }
    assert_int_equal(serving_health(log).rows_lost, 0);
    assert_true(serving_health(log).rows_deleted > 0);
    sqlite3 *db = sql_open(path);
    wait_for(db, "SELECT count(*) FROM request WHERE run = 2", 0); /* the older run went first */
    for (int i = 0; i < 6000 && serving_bytes(path) > LIMIT; i++) (void)usleep(10000);
    printf("%llu bytes at most, %llu at the end, %lld requests stay\n", (unsigned long long)most,
           (unsigned long long)serving_bytes(path),
           (long long)sql_int(db, "SELECT count(*) FROM request"));
    assert_true(serving_bytes(path) <= LIMIT);
    assert_ok(pr_steplog_close(log, 0, NULL));
    assert_true(serving_bytes(path) <= LIMIT);
    check_log(db);
    assert_int_equal(sql_int(db, "SELECT max(request) FROM request WHERE run = 3"), REQUESTS - 1);
    assert_int_equal(sql_int(db, "SELECT max(request) - min(request) + 1 - count(*) FROM request"),
                     0);
    assert_true(sql_int(db, "SELECT count(*) FROM request") > REQUESTS / 10);
    (void)sqlite3_close(db);
}

/* Rows that could not be written for a while are no reason to take a disk that is not there. */
static void a_backlog_does_not_outgrow_the_limit(void **state)
{
    (void)state;
    enum { LIMIT = 3 << 20, REQUESTS = 40000 };
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db;
    uint64_t    most = 0;

    info.max_bytes = LIMIT;
    assert_ok(pr_steplog_open(path, &info, &log));
    db = sql_open(path);
    for (uint64_t i = 0; i < 3 * REQUESTS; i += REQUESTS) {
        sql_run(db, "BEGIN IMMEDIATE");
        serving_hand_over(log, i, REQUESTS);
        sql_run(db, "ROLLBACK");
        for (int k = 0; k < 60000 && serving_health(log).rows_waiting > 0; k++) {
            const uint64_t bytes = serving_bytes(path);
            if (bytes > most) most = bytes;
            (void)usleep(1000);
        }
        serving_settle(log);
    }
    printf("%llu bytes at most\n", (unsigned long long)most);
    assert_true(most < LIMIT + LIMIT / 3); /* and a transaction, and its part of the WAL */
    assert_int_equal(serving_health(log).rows_lost, 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
    (void)sqlite3_close(db);
}

static void a_lower_limit_gives_the_disk_back(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    const char *path = made_log(60000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;

    const uint64_t before = serving_bytes(path);
    assert_true(before > 4 * LIMIT);
    info.max_bytes = LIMIT;
    assert_ok(pr_steplog_open(path, &info, &log));
    assert_true(serving_health(log).file_bytes >= before);
    for (int i = 0; i < 6000 && serving_bytes(path) > LIMIT; i++) (void)usleep(10000);
    printf("%llu bytes became %llu\n", (unsigned long long)before,
           (unsigned long long)serving_bytes(path));
    assert_true(serving_bytes(path) <= LIMIT);
    for (int i = 0; i < 6000 && serving_health(log).file_bytes > LIMIT; i++) (void)usleep(10000);
    assert_true(serving_health(log).file_bytes <= LIMIT); /* it says so too */
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    check_log(db);
    assert_int_equal(sql_int(db, "SELECT max(request) FROM request"), 59999);
    (void)sqlite3_close(db);
}

/* How often stderr, which went to that file, has the word. */
static int count_words(const char *path, const char *word)
{
    char  text[16384];
    FILE *file = fopen(path, "rb");
    int   n    = 0;
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) n++;
    return n;
}

/* Such a file stays as long as it is; what is deleted makes room for new rows. */
static void a_file_that_cannot_shrink_is_said_once_and_stops_growing(void **state)
{
    (void)state;
    enum { LIMIT = 2 << 20 };
    const char *path = made_log(4000);
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;
    sqlite3    *db   = sql_open(path);

    sql_run(db, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = 0; VACUUM");
    assert_int_equal(sql_int(db, "PRAGMA auto_vacuum"), 0);
    (void)sqlite3_close(db);
    info.max_bytes     = LIMIT;
    const char *words  = path_in(test_directory(), "stderr");
    const int   before = dup(STDERR_FILENO);
    assert_non_null(freopen(words, "wb", stderr));
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint64_t i = 0; i < 64000; i += 8000) {
        serving_hand_over(log, i, 8000);
        serving_settle(log);
        (void)usleep(20000);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
    (void)fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    assert_int_equal(count_words(words, "was made without auto_vacuum"), 1);
    printf("%llu bytes\n", (unsigned long long)serving_bytes(path));
    assert_true(serving_bytes(path) <= 2 * LIMIT); /* rows came faster than they could be deleted */
    db = sql_open(path);
    check_log(db);
    assert_int_equal(sql_int(db, "SELECT max(request) FROM request"), 63999);
    (void)sqlite3_close(db);
}

static void nothing_goes_where_nothing_is_asked_for(void **state)
{
    (void)state;
    const char *path = made_log(2000);
    pr_steplog *log  = NULL;
    sqlite3    *db   = sql_open(path);

    sql_run(db, "UPDATE run SET started_at = 0");
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    serving_hand_over(log, 0, 2000);
    serving_settle(log);
    assert_int_equal(serving_health(log).rows_deleted, 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request"), 4000);
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_are_too_old_go_with_their_batches),
        cmocka_unit_test(an_old_request_among_younger_ones_goes_too),
        cmocka_unit_test(a_clock_that_is_set_does_not_make_rows_old),
        cmocka_unit_test(batches_of_an_old_run_without_requests_go),
        cmocka_unit_test(a_log_that_grows_beyond_its_limit_loses_its_oldest),
        cmocka_unit_test(a_backlog_does_not_outgrow_the_limit),
        cmocka_unit_test(a_lower_limit_gives_the_disk_back),
        cmocka_unit_test(a_file_that_cannot_shrink_is_said_once_and_stops_growing),
        cmocka_unit_test(nothing_goes_where_nothing_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
