/* test_steplog_crash.c: what is left of a log after kill -9, a full disk or a lock, and beside
 * other processes: a whole file with a prefix of the steps, and an honest count of the rest. */
#include "flow/log_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { LOSE_STEPS = 8000, NOTE_EVERY = 50, NOTE_BYTES = 1000 };

/* Hand over a step with its partitions, and now and then a note that takes several records. */
static void write_step(pr_steplog *log, uint64_t i)
{
    pr_step_partition parts[2];
    char              note[NOTE_BYTES + 1];

    const pr_step s = fixture_step(i, "packed");
    fixture_partitions(&s, parts, 2);
    pr_steplog_step(log, &s, parts, 2);
    if (i % NOTE_EVERY != 0) return;
    snprintf(note, sizeof note, "%0*llu", NOTE_BYTES, (unsigned long long)(i / NOTE_EVERY));
    pr_steplog_note(log, note);
}

/* Notes are whole, and a prefix too, with the steps they came behind. */
static void check_notes(sqlite3 *db)
{
    assert_int_equal(sql_int(db, "SELECT count(*) FROM note WHERE length(text) <> 1000 OR"
                                 " CAST(text AS INTEGER) <> note"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM (SELECT run, max(note) AS n FROM note"
                                 " GROUP BY run HAVING count(*) <> max(note) + 1) AS x"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM (SELECT run, max(note) AS n FROM note GROUP"
                                 " BY run) AS x WHERE 50 * n > (SELECT max(step) FROM step AS s"
                                 " WHERE s.run = x.run)"),
                     0);
}

/* In a child: one run of at most `steps` steps with two partitions each. */
static void child_run(const char *path, uint64_t steps, int pause_us)
{
    pr_steplog *log = NULL;

    if (pr_steplog_open(path, &fixture_run, &log) != PR_OK) {
        fprintf(stderr, "child: %s\n", pr_error_message());
        _exit(9);
    }
    for (uint64_t i = 0; i < steps; i++) {
        write_step(log, i);
        if (pause_us && i % 16 == 0) (void)usleep((useconds_t)pause_us);
    }
    _exit(pr_steplog_close(log, 0, NULL) == PR_OK ? 0 : 1);
}

static void kill_9_leaves_a_whole_file_with_a_prefix_of_the_steps(void **state)
{
    (void)state;
    test_rng    rng       = { .key = test_seed() };
    const char *directory = test_directory(), *path = NULL;
    int64_t     kept = 0;

    for (int round = 0; round < 20; round++) {
        char name[16];
        snprintf(name, sizeof name, "%d.db", round / 5); /* a log is killed and continued */
        path              = path_in(directory, name);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) child_run(path, 100000, round % 2 ? 300 : 0);
        (void)usleep(30000 + test_below(&rng, 200000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (!is_there(path, "")) continue;
        sqlite3 *db = sql_open(path);
        if (sql_int(db, "SELECT count(*) FROM sqlite_master") > 0) {
            check_prefixes(db);
            check_notes(db);
        }
        if (round % 5 == 4) kept += sql_int(db, "SELECT count(*) FROM step");
        (void)sqlite3_close(db);
    }
    printf("20 kills: %lld steps kept\n", (long long)kept);
    assert_true(kept > 0);
    fixture_log(path, &fixture_run, 10, "packed"); /* and it goes on */
}

static void kill_9_while_the_file_is_made_leaves_one_that_can_be_used(void **state)
{
    (void)state;
    test_rng    rng       = { .key = test_seed() + 1 };
    const char *directory = test_directory();

    for (int round = 0; round < 20; round++) {
        char name[32];
        snprintf(name, sizeof name, "%d.db", round);
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) child_run(path, 100000, 0);
        (void)usleep(test_below(&rng, 30000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        fixture_log(path, &fixture_run, 10, "packed");
        sqlite3 *db = sql_open(path);
        check_prefixes(db);
        (void)sqlite3_close(db);
    }
}

static void two_processes_write_one_file_at_the_same_time(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pid_t       child[3];

    for (int i = 0; i < 3; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) child_run(path, 3000, 50);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    sqlite3 *db = sql_open(path);
    check_prefixes(db);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM run WHERE exit_status = 0"), 3);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 9000);
    (void)sqlite3_close(db);
}

static void *hold_lock(void *argument)
{
    sqlite3 *db = argument;
    (void)usleep(300000);
    sql_run(db, "COMMIT");
    return NULL;
}

static void a_locked_database_delays_rows_and_loses_none(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;
    pthread_t   holder;
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    sqlite3 *db = sql_open(path);
    sql_run(db, "BEGIN IMMEDIATE");
    assert_int_equal(pthread_create(&holder, NULL, hold_lock, db), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        const pr_step s = fixture_step(i, "off");
        pr_steplog_step(log, &s, NULL, 0);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
    assert_int_equal(pthread_join(holder, NULL), 0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 1000);
    (void)sqlite3_close(db);
}

/* In a child: write steps until some are lost; gives the loss to the parent through *lost. With
 * `limit_bytes` no file may grow beyond it. Exit status 0 when closing said what was lost. */
static void child_loses_rows(const char *path, rlim_t limit_bytes, uint64_t *lost)
{
    pr_steplog *log = NULL;

    if (pr_steplog_open(path, &fixture_run, &log) != PR_OK) _exit(9);
    if (limit_bytes) {
        const struct rlimit limit = { limit_bytes, limit_bytes };
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(8);
    }
    for (uint64_t i = 0; i < LOSE_STEPS; i++) {
        write_step(log, i);
        if (i % 100 == 0) (void)usleep(1000);
    }
    const pr_status st = pr_steplog_close(log, 0, lost); /* the row says 1 */
    if (st != PR_E_IO || !strstr(pr_error_message(), "rows of run 1 could not be written"))
        _exit(7);
    _exit(0);
}

/* Let a child lose rows; then check the promises. */
static void lose_rows(const char *path, rlim_t limit_bytes)
{
    uint64_t *lost =
        mmap(NULL, sizeof *lost, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    assert_true(lost != MAP_FAILED);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) child_loses_rows(path, limit_bytes, lost);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    sqlite3 *db = sql_open(path);
    check_prefixes(db);
    check_notes(db);
    const int64_t kept  = sql_int(db, "SELECT count(*) FROM step");
    const int64_t notes = sql_int(db, "SELECT count(*) FROM note");
    printf("%lld steps kept, %llu rows lost\n", (long long)kept, (unsigned long long)*lost);
    assert_true(kept > 0 && *lost > 0);
    assert_int_equal(3 * kept + notes + (int64_t)*lost, 3 * LOSE_STEPS + LOSE_STEPS / NOTE_EVERY);
    /* The end was written, in the space the rolled back rows had taken; or there was none: under a
     * limit on files what is committed may fill the WAL and fit into the database no more. */
    const bool open = limit_bytes && sql_int(db, "SELECT count(*) FROM run WHERE ended_at IS NULL");
    assert_int_equal(sql_int(db, "SELECT rows_lost FROM run"), open ? 0 : (int64_t)*lost);
    if (!open) assert_int_equal(sql_int(db, "SELECT exit_status FROM run"), 1);
    (void)sqlite3_close(db);
    (void)munmap(lost, sizeof *lost);
}

static void a_file_that_may_not_grow_loses_rows_and_the_run_goes_on(void **state)
{
    (void)state;
    lose_rows(path_in(test_directory(), "a.db"), 600000);
}

static void a_full_disk_loses_rows_and_the_run_goes_on(void **state)
{
    (void)state;
    lose_rows(path_in(small_disk("768k"), "a.db"), 0);
}

/* Fill the disk to its last byte. */
static void fill_disk(const char *path)
{
    static const char block[4096];
    FILE             *file = fopen(path, "wb");
    assert_non_null(file);
    setbuf(file, NULL);
    while (fwrite(block, 1, sizeof block, file) == sizeof block) continue;
    (void)fclose(file);
}

/* The database has free pages that the WAL's can go to, so emptying the WAL makes room. */
static void the_end_of_a_run_is_written_after_emptying_the_wal(void **state)
{
    (void)state;
    const char *directory = small_disk("4m"), *path = path_in(directory, "a.db");
    pr_steplog *log  = NULL;
    uint64_t    lost = 0;
    fixture_log(path, &fixture_run, 2000, "off");
    sqlite3 *db = sql_open(path);
    sql_run(db, "DELETE FROM step_partition; DELETE FROM step; DELETE FROM epoch; DELETE FROM run");
    (void)sqlite3_close(db);

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    const int64_t run = pr_steplog_run(log);
    for (uint64_t i = 0; i < 200; i++) {
        const pr_step s = fixture_step(i, "off");
        pr_steplog_step(log, &s, NULL, 0);
    }
    (void)usleep(300000); /* written */
    fill_disk(path_in(directory, "ballast"));
    for (uint64_t i = 200; i < 2200; i++) {
        const pr_step s = fixture_step(i, "off");
        pr_steplog_step(log, &s, NULL, 0);
    }
    assert_fails(PR_E_IO, "could not be written", pr_steplog_close(log, 0, &lost));
    db = sql_open(path);
    assert_true(lost > 0);
    assert_int_equal(run, sql_int(db, "SELECT id FROM run"));
    assert_int_equal(sql_int(db, "SELECT rows_lost FROM run"), (int64_t)lost);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step"), 2200 - (int64_t)lost);
    assert_string_equal(sql_text(db, "SELECT status FROM v_run"), "failed");
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_9_leaves_a_whole_file_with_a_prefix_of_the_steps),
        cmocka_unit_test(kill_9_while_the_file_is_made_leaves_one_that_can_be_used),
        cmocka_unit_test(two_processes_write_one_file_at_the_same_time),
        cmocka_unit_test(a_locked_database_delays_rows_and_loses_none),
        cmocka_unit_test(a_file_that_may_not_grow_loses_rows_and_the_run_goes_on),
        cmocka_unit_test_teardown(a_full_disk_loses_rows_and_the_run_goes_on, unmount),
        cmocka_unit_test_teardown(the_end_of_a_run_is_written_after_emptying_the_wal, unmount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
