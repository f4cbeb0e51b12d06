/* test_whereabouts.c: a server's run says where its lanes' threads and memory are, through the
 * record that all its threads write to. */
#include "flow/log_fixture.h"
#include "support/rig.h"

#include "pipeline/serve/whereabouts.h"

enum { LANES = 2 };

static void open_rig(test_rig *r)
{
    const test_rig_plan plan = { .path       = test_planted(2000, 16000, 12, 4),
                                 .num_lanes  = LANES,
                                 .batch_size = 60,
                                 .num_steps  = 2,
                                 .cache      = test_cache_options() };

    test_rig_open(r, &plan);
}

static pri_whereabouts whereabouts_of(const test_rig *r, pri_record *record)
{
    return (pri_whereabouts){ .lanes     = r->lane,
                              .num_lanes = LANES,
                              .store     = r->store,
                              .num_nodes = 1,
                              .strict    = true,
                              .record    = record };
}

/* Lanes once, memory before the first batch and behind the last. */
static void lanes_and_their_memory_have_rows(void **state)
{
    (void)state;
    const char *path   = path_in(test_directory(), "a.db");
    pr_steplog *log    = NULL;
    pri_record *record = NULL;
    test_rig    r;

    open_rig(&r);
    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    assert_ok(pri_record_create(log, &record));
    pri_whereabouts where = whereabouts_of(&r, record);
    assert_ok(pri_whereabouts_log(&where));
    (void)test_rig_train(&r, 0);
    where.batches = 7;
    assert_ok(pri_whereabouts_log(&where));
    pri_record_free(record);
    assert_ok(pr_steplog_close(log, 0, NULL));
    test_rig_close(&r);

    sqlite3 *db = sql_open(path);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM lane WHERE threads = 1"), LANES);
    for (int lane = 0; lane < LANES; lane++)
        for (int batches = 0; batches <= 7; batches += 7) {
            char sql[200];
            snprintf(sql, sizeof sql,
                     "SELECT count(DISTINCT what) FROM placement WHERE lane = %d AND step = %d"
                     " AND what IN ('slab', 'index', 'sampler', 'batch', 'tape')",
                     lane, batches);
            assert_int_equal(sql_int(db, sql), 5);
        }
    (void)sqlite3_close(db);
}

static void without_a_log_pages_are_asked_about_all_the_same(void **state)
{
    (void)state;
    pri_record *record = NULL;
    test_rig    r;

    open_rig(&r);
    pri_whereabouts where = whereabouts_of(&r, NULL);
    assert_ok(pri_whereabouts_log(&where));
    assert_ok(pri_record_create(NULL, &record));
    where.record         = record;
    where.num_nodes      = 2;
    r.lane[1]->numa_node = 63; /* no machine has it */
    const pr_status st   = pri_whereabouts_log(&where);
    if (st != PR_E_UNSUPPORTED) fail_msg("%s: %s", pr_status_name(st), pr_error_message());
    r.lane[1]->numa_node = -1;
    pri_record_free(record);
    test_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_and_their_memory_have_rows),
        cmocka_unit_test(without_a_log_pages_are_asked_about_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
