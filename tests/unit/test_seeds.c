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

static void parts_are_even_and_join_to_the_whole(void **state)
{
    (void)state;
    pr_vid ids[40];

    for (pr_vid i = 0; i < 40; i++) ids[i] = 7 * i;
    for (uint32_t n = 0; n <= 40; n++)
        for (uint32_t parts = 1; parts <= 9; parts++) {
            uint32_t next = 0;
            for (uint32_t p = 0; p < parts; p++) {
                uint32_t      first;
                const pr_vids part = pri_seeds_part((pr_vids){ ids, n }, p, parts, &first);
                assert_int_equal(first, next);
                assert_ptr_equal(part.at, ids + first);
                assert_true(part.n == n / parts || part.n == n / parts + 1);
                next += (uint32_t)part.n;
            }
            assert_int_equal(next, n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_all_epochs_are_one_stream),
        cmocka_unit_test(a_stream_ends_where_the_run_does),
        cmocka_unit_test(parts_are_even_and_join_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
