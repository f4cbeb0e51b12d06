/* labor_avx512.c: the rows of labor.h, sixteen neighbours at a time. */
#include "pipeline/sampler/labor_isa.h"

#include "base/isa.h"

#if PRI_X86
#    include <immintrin.h>

#    define TARGET PRI_AVX512

/* The first step of M shifts and adds to itself, exclusively; a key that was added before it may as
 * well be added behind it, with its own shift. */
typedef struct lanes {
    __m512i of_vertex, old_up_to, epoch[2], first, second;
} lanes;

TARGET static inline __m512i shifted(uint32_t key)
{
    return _mm512_set1_epi32((int)(key ^ key >> 16));
}

TARGET static inline lanes lanes_of(const pri_labor_keys *keys)
{
    return (lanes){
        .of_vertex = shifted(keys->of_vertex),
        .old_up_to = _mm512_set1_epi32((int)keys->old_up_to),
        .epoch     = { shifted(keys->epoch[0]), shifted(keys->epoch[1]) },
        .first     = _mm512_set1_epi32(0x21f0aaad),
        .second    = _mm512_set1_epi32((int)0xd35a2d97u),
    };
}

/* M of x xor the key, of several vectors in step: one after the other, their long chains would fill
 * the processor's window. */
TARGET static inline void mix(const lanes *k, int n, __m512i *x, const __m512i *key)
{
    for (int i = 0; i < n; i++) /* exclusive or of three */
        x[i] = _mm512_ternarylogic_epi32(x[i], _mm512_srli_epi32(x[i], 16), key[i], 0x96);
    for (int i = 0; i < n; i++) x[i] = _mm512_mullo_epi32(x[i], k->first);
    for (int i = 0; i < n; i++) x[i] = _mm512_xor_si512(x[i], _mm512_srli_epi32(x[i], 15));
    for (int i = 0; i < n; i++) x[i] = _mm512_mullo_epi32(x[i], k->second);
}

/* r_t of n <= 4 vectors. */
TARGET static inline void r_of(const lanes *k, int n, const __m512i *t, __m512i *r)
{
    __m512i key[4];

    for (int i = 0; i < n; i++) r[i] = t[i], key[i] = k->of_vertex;
    mix(k, n, r, key);
    for (int i = 0; i < n; i++)
        key[i] = _mm512_mask_blend_epi32(_mm512_cmpgt_epu32_mask(r[i], k->old_up_to), k->epoch[0],
                                         k->epoch[1]);
    mix(k, n, r, key);
}

/* Store the chosen lanes, and rubbish behind them; gives how many. */
TARGET static inline uint32_t put(pr_vid *out, __mmask16 pass, __m512i t)
{
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(pass, t));
    return (uint32_t)__builtin_popcount(pass);
}

/* n <= 4 lines; of the first and the last only these lanes are the row's. */
TARGET static inline uint32_t put_passing(const lanes *k, int n, const pr_vid *line,
                                          __mmask16 of_first, __mmask16 of_last, __m512i most,
                                          pr_vid *out)
{
    __m512i   t[4] = { { 0 } }, r[4]; /* not every compiler sees that n of them are set */
    __mmask16 part[4];
    uint32_t  num = 0;

    for (int i = 0; i < n; i++) part[i] = 0xffff;
    part[0] = of_first;
    part[n - 1] &= of_last;
    for (int i = 0; i < n; i++) t[i] = _mm512_maskz_load_epi32(part[i], line + 16 * i);
    r_of(k, n, t, r);
    for (int i = 0; i < n; i++) part[i] = _mm512_mask_cmple_epu32_mask(part[i], r[i], most);
    for (int i = 0; i < n; i++) num += put(out + num, part[i], t[i]);
    return num;
}

/* Rows are read in whole cache lines; lanes of the first and last line that are not the row's are
 * not touched. */
TARGET static inline uint32_t few(const lanes *k, const pr_vid *from, uint32_t n, uint32_t limit,
                                  pr_vid *out)
{
    const uint32_t  skip  = (uint32_t)((uintptr_t)from / sizeof *from) & 15;
    const uint32_t  lines = (skip + n + 15) / 16;
    const __mmask16 last  = (__mmask16)(0xffffu >> ((0u - skip - n) & 15));
    const __m512i   most  = _mm512_set1_epi32((int)limit);
    const pr_vid   *line  = from - skip;
    __mmask16       first = (__mmask16)(0xffffu << skip);
    uint32_t        num = 0, left = lines;

    for (; left > 4; left -= 4, line += 64, first = 0xffff)
        num += put_passing(k, 4, line, first, 0xffff, most, out + num);
    switch (left) {
    case 1: return num + put_passing(k, 1, line, first, last, most, out + num);
    case 2: return num + put_passing(k, 2, line, first, last, most, out + num);
    case 3: return num + put_passing(k, 3, line, first, last, most, out + num);
    case 4: return num + put_passing(k, 4, line, first, last, most, out + num);
    default: return num;
    }
}

TARGET static inline uint64_t pass64(const lanes *k, const pr_vid *line, __m512i most)
{
    __m512i  t[4], r[4];
    uint64_t pass = 0;

    for (int i = 0; i < 4; i++) t[i] = _mm512_load_si512(line + 16 * i);
    r_of(k, 4, t, r);
    for (int i = 0; i < 4; i++) pass |= (uint64_t)_mm512_cmple_epu32_mask(r[i], most) << (16 * i);
    return pass;
}

