/* test_pipelined.c: batches drawn and rows fetched on threads of their own: everything is what it
 * is in line, whatever fails or stops, and nothing hangs. */
#include "support/rig.h"

#include <math.h>
#include <sched.h>

#include "pipeline/ahead.h"

enum { BATCH = 60, NUM_STEPS = 26, LATENCY_NS = 100000 }; /* 20 steps an epoch */

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(2000, 16000, 12, 4);
    return path;
}

static test_rig_plan planned(int policy, uint32_t lookahead)
{
    test_rig_plan plan = { .path        = graph(),
                           .num_lanes   = 1,
                           .batch_size  = BATCH,
                           .num_steps   = NUM_STEPS,
                           .pause_every = UINT64_MAX,
                           .cache       = test_cache_options() };

    plan.cache.mode      = PR_CACHE_RESIDENT;
    plan.cache.policy    = policy;
    plan.cache.lookahead = lookahead;
    plan.cache.factor    = 1.2;
    return plan;
}

/* What a run comes to, evaluation batches in between included. */
typedef struct outcome {
    uint64_t hash[NUM_STEPS], hit[NUM_STEPS], added[NUM_STEPS], bypassed[NUM_STEPS];
    uint64_t first[NUM_STEPS], lookahead[NUM_STEPS], eval[NUM_STEPS];
    double   loss[NUM_STEPS];
} outcome;

static outcome run(const test_rig_plan *plan)
{
    test_rig r;
    outcome  out = { .eval = { 0 } };

    test_rig_open(&r, plan);
    for (uint64_t step = 0; step < plan->num_steps; step++) {
        const pr_step row   = test_rig_train(&r, step);
        out.hash[step]      = row.batch_hash;
        out.hit[step]       = row.rows_hit;
        out.added[step]     = row.rows_added;
        out.bypassed[step]  = row.rows_bypassed;
        out.first[step]     = row.rows_first;
        out.lookahead[step] = row.lookahead;
        out.loss[step]      = row.loss;
        if (plan->pause_every == UINT64_MAX || (step + 1) % plan->pause_every != 0) continue;
        for (uint64_t i = 0; i < 2; i++) {
            const pr_step eval = test_rig_evaluate(&r, 2 * step + i, 40);
            out.eval[step]     = pri_mix64(out.eval[step] ^ eval.batch_hash) + eval.rows_hit;
            assert_int_equal(eval.lookahead, row.lookahead); /* lists that wait */
        }
    }
    test_rig_close(&r);
    return out;
}

static void assert_same(const outcome *got, const outcome *want)
{
    assert_memory_equal(got->hash, want->hash, sizeof want->hash);
    assert_memory_equal(got->hit, want->hit, sizeof want->hit);
    assert_memory_equal(got->added, want->added, sizeof want->added);
    assert_memory_equal(got->bypassed, want->bypassed, sizeof want->bypassed);
    assert_memory_equal(got->first, want->first, sizeof want->first);
    assert_memory_equal(got->lookahead, want->lookahead, sizeof want->lookahead);
    assert_memory_equal(got->eval, want->eval, sizeof want->eval);
}

/* Run a plan in line and pipelined, with rows near and far; the model sees the same rows in the
 * same order, so that losses have the same bits. Gives the outcome. */
static outcome in_line_and_pipelined(test_rig_plan plan)
{
    static outcome want, got;

    plan.pipelined = false;
    plan.far       = false;
    want           = run(&plan);
    plan.pipelined = true;
    if (plan.threads <= 2) {
        got = run(&plan);
        assert_same(&got, &want);
        assert_memory_equal(got.loss, want.loss, sizeof want.loss);
    }
    plan.far        = true;
    plan.latency_ns = LATENCY_NS;
    got             = run(&plan);
    assert_same(&got, &want);
    assert_memory_equal(got.loss, want.loss, sizeof want.loss);
    return want;
}

