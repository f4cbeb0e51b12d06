/* test_order.c: the order of an epoch's seeds, and the exact bounded draws under it. */
#include "support/support.h"

#include "pipeline/sampler/words.h"

enum { N = 1000 };

static void fill(pr_vid *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) ids[i] = 3 * i + 1;
}

static void an_order_is_a_permutation(void **state)
{
    static const uint32_t sizes[] = { 0, 1, 2, 3, 4, 5, 17, N };
    pr_vid                ids[N], out[N + 1];

    (void)state;
    fill(ids, N);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const uint32_t n       = sizes[s];
        bool           seen[N] = { false };
        out[n]                 = 4242;
        pr_seed_order((pr_vids){ ids, n }, test_seed(), 3, out);
        assert_int_equal(out[n], 4242);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(out[i] % 3, 1);
            assert_true(out[i] / 3 < n && !seen[out[i] / 3]);
            seen[out[i] / 3] = true;
        }
    }
    pr_seed_order((pr_vids){ NULL, 0 }, 1, 1, NULL);
}

static void the_order_depends_on_seed_and_epoch_alone(void **state)
{
    pr_vid ids[N], a[N], b[N];

    (void)state;
    fill(ids, N);
    pr_seed_order((pr_vids){ ids, N }, 1, 0, a);
    pr_seed_order((pr_vids){ ids, N }, 1, 0, b);
    assert_memory_equal(a, b, sizeof a);
    pr_seed_order((pr_vids){ ids, N }, 1, 1, b);
    assert_memory_not_equal(a, b, sizeof a);
    pr_seed_order((pr_vids){ ids, N }, 2, 0, b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, ids, sizeof a);
}

/* 24 orders of four seeds over 48 000 epochs: chi-square with 23 degrees of freedom is above 58.6
 * once in 15 000 and above 70 once in 10^6. */
static void every_order_of_four_is_equally_likely(void **state)
{
    enum { EPOCHS = 48000 };
    const pr_vid ids[]      = { 0, 1, 2, 3 };
    uint32_t     count[256] = { 0 };
    double       chi        = 0;
    int          cells      = 0;

    (void)state;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        pr_vid out[4];
        pr_seed_order((pr_vids){ ids, 4 }, test_seed(), epoch, out);
        count[out[0] << 6 | out[1] << 4 | out[2] << 2 | out[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        const double expected = EPOCHS / 24.0, off = count[i] - expected;
        if (count[i]) chi += off * off / expected, cells++;
    }
    printf("24 orders, %d epochs: chi-square %.1f, 23 degrees of freedom\n", EPOCHS, chi);
    assert_int_equal(cells, 24);
    assert_true(chi < 70);
}

/* With a bound of 3 * 2^30 a quarter of the words is rejected. Plain multiply and shift would give
 * every third number twice; the exact draw shows each residue of 3 equally often. */
static void bounded_draws_reject_what_would_bias_them(void **state)
{
    enum { DRAWS = 300000 };
    const uint32_t bound    = 3u << 30;
    uint32_t       count[3] = { 0 };
    double         chi      = 0;
    pri_words      words    = pri_words_start(test_seed(), 1, 0, 2, 3);

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t drawn = pri_words_below(&words, bound);
        assert_true(drawn < bound);
        count[drawn % 3]++;
    }
    for (int i = 0; i < 3; i++) {
        const double expected = DRAWS / 3.0, off = count[i] - expected;
        chi += off * off / expected;
    }
    printf("bound 3 * 2^30, %d draws: chi-square %.2f, 2 degrees of freedom; %u Philox blocks\n",
           DRAWS, chi, words.counter[1]);
    assert_true(chi < 27.6); /* once in 10^6 */
    /* A word survives with probability 3/4: 400 000 words, 100 000 blocks, deviation 91. */
    assert_in_range(words.counter[1], 100000 - 600, 100000 + 600);
    for (int i = 0; i < 100; i++) assert_int_equal(pri_words_below(&words, 1), 0);
}

/* The words are Philox's, in order: anyone can recompute a draw. */
static void words_are_the_philox_blocks_in_order(void **state)
{
    pri_words words = pri_words_start(99, 7, 5u << 24, 11, 13);

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        const pri_rand4 block = pri_philox(99, 7, (5u << 24) + i / 4, 11, 13);
        assert_int_equal(pri_words_next(&words), block.at[i % 4]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_a_permutation),
        cmocka_unit_test(the_order_depends_on_seed_and_epoch_alone),
        cmocka_unit_test(every_order_of_four_is_equally_likely),
        cmocka_unit_test(bounded_draws_reject_what_would_bias_them),
        cmocka_unit_test(words_are_the_philox_blocks_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
