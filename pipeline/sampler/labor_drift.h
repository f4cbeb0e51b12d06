/* labor_drift.h: the published form of kappa-dependent r_t (Balin et al., TMLR 2025), kept to be
 * compared with the staggered one.
 *
 * Two standard normals a vertex, of renewal epochs q = floor(step / kappa) and q + 1, are mixed so
 * that the first fades into the second:
 *
 *     n_e    Phi^-1((M(a_t xor key(e)) + 1/2) / 2^32)           M, a_t, key: labor.h
 *     z_t    cos(w) n_q + sin(w) n_(q+1),   w = (step mod kappa) / kappa * pi / 2
 *     r_t    Phi(z_t)
 *
 * Phi grows, so without a cache bias the z_t are compared as they are. All of it is scalar double
 * code: the same on every instruction set of a machine, but sines, logarithms and error functions
 * are those of the C library, and with another library a last bit, and once in a great while a
 * choice, may differ. */
#ifndef PIPELINE_SAMPLER_LABOR_DRIFT_H
#define PIPELINE_SAMPLER_LABOR_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pri_drift {
    double old, young; /* cos(w) and sin(w) */
} pri_drift;

/* Give the weights of a step. */
pri_drift pri_drift_of(uint64_t step, uint32_t kappa);

/* Give the standard normal whose distribution function is (u + 1/2) / 2^32. */
double pri_drift_normal(uint32_t u);

/* Give a word that is the smaller the sooner the vertex is kept.
 *
 *   old, young   random words of the vertex in epochs q and q + 1
 *   bias         B; 1: compare z_t
 *   recent       pi_t = B, else 1
 */
uint64_t pri_drift_key(const pri_drift *drift, uint32_t old, uint32_t young, uint32_t bias,
                       bool recent);

#endif