TARGET static inline uint32_t many(const lanes *k, const pr_vid *from, uint32_t n, uint32_t left,
                                   uint32_t limit, pr_vid *out)
{
    const uint32_t to_line = (0u - (uint32_t)((uintptr_t)from / sizeof *from)) & 15;
    const uint32_t head    = to_line < n ? to_line : n; /* the last block may end before the line */
    const __m512i  most    = _mm512_set1_epi32((int)limit);
    uint32_t       num = head ? few(k, from, head, limit, out) : 0, at = head;

    for (; at + 64 <= n; at += 64) {
        if (left - at > PRI_LABOR_AHEAD)
            for (uint32_t line = 0; line < 64; line += 16)
                __builtin_prefetch(from + at + PRI_LABOR_AHEAD + line, 0, 2);
        uint64_t pass = pass64(k, from + at, most);
        for (; pass; pass &= pass - 1) out[num++] = from[at + (uint32_t)__builtin_ctzll(pass)];
    }
    return at < n ? num + few(k, from + at, n - at, limit, out + num) : num;
}

/* How many of the `num` are smaller than each; compares all with all. */
TARGET static inline bool pick_of(const lanes *k, const pr_vid *id, uint32_t num, uint32_t vectors,
                                  uint32_t count, pr_vid *out)
{
    const __m512i one = _mm512_set1_epi32(1), border = _mm512_set1_epi32((int)count);
    __m512i       t[PRI_LABOR_PICK / 16] = { { 0 } }, r[PRI_LABOR_PICK / 16];
    __m512i       rank[PRI_LABOR_PICK / 16];
    uint32_t      of[PRI_LABOR_PICK];
    uint32_t      kept = 0;

    for (uint32_t v = 0; v < vectors; v++) {
        t[v]    = _mm512_loadu_si512(id + 16 * v);
        rank[v] = _mm512_setzero_si512();
    }
    r_of(k, (int)vectors, t, r);
    for (uint32_t v = 0; v < vectors; v++) _mm512_storeu_si512(of + 16 * v, r[v]);
    for (uint32_t i = 0; i < num; i++) {
        const __m512i other = _mm512_set1_epi32((int)of[i]);
        for (uint32_t v = 0; v < vectors; v++)
            rank[v] =
                _mm512_mask_add_epi32(rank[v], _mm512_cmpgt_epu32_mask(r[v], other), rank[v], one);
    }
    for (uint32_t v = 0; v < vectors; v++) {
        const uint32_t  left = num - 16 * v;
        const __mmask16 all  = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
        const __mmask16 keep = _mm512_mask_cmplt_epu32_mask(all, rank[v], border);
        const uint32_t  n    = (uint32_t)__builtin_popcount(keep);
        if (kept + n > count) return false;
        _mm512_mask_storeu_epi32(out + kept, (__mmask16)((1u << n) - 1),
                                 _mm512_maskz_compress_epi32(keep, t[v]));
        kept += n;
    }
    return true;
}

TARGET static inline bool pick(const lanes *k, const pr_vid *id, uint32_t num, uint32_t count,
                               pr_vid *out)
{
    if (num <= 16) return pick_of(k, id, num, 1, count, out);
    if (num <= 32) return pick_of(k, id, num, 2, count, out);
    if (num <= 48) return pick_of(k, id, num, 3, count, out);
    return pick_of(k, id, num, 4, count, out);
}

TARGET static uint32_t scan(const pri_labor_keys *keys, const pr_vid *from, uint32_t n,
                            uint32_t limit, pr_vid *out)
{
    const lanes k = lanes_of(keys);
    return few(&k, from, n, limit, out);
}

TARGET static void hash(const pri_labor_keys *keys, const pr_vid *id, uint32_t n, uint32_t *r)
{
    const lanes k = lanes_of(keys);

    for (uint32_t at = 0; at < n; at += 64) {
        __mmask16 there[4];
        __m512i   t[4];
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t left = n > at + 16 * i ? n - at - 16 * i : 0;
            there[i]            = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
            t[i]                = _mm512_maskz_loadu_epi32(there[i], id + at + 16 * i);
        }
        r_of(&k, 4, t, t);
        for (uint32_t i = 0; i < 4; i++) _mm512_mask_storeu_epi32(r + at + 16 * i, there[i], t[i]);
    }
}

TARGET static uint64_t below(const uint64_t *key, uint32_t n, uint32_t count)
{
    const __m512i one = _mm512_set1_epi64(1), last = _mm512_set1_epi64(count);
    uint64_t      kept = 0;

    for (uint32_t at = 0; at < n; at += 16) { /* two chains */
        const __mmask16 there = (__mmask16)(n - at < 16 ? (1u << (n - at)) - 1 : 0xffff);
        const __m512i   a     = _mm512_maskz_loadu_epi64((__mmask8)there, key + at);
        const __m512i   b     = _mm512_maskz_loadu_epi64((__mmask8)(there >> 8), key + at + 8);
        __m512i         ra = _mm512_setzero_si512(), rb = ra;
        for (uint32_t j = 0; j < n; j++) {
            const __m512i other = _mm512_set1_epi64((int64_t)key[j]);
            ra = _mm512_mask_add_epi64(ra, _mm512_cmpgt_epu64_mask(a, other), ra, one);
            rb = _mm512_mask_add_epi64(rb, _mm512_cmpgt_epu64_mask(b, other), rb, one);
        }
        const uint32_t low  = _mm512_cmplt_epu64_mask(ra, last);
        const uint32_t high = _mm512_cmplt_epu64_mask(rb, last);
        kept |= (uint64_t)((high << 8 | low) & there) << at;
    }
    return kept;
}

#    include "pipeline/sampler/labor_kernel.h"

const pri_labor_isa pri_labor_avx512 = {
    .scan = scan, .hash = hash, .below = below, .read = read_rows
};
#endif

typedef int pri_labor_avx512_is_not_empty;
