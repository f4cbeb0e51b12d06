/* test_preview.c: what is found out before a run is what the run then does: batches stay within the
 * sizes that were drawn, parts within the memory that was said, and a cache over rows that are not
 * there moves what the real one moves. */
#include "support/rig.h"

#include <math.h>

#include "base/extent.h"
#include "pipeline/ahead.h"
#include "pipeline/preview.h"

enum { NODES = 30000, EDGES = 240000, FEATURES = 24, BATCH = 200, SEED = 3 };

static const char *path;

static int make_graph(void **state)
{
    (void)state;
    path = test_planted(NODES, EDGES, FEATURES, 5);
    return 0;
}

/* What a rig's own lane 0 would be asked. */
typedef struct looked {
    pr_fanout         fanout;
    pri_seeds_plan    seeds;
    pri_preview_input input;
    pri_preview_sizes sizes;
} looked;

static void look(test_rig *r, const test_rig_plan *plan, uint32_t lane, looked *out)
{
    assert_ok(pr_fanout_parse("5,3", 0, &out->fanout)); /* the rig's */
    out->seeds = (pri_seeds_plan){
        .order      = { .kind  = PR_ORDER_RANDOM,
                        .nodes = r->dataset->split[PR_SPLIT_MAIN].train,
                        .seed  = SEED },
        .echo       = { 1, 1 },
        .batch_size = plan->batch_size,
        .num_steps  = plan->num_steps,
        .split      = r->split,
    };
    out->input = (pri_preview_input){
        .graph     = &r->graph,
        .fanout    = &out->fanout,
        .sampling  = plan->sampling,
        .seed      = SEED,
        .max_seeds = pri_split_most(&r->rule, lane, plan->batch_size),
        .threads   = 1,
        .seeds     = &out->seeds,
        .features  = &r->dataset->features,
        .lane      = lane,
    };
    assert_ok(pri_preview_measure(r->lane[lane], &out->input, &out->sizes));
}

/* Train and compare with what the same cache did before over no rows. */
static void expect_moves(test_rig_plan plan)
{
    test_rig          r;
    looked            seen;
    pri_preview_moves said = { 0 }, sum = { 0 };
    double            inputs = 0, moved = 0;

    plan.path = path;
    test_rig_open(&r, &plan);
    for (uint32_t l = 0; l < plan.num_lanes; l++) {
        const pri_preview_cache cache = { .options = plan.cache };
        look(&r, &plan, l, &seen);
        assert_ok(pri_preview_run(r.lane[l], &seen.input, &seen.sizes, &cache, 1, 0, &said));
        assert_int_equal(said.num_steps, plan.num_steps);
        sum.inputs += said.inputs;
        sum.rows_moved += said.rows_moved;
        sum.capacity_rows += said.capacity_rows;
    }
    uint64_t capacity = 0;
    for (uint64_t s = 0; s < plan.num_steps; s++) {
        const pr_step row = test_rig_train(&r, s);
        if (s < plan.num_steps / 2) continue;
        inputs += (double)row.num_inputs / (double)(plan.num_steps - plan.num_steps / 2);
        moved += (double)row.rows_moved / (double)(plan.num_steps - plan.num_steps / 2);
    }
    for (uint32_t l = 0; l < plan.num_lanes; l++)
        capacity += pr_cache_capacity_rows(r.lane[l]->cache);
    test_rig_close(&r);
    assert_true(fabs(sum.inputs - inputs) < 1e-6 * inputs);
    if (fabs(sum.rows_moved - moved) > 1e-6 * (moved + 1))
        fail_msg("%g rows a step were said, %g moved", sum.rows_moved, moved);
    assert_int_equal(sum.capacity_rows, capacity);
}

static test_rig_plan plan_of(int policy, uint32_t lookahead)
{
    test_rig_plan plan = {
        .num_lanes = 1, .batch_size = BATCH, .num_steps = 40, .cache = test_cache_options()
    };

    plan.cache.policy    = policy;
    plan.cache.lookahead = lookahead;
    return plan;
}

static void a_cache_over_no_rows_moves_what_the_real_one_moves(void **state)
{
    (void)state;
    expect_moves(plan_of(PR_POLICY_LRU, PR_WINDOW_AUTO));
    expect_moves(plan_of(PR_POLICY_SIEVE, PR_WINDOW_AUTO));
    expect_moves(plan_of(PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO));
    expect_moves(plan_of(PR_POLICY_LOOKAHEAD, 0));
    expect_moves(plan_of(PR_POLICY_LOOKAHEAD, 5));

    test_rig_plan plan = plan_of(PR_POLICY_LOOKAHEAD, 3);
    plan.cache.rows    = 100; /* far less than a batch: the rest bypasses */
    expect_moves(plan);
    plan.cache.rows   = 0;
    plan.cache.factor = 0; /* no row is kept */
    expect_moves(plan);
    plan.cache.mode = PR_CACHE_PACKED;
    expect_moves(plan);
}

