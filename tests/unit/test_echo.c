/* test_echo.c: a stream with an echo uses each seed as often as asked, never twice in a step, block
 * after block, and the same however far it is read ahead. */
#include "support/support.h"

#include "pipeline/seeds.h"

enum { MAX_N = 120, EPOCHS = 2 };

static pr_vid nodes[MAX_N];

static pri_seeds *open_stream(uint32_t n, uint32_t batch, pri_echo echo, uint32_t ahead)
{
    pri_seeds *seeds;

    for (uint32_t i = 0; i < n; i++) nodes[i] = 2 * i;
    const pri_seeds_plan plan = {
        .order      = { .kind = PR_ORDER_RANDOM, .nodes = { nodes, n }, .seed = 3 },
        .echo       = echo,
        .batch_size = batch,
        .num_steps  = EPOCHS * (n + batch - 1) / batch * echo.times + 7,
        .max_ahead  = ahead,
    };
    assert_ok(pri_seeds_open(&plan, &seeds));
    return seeds;
}

/* What one epoch is, told a second time: blocks of `pool` batches of the order, each `times` times.
 */
static void check_epoch(uint32_t n, uint32_t batch, pri_echo echo)
{
    pri_seeds     *seeds   = open_stream(n, batch, echo, 0);
    const uint64_t batches = (n + batch - 1) / batch, spe = batches * echo.times;
    pr_vid         order[MAX_N];

    assert_int_equal(pri_seeds_steps_per_epoch(seeds), spe);
    uint64_t step = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        pr_seed_order((pr_vids){ nodes, n }, 3, epoch, order);
        for (uint64_t first = 0; first < batches; first += echo.pool)
            for (uint32_t round = 0; round < echo.times; round++) {
                uint8_t        used[2 * MAX_N] = { 0 };
                const uint64_t end   = first + echo.pool < batches ? first + echo.pool : batches;
                const uint64_t begin = first * batch;
                uint64_t       at    = begin;
                for (uint64_t b = first; b < end; b++, step++) {
                    pri_seeds_reach(seeds, step);
                    const pri_step_seeds got  = pri_seeds_of(seeds, step);
                    const uint64_t       left = n - b * batch;
                    assert_int_equal(got.epoch, epoch);
                    assert_int_equal(got.ids.n, left < batch ? left : batch);
                    for (size_t i = 0; i < got.ids.n; i++, at++) {
                        assert_int_equal(used[got.ids.at[i]]++, 0); /* in the whole round */
                        if (round == 0) assert_int_equal(got.ids.at[i], order[at]);
                    }
                }
                for (uint64_t i = begin; i < at; i++) assert_int_equal(used[order[i]], 1);
            }
    }
    pri_seeds_free(seeds);
}

static void each_seed_is_used_as_often_as_asked_block_after_block(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 7, 50, MAX_N }, batches[] = { 1, 3, 10, 64, 200 };
    static const uint32_t times[] = { 1, 2, 4, 9 }, pools[] = { 1, 2, 5, 1000 };

    for (int n = 0; n < 5; n++)
        for (int b = 0; b < 5; b++)
            for (int t = 0; t < 4; t++)
                for (int p = 0; p < 4; p++)
                    check_epoch(counts[n], batches[b], (pri_echo){ times[t], pools[p] });
}

static void steps_do_not_depend_on_how_far_they_are_read_ahead(void **state)
{
    (void)state;
    static const uint32_t windows[] = { 0, 1, 5, 31 };

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        pri_seeds *near = open_stream(55, 10, (pri_echo){ 3, 4 }, 0);
        pri_seeds *far  = open_stream(55, 10, (pri_echo){ 3, 4 }, windows[w]);
        for (uint64_t step = 0; step < pri_seeds_num_steps(near); step++) {
            pri_seeds_reach(near, step);
            pri_seeds_reach(far, step + windows[w]);
            const pri_step_seeds a = pri_seeds_of(near, step), b = pri_seeds_of(far, step);
            assert_int_equal(a.epoch, b.epoch);
            assert_int_equal(a.ids.n, b.ids.n);
            assert_memory_equal(a.ids.at, b.ids.at, a.ids.n * sizeof *a.ids.at);
        }
        pri_seeds_free(near);
        pri_seeds_free(far);
    }
}

/* With a pool of several batches the steps of one seed are spread over the rounds' batches. */
static void rounds_are_arranged_anew(void **state)
{
    (void)state;
    pri_seeds *seeds = open_stream(100, 10, (pri_echo){ 6, 10 }, 59);
    int        same  = 0;

    pri_seeds_reach(seeds, 59);
    for (uint64_t a = 0; a < 60; a += 10)
        for (uint64_t b = a + 10; b < 60; b += 10) {
            const pr_vids x = pri_seeds_of(seeds, a).ids, y = pri_seeds_of(seeds, b).ids;
            for (int i = 0; i < 10; i++)
                for (int j = 0; j < 10; j++) same += x.at[i] == y.at[j];
        }
    printf("%d of 150 seeds are in the first batch of two rounds; 15 expected\n", same);
    assert_true(same > 3 && same < 35);
    pri_seeds_free(seeds);
}

static void a_stream_takes_nothing_from_the_heap_once_it_is_open(void **state)
{
    (void)state;
    pri_seeds     *seeds = open_stream(100, 7, (pri_echo){ 3, 4 }, 5);
    const uint64_t calls = pri_mem_calls();

    pri_seeds_reach(seeds, pri_seeds_num_steps(seeds));
    assert_true(pri_mem_calls() == calls);
    pri_seeds_free(seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seed_is_used_as_often_as_asked_block_after_block),
        cmocka_unit_test(steps_do_not_depend_on_how_far_they_are_read_ahead),
        cmocka_unit_test(rounds_are_arranged_anew),
        cmocka_unit_test(a_stream_takes_nothing_from_the_heap_once_it_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