static void every_policy_moves_the_same_rows_in_line_or_not_for_any_number_of_threads(void **state)
{
    (void)state;
    static const uint32_t threads[] = { 1, 2, 3, 8 };
    static outcome        first, got;

    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++)
        for (int t = 0; t < 4; t++) {
            test_rig_plan plan = planned(policy, PR_WINDOW_AUTO);
            plan.threads       = threads[t];
            got                = in_line_and_pipelined(plan);
            if (t == 0) first = got;
            assert_same(&got, &first);
            for (int step = 0; step < NUM_STEPS; step++) /* GEMMs may round differently */
                assert_true(fabs(got.loss[step] - first.loss[step]) < 2e-3);
        }
}

static void every_sampler_draws_the_same_in_line_or_not_for_any_number_of_threads(void **state)
{
    (void)state;
    static const uint32_t threads[] = { 1, 2, 3, 8 };
    static outcome        first, got;

    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++)
        for (int bias = 1; bias <= 8; bias += 7) {
            pr_sampler_options sampling;
            if (bias > 1 && kind != PR_SAMPLER_LABOR) continue;
            pr_sampler_default(&sampling);
            sampling.kind       = kind;
            sampling.cache_bias = (uint32_t)bias;
            for (int t = 0; t < 4; t++) {
                test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 4);
                plan.threads       = threads[t];
                plan.sampling      = &sampling;
                plan.weighted      = true;
                plan.pause_every   = 5; /* evaluation draws from the same sampler */
                got                = in_line_and_pipelined(plan);
                if (t == 0) first = got;
                assert_same(&got, &first);
            }
        }
}

static void every_window_is_exact_across_epochs_and_for_all_lanes(void **state)
{
    (void)state;
    static const uint32_t windows[] = { 0, 1, 19, 20, 21, PR_MAX_WINDOW, PR_WINDOW_AUTO };
    static outcome        got, first;

    for (uint32_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (uint32_t lanes = 1; lanes <= 3; lanes++) {
            test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, windows[w]);
            plan.num_lanes     = lanes;
            got                = in_line_and_pipelined(plan);
            if (w == 0 && lanes == 1) first = got;
            assert_memory_equal(got.hash, first.hash, sizeof first.hash);
            for (uint32_t step = 0; step < NUM_STEPS && windows[w] != PR_WINDOW_AUTO; step++) {
                const uint32_t left = NUM_STEPS - 1 - step;
                assert_int_equal(got.lookahead[step], left < windows[w] ? left : windows[w]);
            }
        }
}

static void a_window_may_cover_many_epochs_of_one_step(void **state)
{
    (void)state;
    test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 9);

    plan.batch_size = 5000;
    (void)in_line_and_pipelined(plan);
}

static void packed_slabs_and_reading_in_place_are_the_same_pipelined(void **state)
{
    (void)state;
    static outcome want, got;

    test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
    plan.cache.mode    = PR_CACHE_PACKED;
    (void)in_line_and_pipelined(plan);
    plan.cache.mode = PR_CACHE_OFF;
    want            = run(&plan);
    plan.pipelined  = true;
    got             = run(&plan);
    assert_same(&got, &want);
    assert_memory_equal(got.loss, want.loss, sizeof want.loss);
}

/* Evaluation comes between steps that were drawn already, and changes none of them. */
static void evaluation_in_between_leaves_what_was_drawn_alone(void **state)
{
    (void)state;
    static outcome plain, got;

    test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 5);
    plain              = in_line_and_pipelined(plan);
    for (uint64_t every = 1; every <= 7; every += 3)
        for (uint32_t lanes = 1; lanes <= 2; lanes++) {
            plan.pause_every = every;
            plan.num_lanes   = lanes;
            got              = in_line_and_pipelined(plan);
            assert_memory_equal(got.hash, plain.hash, sizeof plain.hash);
        }
}

/* Run until a step fails; gives that step and its words. */
static uint64_t run_to_failure(const test_rig_plan *plan, pr_status code, char words[512])
{
    test_rig  r;
    pr_step   row;
    pr_status st   = PR_OK;
    uint64_t  step = 0;

    test_rig_open(&r, plan);
    while (st == PR_OK && step < plan->num_steps) {
        st = test_rig_try(&r, step, &row);
        step += st == PR_OK;
    }
    assert_int_equal(st, code);
    snprintf(words, 512, "%s", pr_error_message());
    test_rig_close(&r);
    return step;
}

