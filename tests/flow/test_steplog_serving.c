/* test_steplog_serving.c: the log of a server: a row for each request, nobody waits for the disk,
 * and what is lost is counted, said, and over once there is room again. */
#include "flow/serving_log.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void every_column_of_a_request_comes_back_as_it_was_given(void **state)
{
    (void)state;
    const char          *path = path_in(test_directory(), "a.db");
    pr_steplog          *log  = NULL;
    const pr_request_row row  = { 1, 2, "infer", "the client's", 4,  5,   6,
                                  7, 8, 9,       UINT64_MAX - 9, 11, true };
    pr_request_row       none = { .request    = 2,
                                  .endpoint   = "features",
                                  .queue_ns   = PR_NULL_INT,
                                  .compute_ns = PR_NULL_INT,
                                  .batch_step = PR_NULL_INT };
    memset(none.client_id, 'x', sizeof none.client_id); /* whoever filled it forgot the end */
    none.client_id[0] = '\0';
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    pr_steplog_request(log, &row);
    pr_steplog_request(log, &none);
    memset(none.client_id, 'x', sizeof none.client_id);
    none.request = 3;
    pr_steplog_request(log, &none);
    assert_ok(pr_steplog_close(log, 0, NULL));

    sqlite3 *db = sql_open(path);
    assert_string_equal(
        sql_text(db, "SELECT run||' '||request||' '||arrival_ns||' '||endpoint||' '||client_id||' '"
                     "||num_nodes||' '||queue_ns||' '||compute_ns||' '||total_ns||' '||status||' '"
                     "||batch_step||' '||seed||' '||model_version||' '||shed FROM request"
                     " WHERE request = 1"),
        "1 1 2 infer the client's 4 5 6 7 8 9 -10 11 1");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request WHERE request = 2 AND client_id IS"
                                 " NULL AND queue_ns IS NULL AND compute_ns IS NULL AND"
                                 " batch_step IS NULL AND shed = 0 AND endpoint = 'features'"),
                     1);
    assert_int_equal(sql_int(db, "SELECT length(client_id) FROM request WHERE request = 3"), 47);
    (void)sqlite3_close(db);
}

static void the_view_of_requests_agrees_with_the_table(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    serving_hand_over(log, 0, 1000);
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT endpoint||' '||requests||' '||answered||' '||refused||"
                                     "' '||failed||' '||gone||' '||shed||' '||model_version"
                                     " FROM v_request WHERE run = 1"),
                        "infer 1000 900 100 0 0 0 2");
    /* the 450th, 810th, 891st and 900th of 900 */
    static const struct {
        const char *column;
        int         place;
    } percentiles[] = { { "total_ms_p50", 450 },
                        { "total_ms_p90", 810 },
                        { "total_ms_p99", 891 },
                        { "total_ms_p99_9", 900 } };
    for (int i = 0; i < 4; i++) {
        char sql[400];
        snprintf(sql, sizeof sql,
                 "SELECT (SELECT %s FROM v_request) = (SELECT total_ns / 1e6 FROM request WHERE"
                 " status = 200 ORDER BY total_ns LIMIT 1 OFFSET %d)",
                 percentiles[i].column, percentiles[i].place - 1);
        assert_int_equal(sql_int(db, sql), 1);
    }
    (void)sqlite3_close(db);
}

