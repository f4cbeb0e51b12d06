/* test_step.c: a step on one lane and on several does the same mathematics. */
#include "support/rig.h"

#include <math.h>

enum { NUM_STEPS = 4, BATCH = 60 };

/* Train some steps and give what does not depend on lanes and cache. */
static void rig_steps(const char *path, uint32_t num_lanes, int cache_mode, uint64_t *hash,
                      double *loss)
{
    test_rig      r;
    test_rig_plan plan = { .path       = path,
                           .num_lanes  = num_lanes,
                           .batch_size = BATCH,
                           .num_steps  = NUM_STEPS,
                           .cache      = test_cache_options() };

    plan.cache.mode = cache_mode;
    test_rig_open(&r, &plan);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        const pr_step row = test_rig_train(&r, step);
        hash[step]        = row.batch_hash;
        loss[step]        = row.loss;
    }
    test_rig_close(&r);
}

static void lanes_compute_what_one_lane_computes(void **state)
{
    (void)state;
    const char *path = test_planted(2000, 16000, 12, 4);
    uint64_t    hash[3][NUM_STEPS];
    double      loss[3][NUM_STEPS];

    for (uint32_t lanes = 1; lanes <= 3; lanes++)
        rig_steps(path, lanes, PR_CACHE_RESIDENT, hash[lanes - 1], loss[lanes - 1]);
    for (int other = 1; other < 3; other++)
        for (int step = 0; step < NUM_STEPS; step++) {
            assert_int_equal(hash[other][step], hash[0][step]);
            /* sums in another order: float rounding, grown over a few Adam steps */
            assert_true(fabs(loss[other][step] - loss[0][step]) < 2e-3);
        }
}

static void cache_modes_compute_the_same(void **state)
{
    (void)state;
    const char *path = test_planted(2000, 16000, 12, 4);
    uint64_t    hash[3][NUM_STEPS];
    double      loss[3][NUM_STEPS];
    const int   mode[] = { PR_CACHE_RESIDENT, PR_CACHE_PACKED, PR_CACHE_OFF };

    for (int i = 0; i < 3; i++) rig_steps(path, 1, mode[i], hash[i], loss[i]);
    for (int other = 1; other < 3; other++)
        for (int step = 0; step < NUM_STEPS; step++) {
            assert_int_equal(hash[other][step], hash[0][step]);
            assert_true(loss[other][step] == loss[0][step]); /* same rows, same order: same bits */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_compute_what_one_lane_computes),
        cmocka_unit_test(cache_modes_compute_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