static void a_batch_that_cannot_be_drawn_fails_its_own_step(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    for (uint32_t lanes = 1; lanes <= 2; lanes++)
        for (uint32_t window = 0; window <= 9; window += 9) {
            char          in_line[512], words[512];
            test_rig_plan plan  = planned(PR_POLICY_LOOKAHEAD, window);
            plan.num_lanes      = lanes;
            plan.bad_seed       = true;
            const uint64_t step = run_to_failure(&plan, PR_E_ARG, in_line);
            assert_true(step > 0 && step < 20);
            assert_non_null(strstr(in_line, "is vertex 2007, the graph has vertices 0..1999"));
            for (int far = 0; far <= 1; far++) {
                plan.pipelined  = true;
                plan.far        = far;
                plan.latency_ns = LATENCY_NS;
                assert_int_equal(run_to_failure(&plan, PR_E_ARG, words), step);
                assert_string_equal(words, in_line);
            }
        }
    assert_true(pri_mem_live() == live);
}

static void a_fetch_that_fails_fails_its_own_step(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    for (int64_t n = 1; n <= 21; n += 10)
        for (uint32_t lanes = 1; lanes <= 2; lanes++)
            for (int pipelined = 0; pipelined <= 1; pipelined++) {
                char          words[512];
                test_rig_plan plan  = planned(PR_POLICY_LOOKAHEAD, 3);
                plan.num_lanes      = lanes;
                plan.pipelined      = pipelined;
                plan.far            = true;
                plan.latency_ns     = LATENCY_NS;
                plan.fetches_left   = n * lanes;
                const uint64_t step = run_to_failure(&plan, PR_E_IO, words);
                /* lanes share the count, and one may be a fetch ahead of the other */
                assert_in_range(step, pipelined && lanes > 1 ? n - 1 : n, n);
                assert_non_null(strstr(words, "cannot be read"));
            }
    assert_true(pri_mem_live() == live);
}

/* Whatever is in flight when a run ends early is dropped; its threads end. */
static void a_run_may_end_after_any_step(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    for (uint64_t stop = 0; stop <= 3; stop++)
        for (int far = 0; far <= 1; far++) {
            test_rig      r;
            test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, PR_MAX_WINDOW);
            plan.num_lanes     = 2;
            plan.pipelined     = true;
            plan.far           = far;
            plan.latency_ns    = 5000000;
            test_rig_open(&r, &plan);
            for (uint64_t step = 0; step < stop; step++) (void)test_rig_train(&r, step);
            test_rig_close(&r);
        }
    assert_true(pri_mem_live() == live);
}

static void its_threads_take_nothing_from_the_heap(void **state)
{
    (void)state;
    test_rig      r;
    test_rig_plan plan  = planned(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO);
    uint64_t      calls = 0;

    plan.pipelined = true;
    plan.far       = true;
    test_rig_open(&r, &plan);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        (void)test_rig_train(&r, step);
        if (step == 2) calls = pri_mem_calls();
    }
    assert_true(pri_mem_calls() == calls);
    test_rig_close(&r);
}

/* Batches that are drawn wait; never more than the window and some to spare. */
static void the_queue_is_bounded_and_holds_at_least_the_window(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= PR_MAX_WINDOW; window += 31) {
        test_rig      r;
        test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, window);
        plan.num_steps     = 3 * PR_MAX_WINDOW;
        plan.pipelined     = true;
        test_rig_open(&r, &plan);
        for (uint64_t step = 0; step < plan.num_steps; step++) {
            const pr_step row = test_rig_train(&r, step);
            assert_true(row.queue_depth >= row.lookahead);
            assert_true(row.queue_depth <= pri_ahead_depth(&plan.cache));
        }
        test_rig_close(&r);
    }
}

