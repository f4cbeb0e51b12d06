/* test_placing.c: what a training run would put where, planned from its options: the shards cover
 * the rows, and the bytes are those that its parts take when they are made. */
#include "support/graphs.h"
#include "support/placements.h"

#include "pipeline/ahead.h"
#include "pipeline/placing.h"

enum { NODES = 4000, FEATURES = 24 };

static const pr_dataset *dataset;
static const char       *path;

static int open_dataset(void **state)
{
    (void)state;
    pr_diag_set_level(
        PR_WARN); /* lanes on a machine that is not ours say that they are not bound */
    path    = test_planted(NODES, 30000, FEATURES, 5);
    dataset = test_open(path);
    return 0;
}

static int close_dataset(void **state)
{
    (void)state;
    pr_dataset_close(dataset);
    return 0;
}

static pr_topo *machine(const char *synthetic)
{
    return test_machine((pr_topo_source){ .synthetic = synthetic }, NULL);
}

static pri_placing *placed(const pr_train_setup *setup, const pr_topo *topo)
{
    pri_placing *out = malloc(sizeof *out);
    assert_non_null(out);
    assert_ok(pri_placing_open(setup, dataset, topo, out));
    return out;
}

static void done(pri_placing *placing)
{
    pri_placing_close(placing);
    pri_placing_close(placing);
    free(placing);
}

/* ---- lanes and shards ---- */

static void one_lane_has_one_shard_and_costs_nothing(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *topo = machine("numa:1 core:4 pu:1");

    test_setup(&setup, path);
    setup.placement.shards = PR_SHARDS_HASH; /* for one lane it makes no difference */
    pri_placing *p         = placed(&setup, topo);
    assert_int_equal(p->placement.plan.num_lanes, 1);
    assert_int_equal(p->placement.num_shards, 0);
    assert_false(p->placement.sharded || p->placement.graph_copied);
    assert_int_equal(p->shards.num_shards, 1);
    assert_int_equal(p->shards.first[1], NODES);
    assert_int_equal(p->shards.node[0], 0);
    assert_null(p->shards.of_row);
    done(p);
    pr_topo_free(topo);
}

static void shards_are_those_of_the_placement(void **state)
{
    (void)state;
    static const int kinds[] = { PR_SHARDS_AUTO, PR_SHARDS_RANGE, PR_SHARDS_HASH };
    pr_topo         *topo    = machine("numa:4 core:2 pu:1");
    pr_train_setup   setup;

    test_setup(&setup, path);
    for (uint32_t lanes = 2; lanes <= 8; lanes += 3)
        for (size_t k = 0; k < 3; k++) {
            setup.placement.lanes  = lanes;
            setup.placement.shards = kinds[k];
            pri_placing     *p     = placed(&setup, topo);
            const pr_shards *s     = &p->shards;
            assert_int_equal(p->placement.plan.num_lanes, lanes);
            assert_true(p->placement.sharded && p->placement.fits);
            assert_int_equal(s->num_shards, lanes);
            assert_int_equal(s->of_row != NULL, kinds[k] == PR_SHARDS_HASH);
            uint64_t rows[PR_MAX_LANES] = { 0 };
            for (pr_vid v = 0; v < NODES; v++) {
                uint32_t shard = 0;
                if (s->of_row)
                    shard = s->of_row[v];
                else
                    while (v >= s->first[shard + 1]) shard++;
                rows[shard]++;
            }
            for (uint32_t l = 0; l < lanes; l++) {
                assert_int_equal(s->lane[l], l);
                assert_int_equal(s->node[l], p->placement.plan.lane[l].numa_node);
                assert_true(rows[l] == p->placement.shard[l].num_rows);
                if (!s->of_row)
                    assert_int_equal(s->first[l] % pr_store_unit(&dataset->features, lanes), 0);
            }
            done(p);
        }
    pr_topo_free(topo);
}

static void rows_in_place_are_dealt_to_lanes_all_the_same(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *one = machine("numa:1 core:4 pu:1"), *two = machine("numa:2 core:2 pu:1");

    test_setup(&setup, path);
    setup.placement.lanes = 2;
    setup.cache.store     = PR_STORE_IN_PLACE;
    pri_placing *p        = placed(&setup, two);
    assert_false(p->placement.sharded);
    assert_int_equal(p->shards.num_shards, 2);
    assert_int_equal(p->shards.node[0], -1); /* wherever the kernel has the file */
    assert_int_equal(p->shards.first[1], NODES / 2);
    done(p);
    p = placed(&setup, one);
    assert_int_equal(p->shards.node[1], 0); /* there is but one */
    done(p);
    pr_topo_free(one);
    pr_topo_free(two);
}

