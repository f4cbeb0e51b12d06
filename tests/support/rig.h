/* rig.h: lanes over a small planted graph, stepped by hand: what a training run is made of, without
 * the run. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "support/graphs.h"

#include "pipeline/step.h"

enum { RIG_MAX_LANES = 3 };

/* What to open; zeroes are fine but for batch_size and num_steps. */
typedef struct test_rig_plan {
    const char      *path;
    uint32_t         num_lanes;
    uint32_t         threads; /* of each lane; 0: 1 */
    uint32_t         batch_size;
    uint64_t         num_steps;
    pr_cache_options cache; /* see test_cache_options */
} test_rig_plan;

typedef struct test_rig {
    pr_topo          *topo;
    pr_plan           plan;
    const pr_dataset *dataset;
    pr_store         *store;
    pr_model         *model;
    pri_seeds        *seeds;
    pri_lane         *lane[RIG_MAX_LANES];
    uint64_t          num_steps;
} test_rig;

/* Give the default options of a cache. */
pr_cache_options test_cache_options(void);

void test_rig_open(test_rig *rig, const test_rig_plan *plan);
void test_rig_close(test_rig *rig);

/* Train on the next step of the rig's seeds; steps count from 0. Checks what holds in every row. */
pr_step test_rig_train(test_rig *rig, uint64_t step);

/* Evaluate the first nodes of the validation split, out of order. */
pr_step test_rig_evaluate(test_rig *rig, uint64_t step, uint32_t num_nodes);

#endif