static void a_server_that_is_well_says_so(void **state)
{
    (void)state;
    const char             *path = path_in(test_directory(), "a.db");
    pr_steplog             *log  = NULL;
    pr_steplog_health_state health;

    pr_steplog_health(NULL, &health);
    assert_true(health.writable && health.file_bytes == 0 && !health.reason[0]);
    pr_steplog_request(NULL, &(pr_request_row){ .endpoint = "infer" });
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    serving_hand_over(log, 0, 1000);
    serving_settle(log);
    health = serving_health(log);
    assert_true(health.writable && !health.reason[0]);
    assert_int_equal(health.rows_lost, 0);
    assert_true(health.file_bytes > 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
}

/* Nothing is written while somebody holds the database: handing over goes on, the ring fills, what
 * does not fit is counted, and all that fitted is written afterwards. */
static void a_full_ring_loses_rows_and_nobody_waits(void **state)
{
    (void)state;
    enum { REQUESTS = 70000 }; /* more than the ring holds */
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    uint64_t    lost = 0;

    assert_ok(pr_steplog_open(path, &serving_run, &log));
    sqlite3 *db = sql_open(path);
    sql_run(db, "BEGIN IMMEDIATE");
    for (uint64_t i = 0; i < REQUESTS; i++) {
        const pr_request_row row = serving_request(i);
        pr_steplog_request(log, &row);
    }
    assert_int_equal(serving_health(log).rows_lost, REQUESTS - 65536);
    assert_int_equal(serving_health(log).rows_waiting, 65536);
    while (serving_health(log).writable) (void)usleep(1000); /* it tried, and says so */
    assert_non_null(strstr(serving_health(log).reason, "locked"));
    sql_run(db, "COMMIT");
    serving_settle(log);
    assert_true(serving_health(log).writable);
    assert_fails(PR_E_IO, "4464 rows of run 1", pr_steplog_close(log, 0, &lost));
    assert_int_equal(lost, REQUESTS - 65536);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request"), 65536);
    assert_int_equal(sql_int(db, "SELECT rows_lost FROM run"), REQUESTS - 65536);
    assert_int_equal(sql_int(db, "SELECT exit_status FROM run"), 0); /* what the command said */
    (void)sqlite3_close(db);
}

static void the_end_of_a_server_does_not_wait_for_a_lock_for_long(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    uint64_t    lost = 0;

    assert_ok(pr_steplog_open(path, &serving_run, &log));
    sqlite3 *db = sql_open(path);
    sql_run(db, "BEGIN IMMEDIATE");
    serving_hand_over(log, 0, 8);
    assert_fails(PR_E_IO, "locked", pr_steplog_close(log, 0, &lost));
    assert_int_equal(lost, 8 + 2 * 2);
    sql_run(db, "ROLLBACK");
    (void)sqlite3_close(db);
}

/* A reader that holds the database for all the time: with a WAL that stops nobody. */
static void a_reader_that_stays_stops_nothing(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    pr_run_info info = serving_run;

    info.max_bytes = 1 << 20;
    assert_ok(pr_steplog_open(path, &info, &log));
    serving_hand_over(log, 0, 100);
    serving_settle(log);
    sqlite3 *db = sql_open(path);
    sql_run(db, "BEGIN");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request"), 100);
    serving_hand_over(log, 100, 40000);
    serving_settle(log);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM request"), 100); /* what it saw stays */
    assert_int_equal(serving_health(log).rows_lost, 0);
    sql_run(db, "COMMIT");
    assert_ok(pr_steplog_close(log, 0, NULL));
    assert_int_equal(sql_int(db, "SELECT max(request) FROM request"), 40099);
    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    (void)sqlite3_close(db);
}

/* In a child: no file may grow, until the parent's time has come. Exit status 0: as it should be.
 */
static void child_without_room(const char *path)
{
    pr_steplog   *log = NULL;
    struct rlimit limit;
    uint64_t      lost = 0, i = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (pr_steplog_open(path, &serving_run, &log) != PR_OK) _exit(9);
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 300000;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(8);
    for (; serving_health(log).writable && i < 4000000; i += 400) {
        serving_hand_over(log, i, 400);
        (void)usleep(1000);
    }
    if (!serving_health(log).reason[0] || serving_health(log).rows_lost == 0) _exit(7);
    limit.rlim_cur = RLIM_INFINITY;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(6);
    serving_hand_over(log, i, 400);
    serving_settle(log);
    if (!serving_health(log).writable || serving_health(log).reason[0]) _exit(5);
    serving_hand_over(log, i + 400, 400);
    serving_settle(log);
    const uint64_t before = serving_health(log).rows_lost;
    if (pr_steplog_close(log, 0, &lost) != PR_E_IO || lost != before) _exit(4);
    i += 800;
    sqlite3      *db   = sql_open(path);
    const int64_t rows = sql_int(db, "SELECT (SELECT count(*) FROM request) + (SELECT count(*)"
                                     " FROM step) + (SELECT count(*) FROM step_partition)");
    const int64_t told = sql_int(db, "SELECT rows_lost FROM run");
    const int64_t last = sql_int(db, "SELECT max(request) FROM request");
    if ((uint64_t)rows + lost != i + i / 2 || (uint64_t)told != lost || (uint64_t)last != i - 1)
        _exit(3);
    printf("%lld rows kept, %llu lost\n", (long long)rows, (unsigned long long)lost);
    fflush(stdout);
    _exit(strcmp(sql_text(db, "PRAGMA integrity_check"), "ok") == 0 ? 0 : 2);
}

static void rows_are_written_again_once_files_may_grow(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    int         status;

    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) child_without_room(path);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void rows_are_written_again_once_a_full_disk_has_room(void **state)
{
    (void)state;
    static const char block[4096];
    const char       *directory = small_disk("3m"), *path = path_in(directory, "a.db");
    const char       *ballast = path_in(directory, "ballast");
    pr_steplog       *log     = NULL;
    uint64_t          lost = 0, i = 0;

    assert_ok(pr_steplog_open(path, &serving_run, &log));
    FILE *file = fopen(ballast, "wb");
    assert_non_null(file);
    setbuf(file, NULL);
    while (fwrite(block, 1, sizeof block, file) == sizeof block) continue;
    (void)fclose(file);
    for (; serving_health(log).writable && i < 4000000; i += 400) {
        serving_hand_over(log, i, 400);
        (void)usleep(1000);
    }
    assert_non_null(strstr(serving_health(log).reason, "full"));
    assert_int_equal(unlink(ballast), 0);
    for (int k = 0; k < 6000 && !serving_health(log).writable; k++) (void)usleep(10000);
    assert_true(serving_health(log).writable); /* though no row came */
    assert_false(serving_health(log).reason[0]);
    serving_hand_over(log, i, 400);
    serving_settle(log);
    assert_int_equal(pr_steplog_close(log, 0, &lost), PR_E_IO);
    i += 400;
    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT max(request) FROM request"), (int64_t)i - 1);
    assert_int_equal(sql_int(db, "SELECT (SELECT count(*) FROM request) + (SELECT count(*) FROM"
                                 " step) + (SELECT count(*) FROM step_partition)") +
                         (int64_t)lost,
                     (int64_t)(i + i / 2));
    assert_int_equal(sql_int(db, "SELECT rows_lost FROM run"), (int64_t)lost);
    (void)sqlite3_close(db);
}

static void handing_over_requests_costs_no_allocation(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    assert_ok(pr_steplog_open(path, &serving_run, &log));
    const uint64_t calls = pri_mem_calls();
    int64_t        ns    = -pr_now_ns();
    serving_hand_over(log, 0, 20000);
    ns += pr_now_ns();
    assert_int_equal(pri_mem_calls(), calls);
    printf("producer: %lld ns a request with a quarter of a batch\n", (long long)(ns / 20000));
    assert_ok(pr_steplog_close(log, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_a_request_comes_back_as_it_was_given),
        cmocka_unit_test(the_view_of_requests_agrees_with_the_table),
        cmocka_unit_test(a_server_that_is_well_says_so),
        cmocka_unit_test(a_full_ring_loses_rows_and_nobody_waits),
        cmocka_unit_test(the_end_of_a_server_does_not_wait_for_a_lock_for_long),
        cmocka_unit_test(a_reader_that_stays_stops_nothing),
        cmocka_unit_test(rows_are_written_again_once_files_may_grow),
        cmocka_unit_test_teardown(rows_are_written_again_once_a_full_disk_has_room, unmount),
        cmocka_unit_test(handing_over_requests_costs_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
