/* sweep.c: the passes in plain C, and the choice among instruction sets. */
#include "cache/sweep.h"

#include <string.h>

#include "base/isa.h"
#include "cache/sweep_isa.h"

#define TARGET

/* Eight marks of 0 or 1 in a word become eight bits: each product term lands in a bit of its own of
 * the top byte. */
static inline uint64_t marked64(const uint8_t *mark)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t word;
        memcpy(&word, mark + 8 * i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        bits |= (word * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return bits;
}

static inline uint64_t below64(const uint16_t *key, uint16_t threshold)
{
    uint64_t bits = 0;
    for (int i = 0; i < 64; i++) bits |= (uint64_t)(key[i] < threshold) << i;
    return bits;
}

static inline uint64_t equal64(const uint16_t *key, uint16_t threshold)
{
    uint64_t bits = 0;
    for (int i = 0; i < 64; i++) bits |= (uint64_t)(key[i] == threshold) << i;
    return bits;
}

typedef struct edges {
    uint16_t high, low;
} edges;

static inline edges edges_start(void)
{
    return (edges){ .high = 0, .low = UINT16_MAX };
}

static inline void edges_add(edges *e, const uint16_t *key, uint64_t below, uint64_t above)
{
    for (; below; below &= below - 1) {
        const uint16_t k = key[__builtin_ctzll(below)];
        if (k > e->high) e->high = k;
    }
    for (; above; above &= above - 1) {
        const uint16_t k = key[__builtin_ctzll(above)];
        if (k < e->low) e->low = k;
    }
}

static inline uint16_t edges_high(const edges *e)
{
    return e->high;
}

static inline uint16_t edges_low(const edges *e)
{
    return e->low;
}

static inline uint32_t list64(uint64_t bits, uint32_t base, pr_slot *out)
{
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) out[count++] = base + (uint32_t)__builtin_ctzll(bits);
    return count;
}

static inline void stamp64(uint16_t *key, const uint8_t *mark, uint16_t stamp)
{
    for (int i = 0; i < 64; i++) key[i] = mark[i] ? stamp : key[i];
}

#include "cache/sweep_kernel.h"

static const pri_sweeps portable = SWEEPS;

const pri_sweeps *pri_sweeps_of(int isa)
{
#if PRI_X86
    if (isa == PR_ISA_AVX512) return &pri_sweeps_avx512;
    if (isa == PR_ISA_AVX2) return &pri_sweeps_avx2;
#endif
    (void)isa;
    return &portable;
}

const pri_sweeps *pri_sweeps_best(void)
{
    return pri_sweeps_of(pri_isa_at_most(PR_ISA_AVX512));
}
