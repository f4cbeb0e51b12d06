/* test_service.c: opening a service with the n-th allocation failing, for every n; and loading the
 * checkpoint again, which leaves the service as it was. */
#include "support/service_rig.h"

static pr_status open_service(void *context, void **out)
{
    service_rig    *r  = context;
    const pr_status st = service_rig_try(r, 1, 1);

    *out = r->service;
    return st;
}

static void close_service(void *service)
{
    pri_service_free(service);
}

static void a_service_that_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    static service_rig r;

    service_rig_make(&r, 1);
    assert_ok(pri_record_create(NULL, &r.record));
    r.options.cache.store = PR_STORE_COPIED; /* auto would do without, and succeed */
    for (int derived = PR_DERIVED_AUTO; derived <= PR_DERIVED_OFF; derived++) {
        r.options.serve.derived = derived;
        test_oom("pri_service_create", open_service, close_service, &r);
    }
    r.options.cache.policy = PR_POLICY_STATIC;
    test_oom("pri_service_create with scores", open_service, close_service, &r);
    r.service = NULL;
    service_rig_close(&r);
}

static void a_reload_that_finds_no_memory_leaves_the_service_as_it_was(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 1, 2, 3 };
    service_rig  r;
    asker        a;
    uint64_t     version;
    pr_status    st;
    int64_t      n = 0;

    service_rig_make(&r, 1);
    service_rig_open(&r, 1, 1);
    asker_open(&a);
    asker_ask(&a, &r, nodes, 3);
    const int64_t live = pri_mem_live();
    for (;; n++) {
        pri_mem_fail_at(n);
        st = pri_service_reload(r.service, &version);
        pri_mem_fail_at(-1);
        if (st == PR_OK) break;
        assert_int_equal(st, PR_E_NOMEM);
        assert_int_equal(version, 1);
        assert_true(pri_mem_live() == live);
        asker_ask(&a, &r, nodes, 3);
        assert_int_equal(a.query.model_version, 1);
    }
    assert_true(n > 10);
    assert_int_equal(version, 2);
    asker_ask(&a, &r, nodes, 3);
    assert_int_equal(a.query.model_version, 2);
    asker_close(&a);
    service_rig_close(&r);
}

static void an_answer_that_has_no_room_fails_alone(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 1, 2, 3 };
    service_rig  r;
    asker        a;

    service_rig_make(&r, 1);
    service_rig_open(&r, 1, 1);
    for (int kind = PRI_QUERY_INFER; kind <= PRI_QUERY_FEATURES; kind++) {
        asker_open(&a);
        a.query.kind = (pri_query_kind)kind;
        pri_mem_fail_at(0);
        assert_ok(asker_submit(&a, &r, nodes, 3));
        asker_wait(&a);
        assert_int_equal(a.query.outcome, PRI_FAILED);
        assert_string_equal(a.query.reason, "out of memory");
        asker_ask(&a, &r, nodes, 3);
        asker_close(&a);
    }
    service_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_that_cannot_open_leaves_nothing),
        cmocka_unit_test(a_reload_that_finds_no_memory_leaves_the_service_as_it_was),
        cmocka_unit_test(an_answer_that_has_no_room_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
