/* test_resume.c: a run that was stopped, at whatever step and however often, and went on from its
 * checkpoint, ends with the bits of one that was not; what would make it another run is refused. */
#include "support/graphs.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pipeline/nn/checkpoint.h"

static pr_train_setup setup; /* large: text options are arrays */

/* Stops a run behind a step. */
typedef struct stopper {
    uint64_t     behind;
    volatile int stop;
    const char  *from, *to; /* NULL, or a file that is linked to a second name then */
} stopper;

static void look(void *context, const pr_progress *progress)
{
    stopper *s = context;
    if (!progress->epoch_end && progress->step >= s->behind) s->stop = 130;
    if (s->stop && s->from && access(s->to, F_OK) != 0) assert_int_equal(link(s->from, s->to), 0);
}

static pr_train_result go(void)
{
    pr_train_result result;
    assert_ok(pr_train(&setup, NULL, &result));
    return result;
}

/* Give a name in one directory of this test; several are good at a time. */
static const char *path_of(const char *name)
{
    static char     path[4][600], directory[500];
    static unsigned turn;
    char           *at = path[turn++ % 4];

    if (directory[0] == '\0' || access(directory, F_OK) != 0)
        snprintf(directory, sizeof directory, "%s", test_directory());
    snprintf(at, sizeof *path, "%s/%s", directory, name);
    return at;
}

static void name_checkpoint(const char *name)
{
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", path_of(name));
    (void)unlink(setup.train.checkpoint);
}

/* Run until behind a step, then end; false: it was done before. */
static bool go_until(uint64_t step)
{
    stopper         s     = { .behind = step };
    const pr_hooks  hooks = { .progress = look, .context = &s, .stop = &s.stop };
    pr_train_result result;
    const pr_status st = pr_train(&setup, &hooks, &result);

    if (st == PR_OK) return false;
    assert_int_equal(st, PR_E_INTERRUPTED);
    assert_true(result.checkpoint_saved);
    return true;
}

static void check_models(const pr_model *a, const pr_model *b)
{
    const size_t bytes = a->shape.num_parameters * sizeof(float);

    assert_int_equal(a->shape.num_parameters, b->shape.num_parameters);
    assert_memory_equal(a->parameters, b->parameters, bytes);
    assert_memory_equal(a->adam_m, b->adam_m, bytes);
    assert_memory_equal(a->adam_v, b->adam_v, bytes);
    assert_int_equal(a->adam_steps, b->adam_steps);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_results(const pr_train_result *a, const pr_train_result *b)
{
    assert_true(a->batch_hash == b->batch_hash);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_true(same(a->train_loss, b->train_loss));
    assert_true(same(a->best_val_accuracy, b->best_val_accuracy));
    assert_true(same(a->test_accuracy, b->test_accuracy));
    assert_true(same(a->test_micro_f1, b->test_micro_f1));
    assert_true(same(a->val_mrr, b->val_mrr));
    assert_true(same(a->test_auc, b->test_auc));
    assert_true(same(a->rows_wanted_per_step, b->rows_wanted_per_step));
}

static void check_files(const char *a, const char *b)
{
    pri_checkpoint x, y;

    assert_ok(pri_checkpoint_load(path_of(a), &x));
    assert_ok(pri_checkpoint_load(path_of(b), &y));
    assert_int_equal(x.latest != NULL, y.latest != NULL);
    check_models(x.model, y.model);
    if (x.latest) check_models(x.latest, y.latest);
    assert_int_equal(x.info.step, y.info.step);
    assert_true(same(x.info.best_val_accuracy, y.info.best_val_accuracy));
    assert_int_equal(x.num_recent, y.num_recent);
    if (x.num_recent) assert_memory_equal(x.recent, y.recent, x.num_recent * 4);
    pri_checkpoint_clear(&x);
    pri_checkpoint_clear(&y);
}

/* Compare a run of the setup with one that is stopped `times` times at random steps. */
static void check_stopped(uint32_t times)
{
    test_rng rng = { .key = test_seed() };

    setup.train.resume = false;
    name_checkpoint("whole.prc");
    const pr_train_result whole = go();
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    uint64_t at        = 0;
    for (uint32_t i = 0; i < times && at + 1 < whole.steps; i++) {
        at += 1 + test_below(&rng, (uint32_t)(whole.steps - at - 1));
        if (!go_until(at)) break;
    }
    const pr_train_result pieces = go();
    check_results(&whole, &pieces);
    check_files("whole.prc", "pieces.prc");
}

/* Three epochs of some ten steps. */
static void small(void)
{
    static const char *path;

    if (!path) path = test_planted(1200, 9000, 12, 4);
    test_setup(&setup, path);
    setup.train.batch_size = 64;
    setup.train.epochs     = 3;
    setup.model.hidden     = 8;
    setup.machine.threads  = 1;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "4,3");
}