/* Kernels that read rows in place find them by row number, not by a table. */
static void mode_off_reads_parts_where_they_are(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *topo = machine("numa:2 core:2 pu:1");

    test_setup(&setup, path);
    setup.placement.lanes  = 2;
    setup.cache.mode       = PR_CACHE_OFF;
    setup.placement.shards = PR_SHARDS_HASH;
    pri_placing *p         = placed(&setup, topo);
    assert_false(p->placement.sharded);
    assert_non_null(p->shards.of_row); /* seeds are dealt by it */
    done(p);
    setup.placement.shards = PR_SHARDS_RANGE;
    p                      = placed(&setup, topo);
    assert_true(p->placement.sharded);
    done(p);
    pr_topo_free(topo);
}

static void small_batches_stay_on_one_lane_and_it_is_said(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *topo = machine("numa:4 core:4 pu:1");

    test_setup(&setup, path);
    setup.train.batch_size = 8;
    pri_placing *p         = placed(&setup, topo);
    assert_int_equal(p->placement.plan.num_lanes, 1);
    assert_int_equal(p->placement.plan.num_threads, 4);
    assert_non_null(strstr(p->placement.plan.why, "not worth a second lane"));
    assert_true(p->lanes_why[0] && p->fewer_lanes);
    done(p);
    setup.placement.lanes = 4; /* who asks has them */
    p                     = placed(&setup, topo);
    assert_int_equal(p->placement.plan.num_lanes, 4);
    assert_string_equal(p->lanes_why, "");
    assert_false(p->fewer_lanes);
    done(p);
    pr_topo_free(topo);
}

static void threads_that_are_not_worth_it_are_not_started(void **state)
{
    (void)state;
    static const struct {
        uint32_t asked, started;
    } known[] = { { 0, 4 }, { 2, 2 }, { 4, 4 }, { 7, 4 }, { 32, 4 } };
    pr_train_setup setup;
    pr_topo       *topo = machine("numa:4 core:4 pu:1");

    test_setup(&setup, path);
    setup.train.batch_size = 8; /* not worth a second lane */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        setup.machine.threads = known[i].asked;
        pri_placing *p        = placed(&setup, topo);
        assert_int_equal(p->placement.plan.num_threads, known[i].started);
        assert_int_equal(p->placement.plan.num_lanes, 1);
        assert_true((known[i].asked > 4) ==
                    (strstr(p->placement.plan.why, "threads were asked for") != NULL));
        done(p);
    }
    pr_topo_free(topo);
}

static void rows_without_room_for_a_copy_stay_where_they_are(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *topo = machine("pack:2 [numa(memory=1MB)] core:2 pu:1");

    test_setup(&setup, path);
    setup.placement.lanes = 2;
    pri_placing *p        = placed(&setup, topo);
    assert_false(p->placement.sharded);
    done(p);
    setup.cache.store = PR_STORE_COPIED; /* asked for: planned, and said not to fit */
    p                 = placed(&setup, topo);
    assert_true(p->placement.sharded);
    assert_false(p->placement.fits);
    assert_true(p->placement.why[0]);
    done(p);
    pr_topo_free(topo);
}

/* ---- bytes ---- */

static uint64_t bytes_of(const pr_ranges *ranges, const char *a, const char *b)
{
    uint64_t sum = 0;

    assert_int_equal(ranges->dropped, 0);
    for (uint32_t i = 0; i < ranges->num; i++)
        if (!strcmp(ranges->at[i].what, a) || !strcmp(ranges->at[i].what, b))
            sum += ranges->at[i].bytes;
    return sum;
}

/* Never less than what is made, and hardly more. */
static void assert_near(const char *what, uint64_t planned, uint64_t made)
{
    if (planned < made || planned > made + made / 2 + (1 << 20))
        fail_msg("%s: %llu bytes are planned, %llu were taken", what, (unsigned long long)planned,
                 (unsigned long long)made);
}

/* Make what one lane has, and compare it with the plan. */
static void compare(const pr_train_setup *setup)
{
    static pr_ranges ranges;
    pr_topo         *topo = machine("numa:1 core:1 pu:1");
    pri_placing     *p    = placed(setup, topo);
    pr_fanout        fanout;
    pr_model        *model;
    pr_store        *store;
    pri_lane        *lane;
    uint32_t        *scores = calloc(NODES, sizeof *scores);

    assert_ok(pr_fanout_parse(setup->train.fanout, setup->train.layers, &fanout));
    assert_ok(pr_model_create(&setup->model, fanout.num_layers, FEATURES, 5, 1, &model));
    assert_ok(pr_store_memory(&dataset->features, &store));
    assert_ok(pri_lane_create(topo, &p->placement.plan, 0, PR_NUMA_AUTO, &lane));
    const pri_lane_kit kit = { .graph     = &dataset->graph,
                               .fanout    = &fanout,
                               .sampling  = &setup->sampler,
                               .store     = store,
                               .model     = model,
                               .cache     = setup->cache,
                               .scores    = scores,
                               .max_seeds = setup->train.batch_size,
                               .pipelined = true };
    assert_ok(pri_lane_equip(lane, &kit));
    memset(&ranges, 0, sizeof ranges);
    pri_lane_ranges(lane, &ranges);
    const uint64_t *planned = p->placement.node[0].bytes;
    assert_near("slab", planned[PR_ITEM_SLAB], bytes_of(&ranges, "slab", "slab"));
    assert_near("index", planned[PR_ITEM_INDEX], bytes_of(&ranges, "index", "policy"));
    assert_near("sampler", planned[PR_ITEM_SAMPLER], bytes_of(&ranges, "sampler", "batch"));
    assert_near("tape", planned[PR_ITEM_TAPE], bytes_of(&ranges, "tape", "tape"));
    pri_lane_free(lane);
    pr_store_free(store);
    pr_model_free(model);
    free(scores);
    done(p);
    pr_topo_free(topo);
}

