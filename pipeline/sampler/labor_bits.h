/* labor_bits.h: few, many and pick of labor_kernel.h for instruction sets that cannot compress
 * lanes: what passes is marked in words of 64 bits. No include guard: included once by each
 * labor_*.c that needs it, before labor_kernel.h, and behind
 *
 *     pass64(lanes, from, n, limit)   bit i: r_t of from[i], i < n <= 64, is at most limit
 *     kept64(lanes, id, num, count)   bit i: fewer than `count` of `num` <= 64 are below id[i]
 */
TARGET static inline uint32_t many(const lanes *k, const pr_vid *from, uint32_t n, uint32_t left,
                                   uint32_t limit, pr_vid *out)
{
    uint32_t num = 0;

    for (uint32_t at = 0; at < n; at += 64) {
        const uint32_t part = n - at < 64 ? n - at : 64;
        if (left - at > PRI_LABOR_AHEAD)
            for (uint32_t line = 0; line < 64; line += 16)
                __builtin_prefetch(from + at + PRI_LABOR_AHEAD + line, 0, 2);
        for (uint64_t pass = pass64(k, from + at, part, limit); pass; pass &= pass - 1)
            out[num++] = from[at + (uint32_t)__builtin_ctzll(pass)];
    }
    return num;
}

TARGET static inline uint32_t few(const lanes *k, const pr_vid *from, uint32_t n, uint32_t limit,
                                  pr_vid *out)
{
    uint32_t num = 0;

    for (uint32_t at = 0; at < n; at += 64) {
        const uint32_t part = n - at < 64 ? n - at : 64;
        for (uint64_t pass = pass64(k, from + at, part, limit); pass; pass &= pass - 1)
            out[num++] = from[at + (uint32_t)__builtin_ctzll(pass)];
    }
    return num;
}

TARGET static inline bool pick(const lanes *k, const pr_vid *id, uint32_t num, uint32_t count,
                               pr_vid *out)
{
    uint64_t kept = kept64(k, id, num, count);

    if ((uint32_t)__builtin_popcountll(kept) != count) return false;
    for (; kept; kept &= kept - 1) *out++ = id[__builtin_ctzll(kept)];
    return true;
}

TARGET static uint32_t scan(const pri_labor_keys *keys, const pr_vid *from, uint32_t n,
                            uint32_t limit, pr_vid *out)
{
    const lanes k = lanes_of(keys);
    return few(&k, from, n, limit, out);
}
