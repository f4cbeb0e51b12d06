/* test_replicas.c: inputs that several lists share are counted as a naive count counts them, and
 * the counter is as good as new afterwards. */
#include "support/support.h"

#include "pipeline/replicas.h"

enum { NODES = 1000, MAX_LISTS = 6 };

/* Fill a list with distinct ids, each with a chance of percent. */
static size_t draw(test_rng *rng, uint64_t percent, pr_vid *out)
{
    size_t n = 0;
    for (pr_vid v = 0; v < NODES; v++)
        if (test_below(rng, 100) < percent) out[n++] = v;
    for (size_t i = n; i > 1; i--) { /* in any order */
        const size_t k    = test_below(rng, (uint32_t)i);
        const pr_vid last = out[i - 1];
        out[i - 1]        = out[k];
        out[k]            = last;
    }
    return n;
}

static void repeated_inputs_are_those_a_naive_count_finds(void **state)
{
    (void)state;
    static pr_vid ids[MAX_LISTS][NODES];
    test_rng      rng      = { .key = test_seed() };
    pri_replicas *replicas = NULL;

    assert_ok(pri_replicas_create(NODES, &replicas));
    for (int round = 0; round < 200; round++) {
        const uint32_t num          = 1 + (uint32_t)test_below(&rng, MAX_LISTS);
        uint8_t        times[NODES] = { 0 };
        pr_vids        lists[MAX_LISTS];
        uint64_t       want = 0;

        for (uint32_t l = 0; l < num; l++) {
            lists[l] = (pr_vids){ ids[l], draw(&rng, test_below(&rng, 101), ids[l]) };
            for (size_t i = 0; i < lists[l].n; i++) want += times[ids[l][i]]++ > 0;
        }
        assert_int_equal(pri_replicas_inputs(replicas, lists, num), want);
        assert_int_equal(pri_replicas_inputs(replicas, lists, 1), 0);
    }
    pri_replicas_free(replicas);
}

static void steps_are_counted_at_equal_distances_from_the_first(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < 100; step++)
        assert_int_equal(pri_replicas_due(step), step % 16 == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_inputs_are_those_a_naive_count_finds),
        cmocka_unit_test(steps_are_counted_at_equal_distances_from_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
