/* exponential.h: exp for loops that vectorise, the same on every instruction set: the C library's
 * picks its code by the CPU, and its last bit with it. */
#ifndef PIPELINE_NN_EXPONENTIAL_H
#define PIPELINE_NN_EXPONENTIAL_H

#include <stdint.h>

/* Give p and 2^n with exp(x) = 2^n (1 + p), |p| < 0.42: x = n ln 2 + r, and p the series of
 * exp(r) - 1, whose next term is below 1e-8 of it. x is taken as -87 .. 88 where it is outside; NaN
 * stays NaN. */
static inline float pri_exp_split(float x, float *power)
{
    const float magic = 0x1.8p23f; /* adding it rounds, and leaves the integer in the low bits */

    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    union {
        float    f;
        uint32_t bits;
    } n           = { .f = x * 0x1.715476p0f + magic }, scale;
    const float k = n.f - magic;
    const float r = (x - k * 0x1.63p-1f) + k * 0x1.bd0106p-13f; /* ln 2 in two parts */
    float       q = 0x1.a01a02p-13f;
    q             = q * r + 0x1.6c16c2p-10f;
    q             = q * r + 0x1.111112p-7f;
    q             = q * r + 0x1.555556p-5f;
    q             = q * r + 0x1.555556p-3f;
    q             = q * r + 0.5f;
    scale.bits    = (n.bits + 127u) << 23;
    *power        = scale.f;
    return r + r * r * q;
}

static inline float pri_exp(float x)
{
    float       power;
    const float p = pri_exp_split(x, &power);

    return power * p + power;
}

/* exp(x) - 1 without the loss of digits near 0. */
static inline float pri_exp_minus_1(float x)
{
    float       power;
    const float p = pri_exp_split(x, &power);

    return power * p + (power - 1.0f);
}

#endif
