/* test_exact_memory.c: eval and infer under --memory: the same figures, within what was allowed,
 * and the smallest number that works is the one they name. */
#include "flow/log_fixture.h"
#include "support/graphs.h"

#include "base/rss.h"

enum { NODES = 60000, COLS = 32, HIDDEN = 64, CLASSES = 5 };

static pr_eval_setup  eval; /* large: text options are arrays */
static pr_infer_setup infer;
static const char    *spill; /* directory */

/* Write a checkpoint of a model that has not learnt anything. */
static void prepare(const char *path, char *checkpoint, size_t bytes)
{
    const pr_model_options options = { .hidden = HIDDEN, .dropout = 0.5 };
    const pr_dataset      *dataset = test_open(path);
    pr_checkpoint_info     info    = { .dataset_name        = "planted",
                                       .dataset_fingerprint = dataset->fingerprint,
                                       .feature_norm        = dataset->feature_norm,
                                       .best_val_accuracy   = (double)NAN };
    pr_model              *model;

    snprintf(checkpoint, bytes, "%s/model.prc", test_directory());
    assert_ok(pr_model_create(&options, 2, COLS, CLASSES, 3, &model));
    assert_ok(pr_checkpoint_save(checkpoint, model, &info));
    pr_model_free(model);
    pr_dataset_close(dataset);
}

static int set_up(void **state)
{
    (void)state;
    const pr_option_group evals[]  = { { &pr_dataset_option_table, &eval.dataset },
                                       { &pr_machine_option_table, &eval.machine },
                                       { &pr_eval_option_table, &eval.eval } };
    const pr_option_group infers[] = { { &pr_dataset_option_table, &infer.dataset },
                                       { &pr_machine_option_table, &infer.machine },
                                       { &pr_infer_option_table, &infer.infer } };
    const char           *path     = test_planted(NODES, 4 * NODES, COLS, CLASSES);

    pr_options_init(evals, 3);
    pr_options_init(infers, 3);
    prepare(path, eval.eval.checkpoint, sizeof eval.eval.checkpoint);
    memcpy(infer.infer.checkpoint, eval.eval.checkpoint, sizeof eval.eval.checkpoint);
    snprintf(eval.dataset.data, sizeof eval.dataset.data, "%s", path);
    snprintf(infer.dataset.data, sizeof infer.dataset.data, "%s", path);
    spill = test_directory();
    snprintf(eval.machine.spill, sizeof eval.machine.spill, "%s", spill);
    snprintf(infer.machine.spill, sizeof infer.machine.spill, "%s", spill);
    return 0;
}

/* Sanitizers keep memory of their own, more with every run. */
static void needs_a_plain_build(void)
{
#ifdef PRI_SANITIZED
    print_message("skipped: the resident set of a sanitizer's build says nothing\n");
    skip();
#endif
}

/* Give the number that a refusal names. */
static uint64_t named_bytes(void)
{
    const char *at = strstr(pr_error_message(), "at least ");

    assert_non_null(at);
    const uint64_t mib = strtoull(at + strlen("at least "), NULL, 10);
    assert_true(mib > 0);
    return mib << 20;
}

