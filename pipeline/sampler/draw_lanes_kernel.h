/* draw_lanes_kernel.h: the draws of draw.h for as many vertices at a time as a vector has lanes of
 * 32 bits. Included by the files that compile it for one instruction set, behind these:
 *
 *     TARGET, LANES          attribute of its functions, 8 or 16
 *     vec, flags             LANES words of 32 bits; a yes or no for each
 *     from_one to_words      broadcast and store
 *     add sub xor3           of words
 *     product                of the even words, 64 bits wide: those of lanes 0, 2, 4, ...
 *     high                   odd words moved to the even lanes, 0 in the odd ones
 *     join_high join_low     from two vectors of products, of the even and of the odd lanes: the
 *                            high and the low words in their lanes
 *     equal below at_most    of unsigned words; none, either, choose, bits  of flags
 *     transpose_rows         LANES rows to their first arcs (low words), degrees and vertices
 *
 * Lane l is row l of a group. Philox multiplies words of 32 bits to 64, so even and odd lanes are
 * kept in vectors of their own through all its rounds: their upper halves may hold anything. */

#include "pipeline/sampler/blocks.h" /* the numbers of Philox */

/* Four random words of each lane. */
typedef struct words {
    vec even[4], odd[4];
} words;

enum { ROUNDS = PRI_PHILOX_ROUNDS };

/* The keys of all rounds, broadcast where they are used. */
typedef struct keys {
    uint32_t a[ROUNDS], b[ROUNDS];
} keys;

INLINE keys keys_of(uint64_t key)
{
    keys     k;
    uint32_t a = (uint32_t)key, b = (uint32_t)(key >> 32);

    for (int r = 0; r < ROUNDS; r++) {
        k.a[r] = a, k.b[r] = b;
        a += PRI_PHILOX_ADD0, b += PRI_PHILOX_ADD1;
    }
    return k;
}

/* Philox of counters {v, c1, c2, c3}, v in the even lanes. Only c0 differs from lane to lane, so
 * the first rounds are partly scalar. */
INLINE void philox_half(const keys *k, vec v, uint32_t c1, uint32_t c2, uint32_t c3, vec out[4])
{
    const uint32_t m0 = PRI_PHILOX_MULTIPLY0, m1 = PRI_PHILOX_MULTIPLY1;
    const vec      mult0 = from_one(m0), mult1 = from_one(m1);

    /* round 0 */
    const uint64_t first  = (uint64_t)m1 * c2;
    const uint32_t s0     = (uint32_t)(first >> 32) ^ c1 ^ k->a[0];
    const vec      after0 = product(v, mult0);
    const vec      x2     = xor3(high(after0), from_one(c3), from_one(k->b[0]));
    /* round 1 */
    const uint64_t second = (uint64_t)m0 * s0;
    const vec      after1 = product(x2, mult1);
    vec            w0     = xor3(high(after1), from_one((uint32_t)first), from_one(k->a[1]));
    vec            w1     = after1;
    vec            w2     = xor3(after0, from_one((uint32_t)(second >> 32)), from_one(k->b[1]));
    vec            w3     = from_one((uint32_t)second);
#pragma GCC unroll 8
    for (int r = 2; r < ROUNDS; r++) {
        const vec a = product(w0, mult0), b = product(w2, mult1);
        w0 = xor3(high(b), w1, from_one(k->a[r]));
        w2 = xor3(high(a), w3, from_one(k->b[r]));
        w1 = b;
        w3 = a;
    }
    out[0] = w0, out[1] = w1, out[2] = w2, out[3] = w3;
}

/* Give one number below `bound` for each lane from word i of the block; lanes whose word may have
 * to be thrown away are added to *doubtful. */
INLINE vec draw_below(const words *w, uint32_t i, vec bound, flags *doubtful)
{
    const vec even = product(w->even[i], bound), odd = product(w->odd[i], high(bound));

    *doubtful = either(*doubtful, below(join_low(even, odd), bound));
    return join_high(even, odd);
}

/* Draw for one group of rows: their positions, as arcs of the graph where `arcs`, column by
 * column; gives the lanes that a scalar draw must do again. */
