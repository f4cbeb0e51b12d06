/* sweep_kernel.h: the passes of sweep.h over the words of one instruction set. The file that
 * includes it defines TARGET, how the code is compiled, and
 *
 *   marked64   64 marks as bits            below64, equal64   64 keys against a threshold as bits
 *   edges      running extremes, with edges_start, edges_add, edges_low, edges_high
 *   list64     write base + i for every bit i, ascending; gives how many; may write 64 elements
 *   stamp64    set the keys of marked slots */

/* Bits of the slots s .. s+63 that are below n and not marked. */
TARGET static inline uint64_t open64(const uint8_t *mark, uint32_t s, uint32_t n)
{
    const uint64_t inside = n - s < 64 ? (UINT64_C(1) << (n - s)) - 1 : UINT64_MAX;
    return mark ? inside & ~marked64(mark + s) : inside;
}

TARGET static uint32_t count_marks(const uint8_t *mark, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < n; s += 64)
        count += (uint32_t)__builtin_popcountll(~open64(mark, s, n) & open64(NULL, s, n));
    return count;
}

TARGET static uint32_t list_unmarked(const uint8_t *mark, uint32_t begin, uint32_t end,
                                     pr_slot *out)
{
    uint32_t count = 0;
    for (uint32_t s = begin; s < end; s += 64)
        count += list64(open64(mark, s, end), s, out + count);
    return count;
}

TARGET static pri_tally tally_keys(const uint16_t *key, const uint8_t *mark, uint32_t n,
                                   uint16_t threshold)
{
    pri_tally out = { 0 };
    edges     e   = edges_start();

    for (uint32_t s = 0; s < n; s += 64) {
        const uint64_t open  = open64(mark, s, n);
        const uint64_t below = open & below64(key + s, threshold);
        const uint64_t equal = open & equal64(key + s, threshold);
        out.below += (uint32_t)__builtin_popcountll(below);
        out.equal += (uint32_t)__builtin_popcountll(equal);
        edges_add(&e, key + s, below, open & ~below & ~equal);
    }
    out.highest_below = edges_high(&e);
    out.lowest_above  = edges_low(&e);
    return out;
}

/* Keep the lowest `count` bits. */
TARGET static inline uint64_t lowest_bits(uint64_t bits, uint32_t count)
{
    while ((uint32_t)__builtin_popcountll(bits) > count)
        bits &= ~(UINT64_C(1) << (63 - __builtin_clzll(bits)));
    return bits;
}

TARGET static uint32_t pick_keys(const uint16_t *key, const uint8_t *mark, uint32_t n,
                                 uint16_t threshold, uint32_t num_equal, pr_slot *out)
{
    uint32_t count = 0;

    for (uint32_t s = 0; s < n; s += 64) {
        const uint64_t open  = open64(mark, s, n);
        uint64_t       equal = open & equal64(key + s, threshold);
        if (equal) {
            equal = lowest_bits(equal, num_equal);
            num_equal -= (uint32_t)__builtin_popcountll(equal);
        }
        count += list64(equal | (open & below64(key + s, threshold)), s, out + count);
    }
    return count;
}

TARGET static void stamp_keys(uint16_t *key, const uint8_t *mark, uint32_t n, uint16_t stamp)
{
    for (uint32_t s = 0; s < n; s += 64) stamp64(key + s, mark + s, stamp);
}

#define SWEEPS                                                                                     \
    {                                                                                              \
        .count = count_marks, .unmarked = list_unmarked, .tally = tally_keys, .pick = pick_keys,   \
        .stamp = stamp_keys,                                                                       \
    }
