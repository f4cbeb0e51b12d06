/* test_placed.c: where memory is, by the kernel: rows of the log for all of it, one sentence when
 * it is elsewhere, an error when the user insists, and peace with a kernel that does not say. */
#include "flow/log_fixture.h"
#include "support/rig.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pipeline/placed.h"

enum { LANES = 2 };

static void open_rig(test_rig *r)
{
    const test_rig_plan plan = { .path       = test_planted(2000, 16000, 12, 4),
                                 .num_lanes  = LANES,
                                 .batch_size = 40,
                                 .num_steps  = 4,
                                 .cache      = test_cache_options() };
    test_rig_open(r, &plan);
    (void)test_rig_train(r, 0);
}

static pri_placed_setup setup_of(const test_rig *r, uint32_t num_nodes, bool strict)
{
    return (pri_placed_setup){ .lanes     = r->lane,
                               .num_lanes = LANES,
                               .store     = r->store,
                               .num_nodes = num_nodes,
                               .strict    = strict };
}

/* What is said on standard error between listen and heard. */
static int saved_stderr = -1, ear = -1;

static void listen_now(void)
{
    char name[] = "/tmp/packrat-placed-XXXXXX";

    ear = mkstemp(name);
    assert_true(ear >= 0 && unlink(name) == 0);
    saved_stderr = dup(2);
    assert_true(saved_stderr >= 0 && dup2(ear, 2) == 2);
}

static const char *heard(void)
{
    static char said[4096];

    (void)dup2(saved_stderr, 2);
    (void)close(saved_stderr);
    const ssize_t n = pread(ear, said, sizeof said - 1, 0);
    (void)close(ear);
    said[n > 0 ? n : 0] = '\0';
    return said;
}

static void every_kind_of_memory_of_every_lane_has_a_row(void **state)
{
    (void)state;
    static const char *const kinds[] = { "slab", "index", "sampler", "batch", "tape" };
    const char              *path    = path_in(test_directory(), "a.db");
    test_rig                 r;
    pri_placed              *placed = NULL;
    pr_steplog              *log    = NULL;
    char                     sql[200];

    open_rig(&r);
    const pri_placed_setup setup = setup_of(&r, 1, true);
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    assert_ok(pri_placed_create(&setup, &placed));
    pri_placed_log_lanes(placed, log);
    assert_ok(pri_placed_check(placed, 1));
    const uint64_t once = pri_placed_pages_checked(placed);
    assert_ok(pri_placed_check(placed, 2));
    assert_int_equal(pri_placed_pages_checked(placed), 2 * once);
    assert_int_equal(pri_placed_pages_elsewhere(placed), 0); /* meant for no node */
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    for (int lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            snprintf(sql, sizeof sql,
                     "SELECT count(*) FROM placement WHERE lane = %d AND what = '%s' AND"
                     " numa_node = -1 AND pages_on_node > 0 AND pages_elsewhere = 0 AND bytes > 0"
                     " AND pages_checked <= pages",
                     lane, kinds[i]);
            if (sql_int(db, sql) != 2) fail_msg("%s", sql);
        }
    assert_int_equal(sql_int(db, "SELECT sum(pages_checked) FROM placement WHERE step = 1"), once);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM lane WHERE threads = 1 AND length(cpus) > 0"
                                 " AND numa_node IS NULL"),
                     LANES);
    (void)sqlite3_close(db);
    pri_placed_free(placed);
    test_rig_close(&r);
}