static void stopped_at_random_steps_twenty_times_of_twenty(void **state)
{
    (void)state;
    small();
    for (int i = 0; i < 20; i++) {
        setup.train.seed = (uint64_t)i;
        check_stopped(1);
    }
}

static void stopped_several_times_in_one_run(void **state)
{
    (void)state;
    small();
    for (int pipeline = PR_PIPELINE_ON; pipeline <= PR_PIPELINE_OFF; pipeline++) {
        setup.train.pipeline = pipeline;
        check_stopped(5);
    }
}

static void with_two_lanes_and_a_cache_bias(void **state)
{
    (void)state;
    small();
    setup.placement.lanes = 2;
    setup.machine.threads = 2;
    check_stopped(2);
    setup.sampler.kind        = PR_SAMPLER_LABOR;
    setup.sampler.cache_bias  = 8;
    setup.sampler.bias_window = 3;
    check_stopped(4);
    setup.placement.lanes = 1;
    check_stopped(4);
    setup.train.pipeline = PR_PIPELINE_ON;
    check_stopped(4);
}

static void with_sampled_evaluation_and_patience(void **state)
{
    (void)state;
    small();
    setup.train.eval     = PR_EVAL_SAMPLED;
    setup.train.patience = 2;
    setup.train.epochs   = 12;
    check_stopped(3);
}

static void within_a_memory_limit(void **state)
{
    (void)state;
    small();
    setup.machine.memory = UINT64_C(1) << 30;
    check_stopped(2);
}

static void with_echo_and_community_order_and_a_schedule(void **state)
{
    (void)state;
    small();
    setup.order.kind            = PR_ORDER_COMMUNITY;
    setup.order.buffer          = 2;
    setup.order.echo            = 3;
    setup.order.pool            = 4;
    setup.optimizer.lr_schedule = PR_LR_LINEAR;
    check_stopped(3);
    setup.train.steps = 25;
    check_stopped(2);
}

static void with_a_step_limit_that_grows(void **state)
{
    (void)state;
    small();
    setup.train.eval = PR_EVAL_NONE;
    name_checkpoint("whole.prc");
    const pr_train_result whole = go();
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    setup.train.steps  = 3;
    assert_int_equal(go().steps, 3);
    assert_int_equal(go().steps, 3); /* nothing is left to do */
    setup.train.steps            = 0;
    const pr_train_result pieces = go();
    assert_int_equal(pieces.first_step, 3);
    check_results(&whole, &pieces);
    check_files("whole.prc", "pieces.prc");
}

/* What kill -9 leaves: the last state that was saved. */
static void from_the_last_save_before_the_end(void **state)
{
    (void)state;
    char saved[700], path[700];

    small();
    name_checkpoint("whole.prc");
    const pr_train_result whole  = go();
    setup.train.checkpoint_every = 5;
    for (uint64_t stop = 6; stop < whole.steps; stop += 7) {
        name_checkpoint("pieces.prc");
        snprintf(path, sizeof path, "%s", path_of("pieces.prc"));
        snprintf(saved, sizeof saved, "%s", path_of("saved.prc"));
        (void)unlink(saved);
        stopper         s     = { .behind = stop, .from = path, .to = saved };
        const pr_hooks  hooks = { .progress = look, .context = &s, .stop = &s.stop };
        pr_train_result result;
        setup.train.resume = false;
        const pr_status st = pr_train(&setup, &hooks, &result);
        assert_int_equal(st, PR_E_INTERRUPTED);
        assert_int_equal(rename(saved, path), 0); /* the end of the run did not come to be */
        setup.train.resume           = true;
        const pr_train_result pieces = go();
        assert_int_equal(pieces.first_step, stop / 5 * 5);
        check_results(&whole, &pieces);
        check_files("whole.prc", "pieces.prc");
    }
}

