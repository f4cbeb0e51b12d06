/* test_train.c: whole runs: they learn, they repeat, they log every step, and a step takes nothing
 * from the heap. */
#include "support/graphs.h"

#include <math.h>
#include <unistd.h>

static pr_train_setup setup; /* large: text options are arrays */

static pr_train_result train(void)
{
    pr_train_result result;
    assert_ok(pr_train(&setup, NULL, &result));
    return result;
}

static void training_learns_planted_communities(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(3000, 30000, 16, 5));
    setup.model.hidden           = 32;
    const pr_train_result result = train();

    printf("test accuracy %.3f, train loss %.3f\n", result.test_accuracy, result.train_loss);
    assert_true(result.test_accuracy > 0.5); /* 5 classes: chance is 0.2 */
    assert_true(result.train_loss < 1.2);
}

static void a_step_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    const char *directory = test_directory();

    test_setup(&setup, test_planted(3000, 30000, 16, 5));
    setup.train.batch_size = 64;
    setup.train.eval       = PR_EVAL_NONE;
    snprintf(setup.train.log, sizeof setup.train.log, "%s/run.db", directory);
    for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++)
        for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
            if (mode != PR_CACHE_RESIDENT && policy != PR_POLICY_LOOKAHEAD) continue;
            setup.cache.mode             = mode;
            setup.cache.policy           = policy;
            const pr_train_result result = train();
            assert_true(result.steps >= 200);
            assert_int_equal(result.heap_calls, 0);
        }
}

static void batches_and_cache_decisions_do_not_depend_on_threads(void **state)
{
    (void)state;
    pr_train_result first = { 0 };
    uint64_t        hash  = 0;

    test_setup(&setup, test_planted(3000, 30000, 16, 5));
    setup.train.batch_size = 100;
    setup.train.epochs     = 2;
    setup.cache.factor     = 1.2;
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (uint32_t threads = 1; threads <= 3; threads++) {
            setup.cache.policy           = policy;
            setup.machine.threads        = threads;
            const pr_train_result result = train();
            if (threads == 1) first = result;
            if (!hash) hash = result.batch_hash;
            assert_int_equal(result.threads, threads);
            assert_int_equal(result.batch_hash, hash);
            assert_true(result.hit_rate == first.hit_rate);
            assert_true(result.rows_moved_per_step == first.rows_moved_per_step);
            assert_true(result.rows_wanted_per_step == first.rows_wanted_per_step);
            assert_true(fabs(result.train_loss - first.train_loss) < 2e-3); /* rounding of GEMMs */
        }
}

static void training_looks_ahead_unless_told_otherwise(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(2000, 16000, 16, 5));
    setup.train.batch_size   = 100;
    setup.train.epochs       = 2;
    pr_train_result result   = train();
    const uint64_t  expected = result.batch_hash;
    assert_string_equal(result.policy, "lookahead");
    assert_in_range(result.lookahead, 8, PR_MAX_WINDOW);
    setup.cache.lookahead = 5;
    result                = train();
    assert_int_equal(result.lookahead, 5);
    assert_int_equal(result.batch_hash, expected);
    setup.cache.policy = PR_POLICY_LRU;
    result             = train();
    assert_string_equal(result.policy, "lru");
    assert_int_equal(result.lookahead, 0);
    assert_int_equal(result.batch_hash, expected);
}

/* What was drawn for steps that never come is dropped. */
static void a_run_that_stops_early_drops_what_it_drew_ahead(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(2000, 16000, 16, 5));
    setup.train.batch_size       = 5000; /* one step an epoch */
    setup.train.epochs           = 300;
    setup.train.patience         = 2;
    setup.cache.lookahead        = PR_MAX_WINDOW;
    const pr_train_result result = train();
    assert_true(result.steps < 300);
    assert_int_equal(result.epochs, result.steps);
}

static void a_run_repeats_bit_for_bit_with_the_same_threads(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(2000, 16000, 16, 5));
    setup.train.batch_size  = 100;
    setup.train.epochs      = 3;
    const pr_train_result a = train(), b = train();
    assert_int_equal(a.batch_hash, b.batch_hash);
    assert_true(a.train_loss == b.train_loss);
    assert_true(a.test_accuracy == b.test_accuracy);
    setup.train.seed        = 2;
    const pr_train_result c = train();
    assert_int_not_equal(a.batch_hash, c.batch_hash);
}

/* The mean loss of a run of so many steps. */
static double loss_of(uint64_t steps, int schedule)
{
    setup.train.steps           = steps;
    setup.optimizer.lr_schedule = schedule;
    return train().train_loss;
}

/* The first update has the same rate in both schedules; the later ones of the linear one are
 * smaller. */
static void a_linear_learning_rate_falls_over_the_steps_of_the_run(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(2000, 16000, 16, 5));
    setup.train.batch_size = 100;
    setup.model.dropout    = 0;
    assert_true(loss_of(2, PR_LR_LINEAR) == loss_of(2, PR_LR_CONSTANT));
    assert_true(loss_of(4, PR_LR_LINEAR) != loss_of(4, PR_LR_CONSTANT));

    const double constant = loss_of(10, PR_LR_CONSTANT), linear = loss_of(10, PR_LR_LINEAR);
    printf("mean loss of ten steps: constant %.4f, linear %.4f\n", constant, linear);
    assert_true(linear > constant); /* slower while the loss still falls */
}

