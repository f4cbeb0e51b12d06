/* test_seeds.c: the stream of seeds is the epochs' orders, cut into batches, one after the other.
 */
#include "support/support.h"

#include "pipeline/seeds.h"

enum { MAX_NODES = 50 };

/* Read a whole stream `ahead` steps ahead of the one in work; every step that waits must still be
 * what its epoch's order says. */
static void check_stream(uint32_t n, uint32_t batch_size, uint64_t num_steps, uint32_t ahead)
{
    pri_seeds     *seeds;
    pr_vid         nodes[MAX_NODES], order[MAX_NODES];
    const pr_vids  all = { nodes, n };
    const uint64_t spe = (n + batch_size - 1) / batch_size;

    for (uint32_t i = 0; i < n; i++) nodes[i] = 3 * i + 1;
    assert_ok(pri_seeds_create(all, 9, batch_size, num_steps, ahead, &seeds));
    assert_int_equal(pri_seeds_steps_per_epoch(seeds), spe);
    assert_int_equal(pri_seeds_num_steps(seeds), num_steps);
    for (uint64_t step = 0; step < num_steps; step++) {
        pri_seeds_reach(seeds, step + ahead);
        for (uint64_t at = step; at <= step + ahead && at < num_steps; at++) {
            const pri_step_seeds got   = pri_seeds_of(seeds, at);
            const uint32_t       begin = (uint32_t)(at % spe) * batch_size;
            pr_seed_order(all, 9, (uint32_t)(at / spe), order);
            assert_int_equal(got.epoch, at / spe);
            assert_int_equal(got.ids.n, n - begin < batch_size ? n - begin : batch_size);
            assert_memory_equal(got.ids.at, order + begin, got.ids.n * sizeof *order);
        }
    }
    pri_seeds_free(seeds);
}

static void steps_of_all_epochs_are_one_stream(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MAX_NODES; n += 7)
        for (uint32_t batch = 1; batch <= 64; batch = batch * 2 + 1)
            for (uint32_t ahead = 0; ahead <= 31; ahead = ahead * 3 + 1)
                check_stream(n, batch, 20, ahead);
}

static void a_stream_ends_where_the_run_does(void **state)
{
    (void)state;
    const pr_vid nodes[] = { 4, 2, 9 };
    pri_seeds   *seeds;

    assert_ok(pri_seeds_create((pr_vids){ nodes, 3 }, 1, 2, 3, 5, &seeds));
    pri_seeds_reach(seeds, 1000000);
    assert_int_equal(pri_seeds_of(seeds, 0).ids.n, 2);
    assert_int_equal(pri_seeds_of(seeds, 1).ids.n, 1);
    assert_int_equal(pri_seeds_of(seeds, 2).epoch, 1);
    pri_seeds_free(seeds);
    pri_seeds_free(NULL);
}

/* A dealt stream has the seeds that it has for one lane, and every lane knows their places. */
static void a_dealt_stream_gives_lanes_what_one_lane_would_have(void **state)
{
    (void)state;
    enum { N = 41, BATCH = 9, STEPS = 25, AHEAD = 6, LANES = 4 };
    const pri_split_rule rule = { .num_lanes = LANES, .threads = { 1, 2, 1, 1 }, .num_nodes = 90 };
    pr_vid               nodes[N];
    pri_seeds           *one, *dealt;
    pri_split           *split;

    for (uint32_t i = 0; i < N; i++) nodes[i] = 2 * i;
    assert_ok(pri_split_create(&rule, BATCH, &split));
    pri_seeds_plan plan = { .order = { .kind = PR_ORDER_RANDOM, .nodes = { nodes, N }, .seed = 5 },
                            .echo  = { 2, 2 },
                            .batch_size = BATCH,
                            .num_steps  = STEPS,
                            .max_ahead  = AHEAD };
    assert_ok(pri_seeds_open(&plan, &one));
    plan.split = split;
    assert_ok(pri_seeds_open(&plan, &dealt));
    for (uint64_t step = 0; step < STEPS; step++) {
        pri_seeds_reach(one, step + AHEAD);
        pri_seeds_reach(dealt, step + AHEAD);
        for (uint64_t at = step; at <= step + AHEAD && at < STEPS; at++) {
            const pri_step_seeds want = pri_seeds_of(one, at), got = pri_seeds_of(dealt, at);
            const pri_lot        all   = pri_seeds_lot(one, at, 0);
            uint64_t             found = 0;
            size_t               total = 0;
            assert_int_equal(got.epoch, want.epoch);
            assert_int_equal(got.ids.n, want.ids.n);
            assert_true(all.seeds.at == want.ids.at && all.seeds.n == want.ids.n && !all.positions);
            for (uint32_t l = 0; l < LANES; l++) {
                const pri_lot lot = pri_seeds_lot(dealt, at, l);
                assert_true(lot.seeds.n <= pri_split_most(&rule, l, BATCH));
                assert_ptr_equal(lot.seeds.at, got.ids.at + total);
                for (size_t i = 0; i < lot.seeds.n; i++) {
                    assert_int_equal(lot.seeds.at[i], want.ids.at[lot.positions[i]]);
                    found |= UINT64_C(1) << lot.positions[i];
                }
                total += lot.seeds.n;
            }
            assert_int_equal(total, want.ids.n);
            assert_int_equal(found, (UINT64_C(1) << total) - 1);
        }
    }
    pri_seeds_free(one);
    pri_seeds_free(dealt);
    pri_split_free(split);
}

/* Wherever a stream begins, be it within an epoch or an echo, its steps are those of the whole one.
 */
static void a_stream_that_begins_later_has_the_same_steps(void **state)
{
    (void)state;
    enum { N = 41, BATCH = 4, STEPS = 70, AHEAD = 5 };
    pr_vid     nodes[N];
    pri_seeds *whole, *later;

    for (uint32_t i = 0; i < N; i++) nodes[i] = 2 * i;
    pri_seeds_plan plan = { .order = { .kind = PR_ORDER_RANDOM, .nodes = { nodes, N }, .seed = 5 },
                            .echo  = { 3, 2 },
                            .batch_size = BATCH,
                            .num_steps  = STEPS,
                            .max_ahead  = STEPS };
    assert_ok(pri_seeds_open(&plan, &whole));
    pri_seeds_reach(whole, STEPS);
    plan.max_ahead = AHEAD;
    for (plan.first_step = 0; plan.first_step <= STEPS; plan.first_step++) {
        assert_ok(pri_seeds_open(&plan, &later));
        for (uint64_t step = plan.first_step; step < STEPS; step++) {
            pri_seeds_reach(later, step + AHEAD);
            const pri_step_seeds want = pri_seeds_of(whole, step), got = pri_seeds_of(later, step);
            assert_int_equal(got.epoch, want.epoch);
            assert_int_equal(got.ids.n, want.ids.n);
            assert_memory_equal(got.ids.at, want.ids.at, want.ids.n * sizeof *nodes);
        }
        pri_seeds_free(later);
    }
    pri_seeds_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_all_epochs_are_one_stream),
        cmocka_unit_test(a_stream_ends_where_the_run_does),
        cmocka_unit_test(a_stream_that_begins_later_has_the_same_steps),
        cmocka_unit_test(a_dealt_stream_gives_lanes_what_one_lane_would_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
