/* labor.h: destinations that keep the same neighbours where they can.
 *
 * Every vertex t has one random number r_t a batch, the same for all destinations and hops, and a
 * destination keeps the `fanout` neighbours with the smallest r_t (LABOR of Balin and Catalyurek,
 * NeurIPS 2023, in its sequential form). One destination's choice is that of uniform sampling
 * without replacement; but destinations agree in what they like, so a batch has fewer inputs.
 *
 * r_t is a pure function of (seed, phase, step, t): 32 bits, from a keyed integer mix, because it
 * is needed for every neighbour of every destination and Philox would cost more than all the rest.
 * With M the bijection of 32-bit words
 *
 *     x ^= x >> 16, x *= 0x21f0aaad, x ^= x >> 15, x *= 0xd35a2d97
 *
 * (a multiply and xor-shift finaliser in Mueller's pattern, with constants that a search for small
 * avalanche bias found; its last shift is left out, since only the order of r_t counts and that is
 * in the high bits), and pri_mix64 as in rng.h:
 *
 *     K         pri_mix64(pri_stream_key(seed, PRI_STREAM_SAMPLE) + 0x4c41424f52 + phase)
 *     key(e)    low 32 bits of pri_mix64(K + 1 + e)
 *     a_t       M(t xor (low 32 bits of K))
 *     phase_t   floor(a_t kappa / 2^32)                 in 0 .. kappa - 1
 *     e_t       floor((step + phase_t) / kappa)         the renewal epoch
 *     r_t       M(a_t xor key(e_t))
 *
 * That is the staggered form: a vertex keeps r_t for exactly kappa steps, and in each step a
 * kappa-th of the vertices is renewed. In one step e_t is floor(step / kappa) or one more, and it
 * is the latter where a_t is large enough, so two keys and one comparison are all that kappa costs.
 *
 * The published form (Balin et al., TMLR 2025) lets all r_t drift: labor_drift.h.
 *
 * With a cache bias B, rows of recent batches are preferred: neighbours are kept by the smallest
 * r_t / pi_t, where pi_t = B for a vertex of one of the last W training batches and 1 otherwise.
 * Integers are compared: r_t for the former, B r_t for the latter. labor_recent.h is the memory.
 *
 * Ties go to the neighbour that is stored first. So parallel arcs, whose r_t is one, are neighbours
 * like any other: a row may keep several of them. What is kept is written in stored order, and a
 * row of `fanout` neighbours or fewer is kept whole. */
#ifndef PIPELINE_SAMPLER_LABOR_H
#define PIPELINE_SAMPLER_LABOR_H

#include "pipeline/sampler/kind.h"
#include "pipeline/sampler/labor_drift.h"
#include "pipeline/sampler/labor_recent.h"

/* What r_t of one batch depends on besides the vertex. */
typedef struct pri_labor_keys {
    uint32_t of_vertex; /* low half of K */
    uint32_t old_up_to; /* a_t above it: the vertex is in the later renewal epoch */
    uint32_t epoch[2];  /* key(q) and key(q + 1), q = floor(step / kappa) */
} pri_labor_keys;

/* Give the keys of a batch; stream_key is pri_stream_key(seed, PRI_STREAM_SAMPLE). */
pri_labor_keys pri_labor_keys_of(uint64_t stream_key, pr_draw draw, uint32_t kappa);

/* M. */
static inline uint32_t pri_labor_mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x21f0aaadu;
    return (x ^ (x >> 15)) * 0xd35a2d97u;
}

/* r_t. */
static inline uint32_t pri_labor_r(const pri_labor_keys *keys, pr_vid t)
{
    const uint32_t a = pri_labor_mix(t ^ keys->of_vertex);
    return pri_labor_mix(a ^ keys->epoch[a > keys->old_up_to]);
}

/* A thread's scratch: neighbours that may be kept, in stored order, and their keys. */
typedef struct pri_labor_sift {
    pr_vid   *id;
    uint64_t *key, *work;
    uint32_t  num;
    uint32_t  width; /* of limits, in sixteenths; changes the time, never the result */
} pri_labor_sift;

struct pri_labor_isa;

/* The state of the kind. */
typedef struct pri_labor {
    uint32_t                    kappa, bias, threads;
    bool                        drifts;
    const struct pri_labor_isa *isa;
    pri_labor_sift             *sift; /* [threads] */
    pri_labor_recent            recent;
    /* of the present batch */
    pri_labor_keys keys;
    pri_drift      drift;
    bool           biased;
} pri_labor;

#endif
