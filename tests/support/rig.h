/* rig.h: lanes over a small planted graph, stepped by hand: what a training run is made of, without
 * the run. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "support/far_store.h"
#include "support/graphs.h"

#include "pipeline/step.h"

enum { RIG_MAX_LANES = 5 };

/* Whose the rows are: nobody's, runs of ids, dealt by id, or the first rows lane 0's. */
typedef enum test_rig_shards {
    RIG_SHARDS_NONE,
    RIG_SHARDS_RANGE,
    RIG_SHARDS_HASH,
    RIG_SHARDS_PART
} test_rig_shards;

/* What to open; zeroes are fine but for batch_size and num_steps. */
typedef struct test_rig_plan {
    const char      *path;
    uint32_t         num_lanes;
    uint32_t         threads; /* of each lane; 0: 1 */
    bool             uneven;  /* lane i has i more */
    test_rig_shards  shards;
    bool             graph_copies;
    bool             counted; /* what lanes have twice, in every 16th step */
    uint32_t         batch_size;
    uint64_t         num_steps;
    pr_cache_options cache; /* see test_cache_options */

    bool     pipelined;
    uint64_t pause_every; /* steps after which something else may come; 0: after each, so that no
                             step is begun before its turn */
    bool     far;         /* rows must be fetched: see far_store */
    int64_t  latency_ns;
    int64_t  fetches_left; /* with far: fetches before one fails; 0: none fails */
    uint32_t failing_lane; /* whose fetch that is, from 1; 0: lanes share the count */
    bool     bad_seed;     /* one of the training nodes is not in the graph */
    bool     weighted;     /* arcs have weights */

    const pr_sampler_options *sampling; /* NULL: default */
} test_rig_plan;

typedef struct test_rig {
    pr_topo          *topo;
    pr_plan           plan;
    const pr_dataset *dataset;
    pr_graph          graph;
    float            *weights;
    pr_vid           *train; /* the seeds' nodes */
    pr_store         *store;
    far_store         far, failing; /* failing: of the lane that is to fail alone */
    pr_shards         shards;
    uint8_t          *of_row;
    pri_split_rule    rule;
    pri_split        *split; /* NULL: one lane */
    pr_model         *model;
    pri_replicas     *replicas; /* NULL: nobody counts */
    pri_seeds        *seeds;
    pri_lane         *lane[RIG_MAX_LANES];
    uint64_t          num_steps, pause_every;
    bool              far_rows;
    bool              knows_nodes; /* the store says where its rows are */
} test_rig;

/* Give the default options of a cache. */
pr_cache_options test_cache_options(void);

void test_rig_open(test_rig *rig, const test_rig_plan *plan);
void test_rig_close(test_rig *rig);

/* Train on the next step of the rig's seeds; steps count from 0. Checks what holds in every row. */
pr_step test_rig_train(test_rig *rig, uint64_t step);

/* The same, and give the partitions: out [num_lanes]. */
pr_step test_rig_train_parts(test_rig *rig, uint64_t step, pr_step_partition *partition);

/* The same for a step that may fail; gives what it gives, and nothing is checked. */
pr_status test_rig_try(test_rig *rig, uint64_t step, pr_step *row);

/* Evaluate the first nodes of the validation split, out of order. */
pr_step test_rig_evaluate(test_rig *rig, uint64_t step, uint32_t num_nodes);

#endif