/* With all that draws random numbers, and every optimiser. */
static void every_kind_of_model(void **state)
{
    (void)state;
    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++)
        for (int more = 0; more < 2; more++) {
            small();
            setup.model.kind              = kind;
            setup.model.heads             = 4;
            setup.model.input_dropout     = 0.2;
            setup.model.attention_dropout = 0.3;
            setup.model.layer_norm        = more;
            setup.model.residual          = more;
            setup.model.aggregator        = kind == PR_MODEL_SAGE ? more : 0;
            setup.optimizer.kind          = (kind + more) % 3;
            setup.optimizer.lr_schedule   = (kind + 2 * more) % 4;
            setup.train.eval              = PR_EVAL_SAMPLED;
            check_stopped(2);
        }
}

static void training_for_links(void **state)
{
    (void)state;
    small();
    setup.train.task       = PR_TASK_LINK;
    setup.train.batch_size = 700;
    setup.train.epochs     = 2;
    check_stopped(2);
}

static void refuses(const char *words)
{
    pr_train_result result;
    const pr_status st = pr_train(&setup, NULL, &result);

    if (st != PR_E_MISMATCH || !strstr(pr_error_message(), words))
        fail_msg("wanted PR_E_MISMATCH with \"%s\", got %s: %s", words, pr_status_name(st),
                 pr_error_message());
}

static void another_run_is_refused_with_both_values(void **state)
{
    (void)state;
    pr_train_result result;

    small();
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(7));
    setup.train.seed       = 9;
    setup.train.batch_size = 32;
    refuses("--batch-size is 32 here, 64 there; --seed is 9 here, 1 there");
    small();
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", path_of("pieces.prc"));
    setup.train.resume = true;
    setup.optimizer.lr = 1.0 / 3.0;
    refuses("--lr is");
    setup.optimizer.lr = 0.01;
    setup.train.epochs = 1;
    setup.train.steps  = 5;
    refuses("stands at step 7, the run ends at step 5");
    setup.train.steps = 0;
    snprintf(setup.train.init, sizeof setup.train.init, "other.prc");
    refuses("--init is other.prc here, (empty) there");
    setup.train.init[0] = '\0';
    snprintf(setup.dataset.data, sizeof setup.dataset.data, "%s", test_planted(1300, 9000, 12, 4));
    refuses("the dataset's fingerprint is");

    setup.train.checkpoint[0] = '\0';
    assert_fails(PR_E_ARG, "--resume needs --checkpoint", pr_train(&setup, NULL, &result));
    setup.train.resume           = false;
    setup.train.checkpoint_every = 3;
    assert_fails(PR_E_ARG, "--checkpoint-every needs", pr_train(&setup, NULL, &result));
}

static void what_only_says_where_and_how_fast_may_differ(void **state)
{
    (void)state;
    pr_train_result whole, pieces;

    small();
    setup.train.eval = PR_EVAL_NONE;
    name_checkpoint("whole.prc");
    whole = go();
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(5));
    setup.cache.policy          = PR_POLICY_LRU;
    setup.cache.factor          = 0.5;
    setup.train.sampler_threads = 1;
    setup.train.pipeline        = PR_PIPELINE_ON;
    snprintf(setup.train.log, sizeof setup.train.log, "%s", path_of("other.db"));
    assert_true(go_until(11));
    setup.cache.mode = PR_CACHE_OFF;
    pieces           = go();
    assert_int_equal(pieces.first_step, 11);
    check_results(&whole, &pieces);
    check_files("whole.prc", "pieces.prc");
}

