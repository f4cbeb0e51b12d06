/* test_server.c: a whole server with the n-th allocation of its opening failing, for every n. */
#include "support/service_rig.h"

static volatile int stop;

static void end_at_once(void *context, const pr_serve_ready *ready)
{
    (void)context;
    assert_non_null(strstr(ready->url, "http://127.0.0.1:"));
    stop = 1;
}

static void a_server_that_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    const pr_serve_hooks hooks = { .ready = end_at_once, .stop = &stop };
    static service_rig   r;
    pr_serve_result      result;
    pr_status            st;
    int64_t              n = 0;

    service_rig_make(&r, 1);
    snprintf(r.options.http.listen, PR_TEXT_BYTES, "127.0.0.1:0");
    r.options.machine.threads = 1;
    pr_diag_set_level(PR_WARN);
    const int64_t live = pri_mem_live();
    for (;; n++) {
        stop = 0;
        pri_mem_fail_at(n);
        st = pr_serve(&r.options, &hooks, &result);
        pri_mem_fail_at(-1);
        assert_true(pri_mem_live() == live);
        if (st == PR_OK) break;
        assert_int_equal(st, PR_E_NOMEM);
        assert_int_equal(result.requests, 0);
    }
    assert_true(n > 20);
    assert_int_equal(stop, 1);
    assert_true(result.elapsed_ns > 0);
    service_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_cannot_open_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
