/* test_row_format.c: rows in other formats against slow arithmetic in f64, value by value: every
 * pattern of 16 bits, every integer of 8, and floats of all magnitudes, ties and edges. */
#include "support/support.h"

#include <float.h>
#include <math.h>

#include "loaders/row_format.h"

enum { ALL16 = 1 << 16, NUM_RANDOM = 1 << 17, NUM_LENGTHS = 70 };

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A format by its fields: bits of the mantissa, exponent of the smallest normal number. */
typedef struct shape {
    int format, mantissa, lowest;
} shape;
static const shape shapes[] = { { PR_ROWS_BF16, 7, -126 }, { PR_ROWS_F16, 10, -14 } };

static double slow_decode(const shape *s, uint16_t h)
{
    const int    exponent = (h & 0x7fff) >> s->mantissa, rest = h & ((1 << s->mantissa) - 1);
    const int    top   = (1 << (15 - s->mantissa)) - 1;
    const double sign  = h & 0x8000 ? -1.0 : 1.0;
    const int    whole = exponent > 0 ? rest + (1 << s->mantissa) : rest;

    if (exponent == top) return rest ? (double)NAN : sign * (double)INFINITY;
    return sign * ldexp((double)whole, s->lowest + (exponent > 0 ? exponent - 1 : 0) - s->mantissa);
}

/* The nearest number of the format, ties to even; infinity beyond the largest. */
static double slow_round(const shape *s, float x)
{
    int exponent;
    (void)frexp((double)x, &exponent); /* x = [0.5, 1) 2^exponent */
    const int    unit = (exponent - 1 > s->lowest ? exponent - 1 : s->lowest) - s->mantissa;
    const double near = ldexp(nearbyint(ldexp((double)x, -unit)), unit);
    const double most = ldexp(2.0 - ldexp(1.0, -s->mantissa), 1 - s->lowest);
    return fabs(near) > most ? copysign((double)INFINITY, (double)x) : near;
}

static void every_pattern_of_16_bits_is_read_exactly(void **state)
{
    static uint16_t all[ALL16];
    static float    got[ALL16];

    (void)state;
    for (uint32_t i = 0; i < ALL16; i++) all[i] = (uint16_t)i;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        pri_row_decode(shapes[k].format, all, 1, ALL16, got);
        for (uint32_t i = 0; i < ALL16; i++) {
            const double want = slow_decode(&shapes[k], (uint16_t)i);
            if (isnan(want))
                assert_true(isnan(got[i]));
            else
                assert_int_equal(bits_of(got[i]), bits_of((float)want));
            assert_int_equal(pri_row_is_finite(shapes[k].format, all + i, 1), isfinite(want) != 0);
        }
    }
}

static void what_was_read_is_written_as_the_same_bits(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (uint32_t i = 0; i < ALL16; i++) {
            const uint16_t h = (uint16_t)i;
            uint16_t       back;
            float          x, scale;
            pri_row_decode(shapes[k].format, &h, 1, 1, &x);
            if (!isfinite(x)) continue;
            assert_true(pri_row_encode(shapes[k].format, &x, 1, &back, &scale));
            assert_int_equal(back, h);
        }
}

/* Check one value, in a row by itself, in both formats of 16 bits. */
static void check_rounding(float x)
{
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        const double want = slow_round(&shapes[k], x);
        uint16_t     h;
        float        scale;
        const bool   held = pri_row_encode(shapes[k].format, &x, 1, &h, &scale);
        if (held != (isfinite(want) != 0)) fail_msg("%a: held %d", (double)x, held);
        if (!held) continue;
        const double got = slow_decode(&shapes[k], h);
        if (got != want || !signbit(got) != !signbit(x))
            fail_msg("%s of %a is %a, must be %a", pr_row_format_name(shapes[k].format), (double)x,
                     got, want);
    }
}