/* Messages pass over another graph then, even where the same edges train. */
static void other_edges_held_out_are_another_run(void **state)
{
    (void)state;
    const char    *directory = test_planted(400, 2500, 8, 3);
    const uint64_t shape[]   = { 2, 2 };
    const int32_t  train[] = { 0, 1, 2, 3 }, held[] = { 4, 5, 6, 7 }, other[] = { 4, 5, 8, 9 };
    char           path[3][600];

    small();
    snprintf(setup.dataset.data, sizeof setup.dataset.data, "%s", directory);
    snprintf(path[0], sizeof *path, "%s/train_edges.npy", directory);
    snprintf(path[1], sizeof *path, "%s/val_edges.npy", directory);
    snprintf(path[2], sizeof *path, "%s/test_edges.npy", directory);
    assert_ok(pr_npy_write(path[0], PR_I32, 2, shape, train));
    assert_ok(pr_npy_write(path[1], PR_I32, 2, shape, held));
    setup.train.task = PR_TASK_LINK;
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(2));
    assert_ok(pr_npy_write(path[1], PR_I32, 2, shape, other));
    refuses("other training nodes or edges");
    for (int i = 0; i < 2; i++) assert_int_equal(unlink(path[i]), 0);
}

/* A disk that is full, as the process sees it: no file may be longer than that. */
static void a_checkpoint_that_cannot_be_written_leaves_the_one_before(void **state)
{
    (void)state;
    struct rlimit   files;
    stopper         s     = { .behind = 9 };
    const pr_hooks  hooks = { .progress = look, .context = &s, .stop = &s.stop };
    pr_train_result result;

    small();
    name_checkpoint("whole.prc");
    const pr_train_result whole = go();
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(5));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &files), 0);
    const struct rlimit few = { .rlim_cur = 1000, .rlim_max = files.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    const pr_status st = pr_train(&setup, &hooks, &result);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &files), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(st, PR_E_IO);
    assert_non_null(strstr(pr_error_message(), "pieces.prc: cannot be written"));
    assert_false(result.checkpoint_saved);
    const pr_train_result pieces = go();
    assert_int_equal(pieces.first_step, 5);
    check_results(&whole, &pieces);
    check_files("whole.prc", "pieces.prc");
}

/* A file of the same name may have other weights. */
static void other_class_weights_are_another_run(void **state)
{
    (void)state;
    const uint64_t shape[] = { 4 };
    const float    some[] = { 1, 2, 3, 4 }, others[] = { 1, 2, 3, 5 };
    char           path[600];

    small();
    snprintf(path, sizeof path, "%s", path_of("weights.npy"));
    snprintf(setup.train.class_weights, sizeof setup.train.class_weights, "%s", path);
    assert_ok(pr_npy_write(path, PR_F32, 1, shape, some));
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(3));
    assert_ok(pr_npy_write(path, PR_F32, 1, shape, others));
    refuses("--class-weights (checksum) is");
}

static void what_a_run_would_take_is_asked_with_the_same_options(void **state)
{
    (void)state;
    pr_forecast forecast;

    small();
    setup.train.resume = true;
    assert_fails(PR_E_ARG, "--resume needs --checkpoint", pr_explain(&setup, NULL, &forecast));
}

static void a_checkpoint_without_a_state_is_refused(void **state)
{
    (void)state;
    pr_train_result    result;
    pr_model          *model = NULL;
    pr_checkpoint_info info;

    small();
    name_checkpoint("model.prc");
    (void)go();
    assert_ok(pr_checkpoint_load(setup.train.checkpoint, &model, &info));
    assert_ok(pr_checkpoint_save(setup.train.checkpoint, model, &info));
    pr_model_free(model);
    setup.train.resume = true;
    assert_fails(PR_E_INPUT, "not where its training stood", pr_train(&setup, NULL, &result));
}