/* Lane 1 says that it was meant for a node that no machine has. */
static void pages_elsewhere_are_said_once_and_logged_each_time(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");
    test_rig    r;
    pri_placed *placed = NULL;
    pr_steplog *log    = NULL;

    open_rig(&r);
    r.lane[1]->numa_node         = 200;
    const pri_placed_setup setup = setup_of(&r, 2, false);
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    assert_ok(pri_placed_create(&setup, &placed));
    pri_placed_log_lanes(placed, log);
    listen_now();
    assert_ok(pri_placed_check(placed, 1));
    assert_ok(pri_placed_check(placed, 2));
    const char *said = heard();
    printf("%s", said);
    assert_non_null(strstr(said, "pages of lane 1's slab are not on node 200"));
    assert_null(strstr(said, "lane 0"));
    assert_null(strstr(strchr(said, '\n') + 1, "\n")); /* one line */
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM placement WHERE pages_elsewhere > 0 AND"
                                 " lane = 0"),
                     0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM placement WHERE lane = 1 AND numa_node = 200"
                                 " AND pages_on_node > 0"),
                     0);
    assert_int_equal(sql_int(db, "SELECT sum(pages_elsewhere) FROM placement"),
                     (int64_t)pri_placed_pages_elsewhere(placed));
    assert_int_equal(
        sql_int(db, "SELECT count(DISTINCT step) FROM placement WHERE pages_elsewhere"), 2);
    /* and a note says that the lane's memory was not bound */
    assert_int_equal(sql_int(db, "SELECT count(*) FROM note WHERE text LIKE 'lane 1: %its memory is"
                                 " not bound to its node%'"),
                     1);
    (void)sqlite3_close(db);
    pri_placed_free(placed);
    test_rig_close(&r);
}

static void pages_elsewhere_are_an_error_for_those_who_insist(void **state)
{
    (void)state;
    test_rig    r;
    pri_placed *placed = NULL;

    open_rig(&r);
    r.lane[0]->numa_node         = 200;
    const pri_placed_setup setup = setup_of(&r, 2, true);
    assert_ok(pri_placed_create(&setup, &placed));
    assert_fails(PR_E_UNSUPPORTED, "are not on node 200", pri_placed_check(placed, 1));
    printf("%s\n", pr_error_message());
    assert_true(pri_placed_pages_elsewhere(placed) > 0);
    pri_placed_free(placed);
    test_rig_close(&r);
}

/* Have the kernel refuse move_pages from now on, in this process. */
static bool refuse_move_pages(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number of the call */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child: what a kernel that does not say where pages are comes to. Gives 0 when all is as it
 * should be, else the line. */
static int without_an_answer(void)
{
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) return __LINE__ % 200;                                                   \
    } while (0)
    const char *path = path_in(test_directory(), "a.db");
    test_rig    r;
    pri_placed *placed = NULL;
    pr_steplog *log    = NULL;

    if (!refuse_move_pages()) return 255;
    open_rig(&r);
    for (int strict = 0; strict < 2; strict++)
        for (uint32_t num_nodes = 1; num_nodes < 3; num_nodes++) {
            const pri_placed_setup setup = setup_of(&r, num_nodes, strict);
            EXPECT(pr_steplog_open(path, &fixture_run, &log) == PR_OK);
            EXPECT(pri_placed_create(&setup, &placed) == PR_OK);
            pri_placed_log_lanes(placed, log);
            listen_now();
            const pr_status st   = pri_placed_check(placed, 1);
            const char     *said = heard();
            /* one node: there is nowhere else to be */
            EXPECT(st == (strict && num_nodes > 1 ? PR_E_UNSUPPORTED : PR_OK));
            EXPECT(st != PR_OK || pri_placed_check(placed, 2) == PR_OK);
            EXPECT((strstr(said, "was not verified") != NULL) == (!strict && num_nodes > 1));
            EXPECT(pri_placed_pages_checked(placed) == 0);
            pri_placed_free(placed);
            EXPECT(pr_steplog_close(log, 0, NULL) == PR_OK);
        }
    sqlite3 *db = sql_open(path);
    EXPECT(sql_int(db, "SELECT count(*) FROM placement") == 0);
    EXPECT(sql_int(db, "SELECT count(*) FROM note WHERE text LIKE '%was not verified: %'") == 3);
    (void)sqlite3_close(db);
    test_rig_close(&r);
    return 0;
#undef EXPECT
}

static void a_kernel_that_does_not_say_is_an_error_only_where_it_matters(void **state)
{
    (void)state;
    int         status;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) _exit(without_an_answer());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 255) {
        printf("skipped: no seccomp here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: a child that forks later would lack the threads of OpenMP */
        cmocka_unit_test(a_kernel_that_does_not_say_is_an_error_only_where_it_matters),
        cmocka_unit_test(every_kind_of_memory_of_every_lane_has_a_row),
        cmocka_unit_test(pages_elsewhere_are_said_once_and_logged_each_time),
        cmocka_unit_test(pages_elsewhere_are_an_error_for_those_who_insist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
