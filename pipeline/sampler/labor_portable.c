/* labor_portable.c: the rows of labor.h in plain C. */
#include "pipeline/sampler/labor_isa.h"

#define TARGET

typedef pri_labor_keys lanes;

static inline lanes lanes_of(const pri_labor_keys *keys)
{
    return *keys;
}

/* No branch inside, so that compilers make vectors of it. */
static inline void r_of(const lanes *k, const pr_vid *from, uint32_t n, uint32_t *r)
{
    const lanes local = *k;

    for (uint32_t i = 0; i < n; i++) {
        const uint32_t a     = pri_labor_mix(from[i] ^ local.of_vertex);
        const uint32_t later = 0u - (a > local.old_up_to);
        r[i] = pri_labor_mix(a ^ local.epoch[0] ^ (later & (local.epoch[0] ^ local.epoch[1])));
    }
}

static inline uint64_t pass64(const lanes *k, const pr_vid *from, uint32_t n, uint32_t limit)
{
    uint32_t r[64];
    uint64_t pass = 0;

    r_of(k, from, n, r);
    for (uint32_t i = 0; i < n; i++) pass |= (uint64_t)(r[i] <= limit) << i;
    return pass;
}

static inline uint64_t kept64(const lanes *k, const pr_vid *id, uint32_t num, uint32_t count)
{
    uint32_t r[64];
    uint64_t kept = 0;

    r_of(k, id, num, r);
    for (uint32_t i = 0; i < num; i++) {
        uint32_t below = 0;
        for (uint32_t j = 0; j < num; j++) below += r[j] < r[i];
        kept |= (uint64_t)(below < count) << i;
    }
    return kept;
}

static void hash(const pri_labor_keys *keys, const pr_vid *id, uint32_t n, uint32_t *r)
{
    r_of(keys, id, n, r);
}

static uint64_t below(const uint64_t *key, uint32_t n, uint32_t count)
{
    uint64_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t num = 0;
        for (uint32_t j = 0; j < n; j++) num += key[j] < key[i];
        kept |= (uint64_t)(num < count) << i;
    }
    return kept;
}

#include "pipeline/sampler/labor_bits.h"

#include "pipeline/sampler/labor_kernel.h"

const pri_labor_isa pri_labor_portable = {
    .scan = scan, .hash = hash, .below = below, .read = read_rows
};