/* Load the checkpoint, let one lie stand in it, and expect words when a run is to go on from it. */
static void check_lie(const char *key, const char *value, const uint32_t *recent, size_t num,
                      const char *words)
{
    pri_checkpoint  c;
    pr_train_result result;
    const char     *path = path_of("lie.prc");

    assert_ok(pri_checkpoint_load(path_of("pieces.prc"), &c));
    uint32_t *own = c.recent;
    if (key) assert_ok(pr_json_set_string(c.training, key, value));
    if (num) c.recent = (uint32_t *)(uintptr_t)recent;
    if (num) c.num_recent = num;
    assert_ok(pri_checkpoint_save(path, &c));
    c.recent = own;
    pri_checkpoint_clear(&c);
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", path);
    const pr_status st = pr_train(&setup, NULL, &result);
    if (pr_status_exit(st) != 2 || !strstr(pr_error_message(), words))
        fail_msg("wanted \"%s\", got %s: %s", words, pr_status_name(st), pr_error_message());
}

static void lies_about_a_run_are_refused_by_name(void **state)
{
    (void)state;
    const uint32_t short_head[] = { 0, 1, 0 }, lane[] = { 1, 1, 0, 0 },
                   length[] = { 0, 1, 0, 9, 4 };
    const uint32_t later[] = { 0, 77, 0, 0 }, back[] = { 0, 3, 0, 0, 0, 2, 0, 0 };
    const uint32_t vertex[] = { 0, 1, 0, 1, 1200 }, twice[] = { 0, 1, 0, 1, 5, 0, 1, 0, 1, 5 };

    small();
    setup.sampler.kind       = PR_SAMPLER_LABOR;
    setup.sampler.cache_bias = 4;
    name_checkpoint("pieces.prc");
    setup.train.resume = true;
    assert_true(go_until(7));
    check_lie("step", "seven", NULL, 0, "step is 'seven'");
    check_lie("step", "18446744073709551615", NULL, 0, "stands at step 18446744073709551615");
    check_lie("ended_step", "8", NULL, 0, "ended_step is 8, must be at most step, 7");
    check_lie("epoch_loss", "much", NULL, 0, "epoch_loss is 'much'");
    check_lie("bad_evals", "1", NULL, 0, "bad_evals is missing or not an integer");
    check_lie("options", "none", NULL, 0, "options is missing or not an object");
    check_lie("seed_order", "1", NULL, 0, "other training nodes or edges");
    check_lie(NULL, NULL, short_head, 3, "recent ends within a batch");
    check_lie(NULL, NULL, lane, 4, "lane 1, there are 1 lanes");
    check_lie(NULL, NULL, length, 5, "9 vertices and 1 words left");
    check_lie(NULL, NULL, later, 4, "step 77, must ascend and be below 7");
    check_lie(NULL, NULL, back, 8, "step 2, must ascend");
    check_lie(NULL, NULL, vertex, 5, "vertex 1200");
    check_lie(NULL, NULL, twice, 10, "step 1 of lane 0 twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_at_random_steps_twenty_times_of_twenty),
        cmocka_unit_test(stopped_several_times_in_one_run),
        cmocka_unit_test(with_two_lanes_and_a_cache_bias),
        cmocka_unit_test(with_sampled_evaluation_and_patience),
        cmocka_unit_test(within_a_memory_limit),
        cmocka_unit_test(with_echo_and_community_order_and_a_schedule),
        cmocka_unit_test(with_a_step_limit_that_grows),
        cmocka_unit_test(from_the_last_save_before_the_end),
        cmocka_unit_test(every_kind_of_model),
        cmocka_unit_test(training_for_links),
        cmocka_unit_test(another_run_is_refused_with_both_values),
        cmocka_unit_test(what_only_says_where_and_how_fast_may_differ),
        cmocka_unit_test(other_edges_held_out_are_another_run),
        cmocka_unit_test(a_checkpoint_that_cannot_be_written_leaves_the_one_before),
        cmocka_unit_test(other_class_weights_are_another_run),
        cmocka_unit_test(what_a_run_would_take_is_asked_with_the_same_options),
        cmocka_unit_test(a_checkpoint_without_a_state_is_refused),
        cmocka_unit_test(lies_about_a_run_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