static void bytes_are_those_that_a_lane_takes(void **state)
{
    (void)state;
    static const int samplers[] = { PR_SAMPLER_UNIFORM, PR_SAMPLER_REPLACE, PR_SAMPLER_LABOR,
                                    PR_SAMPLER_WALK };
    static const int modes[]    = { PR_CACHE_RESIDENT, PR_CACHE_PACKED, PR_CACHE_OFF };
    pr_train_setup   setup;

    test_setup(&setup, path);
    for (size_t m = 0; m < 3; m++)
        for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
            setup.cache.mode       = modes[m];
            setup.cache.policy     = policy;
            setup.sampler.kind     = samplers[policy];
            setup.train.batch_size = 64u << policy;
            compare(&setup);
        }
    setup.cache.mode         = PR_CACHE_RESIDENT;
    setup.cache.rows         = 100;
    setup.sampler.kind       = PR_SAMPLER_LABOR;
    setup.sampler.cache_bias = 8;
    compare(&setup);
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "all");
    setup.cache.rows  = 0;
    setup.cache.bytes = 1 << 16;
    compare(&setup);
}

/* ---- errors ---- */

static void what_contradicts_is_named(void **state)
{
    (void)state;
    static pr_placement out;
    pr_train_setup      setup;
    pr_topo            *topo = machine("numa:2 core:2 pu:1");

    test_setup(&setup, path);
    assert_fails(PR_E_ARG, "NULL", pr_train_place(NULL, dataset, topo, &out));
    assert_fails(PR_E_ARG, "NULL", pr_train_place(&setup, NULL, topo, &out));
    assert_fails(PR_E_ARG, "NULL", pr_train_place(&setup, dataset, NULL, &out));
    assert_fails(PR_E_ARG, "NULL", pr_train_place(&setup, dataset, topo, NULL));
    setup.placement.shards = PR_SHARDS_PART;
    assert_fails(PR_E_ARG, "--shards part needs --shards.file",
                 pr_train_place(&setup, dataset, topo, &out));
    setup.placement.shards = PR_SHARDS_AUTO;
    setup.placement.lanes  = 65;
    assert_fails(PR_E_ARG, "lanes is 65", pr_train_place(&setup, dataset, topo, &out));
    setup.placement.lanes = 2;
    setup.machine.numa    = PR_NUMA_OFF;
    assert_fails(PR_E_ARG, "--numa off is one lane", pr_train_place(&setup, dataset, topo, &out));
    setup.machine.numa = PR_NUMA_AUTO;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "0");
    assert_fails(PR_E_ARG, "--fanout", pr_train_place(&setup, dataset, topo, &out));
    pr_topo_free(topo);
}

typedef struct order {
    const pr_train_setup *setup;
    const pr_topo        *topo;
} order;

static pr_status open_one(void *context, void **out)
{
    static pri_placing placing;
    const order       *own = context;
    const pr_status    st  = pri_placing_open(own->setup, dataset, own->topo, &placing);

    *out = st == PR_OK ? &placing : NULL;
    return st;
}

static void close_one(void *placing)
{
    pri_placing_close(placing);
}

static void a_placing_survives_every_failed_allocation(void **state)
{
    (void)state;
    pr_train_setup setup;
    pr_topo       *topo = machine("numa:2 core:2 pu:1");

    test_setup(&setup, path);
    setup.placement.lanes  = 2;
    setup.placement.shards = PR_SHARDS_HASH;
    test_oom("pri_placing_open", open_one, close_one, &(order){ &setup, topo });
    pr_topo_free(topo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lane_has_one_shard_and_costs_nothing),
        cmocka_unit_test(shards_are_those_of_the_placement),
        cmocka_unit_test(rows_in_place_are_dealt_to_lanes_all_the_same),
        cmocka_unit_test(mode_off_reads_parts_where_they_are),
        cmocka_unit_test(threads_that_are_not_worth_it_are_not_started),
        cmocka_unit_test(small_batches_stay_on_one_lane_and_it_is_said),
        cmocka_unit_test(rows_without_room_for_a_copy_stay_where_they_are),
        cmocka_unit_test(bytes_are_those_that_a_lane_takes),
        cmocka_unit_test(what_contradicts_is_named),
        cmocka_unit_test(a_placing_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, open_dataset, close_dataset);
}
