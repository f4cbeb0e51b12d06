/* labor_drift.c: normals by inversion (Wichura's algorithm AS 241, Applied Statistics 1988), good
 * to about 1e-16, and keys that compare as integers. */
#include "pipeline/sampler/labor_drift.h"

#include <math.h>
#include <string.h>

static const double half_pi = 1.57079632679489661923, root_half = 0.70710678118654752440;

/* Rational functions: numerator and denominator, highest power first. */
typedef struct rational {
    double above[8], below[8];
} rational;

static const rational central = {
    /* of 0.180625 - q^2, |q| <= 0.425 */
    { 2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
      4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
      1.3314166789178437745e2, 3.3871328727963666080e0 },
    { 5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
      2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
      4.2313330701600911252e1, 1.0 },
};
static const rational outer = {
    /* of sqrt(-log p) - 1.6; p >= 2^-33 never needs the far tail */
    { 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
      1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
      4.63033784615654529590e0, 1.42343711074968357734e0 },
    { 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
      1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
      2.05319162663775882187e0, 1.0 },
};

static double value(const rational *f, double x)
{
    double above = f->above[0], below = f->below[0];

    for (int i = 1; i < 8; i++) {
        above = above * x + f->above[i];
        below = below * x + f->below[i];
    }
    return above / below;
}

double pri_drift_normal(uint32_t u)
{
    const double p = ((double)u + 0.5) * 0x1p-32, q = p - 0.5;

    if (fabs(q) <= 0.425) return q * value(&central, 0.180625 - q * q);
    const double far = value(&outer, sqrt(-log(q < 0 ? p : 1 - p)) - 1.6);
    return q < 0 ? -far : far;
}

pri_drift pri_drift_of(uint64_t step, uint32_t kappa)
{
    const double w = (double)(step % kappa) / kappa * half_pi;
    return (pri_drift){ cos(w), sin(w) };
}

/* Map a number to a word so that both grow together. */
static uint64_t ascending(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

uint64_t pri_drift_key(const pri_drift *drift, uint32_t old, uint32_t young, uint32_t bias,
                       bool recent)
{
    const double z = drift->old * pri_drift_normal(old) + drift->young * pri_drift_normal(young);

    if (bias == 1) return ascending(z);
    return ascending(0.5 * erfc(-z * root_half) / (recent ? bias : 1));
}
