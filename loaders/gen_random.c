/* gen_random.c: normal deviates, keyed bijections and edge weights for synthetic graphs. */
#include <math.h>

#include "base/rng.h"
#include "loaders/gen.h"

/* Two deviates of two words: a radius and an angle. */
static void box_muller(uint32_t a, uint32_t b, float out[2])
{
    const float radius = sqrtf(-2.0f * logf((float)((a >> 8) + 1) * 0x1p-24f));
    const float angle  = 6.28318530718f * pri_unit_float(b);

    out[0] = radius * cosf(angle);
    out[1] = radius * sinf(angle);
}

void pri_gen_normal(const pri_gen *gen, pri_gen_purpose purpose, uint64_t index, uint32_t quad,
                    float out[4])
{
    const pri_rand4 r =
        pri_philox(gen->key, (uint32_t)index, (uint32_t)(index >> 32), quad, purpose);

    box_muller(r.at[0], r.at[1], out);
    box_muller(r.at[2], r.at[3], out + 2);
}

/* Invert an odd number modulo 2^64: each step doubles the bits that are right. */
static uint64_t inverse_of(uint64_t odd)
{
    uint64_t inverse = odd; /* right in 3 bits */
    for (int i = 0; i < 5; i++) inverse *= 2 - odd * inverse;
    return inverse;
}

void pri_permutation_init(pri_permutation *p, uint64_t n, uint64_t key)
{
    unsigned bits = 2;
    while (bits < 63 && (uint64_t)1 << bits < n) bits++;

    *p       = (pri_permutation){ .n = n };
    p->mask  = ((uint64_t)1 << bits) - 1;
    p->shift = (bits + 1) / 2; /* at least half: folding twice gives the number back */
    for (int i = 0; i < PRI_PERMUTE_ROUNDS; i++) {
        p->multiply[i] = pri_mix64(key + 2 * (uint64_t)i) | 1;
        p->divide[i]   = inverse_of(p->multiply[i]);
        p->add[i]      = pri_mix64(key + 2 * (uint64_t)i + 1);
    }
}

uint64_t pri_permute(const pri_permutation *p, uint64_t x)
{
    do {
        for (int i = 0; i < PRI_PERMUTE_ROUNDS; i++) {
            x = (x * p->multiply[i] + p->add[i]) & p->mask;
            x ^= x >> p->shift;
        }
    } while (x >= p->n);
    return x;
}

uint64_t pri_unpermute(const pri_permutation *p, uint64_t y)
{
    do {
        for (int i = PRI_PERMUTE_ROUNDS; i-- > 0;) {
            y ^= y >> p->shift;
            y = ((y - p->add[i]) * p->divide[i]) & p->mask;
        }
    } while (y >= p->n);
    return y;
}

/* Give the weight of an edge between a and b, the same for b and a. */
static float edge_weight(const pri_gen *gen, pr_vid a, pr_vid b)
{
    enum { UNIFORM = 1 };               /* of --edge-weights; else pareto */
    static const double exponent = 1.5; /* of the tail: P(weight > w) = w^-1.5 */
    const pri_rand4 r = pri_philox(gen->key, a < b ? a : b, a < b ? b : a, 0, PRI_GEN_EDGE_WEIGHT);
    const double    unit = ((double)r.at[0] + 0.5) * 0x1p-32; /* above 0, below 1 */

    return (float)(gen->options->edge_weights == UNIFORM ? unit : pow(unit, -1.0 / exponent));
}

pr_status pri_gen_edge_weights(pri_gen *gen)
{
    pr_status st = PR_OK;
    pri_csc  *c  = &gen->csc;

    PR_NEW(c->weights, c->graph.num_edges);
#pragma omp parallel for num_threads(gen->threads) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < gen->num_nodes; v++)
        for (pr_eid e = c->indptr[v]; e < c->indptr[v + 1]; e++)
            c->weights[e] = edge_weight(gen, c->indices[e], (pr_vid)v);
    c->graph.weights = c->weights;
done:
    return st;
}