static void eval_keeps_to_the_smallest_memory_it_names(void **state)
{
    (void)state;
    pr_eval_result free_result, result;

    needs_a_plain_build();
    eval.machine.memory = 0;
    assert_ok(pr_evaluate(&eval, NULL, &free_result));
    eval.machine.memory = 1;
    assert_fails(PR_E_RANGE, "--memory is 1 bytes", pr_evaluate(&eval, NULL, &result));
    eval.machine.memory = named_bytes();
    snprintf(eval.eval.log, sizeof eval.eval.log, "%s/run.db", test_directory());
    const bool counted = pri_rss_peak_reset();
    assert_ok(pr_evaluate(&eval, NULL, &result));
    const uint64_t peak = pri_rss_peak_bytes();
    printf("%llu MiB allowed, peak %llu\n", (unsigned long long)(eval.machine.memory >> 20),
           (unsigned long long)(peak >> 20));
    if (counted) assert_true(peak <= eval.machine.memory);
    assert_int_equal(result.num_nodes, free_result.num_nodes);
    assert_true(fabs(result.loss - free_result.loss) < 1e-5 * free_result.loss);
    assert_true(fabs(result.accuracy - free_result.accuracy) < 1e-3); /* a tie or two */

    sqlite3      *db   = sql_open(eval.eval.log);
    const int64_t disk = sql_int(db, "SELECT bytes_disk FROM step WHERE phase = 'eval'");
    assert_true(disk >= (int64_t)4 * NODES * (COLS + HIDDEN)); /* inputs, and a layer from a file */
    assert_int_equal(sql_int(db, "SELECT sum(bytes_disk) FROM step_partition"), disk);
    assert_true(sql_int(db, "SELECT reads_disk FROM step") > 0);
    assert_int_equal(sql_int(db, "SELECT rows_direct FROM step"), NODES);
    assert_int_equal(sql_int(db, "SELECT wait_ns + aggregate_ns + gemm_ns + other_ns - step_ns "
                                 "FROM step"),
                     0);
    (void)sqlite3_close(db);
    eval.eval.log[0] = '\0';
}

static void *answers(const char *path, pr_npy *npy)
{
    assert_ok(pr_npy_open(path, npy));
    return (void *)(uintptr_t)npy->data;
}

static void infer_writes_the_same_answers_within_its_memory(void **state)
{
    (void)state;
    const char     *directory = test_directory();
    char            path[2][512];
    pr_infer_result result;
    pr_npy          npy[2];

    needs_a_plain_build();
    infer.infer.output = 1; /* logits */
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/logits-%d.npy", directory, i);
        infer.machine.memory = 1;
        if (i > 0) {
            assert_fails(PR_E_RANGE, "answers take", pr_infer(&infer, NULL, &result));
            infer.machine.memory = named_bytes();
        } else {
            infer.machine.memory = 0;
        }
        snprintf(infer.infer.out, sizeof infer.infer.out, "%s", path[i]);
        assert_ok(pr_infer(&infer, NULL, &result));
        assert_int_equal(result.num_nodes, NODES);
    }
    const float *a = answers(path[0], &npy[0]), *b = answers(path[1], &npy[1]);
    for (size_t i = 0; i < (size_t)NODES * CLASSES; i++)
        assert_true(fabsf(a[i] - b[i]) <= 1e-5f * (1 + fabsf(a[i])));
    for (int i = 0; i < 2; i++) pr_npy_close(&npy[i]);
}

/* Evaluation keeps no logits, and says what they are worth. */
static void eval_scores_the_logits_that_infer_writes(void **state)
{
    (void)state;
    static const char *const name[] = { "train", "val", "test" };
    const char              *path   = test_directory();
    pr_eval_result           scored;
    pr_infer_result          result;
    pr_npy                   npy;

    eval.machine.memory = infer.machine.memory = 0;
    infer.infer.output                         = 1; /* logits */
    snprintf(infer.infer.out, sizeof infer.infer.out, "%s/logits.npy", path);
    assert_ok(pr_infer(&infer, NULL, &result));
    const float      *logits  = answers(infer.infer.out, &npy);
    const pr_dataset *dataset = test_open(infer.dataset.data);
    const pr_vids     lists[] = { dataset->split[0].train, dataset->split[0].val,
                                  dataset->split[0].test };
    for (int which = 0; which < 3; which++) {
        double   loss    = 0;
        uint64_t correct = 0;
        for (size_t i = 0; i < lists[which].n; i++) {
            const pr_vid v     = lists[which].at[i];
            const float *row   = logits + (size_t)v * CLASSES;
            const int    label = dataset->labels[v];
            double       sum   = 0;
            uint32_t     best  = 0;
            for (uint32_t c = 0; c < CLASSES; c++) {
                sum += exp((double)row[c]);
                if (row[c] > row[best]) best = c;
            }
            loss += log(sum) - (double)row[label];
            correct += (int)best == label;
        }
        const double nodes = (double)lists[which].n;
        eval.eval.which    = which;
        assert_ok(pr_evaluate(&eval, NULL, &scored));
        assert_int_equal(scored.num_nodes, lists[which].n);
        assert_true(fabs(scored.loss - loss / nodes) < 1e-12 * scored.loss);
        if (scored.accuracy != (double)correct / nodes)
            fail_msg("%s: %g, not %g", name[which], scored.accuracy, (double)correct / nodes);
    }
    eval.eval.which = 2;
    pr_dataset_close(dataset);
    pr_npy_close(&npy);
}