static void values_are_rounded_to_the_nearest_and_ties_to_even(void **state)
{
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (uint32_t i = 0; i < NUM_RANDOM; i++) {
        const float x = float_of(test_random(&rng));
        if (isfinite(x)) check_rounding(x);
        check_rounding(ldexpf((float)(int32_t)test_random(&rng), (int)test_below(&rng, 60) - 60));
    }
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (uint32_t i = 0; i < 0x7fff; i++) { /* the middle of neighbours, and just beside it */
            const double a = slow_decode(&shapes[k], (uint16_t)i);
            const double b = slow_decode(&shapes[k], (uint16_t)(i + 1));
            if (!isfinite(a) || !isfinite(b)) continue;
            const float middle = (float)((a + b) / 2);
            check_rounding(middle);
            check_rounding(-middle);
            check_rounding(nextafterf(middle, 0));
            check_rounding(nextafterf(middle, INFINITY));
        }
    const float special[] = { 0.0f,      -0.0f,       FLT_MIN,    FLT_TRUE_MIN, -FLT_TRUE_MIN,
                              FLT_MAX,   -FLT_MAX,    65504.0f,   65519.996f,   65520.0f,
                              -65520.0f, 0x1p-24f,    0x1p-25f,   0x1.8p-25f,   0x1.fffp-15f,
                              0x1p-14f,  0x1.fep127f, 0x1.ffp127f };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) check_rounding(special[i]);
}

static void check_int8_row(const float *x, uint32_t n)
{
    float  scale = -1, most = 0, back[NUM_LENGTHS];
    int8_t q[NUM_LENGTHS];

    for (uint32_t i = 0; i < n; i++) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    assert_true(pri_row_encode(PR_ROWS_INT8, x, n, q, &scale));
    assert_true(scale >= 0 && isfinite(scale) && isfinite(127 * scale));
    if (127 * (most / 127) <= FLT_MAX) assert_true(scale == most / 127);
    pri_row_decode(PR_ROWS_INT8, q, scale, n, back);
    for (uint32_t i = 0; i < n; i++) {
        double want = scale > 0 ? nearbyint((double)(x[i] / scale)) : 0;
        want        = want > 127 ? 127 : want < -127 ? -127 : want;
        assert_int_equal(q[i], (int)want);
        assert_int_equal(bits_of(back[i]), bits_of((float)q[i] * scale));
    }
}

static void int8_rows_have_the_scale_of_their_largest_value(void **state)
{
    test_rng    rng            = { .key = test_seed() };
    float       x[NUM_LENGTHS] = { 0 };
    const float special[]      = { 0,    -0.0f,     1,        -1,           127,       63.5f, 0.5f,
                                   1.5f, FLT_MAX,   -FLT_MAX, FLT_TRUE_MIN, FLT_MIN,   2.5f,  -126.5f,
                                   100,  0x1p-140f, 0x1p127f, 1e-30f,       -0x1p-149f };

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const uint32_t n        = 1 + test_below(&rng, NUM_LENGTHS);
        const int      exponent = (int)test_below(&rng, 250) - 160;
        for (uint32_t c = 0; c < n; c++) x[c] = ldexpf((float)(int32_t)test_random(&rng), exponent);
        for (uint32_t c = 0; c < n; c++)
            if (!isfinite(x[c])) x[c] = FLT_MAX;
        check_int8_row(x, n);
    }
    const uint32_t num = sizeof special / sizeof *special;
    for (uint32_t a = 0; a < num; a++)
        for (uint32_t b = 0; b < num; b++)
            check_int8_row((const float[]){ special[a], special[b], 0 }, 3);
    for (uint32_t top = 0; top < 300; top++) /* 127 scales must not pass the largest float */
        check_int8_row((const float[]){ float_of(0x7f7fffffu - top) }, 1);
}

