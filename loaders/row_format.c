/* row_format.c: see row_format.h. Loops are written for the vectoriser: each element by itself,
 * bits as integers, choices as selections. No instruction that rounds in its own way is used, so
 * that every host gives the same bits.
 *
 *     f32    s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm     2^(e-127) 1.m
 *     bf16   s eeeeeeee mmmmmmm                     the upper half of it
 *     f16    s eeeee mmmmmmmmmm                     2^(e-15) 1.m; e = 0: m 2^-24; e = 31: not
 * finite
 */
#include "loaders/row_format.h"

#include <math.h>
#include <string.h>

#include "base/clones.h"

#define F32_ABS  0x7fffffffu
#define F32_INF  0x7f800000u /* and above: not finite */
#define F16_ABS  0x7fffu
#define F16_INF  0x7c00u
#define REBIAS   ((127u - 15u) << 23) /* from an exponent of f16 in place to one of f32 */
#define F16_TINY 0x38800000u          /* 2^-14: smaller ones are subnormal in f16 */
#define F16_OVER 0x477ff000u          /* 65520: this and more rounds beyond the largest f16 */
#define INT8_TOP 127.0f
#define MAGIC    0x1.8p23f /* adding it rounds to an integer, ties to even, in the low bits */

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

const char *pr_row_format_name(int format)
{
    switch (format) {
    case PR_ROWS_F32: return "f32";
    case PR_ROWS_BF16: return "bf16";
    case PR_ROWS_F16: return "f16";
    case PR_ROWS_INT8: return "int8";
    default: return "unknown";
    }
}

pr_dtype pri_row_dtype(int format)
{
    static const pr_dtype types[] = { PR_F32, PR_U16, PR_F16, PR_I8 };
    return types[format];
}

size_t pri_row_bytes(int format, uint32_t num_cols)
{
    const size_t cols = num_cols;
    return format == PR_ROWS_F32 ? cols * 4 : format == PR_ROWS_INT8 ? cols : cols * 2;
}

PRI_CLONES static void decode_bf16(const uint16_t *restrict from, uint32_t n, float *restrict to)
{
    for (uint32_t i = 0; i < n; i++) to[i] = float_of((uint32_t)from[i] << 16);
}

/* A subnormal is an integer times 2^-24, which f32 holds exactly and as a normal number. */
PRI_CLONES static void decode_f16(const uint16_t *restrict from, uint32_t n, float *restrict to)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t sign = ((uint32_t)from[i] & 0x8000u) << 16, rest = from[i] & F16_ABS;
        const uint32_t tiny   = bits_of((float)(int32_t)rest * 0x1p-24f);
        const uint32_t normal = (rest << 13) + REBIAS + (rest >= F16_INF ? REBIAS : 0);
        to[i]                 = float_of(sign | (rest < 0x400u ? tiny : normal));
    }
}

PRI_CLONES static void decode_int8(const int8_t *restrict from, float scale, uint32_t n,
                                   float *restrict to)
{
    for (uint32_t i = 0; i < n; i++) to[i] = (float)from[i] * scale;
}

void pri_row_decode(int format, const void *from, float scale, uint32_t n, float *to)
{
    switch (format) {
    case PR_ROWS_BF16: decode_bf16(from, n, to); break;
    case PR_ROWS_F16: decode_f16(from, n, to); break;
    case PR_ROWS_INT8: decode_int8(from, scale, n, to); break;
    default: memcpy(to, from, n * sizeof *to); break;
    }
}

/* Each encoder gives a number that is not 0 when some value was beyond the format. */
PRI_CLONES static uint32_t encode_bf16(const float *restrict from, uint32_t n,
                                       uint16_t *restrict to)
{
    uint32_t odd = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(from[i]);
        const uint32_t half = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
        odd |= (half & 0x7f80u) == 0x7f80u;
        to[i] = (uint16_t)half;
    }
    return odd;
}

/* Below 2^-14 the sum with one half rounds to a multiple of 2^-24, as f16 does there. */
PRI_CLONES static uint32_t encode_f16(const float *restrict from, uint32_t n, uint16_t *restrict to)
{
    uint32_t odd = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(from[i]), sign = bits >> 16 & 0x8000u, rest = bits & F32_ABS;
        const uint32_t tiny   = bits_of(float_of(rest) + 0.5f) - bits_of(0.5f);
        const uint32_t normal = (rest + 0xfffu + (rest >> 13 & 1u) - REBIAS) >> 13;
        odd |= rest >= F16_OVER;
        to[i] = (uint16_t)(sign | (rest < F16_TINY ? tiny : normal));
    }
    return odd;
}

PRI_CLONES static uint32_t largest_bits(const float *from, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t rest = bits_of(from[i]) & F32_ABS;
        most                = rest > most ? rest : most;
    }
    return most;
}

PRI_CLONES static void encode_int8(const float *restrict from, float scale, uint32_t n,
                                   int8_t *restrict to)
{
    for (uint32_t i = 0; i < n; i++) {
        const float q       = from[i] / scale; /* beyond 127 only where scale is subnormal */
        const float bounded = q > INT8_TOP ? INT8_TOP : q < -INT8_TOP ? -INT8_TOP : q;
        to[i]               = (int8_t)(int32_t)(bits_of(bounded + MAGIC) - bits_of(MAGIC));
    }
}

static bool encode_scaled(const float *from, uint32_t n, int8_t *to, float *scale)
{
    const uint32_t most = largest_bits(from, n);

    *scale = 0;
    memset(to, 0, n);
    if (most >= F32_INF) return false;
    float step = float_of(most) / INT8_TOP;
    if (INT8_TOP * step > float_of(F32_INF - 1)) step = nextafterf(step, 0.0f);
    if (step > 0) encode_int8(from, step, n, to); /* else all are below what f32 can divide */
    *scale = step;
    return true;
}

bool pri_row_encode(int format, const float *from, uint32_t n, void *to, float *scale)
{
    *scale = 1;
    switch (format) {
    case PR_ROWS_BF16: return encode_bf16(from, n, to) == 0;
    case PR_ROWS_F16: return encode_f16(from, n, to) == 0;
    case PR_ROWS_INT8: return encode_scaled(from, n, to, scale);
    default: memcpy(to, from, n * sizeof *from); return largest_bits(from, n) < F32_INF;
    }
}

PRI_CLONES static uint32_t odd_halves(const uint16_t *row, uint32_t n, uint16_t exponent)
{
    uint16_t odd = 0;
    for (uint32_t i = 0; i < n; i++)
        odd = (uint16_t)(odd | ((uint16_t)(row[i] & exponent) == exponent ? 1 : 0));
    return odd;
}

bool pri_row_is_finite(int format, const void *row, uint32_t n)
{
    switch (format) {
    case PR_ROWS_BF16: return odd_halves(row, n, 0x7f80u) == 0;
    case PR_ROWS_F16: return odd_halves(row, n, F16_INF) == 0;
    case PR_ROWS_INT8: return true;
    default: return largest_bits(row, n) < F32_INF;
    }
}
