/* test_float_text.c: floats are printed as printf does it, and read back as they were. */
#include "support/support.h"

#include <math.h>

#include "base/float_text.h"

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void expect(float x)
{
    char         text[PRI_FLOAT_TEXT + 1], expected[64];
    const size_t n = pri_float_text(x, text);

    assert_true(n > 0 && n <= PRI_FLOAT_TEXT);
    text[n] = 0;
    if (!isfinite(x)) {
        assert_string_equal(text, "null");
        return;
    }
    snprintf(expected, sizeof expected, x == 0.0f && signbit(x) ? "-0.0" : "%.9g", (double)x);
    assert_string_equal(text, expected);
    const float back = strtof(text, NULL), by_double = (float)strtod(text, NULL);
    assert_memory_equal(&back, &x, sizeof x);
    assert_memory_equal(&by_double, &x, sizeof x);
}

static void a_million_floats_of_any_bits_are_printed_as_printf_does(void **state)
{
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (uint32_t i = 0; i < 1000000; i++) {
        const uint32_t bits = test_random(&rng);
        expect(float_of(i % 8 ? bits : bits & 0x807fffffu)); /* every eighth is denormal */
    }
}

static void every_power_of_ten_and_of_two_and_their_neighbours_are(void **state)
{
    (void)state;
    for (int k = -46; k <= 38; k++) {
        const float p  = (float)pow(10.0, k);
        float       up = p, down = p;
        expect(p);
        for (int i = 0; i < 50; i++) {
            expect(up = nextafterf(up, INFINITY));
            expect(down = nextafterf(down, 0.0f));
            expect(-down);
        }
    }
    for (int k = -149; k <= 127; k++) {
        const float p = (float)ldexp(1.0, k);
        expect(p);
        expect(nextafterf(p, INFINITY));
        expect(nextafterf(p, 0.0f));
    }
}

/* Exact halves of the ninth digit: the rest that decides nothing in double. */
static void ties_are_rounded_as_printf_does(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 100000; k++) {
        expect(8388608.0f + (float)k);     /* whole */
        expect(1048576.0f + (float)k / 8); /* ten digits and more */
        expect(131072.0f + (float)k / 64);
        expect(4096.0f + (float)k / 2048);
        expect((float)k / 65536);
    }
}

static void numbers_at_the_ends_are_right(void **state)
{
    static const float some[] = { 0.0f,   -0.0f,          1.0f,           -1.0f,  0.1f,
                                  1e-4f,  9.9999997e-05f, 1e8f,           1e9f,   1e10f,
                                  123.5f, -2.25f,         3.40282347e38f, 1e-45f, 999999999.0f };

    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) expect(some[i]);
    expect((float)NAN);
    expect((float)INFINITY);
    expect(-(float)INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_floats_of_any_bits_are_printed_as_printf_does),
        cmocka_unit_test(every_power_of_ten_and_of_two_and_their_neighbours_are),
        cmocka_unit_test(ties_are_rounded_as_printf_does),
        cmocka_unit_test(numbers_at_the_ends_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