static void one_cpu_is_enough(void **state)
{
    (void)state;
    cpu_set_t before, one;
    size_t    cpu = 0;

    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(cpu, &before)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) skip();
    for (uint32_t threads = 1; threads <= 2; threads++) {
        test_rig_plan plan = planned(PR_POLICY_LOOKAHEAD, 6);
        plan.threads       = threads;
        plan.num_lanes     = 3 - threads;
        (void)in_line_and_pipelined(plan);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static pr_train_setup setup;

static pr_train_result train(int pipeline)
{
    pr_train_result result;

    setup.train.pipeline = pipeline;
    assert_ok(pr_train(&setup, NULL, &result));
    assert_int_equal(result.heap_calls, 0);
    if (pipeline != PR_PIPELINE_AUTO) assert_true(result.pipelined == (pipeline == PR_PIPELINE_ON));
    return result;
}

static void whole_runs_come_to_the_same_however_they_are_scored_or_stopped(void **state)
{
    (void)state;
    test_setup(&setup, graph());
    setup.model.hidden     = 8;
    setup.train.batch_size = 200;
    setup.train.epochs     = 4;
    setup.machine.threads  = 2;
    for (int eval = PR_EVAL_EXACT; eval <= PR_EVAL_NONE; eval++)
        for (uint32_t patience = 0; patience <= 1; patience++) {
            setup.train.eval        = eval;
            setup.train.patience    = patience;
            const pr_train_result a = train(PR_PIPELINE_OFF), b = train(PR_PIPELINE_ON);
            assert_int_equal(a.steps, b.steps);
            assert_int_equal(a.batch_hash, b.batch_hash);
            assert_true(a.train_loss == b.train_loss);
            assert_true(a.hit_rate == b.hit_rate);
            assert_true(a.rows_moved_per_step == b.rows_moved_per_step);
            assert_true(a.test_accuracy == b.test_accuracy || eval == PR_EVAL_NONE);
        }
    (void)train(PR_PIPELINE_AUTO);
}

static int  stop_flag;
static void stop_at_step_five(void *context, const pr_progress *progress)
{
    (void)context;
    if (progress->step == 5) stop_flag = 130;
}

static void a_stop_flag_ends_a_pipelined_run_after_the_step(void **state)
{
    (void)state;
    const pr_hooks  hooks = { .progress = stop_at_step_five, .stop = &stop_flag };
    const int64_t   live  = pri_mem_live();
    pr_train_result result;

    test_setup(&setup, graph());
    setup.train.batch_size = 20;
    setup.train.pipeline   = PR_PIPELINE_ON;
    assert_fails(PR_E_INTERRUPTED, "after step 5", pr_train(&setup, &hooks, &result));
    assert_int_equal(result.steps, 5);
    assert_true(pri_mem_live() == live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_moves_the_same_rows_in_line_or_not_for_any_number_of_threads),
        cmocka_unit_test(every_sampler_draws_the_same_in_line_or_not_for_any_number_of_threads),
        cmocka_unit_test(every_window_is_exact_across_epochs_and_for_all_lanes),
        cmocka_unit_test(a_window_may_cover_many_epochs_of_one_step),
        cmocka_unit_test(packed_slabs_and_reading_in_place_are_the_same_pipelined),
        cmocka_unit_test(evaluation_in_between_leaves_what_was_drawn_alone),
        cmocka_unit_test(a_batch_that_cannot_be_drawn_fails_its_own_step),
        cmocka_unit_test(a_fetch_that_fails_fails_its_own_step),
        cmocka_unit_test(a_run_may_end_after_any_step),
        cmocka_unit_test(its_threads_take_nothing_from_the_heap),
        cmocka_unit_test(the_queue_is_bounded_and_holds_at_least_the_window),
        cmocka_unit_test(one_cpu_is_enough),
        cmocka_unit_test(whole_runs_come_to_the_same_however_they_are_scored_or_stopped),
        cmocka_unit_test(a_stop_flag_ends_a_pipelined_run_after_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
