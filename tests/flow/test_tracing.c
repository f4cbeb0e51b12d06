/* test_tracing.c: train --trace keeps what every step wanted, in order, whatever the threads; an
 * interrupted run and a full disk leave what can be read. */
#include "support/graphs.h"

#include <signal.h>
#include <sys/resource.h>

static const char *planted(void)
{
    static const char *path;
    if (!path) path = test_planted(3000, 30000, 16, 5);
    return path;
}

static pr_train_setup *setup_of(const char *name)
{
    static pr_train_setup setup;

    test_setup(&setup, planted());
    snprintf(setup.train.trace, sizeof setup.train.trace, "%s", test_path(name));
    setup.train.steps      = 20;
    setup.train.batch_size = 64;
    setup.model.hidden     = 16;
    return &setup;
}

/* What a trace holds, added up. */
typedef struct content {
    pr_trace_info info;
    uint64_t      frames, rows, last_step;
} content;

static content content_of(const char *path, uint32_t lanes)
{
    content       c = { 0 };
    pr_trace     *trace;
    pr_trace_step step;
    bool          more;

    assert_ok(pr_trace_open(path, &trace, &c.info));
    for (;; c.frames++) {
        assert_ok(pr_trace_next(trace, &more, &step));
        if (!more) break;
        assert_int_equal(step.phase, PR_PHASE_TRAIN);
        assert_int_equal(step.step, c.frames / lanes);
        assert_int_equal(step.lane, c.frames % lanes);
        c.rows += step.wanted.n;
        c.last_step = step.step;
    }
    pr_trace_close(trace);
    return c;
}

static char *bytes_of(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n          = (size_t)ftell(file);
    char *bytes = malloc(*n + 1);
    rewind(file);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

static void a_trace_has_the_rows_of_every_step_and_says_whose_they_are(void **state)
{
    (void)state;
    pr_train_setup   *setup = setup_of("rows");
    pr_train_result   r;
    const pr_dataset *d = test_open(planted());

    assert_ok(pr_train(setup, NULL, &r));
    assert_int_equal(r.heap_calls, 0);
    assert_false(r.trace_lost);
    const content c = content_of(setup->train.trace, 1);
    assert_int_equal(c.frames, 20);
    assert_true((double)c.rows == r.rows_wanted_per_step * 20);
    assert_int_equal(c.info.num_nodes, 3000);
    assert_int_equal(c.info.row_bytes, 64);
    assert_int_equal(c.info.fingerprint, d->fingerprint);
    assert_int_equal(c.info.seed, setup->train.seed);
    assert_string_equal(c.info.dataset, d->name);
    pr_dataset_close(d);
}

static void seeds_stand_first(void **state)
{
    (void)state;
    pr_train_setup   *setup = setup_of("seeds");
    pr_train_result   r;
    pr_trace         *trace;
    pr_trace_info     info;
    pr_trace_step     step;
    bool              more;
    const pr_dataset *d       = test_open(planted());
    uint8_t          *trained = calloc(3000, 1);

    for (size_t i = 0; i < d->split[0].train.n; i++) trained[d->split[0].train.at[i]] = 1;
    assert_ok(pr_train(setup, NULL, &r));
    assert_ok(pr_trace_open(setup->train.trace, &trace, &info));
    assert_ok(pr_trace_next(trace, &more, &step));
    assert_true(more && step.wanted.n > 64);
    for (size_t i = 0; i < 64; i++) assert_true(trained[step.wanted.at[i]]);
    pr_trace_close(trace);
    free(trained);
    pr_dataset_close(d);
}

static void the_same_batches_give_the_same_bytes(void **state)
{
    (void)state;
    char  *want = NULL;
    size_t n    = 0;

    for (int how = 0; how < 4; how++) {
        pr_train_setup *setup = setup_of("same");
        pr_train_result r;
        setup->machine.threads = how % 2 ? 2 : 1;
        setup->train.pipeline  = how / 2 ? PR_PIPELINE_ON : PR_PIPELINE_OFF;
        assert_ok(pr_train(setup, NULL, &r));
        size_t got_n;
        char  *got = bytes_of(setup->train.trace, &got_n);
        if (!want) {
            want = got;
            n    = got_n;
            continue;
        }
        assert_int_equal(got_n, n);
        assert_memory_equal(got, want, n);
        free(got);
    }
    free(want);
}

static void lanes_follow_each_other_within_a_step(void **state)
{
    (void)state;
    pr_train_setup *setup = setup_of("lanes");
    pr_train_result r;

    setup->placement.lanes = 2;
    assert_ok(pr_train(setup, NULL, &r));
    assert_int_equal(r.lanes, 2);
    const content c = content_of(setup->train.trace, 2);
    assert_int_equal(c.frames, 40);
    assert_true((double)c.rows == r.rows_wanted_per_step * 20);
}

static volatile int asked;

static void stop_at_seven(void *context, const pr_progress *progress)
{
    (void)context;
    if (progress->step == 7) asked = 130;
}

static void an_interrupted_run_leaves_the_steps_it_did(void **state)
{
    (void)state;
    const pr_hooks  hooks = { .stop = &asked, .progress = stop_at_seven };
    pr_train_setup *setup = setup_of("stopped");
    pr_train_result r;

    assert_fails(PR_E_INTERRUPTED, "after step 7", pr_train(setup, &hooks, &r));
    assert_int_equal(content_of(setup->train.trace, 1).frames, 7);
}

static void a_trace_that_cannot_be_written_on_fails_the_run_at_its_end(void **state)
{
    (void)state;
    struct rlimit   old;
    pr_train_setup *setup = setup_of("full");
    pr_train_result r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit narrow = { 12000, old.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    assert_fails(PR_E_IO, "full: cannot be written: File too large", pr_train(setup, NULL, &r));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(r.steps, 20); /* everything else was done */
    assert_true(r.trace_lost);
    const content c = content_of(setup->train.trace, 1);
    printf("%llu whole frames\n", (unsigned long long)c.frames);
    assert_true(c.frames > 0 && c.frames < 20);
}

static void a_trace_without_a_place_is_refused_before_anything_is_read(void **state)
{
    (void)state;
    pr_train_setup *setup = setup_of("no_such/trace");
    pr_train_result r;

    snprintf(setup->dataset.data, sizeof setup->dataset.data, "%s", test_path("nothing"));
    assert_fails(PR_E_IO, "no_such/trace", pr_train(setup, NULL, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_has_the_rows_of_every_step_and_says_whose_they_are),
        cmocka_unit_test(seeds_stand_first),
        cmocka_unit_test(the_same_batches_give_the_same_bytes),
        cmocka_unit_test(lanes_follow_each_other_within_a_step),
        cmocka_unit_test(an_interrupted_run_leaves_the_steps_it_did),
        cmocka_unit_test(a_trace_that_cannot_be_written_on_fails_the_run_at_its_end),
        cmocka_unit_test(a_trace_without_a_place_is_refused_before_anything_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
