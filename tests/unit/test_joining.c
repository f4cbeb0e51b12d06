/* test_joining.c: queries that join a batch when it has room left, as nodes were asked for twice.
 */
#include <semaphore.h>

#include "support/support.h"

#include "pipeline/serve/batcher.h"

static void post_done(void *context, pri_query *query)
{
    (void)query;
    sem_post(context);
}

/* Those that came after a batch was taken may join it, and are then among those that waited. */
static void queries_that_join_late_have_waited_too(void **state)
{
    (void)state;
    const pri_batcher_setup setup = { .max_requests = 8, .max_nodes = 4 };
    pri_batcher            *batcher;
    pri_desk                desk     = { 0 };
    pri_company             company  = { 0 };
    pri_query               query[5] = { 0 };
    sem_t                   posted;

    sem_init(&posted, 0, 0);
    assert_ok(pri_batcher_create(&setup, &batcher));
    for (int i = 0; i < 5; i++) {
        query[i] = (pri_query){ .num_nodes   = i < 2 ? 3 : 1,
                                .deadline_ns = INT64_MAX,
                                .done        = post_done,
                                .context     = &posted };
        if (i < 2) assert_ok(pri_batcher_submit(batcher, &query[i]));
    }
    assert_int_equal(pri_batcher_next(batcher, &desk, &company), PRI_CALL_BATCH);
    assert_int_equal(company.num, 1);
    assert_true(company.cut);
    for (int i = 2; i < 5; i++) assert_ok(pri_batcher_submit(batcher, &query[i]));
    assert_ptr_equal(pri_batcher_join(batcher, &company, 5), &query[1]);
    assert_int_equal(company.num, 4);
    assert_int_equal(company.num_waiting, 5);
    pri_batcher_finish(batcher, 4);
    assert_int_equal(pri_batcher_next(batcher, &desk, &company), PRI_CALL_BATCH);
    assert_ptr_equal(company.first, &query[4]);
    pri_batcher_finish(batcher, 1);
    pri_batcher_free(batcher);
    sem_destroy(&posted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_that_join_late_have_waited_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
