/* test_step.c: a step on one lane and on several does the same mathematics. */
#include "support/graphs.h"

#include <math.h>

#include "pipeline/step.h"

enum { NUM_STEPS = 4, BATCH = 60 };

/* Lanes over a dataset, and what a run of some steps gave. */
typedef struct rig {
    pr_topo          *topo;
    pr_plan           plan;
    pr_store         *store;
    pr_model         *model;
    pri_lane         *lane[3];
    const pr_dataset *dataset;
} rig;

static void rig_open(rig *r, const char *path, uint32_t num_lanes, int cache_mode)
{
    static pr_train_setup setup;
    pr_fanout             fanout;

    *r = (rig){ .dataset = test_open(path) };
    test_setup(&setup, path);
    setup.model.hidden = 16;
    setup.cache.mode   = cache_mode;
    assert_ok(pr_topo_discover(&r->topo));
    r->plan = (pr_plan){ .num_lanes = num_lanes, .num_threads = num_lanes };
    for (uint32_t i = 0; i < num_lanes; i++)
        r->plan.lane[i] = (pr_lane_plan){ .numa_node = -1, .num_threads = 1, .num_cores = 1 };
    assert_ok(pr_fanout_parse("5,3", 0, &fanout));
    assert_ok(pr_store_memory(&r->dataset->features, &r->store));
    assert_ok(pr_model_create(&setup.model, 2, r->dataset->features.num_cols,
                              r->dataset->num_classes, 3, &r->model));
    const pri_lane_kit kit = { .graph     = &r->dataset->graph,
                               .fanout    = &fanout,
                               .store     = r->store,
                               .model     = r->model,
                               .cache     = &setup.cache,
                               .seed      = 3,
                               .max_seeds = BATCH };
    for (uint32_t i = 0; i < num_lanes; i++) {
        assert_ok(pri_lane_create(r->topo, &r->plan, i, PR_NUMA_AUTO, &r->lane[i]));
        assert_ok(pri_lane_equip(r->lane[i], &kit));
    }
}

static void rig_close(rig *r)
{
    for (uint32_t i = 0; i < r->plan.num_lanes; i++) pri_lane_free(r->lane[i]);
    pr_model_free(r->model);
    pr_store_free(r->store);
    pr_topo_free(r->topo);
    pr_dataset_close(r->dataset);
}

static void rig_steps(rig *r, uint64_t *hash, double *loss)
{
    static pr_optimizer_options optimizer;
    const pr_option_group       group = { &pr_optimizer_option_table, &optimizer };
    pr_step                     row;
    pr_step_partition           partition[3];

    pr_options_init(&group, 1);
    for (uint64_t step = 0; step < NUM_STEPS; step++) {
        const pr_vids        train = r->dataset->split[PR_SPLIT_MAIN].train;
        const pri_step_input input = { .phase     = PR_PHASE_TRAIN,
                                       .step      = step,
                                       .seeds     = { train.at + step * BATCH, BATCH },
                                       .labels    = r->dataset->labels,
                                       .model     = r->model,
                                       .optimizer = &optimizer,
                                       .seed      = 3,
                                       .one_node  = true };
        assert_ok(pri_step_run(r->lane, r->plan.num_lanes, &input, &row, partition));
        hash[step] = row.batch_hash;
        loss[step] = row.loss;
        assert_int_equal(row.rows_hit + row.rows_added + row.rows_bypassed + row.rows_direct,
                         row.num_inputs);
        uint64_t inputs = 0;
        for (uint32_t i = 0; i < r->plan.num_lanes; i++) inputs += partition[i].num_inputs;
        assert_int_equal(inputs, row.num_inputs);
        assert_true(row.other_ns >= 0);
        assert_int_equal(row.wait_ns + row.prepare_ns + row.place_ns + row.aggregate_ns +
                             row.gemm_ns + row.backward_ns + row.update_ns + row.other_ns,
                         row.step_ns);
    }
}

static void lanes_compute_what_one_lane_computes(void **state)
{
    (void)state;
    const char *path = test_planted(2000, 16000, 12, 4);
    uint64_t    hash[3][NUM_STEPS];
    double      loss[3][NUM_STEPS];

    for (uint32_t lanes = 1; lanes <= 3; lanes++) {
        rig r;
        rig_open(&r, path, lanes, PR_CACHE_RESIDENT);
        rig_steps(&r, hash[lanes - 1], loss[lanes - 1]);
        rig_close(&r);
    }
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

    for (int i = 0; i < 3; i++) {
        rig r;
        rig_open(&r, path, 1, mode[i]);
        rig_steps(&r, hash[i], loss[i]);
        rig_close(&r);
    }
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
