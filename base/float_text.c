/* float_text.c: nine digits of a float.
 *
 * A float has 24 bits and a double 53, so that x * 10^(8 - exponent) in double has nine digits
 * before the point that are right but for an error below 1e-6 of the last one: 10^k is within half
 * a unit of its last place for every k, and the product adds another; together 2^-52 * 10^9
 * = 2.2e-7. Only where the rest lies so near to a half that this could decide, about one in 10^6,
 * printf does it. */
#include "base/float_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS = 9, LOWEST = -46, HIGHEST = 54 };

/* 10^k at [k - LOWEST]. */
static const double power[HIGHEST - LOWEST + 1] = {
    1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34,
    1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21,
    1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,
    1e-7,  1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,
    1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,  1e16,  1e17,  1e18,
    1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,  1e26,  1e27,  1e28,  1e29,  1e30,  1e31,
    1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38,  1e39,  1e40,  1e41,  1e42,  1e43,  1e44,
    1e45,  1e46,  1e47,  1e48,  1e49,  1e50,  1e51,  1e52,  1e53,  1e54,
};

static double ten_to(int k)
{
    return power[k - LOWEST];
}

static size_t by_printf(float x, char out[PRI_FLOAT_TEXT])
{
    char      text[32];
    const int n = snprintf(text, sizeof text, "%.9g", (double)x);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

/* Give floor(log10 x) of a positive x. */
static int decimal_exponent(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits); /* floats are never denormal as doubles */
    const int binary = (int)(bits >> 52) - 1023;
    int       e      = (binary * 1233) >> 12; /* log10 2, rounded down: right, or one too low */
    if (x >= ten_to(e + 1)) e++;
    return e;
}

/* Write nine digits; gives how many there are without zeros at the end. */
static size_t digits_of(uint32_t number, char out[DIGITS])
{
    size_t n = DIGITS;

    for (size_t i = DIGITS; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
    while (n > 1 && out[n - 1] == '0') n--;
    return n;
}

static char *copy(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static char *zeros(char *to, size_t n)
{
    memset(to, '0', n);
    return to + n;
}

/* Lay digits out as %g does. */
static char *lay_out(char *to, const char *digit, size_t n, int e)
{
    const size_t before = e >= 0 ? (size_t)e + 1 : 0; /* digits before the point, unless e is far */

    if (e < -4 || e >= DIGITS) {
        const unsigned size = (unsigned)(e < 0 ? -e : e);
        *to++               = digit[0];
        if (n > 1) {
            *to++ = '.';
            to    = copy(to, digit + 1, n - 1);
        }
        *to++ = 'e';
        *to++ = e < 0 ? '-' : '+';
        *to++ = (char)('0' + size / 10);
        *to++ = (char)('0' + size % 10);
    } else if (e < 0) {
        to = zeros(copy(to, "0.", 2), (size_t)-e - 1);
        to = copy(to, digit, n);
    } else if (n <= before) {
        to = zeros(copy(to, digit, n), before - n);
    } else {
        to    = copy(to, digit, before);
        *to++ = '.';
        to    = copy(to, digit + before, n - before);
    }
    return to;
}

size_t pri_float_text(float x, char out[PRI_FLOAT_TEXT])
{
    char  digit[DIGITS];
    char *to = out;

    if (!isfinite(x)) return (size_t)(copy(out, "null", 4) - out);
    if (signbit(x)) *to++ = '-';
    if (x == 0.0f) return (size_t)(copy(to, "0.0", signbit(x) ? 3 : 1) - out);

    const double size   = fabs((double)x);
    int          e      = decimal_exponent(size);
    const double scaled = size * ten_to(DIGITS - 1 - e);
    uint32_t     number = (uint32_t)scaled;
    const double rest   = scaled - number;

    if (fabs(rest - 0.5) < 1e-6) return by_printf(x, out);
    number += rest > 0.5;
    if (number == 1000000000u) {
        number = 100000000u;
        e++;
    }
    const size_t n = digits_of(number, digit);
    return (size_t)(lay_out(to, digit, n, e) - out);
}