static void lanes_are_tried_each_with_its_own_seeds(void **state)
{
    (void)state;
    test_rig_plan plan = plan_of(PR_POLICY_LOOKAHEAD, 4);

    plan.num_lanes = 3;
    plan.uneven    = true;
    plan.shards    = RIG_SHARDS_RANGE;
    expect_moves(plan);
}

/* Give the bytes of a list of ranges that are in memory. */
static uint64_t present(const pr_ranges *ranges)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < ranges->num; i++) {
        pr_residency seen;
        if (pr_residency_read(&ranges->at[i], 0, &seen) != PR_OK) return 0;
        bytes += (seen.on_node + seen.elsewhere) * 4096;
    }
    return bytes;
}

/* Draw many more batches than were looked at, and see what their sampler and room have. */
static void batches_stay_within_what_was_drawn_beforehand(void **state)
{
    (void)state;
    static const int   kinds[] = { PR_SAMPLER_UNIFORM, PR_SAMPLER_LABOR, PR_SAMPLER_WALK };
    pr_sampler_options sampling;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        test_rig      r;
        looked        seen;
        test_rig_plan plan = plan_of(PR_POLICY_LRU, 0);
        pr_sampler_default(&sampling);
        sampling.kind  = kinds[k];
        plan.path      = path;
        plan.sampling  = &sampling;
        plan.num_steps = 200;
        test_rig_open(&r, &plan);
        look(&r, &plan, 0, &seen);
        const pri_preview_sizes *s = &seen.sizes;
        assert_int_equal(s->num_batches, PRI_PREVIEW_BATCHES);
        for (uint64_t step = 0; step < plan.num_steps; step++) {
            const pr_step row = test_rig_train(&r, step);
            if (row.num_inputs > s->drawn.max_inputs)
                fail_msg("%llu inputs, at most %u were expected",
                         (unsigned long long)row.num_inputs, s->drawn.max_inputs);
        }
        assert_true(s->drawn.max_inputs <= s->bounds.max_inputs);
        assert_true(s->drawn.max_inputs < 1.5 * s->mean.inputs);

        static pr_ranges ranges;
        ranges = (pr_ranges){ 0 };
        pr_sampler_ranges(r.lane[0]->sampler, &ranges);
        const uint64_t of_sampler = present(&ranges);
        ranges                    = (pr_ranges){ 0 };
        pri_ahead_ranges(r.lane[0]->ahead, &ranges);
        const uint64_t of_rooms = present(&ranges);
        if (of_sampler > s->sampler_bytes + 8192 || of_rooms > s->room_bytes)
            fail_msg("sampler %llu of %llu, room %llu of %llu bytes",
                     (unsigned long long)of_sampler, (unsigned long long)s->sampler_bytes,
                     (unsigned long long)of_rooms, (unsigned long long)s->room_bytes);
        test_rig_close(&r);
    }
}

static void a_tape_has_in_memory_what_batches_of_these_sizes_write(void **state)
{
    (void)state;
    test_rig       r;
    looked         seen;
    test_rig_plan  plan = plan_of(PR_POLICY_LRU, 0);
    pr_model_shape shape;
    pri_tape_sizes most, used;

    plan.path      = path;
    plan.num_steps = 30;
    test_rig_open(&r, &plan);
    look(&r, &plan, 0, &seen);
    for (uint64_t step = 0; step < plan.num_steps; step++) (void)test_rig_train(&r, step);
    pr_model_describe(r.model, &shape);
    for (uint32_t h = 0; h < seen.fanout.num_layers; h++) {
        most.dst[h]   = seen.sizes.bounds.max_dst[h];
        most.edges[h] = seen.sizes.bounds.max_edges[h];
        used.dst[h]   = seen.sizes.drawn.max_dst[h];
        used.edges[h] = seen.sizes.drawn.max_edges[h];
    }
    most.inputs            = seen.sizes.bounds.max_inputs;
    used.inputs            = seen.sizes.drawn.max_inputs;
    const uint64_t   said  = pri_tape_resident(&shape, &most, &used, false, pri_page_most());
    const uint64_t   whole = pri_tape_bytes(&shape, most.dst, most.edges, most.inputs);
    static pr_ranges ranges;
    ranges = (pr_ranges){ 0 };
    pri_tape_ranges(r.lane[0]->tape, &ranges);
    const uint64_t has = present(&ranges);
    if (has > said || said > whole + 4096 || (has && said > 3 * has + (8 << 20)))
        fail_msg("the tape has %llu bytes, %llu were said, of %llu", (unsigned long long)has,
                 (unsigned long long)said, (unsigned long long)whole);
    assert_int_equal(pri_tape_resident(&shape, &most, &most, true, 4096),
                     (whole + 4095) / 4096 * 4096);
    test_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_over_no_rows_moves_what_the_real_one_moves),
        cmocka_unit_test(lanes_are_tried_each_with_its_own_seeds),
        cmocka_unit_test(batches_stay_within_what_was_drawn_beforehand),
        cmocka_unit_test(a_tape_has_in_memory_what_batches_of_these_sizes_write),
    };
    return cmocka_run_group_tests(tests, make_graph, NULL);
}
