/* test_pipeline.c: opening a whole training run with the n-th allocation failing, for every n. */
#include "support/graphs.h"

#include "pipeline/runlog.h"
#include "pipeline/session.h"
#include "pipeline/trainer.h"

static pr_train_setup setup;

static pr_status open_trainer(void *context, void **out)
{
    pri_trainer    *trainer = context;
    const pr_status st      = pri_trainer_open(trainer, &setup);
    *out                    = st == PR_OK ? trainer : NULL;
    return st;
}

static void close_trainer(void *trainer)
{
    uint64_t lost;
    assert_ok(pri_runlog_close(((pri_trainer *)trainer)->log, PR_OK, NULL, &lost));
    pri_trainer_close(trainer);
}

static void a_run_that_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    static pri_trainer trainer;

    test_setup(&setup, test_planted(300, 1500, 3, 2));
    snprintf(setup.train.log, sizeof setup.train.log, "%s/run.db", test_directory());
    test_oom("trainer", open_trainer, close_trainer, &trainer);
}

static pr_machine_options machine;
static char               checkpoint[1024];

static pr_status open_session(void *context, void **out)
{
    pri_session    *session = context;
    const pr_status st      = pri_session_open(session, &setup.dataset, &machine, checkpoint);
    *out                    = st == PR_OK ? session : NULL;
    return st;
}

static void close_session(void *session)
{
    pri_session_close(session);
}

static void a_session_that_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    static pri_session    session;
    pr_train_result       result;
    const pr_option_group group = { &pr_machine_option_table, &machine };

    pr_options_init(&group, 1);
    test_setup(&setup, test_planted(300, 1500, 3, 2));
    setup.train.epochs = 1;
    snprintf(checkpoint, sizeof checkpoint, "%s/model.prc", test_directory());
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", checkpoint);
    assert_ok(pr_train(&setup, NULL, &result));
    test_oom("session", open_session, close_session, &session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_cannot_open_leaves_nothing),
        cmocka_unit_test(a_session_that_cannot_open_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