static void every_model_depth_and_edge_case_of_size_trains(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(300, 1500, 3, 2));
    setup.model.hidden = 5;
    setup.train.epochs = 1;
    for (uint32_t layers = 1; layers <= 4; layers++) {
        setup.train.layers           = layers;
        setup.train.batch_size       = layers == 1 ? 1 : layers == 2 ? 7 : 1000000;
        const pr_train_result result = train();
        assert_true(isfinite(result.train_loss));
    }
    setup.train.layers = 2;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "all");
    (void)train();
}

static void evaluation_of_the_checkpoint_gives_the_accuracy_of_training(void **state)
{
    (void)state;
    static pr_eval_setup  eval;
    const char           *path      = test_planted(2000, 16000, 16, 5);
    const char           *directory = test_directory();
    pr_eval_result        result;
    const pr_option_group groups[] = { { &pr_dataset_option_table, &eval.dataset },
                                       { &pr_machine_option_table, &eval.machine },
                                       { &pr_eval_option_table, &eval.eval } };

    test_setup(&setup, path);
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s/model.prc", directory);
    const pr_train_result trained = train();
    pr_options_init(groups, 3);
    snprintf(eval.dataset.data, sizeof eval.dataset.data, "%s", path);
    snprintf(eval.eval.checkpoint, sizeof eval.eval.checkpoint, "%s/model.prc", directory);
    assert_ok(pr_evaluate(&eval, NULL, &result));
    assert_true(result.accuracy == trained.test_accuracy);
}

static void sampled_evaluation_is_close_to_exact(void **state)
{
    (void)state;
    test_setup(&setup, test_planted(3000, 30000, 16, 5));
    setup.train.epochs         = 10;
    setup.train.batch_size     = 200;
    const pr_train_result full = train();
    setup.train.eval           = PR_EVAL_SAMPLED;
    const pr_train_result some = train();
    assert_int_equal(full.batch_hash, some.batch_hash);
    assert_true(fabs(full.best_val_accuracy - some.best_val_accuracy) < 0.08);
}

static int  stop_flag;
static void stop_at_step_five(void *context, const pr_progress *progress)
{
    (void)context;
    if (progress->step == 5) stop_flag = 130;
}

static void a_stop_flag_ends_the_run_after_the_step(void **state)
{
    (void)state;
    const char     *directory = test_directory();
    const pr_hooks  hooks     = { .progress = stop_at_step_five, .stop = &stop_flag };
    pr_train_result result;

    test_setup(&setup, test_planted(2000, 16000, 16, 5));
    setup.train.batch_size = 20;
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s/model.prc", directory);
    assert_fails(PR_E_INTERRUPTED, "after step 5", pr_train(&setup, &hooks, &result));
    assert_int_equal(result.steps, 5);
    assert_int_equal(access(setup.train.checkpoint, R_OK), 0);
}

static void bad_setups_are_refused_with_the_option_named(void **state)
{
    (void)state;
    pr_train_result result;

    test_setup(&setup, "");
    assert_fails(PR_E_ARG, "--data", pr_train(&setup, NULL, &result));
    test_setup(&setup, "/nonexistent/graph");
    assert_fails(PR_E_INPUT, "/nonexistent/graph", pr_train(&setup, NULL, &result));
    const char *path = test_planted(300, 1500, 3, 2);
    test_setup(&setup, path);
    setup.train.split = PR_SPLIT_ALT;
    assert_fails(PR_E_INPUT, "alt", pr_train(&setup, NULL, &result));
    test_setup(&setup, path);
    setup.train.layers = 2;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "5,5,5");
    assert_fails(PR_E_ARG, "--fanout", pr_train(&setup, NULL, &result));
    test_setup(&setup, path);
    setup.optimizer.lr = -1;
    assert_fails(PR_E_ARG, "--lr", pr_train(&setup, NULL, &result));
    test_setup(&setup, path);
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "/nonexistent/model.prc");
    assert_fails(PR_E_IO, "/nonexistent/model.prc", pr_train(&setup, NULL, &result));
    test_setup(&setup, path);
    snprintf(setup.train.log, sizeof setup.train.log, "/nonexistent/run.db");
    assert_fails(PR_E_IO, "/nonexistent/run.db", pr_train(&setup, NULL, &result));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns_planted_communities),
        cmocka_unit_test(a_step_takes_nothing_from_the_heap),
        cmocka_unit_test(batches_and_cache_decisions_do_not_depend_on_threads),
        cmocka_unit_test(training_looks_ahead_unless_told_otherwise),
        cmocka_unit_test(a_run_that_stops_early_drops_what_it_drew_ahead),
        cmocka_unit_test(a_run_repeats_bit_for_bit_with_the_same_threads),
        cmocka_unit_test(a_linear_learning_rate_falls_over_the_steps_of_the_run),
        cmocka_unit_test(every_model_depth_and_edge_case_of_size_trains),
        cmocka_unit_test(evaluation_of_the_checkpoint_gives_the_accuracy_of_training),
        cmocka_unit_test(sampled_evaluation_is_close_to_exact),
        cmocka_unit_test(a_stop_flag_ends_the_run_after_the_step),
        cmocka_unit_test(bad_setups_are_refused_with_the_option_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
