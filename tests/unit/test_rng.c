/* test_rng.c: the random numbers are the published ones, and pure functions of their inputs. */
#include "support/support.h"

/* From kat_vectors of Random123 (philox 4x32, 10 rounds): zeros, ones, digits of pi. */
static void philox_gives_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t drawn[4];
    } known[] = {
        { { 0, 0, 0, 0 }, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          0xffffffffffffffff,
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          0x299f31d0a4093822,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const uint32_t *c     = known[i].counter;
        const pri_rand4 drawn = pri_philox(known[i].key, c[0], c[1], c[2], c[3]);
        for (int w = 0; w < 4; w++) assert_int_equal(drawn.at[w], known[i].drawn[w]);
    }
}

/* SplitMix64 seeded with 1234567 starts so; the mix is its step. */
static void mix_gives_the_published_sequence_of_splitmix64(void **state)
{
    (void)state;
    static const uint64_t known[] = { 6457827717110365317u, 3203168211198807973u,
                                      9817491932198370423u, 4593380528125082431u,
                                      16408922859458223821u };
    uint64_t              at      = 1234567;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++, at += 0x9e3779b97f4a7c15u)
        assert_true(pri_mix64(at) == known[i]);
}

/* Undo one step of the mix: x ^ (x >> s) again and again, and the inverse of an odd factor. */
static uint64_t unshift(uint64_t y, int s)
{
    uint64_t x = y;

    for (int i = 0; i < 64 / s + 1; i++) x = y ^ (x >> s);
    return x;
}

static uint64_t inverse(uint64_t odd)
{
    uint64_t x = odd; /* Newton: the number of right bits doubles */

    for (int i = 0; i < 6; i++) x *= 2 - odd * x;
    return x;
}

static void mix_can_be_undone_so_no_two_inputs_meet(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int i = 0; i < 10000; i++) {
        const uint64_t x = (uint64_t)test_random(&rng) << 32 | test_random(&rng);
        uint64_t       y = unshift(pri_mix64(x), 31) * inverse(0x94d049bb133111ebu);
        y                = unshift(y, 27) * inverse(0xbf58476d1ce4e5b9u);
        assert_true(unshift(y, 30) - 0x9e3779b97f4a7c15u == x);
    }
}

/* One flipped input bit flips half of the output bits: 32, within 6 sigma of the mean of n. */
static void mix_spreads_every_input_bit(void **state)
{
    (void)state;
    enum { N = 2000 };
    test_rng rng = { .key = test_seed() };

    for (int bit = 0; bit < 64; bit++) {
        double flipped = 0;
        for (int i = 0; i < N; i++) {
            const uint64_t x = (uint64_t)test_random(&rng) << 32 | test_random(&rng);
            flipped += __builtin_popcountll(pri_mix64(x) ^ pri_mix64(x ^ (uint64_t)1 << bit));
        }
        assert_true(flipped / N > 32 - 6 * 4 / 44.7 && flipped / N < 32 + 6 * 4 / 44.7);
    }
}

static void streams_and_seeds_have_keys_of_their_own(void **state)
{
    (void)state;
    enum { SEEDS = 200 };
    static uint64_t keys[SEEDS * PRI_STREAM_TEST];
    size_t          n = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int s = PRI_STREAM_SAMPLE; s <= PRI_STREAM_TEST; s++)
            keys[n++] = pri_stream_key(seed, (pri_stream)s);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) assert_true(keys[i] != keys[j]);
    assert_true(pri_stream_key(7, PRI_STREAM_GEN) == pri_stream_key(7, PRI_STREAM_GEN));
}

static void unit_floats_stay_below_one(void **state)
{
    (void)state;
    assert_true(pri_unit_float(0) == 0.0f);
    assert_true(pri_unit_float(0xff) == 0.0f);
    assert_true(pri_unit_float(UINT32_MAX) < 1.0f);
    assert_true(pri_unit_float(UINT32_MAX) == 1.0f - 0x1p-24f);
    assert_true(pri_unit_float(0x80000000u) == 0.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(mix_gives_the_published_sequence_of_splitmix64),
        cmocka_unit_test(mix_can_be_undone_so_no_two_inputs_meet),
        cmocka_unit_test(mix_spreads_every_input_bit),
        cmocka_unit_test(streams_and_seeds_have_keys_of_their_own),
        cmocka_unit_test(unit_floats_stay_below_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
