/* test_log.c: each allocation of the log's create calls fails in turn. */
#include "support/support.h"

#include <unistd.h>

#include "pipeline/log/ring.h"
#include "pipeline/serve/record.h"

static const pr_run_info info = { .command       = "train",
                                  .options_json  = "{}",
                                  .versions_json = "{}",
                                  .host          = "here",
                                  .numa_nodes    = 1,
                                  .threads       = 1 };

static pr_status create_ring(void *context, void **out)
{
    (void)context;
    return pri_ring_create(64, 256, (pri_ring **)out);
}

static void free_ring(void *ring)
{
    pri_ring_free(ring);
}

static void a_ring_fails_cleanly(void **state)
{
    (void)state;
    test_oom("pri_ring_create", create_ring, free_ring, NULL);
}

static pr_status open_log(void *context, void **out)
{
    return pr_steplog_open(context, &info, (pr_steplog **)out);
}

static void close_log(void *log)
{
    assert_ok(pr_steplog_close(log, 0, NULL));
}

static void opening_a_log_fails_cleanly_and_leaves_no_file(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/a.db", test_directory());
    for (int64_t n = 0; n < 3; n++) {
        pr_steplog *log = NULL;
        pri_mem_fail_at(n);
        assert_int_equal(pr_steplog_open(path, &info, &log), PR_E_NOMEM);
        pri_mem_fail_at(-1);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    test_oom("pr_steplog_open", open_log, close_log, path);
}

static pr_status open_server_log(void *context, void **out)
{
    pr_run_info server = info;
    server.never_waits = true;
    server.keep_ns     = 1000000000;
    server.max_bytes   = 1 << 20;
    return pr_steplog_open(context, &server, (pr_steplog **)out);
}

static void opening_a_servers_log_fails_cleanly(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/a.db", test_directory());
    test_oom("pr_steplog_open", open_server_log, close_log, path);
}

static pr_status create_record(void *context, void **out)
{
    (void)context;
    return pri_record_create(NULL, (pri_record **)out);
}

static void free_record(void *record)
{
    pri_record_free(record);
}

static void a_record_fails_cleanly(void **state)
{
    (void)state;
    test_oom("pri_record_create", create_record, free_record, NULL);
}

static pr_status make_report(void *context, void **out)
{
    static pr_report_options options = { .run = "all", .slowest = 5 };
    const char *const        paths[] = { context, context };
    FILE                    *text    = tmpfile();

    assert_non_null(text);
    const pr_status st = pr_report(&options, paths, 2, text, (pr_json **)out);
    (void)fclose(text);
    return st;
}

static void free_json(void *json)
{
    pr_json_free(json);
}

static void a_report_fails_cleanly(void **state)
{
    (void)state;
    char        path[512];
    pr_steplog *log = NULL;
    snprintf(path, sizeof path, "%s/a.db", test_directory());
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint64_t i = 0; i < 20; i++)
        pr_steplog_step(log, &(pr_step){ .step = i, .mode = "off", .step_ns = 1 }, NULL, 0);
    assert_ok(pr_steplog_close(log, 0, NULL));
    test_oom("pr_report", make_report, free_json, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_fails_cleanly),
        cmocka_unit_test(opening_a_log_fails_cleanly_and_leaves_no_file),
        cmocka_unit_test(opening_a_servers_log_fails_cleanly),
        cmocka_unit_test(a_record_fails_cleanly),
        cmocka_unit_test(a_report_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