INLINE uint32_t draw_group(const pri_draw_hop *words_of, const keys *k, const pri_row rows[LANES],
                           uint32_t fanout, bool distinct, bool arcs,
                           uint32_t column[PRI_DRAW_LANES_MOST * LANES])
{
    vec first, degree, v;
    transpose_rows(rows, &first, &degree, &v);

    const vec   v_odd = high(v), start = arcs ? first : from_one(0);
    const flags whole    = at_most(degree, from_one(fanout));
    flags       doubtful = none();
    words       w;
    vec         chosen[PRI_DRAW_LANES_MOST];
    vec         j = sub(degree, from_one(fanout));

    for (uint32_t i = 0; i < fanout; i++) {
        if (i % 4 == 0) {
            const uint32_t c1 = words_of->phase_hop + i / 4;
            philox_half(k, v, c1, words_of->step, words_of->epoch, w.even);
            philox_half(k, v_odd, c1, words_of->step, words_of->epoch, w.odd);
        }
        if (!distinct) {
            const vec t = draw_below(&w, i % 4, degree, &doubtful);
            to_words(column + i * LANES, add(t, start));
            continue;
        }
        const vec bound = add(j, from_one(1));
        vec       t     = draw_below(&w, i % 4, bound, &doubtful);
        flags     taken = none();
        for (uint32_t c = 0; c < i; c++) taken = either(taken, equal(t, chosen[c]));
        t         = choose(taken, j, t);
        t         = choose(whole, from_one(i), t);
        chosen[i] = t;
        to_words(column + i * LANES, add(t, start));
        j = bound;
    }
    return distinct ? bits(doubtful) & ~bits(whole) : bits(doubtful);
}

/* Write a group's columns as rows. Each row takes the whole fanout, what it has too much is
 * overwritten by the next; so the last ones before `limit` are written word by word. */
INLINE void write_rows(const pri_hop *hop, uint32_t begin, uint32_t num, uint32_t fanout,
                       const uint32_t *limit, const uint32_t column[PRI_DRAW_LANES_MOST * LANES])
{
    for (uint32_t r = 0; r < num; r++) {
        const uint32_t from = hop->indptr[begin + r];
        uint32_t      *at   = hop->indices + from;
        if (fanout <= (size_t)(limit - at)) {
            for (uint32_t i = 0; i < fanout; i++) at[i] = column[i * LANES + r];
        } else {
            const uint32_t count = hop->indptr[begin + r + 1] - from;
            for (uint32_t i = 0; i < count; i++) at[i] = column[i * LANES + r];
        }
    }
}

INLINE void choose_rows(const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t fanout,
                        bool distinct, bool arcs)
{
    const uint32_t *limit = hop->indices + hop->indptr[end];
    const keys      k     = keys_of(hop->words.key);
    uint32_t        column[PRI_DRAW_LANES_MOST * LANES];

    for (uint32_t d = begin; d < end; d += LANES) {
        const uint32_t num  = end - d < LANES ? end - d : LANES;
        const pri_row *rows = hop->rows + d;
        pri_row        part[LANES];
        if (num < LANES) {
            for (uint32_t r = 0; r < LANES; r++) part[r] = rows[r < num ? r : 0];
            rows = part;
        }
        uint32_t again = draw_group(&hop->words, &k, rows, fanout, distinct, arcs, column);
        write_rows(hop, d, num, fanout, limit, column);
        for (; again; again &= again - 1) {
            const uint32_t r = (uint32_t)__builtin_ctz(again);
            if (r < num) pri_draw_lanes_again(hop, d + r, distinct);
        }
    }
}

/* The fanouts that are common have their loops unrolled. */
#define CHOOSE(distinct, arcs)                                                                     \
    switch (hop->fanout) {                                                                         \
    case 2: choose_rows(hop, begin, end, 2, distinct, arcs); break;                                \
    case 3: choose_rows(hop, begin, end, 3, distinct, arcs); break;                                \
    case 4: choose_rows(hop, begin, end, 4, distinct, arcs); break;                                \
    case 5: choose_rows(hop, begin, end, 5, distinct, arcs); break;                                \
    case 10: choose_rows(hop, begin, end, 10, distinct, arcs); break;                              \
    case 15: choose_rows(hop, begin, end, 15, distinct, arcs); break;                              \
    default: choose_rows(hop, begin, end, hop->fanout, distinct, arcs); break;                     \
    }

TARGET static void choose_distinct(const pri_hop *hop, uint32_t begin,
                                   uint32_t end){ CHOOSE(true, hop->arcs) }

TARGET static void choose_repeated(const pri_hop *hop, uint32_t begin, uint32_t end)
{
    CHOOSE(false, hop->arcs)
}
