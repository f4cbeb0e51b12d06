/* test_pipeline.c: opening a whole training run with the n-th allocation failing, for every n. */
#include "support/graphs.h"

#include "pipeline/ahead.h"
#include "pipeline/runlog.h"
#include "pipeline/session.h"
#include "pipeline/trainer.h"

static pr_train_setup setup;

static pr_status open_trainer(void *context, void **out)
{
    pri_trainer    *trainer = context;
    const pr_status st      = pri_trainer_open(trainer, &setup, NULL);
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
    snprintf(setup.train.class_weights, PR_TEXT_BYTES, "balanced");
    test_oom("trainer with class weights", open_trainer, close_trainer, &trainer);
    snprintf(setup.train.class_weights, PR_TEXT_BYTES, "none");
    snprintf(setup.train.log, sizeof setup.train.log, "none");
    setup.placement.lanes = 2;
    setup.cache.store     = PR_STORE_COPIED; /* auto would do without, and succeed */
    test_oom("trainer with two lanes", open_trainer, close_trainer, &trainer);
    setup.placement.lanes = 0;
    setup.cache.store     = PR_STORE_AUTO;
    setup.train.pipeline  = PR_PIPELINE_ON;
    test_oom("trainer with threads that draw", open_trainer, close_trainer, &trainer);
    setup.cache.lookahead        = 1; /* few rooms */
    setup.placement.lanes        = 2;
    setup.placement.graph_copies = 1;
    setup.placement.shards       = PR_SHARDS_HASH;
    setup.cache.store            = PR_STORE_COPIED;
    test_oom("trainer with two lanes", open_trainer, close_trainer, &trainer);
    setup.placement       = (pr_placement_options){ 0 };
    setup.cache.store     = PR_STORE_AUTO;
    setup.cache.lookahead = PR_WINDOW_AUTO;
    setup.cache.policy    = PR_POLICY_STATIC;
    setup.cache.rank      = PR_RANK_PRESAMPLED;
    test_oom("trainer with scores", open_trainer, close_trainer, &trainer);
    setup.cache.policy = PR_POLICY_LRU;
    setup.order.kind   = PR_ORDER_COMMUNITY;
    setup.order.method = PR_CLUSTERS_PROPAGATION; /* auto would fall back to it, and succeed */
    setup.order.echo   = 3;
    pr_diag_set_level(PR_ERROR);
    test_oom("trainer in community order", open_trainer, close_trainer, &trainer);
    setup.order.kind            = PR_ORDER_RANDOM;
    setup.order.echo            = 1;
    setup.train.task            = PR_TASK_LINK;
    setup.link.negative_sampler = PR_NEGATIVE_DEGREE;
    test_oom("trainer of links", open_trainer, close_trainer, &trainer);
    pr_diag_set_level(PR_INFO);
}

static pr_status open_seeds(void *context, void **out)
{
    const pr_vids  *nodes = context;
    pri_seeds      *seeds = NULL;
    const pr_status st    = pri_seeds_create(*nodes, 1, 2, 10, 5, &seeds);
    *out                  = seeds;
    return st;
}

static void close_seeds(void *seeds)
{
    pri_seeds_free(seeds);
}

static pr_status open_ahead(void *context, void **out)
{
    const pri_ahead_setup *ahead_setup = context;
    pri_ahead             *ahead       = NULL;
    const pr_status        st          = pri_ahead_create(ahead_setup, &ahead);
    *out                               = ahead;
    return st;
}

static void close_ahead(void *ahead)
{
    pri_ahead_free(ahead);
}

static void looking_ahead_that_cannot_open_leaves_nothing(void **state)
{
    (void)state;
    const pr_vid      ids[]  = { 3, 1, 2 };
    const pr_fanout   fanout = { .num_layers = 2, .hop = { 3, 2 } };
    const pr_dataset *data   = test_open(test_planted(300, 1500, 3, 2));
    pr_vids           nodes  = { ids, 3 };
    pr_sampler       *sampler;

    test_oom("pri_seeds_create", open_seeds, close_seeds, &nodes);
    assert_ok(pr_sampler_create(&data->graph, &fanout, NULL, 1, 8, 1, &sampler));
    pri_ahead_setup ahead_setup = { .sampler = sampler, .max_window = 2, .draw_threads = 1 };
    test_oom("pri_ahead_create", open_ahead, close_ahead, &ahead_setup);
    ahead_setup.draw_threads = 0;
    test_oom("pri_ahead_create in line", open_ahead, close_ahead, &ahead_setup);
    pri_mem_fail_at(6); /* the list, a room out of order (2 calls), one in order (2), half a room */
    pri_ahead *ahead;
    assert_fails(PR_E_NOMEM, "batch 2 of 3 to be held for --lookahead 2: ",
                 pri_ahead_create(&ahead_setup, &ahead));
    assert_null(ahead);
    pr_sampler_free(sampler);
    pr_dataset_close(data);
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
        cmocka_unit_test(looking_ahead_that_cannot_open_leaves_nothing),
        cmocka_unit_test(a_session_that_cannot_open_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