/* Answers for some vertices are those of all, as often as asked for; others are not kept. */
static void infer_keeps_no_more_than_is_asked_for(void **state)
{
    (void)state;
    static const int64_t asked[] = { 7, NODES - 1, 7, 0 };
    const char          *path    = test_directory();
    const uint64_t       shape[] = { 4 };
    pr_infer_result      result;
    pr_npy               all, some;

    for (int output = 0; output < 3; output++) {          /* class, logits, probabilities */
        const size_t width   = output == 0 ? 2 : CLASSES; /* int64 as two floats */
        infer.infer.output   = output;
        infer.machine.memory = 0;
        infer.infer.nodes[0] = '\0';
        snprintf(infer.infer.out, sizeof infer.infer.out, "%s/all-%d.npy", path, output);
        assert_ok(pr_infer(&infer, NULL, &result));
        const float *want = answers(infer.infer.out, &all);
        snprintf(infer.infer.nodes, sizeof infer.infer.nodes, "%s/nodes.npy", path);
        assert_ok(pr_npy_write(infer.infer.nodes, PR_I64, 1, shape, asked));
        snprintf(infer.infer.out, sizeof infer.infer.out, "%s/some-%d.npy", path, output);
        infer.machine.memory = 1;
        assert_fails(PR_E_RANGE, output ? "answers take 60," : "answers take 12,",
                     pr_infer(&infer, NULL, &result)); /* of three vertices */
        infer.machine.memory = 0;
        assert_ok(pr_infer(&infer, NULL, &result));
        assert_int_equal(result.num_nodes, 4);
        const float *got = answers(infer.infer.out, &some);
        for (size_t i = 0; i < 4; i++)
            assert_memory_equal(got + i * width, want + (size_t)asked[i] * width, 4 * width);
        pr_npy_close(&all);
        pr_npy_close(&some);
    }
    infer.infer.nodes[0] = '\0';
}

typedef struct told {
    uint64_t last, calls;
    bool     ascends, whole;
} told;

static void hear(void *context, const pr_progress *now)
{
    told *t = context;

    t->ascends = t->ascends && now->step > t->last && now->step <= now->steps;
    t->whole   = now->step == now->steps;
    t->last    = now->step;
    t->calls++;
    assert_string_equal(now->stage, "eval");
}

static void progress_is_told_and_ends_with_all_rows(void **state)
{
    (void)state;
    told           t     = { .ascends = true };
    const pr_hooks hooks = { .progress = hear, .context = &t };
    pr_eval_result result;

    eval.machine.memory = 0;
    assert_ok(pr_evaluate(&eval, &hooks, &result));
    assert_true(t.calls > 1 && t.ascends && t.whole);
}

static void a_spill_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    pr_eval_result result;

    needs_a_plain_build();
    eval.machine.memory = 1;
    assert_fails(PR_E_RANGE, "at least", pr_evaluate(&eval, NULL, &result));
    eval.machine.memory = named_bytes();
    snprintf(eval.machine.spill, sizeof eval.machine.spill, "/nonexistent/there");
    assert_fails(PR_E_IO, "/nonexistent/there", pr_evaluate(&eval, NULL, &result));
    snprintf(eval.machine.spill, sizeof eval.machine.spill, "%s", spill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_keeps_to_the_smallest_memory_it_names),
        cmocka_unit_test(infer_writes_the_same_answers_within_its_memory),
        cmocka_unit_test(eval_scores_the_logits_that_infer_writes),
        cmocka_unit_test(infer_keeps_no_more_than_is_asked_for),
        cmocka_unit_test(progress_is_told_and_ends_with_all_rows),
        cmocka_unit_test(a_spill_directory_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
