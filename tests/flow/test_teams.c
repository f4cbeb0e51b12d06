/* test_teams.c: teams are started once. OpenMP ends and creates threads where a parallel region is
 * smaller or larger than the one before, which takes longer than most regions do. */
#include "support/graphs.h"
#include "support/support.h"

#include <dirent.h>

enum { SETTLED = 3, STEPS = 8 };

static long newest[STEPS + 1]; /* highest thread id when a step was done */

/* Ids are given out in ascending order: a thread that is new has a higher one than all before. */
static long newest_thread(void)
{
    DIR           *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    long           highest = 0;

    assert_non_null(tasks);
    while ((entry = readdir(tasks))) {
        const long id = strtol(entry->d_name, NULL, 10);
        if (id > highest) highest = id;
    }
    closedir(tasks);
    return highest;
}

static void note_step(void *context, const pr_progress *progress)
{
    (void)context;
    if (progress->step <= STEPS && !progress->epoch_end) newest[progress->step] = newest_thread();
}

/* Batches large enough for all parts of a step, the sampler's too, to be spread. */
static void train(uint32_t sampler_threads, uint32_t lanes)
{
    static pr_train_setup setup;
    pr_train_result       result;
    const pr_hooks        hooks = { .progress = note_step };

    test_setup(&setup, test_planted(20000, 300000, 16, 4));
    setup.model.hidden          = 16;
    setup.machine.threads       = 4;
    setup.placement.lanes       = lanes;
    setup.train.batch_size      = 2048;
    setup.cache.policy          = PR_POLICY_LRU; /* every step draws */
    setup.train.steps           = STEPS;
    setup.train.sampler_threads = sampler_threads;
    setup.train.pipeline        = PR_PIPELINE_OFF;
    assert_ok(pr_train(&setup, &hooks, &result));
    assert_int_equal(result.steps, STEPS);
    for (int step = SETTLED; step <= STEPS; step++) assert_int_equal(newest[step], newest[SETTLED]);
}

static void no_step_starts_threads(void **state)
{
    (void)state;
    train(0, 1);
    train(0, 2);
}

static void a_sampler_with_fewer_threads_than_its_lane_does_not_start_any(void **state)
{
    (void)state;
    train(1, 1);
    train(2, 1);
    train(3, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_step_starts_threads),
        cmocka_unit_test(a_sampler_with_fewer_threads_than_its_lane_does_not_start_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