static void int8_is_the_integer_times_the_scale(void **state)
{
    const float scale[] = { 0, 1, 0.1f, FLT_MIN, FLT_TRUE_MIN, FLT_MAX / 127, 3e-5f };

    (void)state;
    for (size_t s = 0; s < sizeof scale / sizeof *scale; s++)
        for (int q = -128; q < 128; q++) {
            const int8_t from = (int8_t)q;
            float        got;
            pri_row_decode(PR_ROWS_INT8, &from, scale[s], 1, &got);
            assert_int_equal(bits_of(got), bits_of((float)q * scale[s]));
        }
}

/* Lengths around whole vectors, at odd places: as many values are written as asked for. */
static void rows_of_any_length_are_as_their_values_one_by_one(void **state)
{
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (uint32_t n = 1; n <= NUM_LENGTHS; n++) {
            const size_t size = pri_row_bytes(format, 1), bytes = pri_row_bytes(format, n);
            float        x[NUM_LENGTHS], back[NUM_LENGTHS + 2], scale, one;
            _Alignas(64) unsigned char row[4 * (NUM_LENGTHS + 2)];

            assert_int_equal(bytes, n * size);
            memset(row, 0xab, sizeof row);
            for (uint32_t c = 0; c < n; c++) x[c] = (float)test_below(&rng, 2001) / 100 - 10;
            assert_true(pri_row_encode(format, x, n, row + size, &scale));
            for (size_t i = 0; i < size; i++)
                assert_true(row[i] == 0xab && row[size + bytes + i] == 0xab);
            assert_true(pri_row_is_finite(format, row + size, n));
            back[0] = back[n + 1] = -77;
            pri_row_decode(format, row + size, scale, n, back + 1);
            assert_true(back[0] == -77 && back[n + 1] == -77);
            for (uint32_t c = 0; c < n; c++) {
                pri_row_decode(format, row + size + c * size, scale, 1, &one);
                assert_int_equal(bits_of(one), bits_of(back[c + 1]));
                assert_true(fabsf(one - x[c]) <= (format == PR_ROWS_F32 ? 0.0f : 0.05f));
            }
        }
}

static void values_that_are_not_finite_are_found_wherever_they_are(void **state)
{
    const uint32_t odd[3][4] = { { 0x7f800000u, 0xff800000u, 0x7fc00000u, 0x7f800001u },
                                 { 0x7f80u, 0xff80u, 0x7fc0u, 0xffffu },
                                 { 0x7c00u, 0xfc00u, 0x7e00u, 0xffffu } };

    (void)state;
    for (int format = PR_ROWS_F32; format <= PR_ROWS_F16; format++)
        for (uint32_t at = 0; at < NUM_LENGTHS; at++)
            for (int k = 0; k < 4; k++) {
                const size_t      size                 = pri_row_bytes(format, 1);
                _Alignas(64) char row[4 * NUM_LENGTHS] = { 0 };
                memcpy(row + at * size, &odd[format][k], size);
                assert_false(pri_row_is_finite(format, row, NUM_LENGTHS));
                assert_true(pri_row_is_finite(format, row, at));
                assert_int_equal(pri_values_finite(format, row, NUM_LENGTHS), at);
                if (format > PR_ROWS_F32) continue;
                float scale;
                assert_false(pri_row_encode(PR_ROWS_F32, (const float *)(const void *)row,
                                            NUM_LENGTHS, (float[NUM_LENGTHS]){ 0 }, &scale));
            }
    const int8_t all_ones = -1;
    assert_true(pri_row_is_finite(PR_ROWS_INT8, &all_ones, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_of_16_bits_is_read_exactly),
        cmocka_unit_test(what_was_read_is_written_as_the_same_bits),
        cmocka_unit_test(values_are_rounded_to_the_nearest_and_ties_to_even),
        cmocka_unit_test(int8_rows_have_the_scale_of_their_largest_value),
        cmocka_unit_test(int8_is_the_integer_times_the_scale),
        cmocka_unit_test(rows_of_any_length_are_as_their_values_one_by_one),
        cmocka_unit_test(values_that_are_not_finite_are_found_wherever_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
