/* labor_row.c: scan, throw out, scan wider; labor_row.h has the chapter. */
#include "pipeline/sampler/labor_row.h"

#include <string.h>

#include "base/isa.h"
#include "pipeline/sampler/labor_isa.h"

#define NO_LIMIT UINT64_MAX

const pri_labor_isa *pri_labor_isa_of(int isa)
{
#if PRI_X86
    if (isa == PR_ISA_AVX512) return &pri_labor_avx512;
    if (isa == PR_ISA_AVX2) return &pri_labor_avx2;
#endif
    (void)isa;
    return &pri_labor_portable;
}

/* Most neighbours that gather before all but `count` are thrown out. */
static uint32_t gathered_most(uint32_t count)
{
    return 2 * count + PRI_LABOR_SLACK;
}

uint32_t pri_labor_sift_room(uint32_t count)
{
    return gathered_most(count) + PRI_LABOR_BLOCK + PRI_LABOR_SLACK;
}

uint32_t pri_labor_wanted(uint32_t count)
{
    uint32_t deviations = 0; /* 3.2 of them: the root of 10.24 count */

    while ((deviations + 1) * (deviations + 1) <= (uint64_t)count * 1024 / 100) deviations++;
    return count + deviations + 1;
}

static void swap(uint64_t *a, uint64_t *b)
{
    const uint64_t old = *a;
    *a                 = *b;
    *b                 = old;
}

/* Give the element that sorting would put at `place` of [n], reordering them (Hoare's selection).
 * Keys are mixes, so that no order of theirs is a bad one but by chance. */
static uint64_t select_key(uint64_t *key, uint32_t n, uint32_t place)
{
    int64_t low = 0, high = (int64_t)n - 1;

    while (low < high) {
        const uint64_t pivot = key[low + (high - low) / 2];
        int64_t        i = low, j = high;
        while (i <= j) {
            while (key[i] < pivot) i++;
            while (key[j] > pivot) j--;
            if (i <= j) swap(&key[i++], &key[j--]);
        }
        if (place <= j) /* key[low .. j] <= pivot, key[i .. high] >= pivot, between them pivots */
            high = j;
        else if (place >= i)
            low = i;
        else
            return pivot;
    }
    return key[place];
}

/* Throw out all but the `count` smallest keys, of equal ones the last; gives the largest that
 * stays. */
static uint64_t throw_out(pri_labor_sift *sift, uint32_t count)
{
    uint32_t below = 0, kept = 0;

    memcpy(sift->work, sift->key, sift->num * sizeof *sift->key);
    const uint64_t border = select_key(sift->work, sift->num, count - 1);
    for (uint32_t i = 0; i < sift->num; i++) below += sift->key[i] < border;
    uint32_t equal = count - below; /* those that find a place */
    for (uint32_t i = 0; i < sift->num; i++) {
        const uint64_t key = sift->key[i];
        if (key > border || (key == border && equal == 0)) continue;
        equal -= key == border;
        sift->key[kept]  = key;
        sift->id[kept++] = sift->id[i];
    }
    PR_ASSERT(kept == count);
    sift->num = count;
    return border;
}

/* The key of a vertex whose r_t is known. */
static uint64_t key_of(const pri_labor *labor, pr_vid t, uint32_t r)
{
    const bool recent = labor->biased && pri_labor_recent_has(&labor->recent, t);

    if (labor->drifts) {
        const uint32_t a  = pri_labor_mix(t ^ labor->keys.of_vertex);
        const uint32_t u1 = pri_labor_mix(a ^ labor->keys.epoch[0]);
        const uint32_t u2 = pri_labor_mix(a ^ labor->keys.epoch[1]);
        return pri_drift_key(&labor->drift, u1, u2, labor->biased ? labor->bias : 1, recent);
    }
    return (uint64_t)r * (labor->biased && !recent ? labor->bias : 1);
}

/* Add those of at most 64 whose key is at most the limit; `id` may be where they are added. */
static void add(const pri_labor *labor, pri_labor_sift *sift, const pr_vid *id, uint32_t n,
                uint64_t limit)
{
    uint32_t r[64], num = sift->num;

    labor->isa->hash(&labor->keys, id, n, r);
    for (uint32_t i = 0; i < n; i++) {
        const pr_vid   t   = id[i];
        const uint64_t key = key_of(labor, t, r[i]);
        sift->key[num]     = key;
        sift->id[num]      = t;
        num += key <= limit;
    }
    sift->num = num;
}

/* Add those of a block whose key is at most the limit. */
static void gather(const pri_labor *labor, pri_labor_sift *sift, const pr_vid *from, uint32_t n,
                   uint64_t limit)
{
    const pr_vid *passed = from;

    if (!labor->drifts && limit < UINT32_MAX) { /* no key is below r_t */
        pr_vid *out = sift->id + sift->num;
        n           = labor->isa->scan(&labor->keys, from, n, (uint32_t)limit, out);
        passed      = out;
    }
    for (uint32_t i = 0; i < n; i += 64)
        add(labor, sift, passed + i, n - i < 64 ? n - i : 64, limit);
}

/* Scan a row; true: at least `count` have passed, and those to be kept are among them. */
static bool scan_row(const pri_labor *labor, pri_labor_sift *sift, const pr_vid *from,
                     uint32_t degree, uint32_t count, uint64_t limit)
{
    sift->num = 0;
    for (uint32_t at = 0; at < degree;) {
        const uint32_t n = degree - at < PRI_LABOR_BLOCK ? degree - at : PRI_LABOR_BLOCK;
        gather(labor, sift, from + at, n, limit);
        at += n;
        if (sift->num > gathered_most(count)) {
            const uint64_t border = throw_out(sift, count);
            if (border == 0) return true;
            limit = border - 1; /* an equal one behind it would lose the tie */
        }
    }
    return sift->num >= count;
}

/* Keep the `count` smallest of what gathered. */
static void choose(const pri_labor *labor, pri_labor_sift *sift, uint32_t count, pr_vid *out)
{
    if (sift->num > count && sift->num <= 64) {
        uint64_t kept = labor->isa->below(sift->key, sift->num, count);
        if ((uint32_t)__builtin_popcountll(kept) == count) { /* no tie at the border */
            for (; kept; kept &= kept - 1) *out++ = sift->id[__builtin_ctzll(kept)];
            return;
        }
    }
    if (sift->num > count) (void)throw_out(sift, count);
    memcpy(out, sift->id, count * sizeof *out);
}

/* Learn from a row by how much limits should be wider where not all neighbours are recent: a mean
 * that forgets. */
static void learn(const pri_labor *labor, pri_labor_sift *sift, uint64_t limit, uint64_t narrow,
                  uint32_t wanted)
{
    const uint64_t most  = 16 * (uint64_t)labor->bias;
    const uint64_t right = limit / (narrow / 16 + 1) * wanted / sift->num;
    const uint64_t width = right < 16 ? 16 : right > most ? most : right;

    if (width < sift->width) /* too many cost more than a second scan */
        sift->width = (uint32_t)(sift->width + width) / 2;
    else
        sift->width += (uint32_t)(width - sift->width) / 16;
}

void pri_labor_row(const pri_labor *labor, pri_labor_sift *sift, const pr_vid *from,
                   uint32_t degree, uint32_t count, uint32_t wanted, pr_vid *out)
{
    const uint64_t narrow = ((uint64_t)wanted << 32) / degree;
    const bool     learns = labor->biased && !labor->drifts;
    uint64_t       limit  = learns ? narrow / 16 * sift->width : narrow;

    if (labor->drifts) limit = NO_LIMIT;
    while (!scan_row(labor, sift, from, degree, count, limit)) {
        const uint64_t factor = wanted / (sift->num + 1) + 2;
        limit                 = limit > UINT64_C(1) << 44 ? NO_LIMIT : (limit + 1) * factor;
    }
    if (learns && limit < NO_LIMIT) learn(labor, sift, limit, narrow, wanted);
    choose(labor, sift, count, out);
}

void pri_labor_rows(const pri_labor *labor, const pri_hop *hop, uint32_t begin, uint32_t end,
                    pri_labor_sift *sift)
{
    const uint32_t wanted = pri_labor_wanted(hop->fanout);
    pr_vid         again[PRI_LABOR_PICK];

    for (uint32_t d = begin; d < end; d++) {
        const uint32_t degree = hop->rows[d].degree, count = hop->indptr[d + 1] - hop->indptr[d];
        uint32_t      *at   = hop->indices + hop->indptr[d];
        const pr_vid  *from = hop->graph->indices + hop->rows[d].first;
        const uint32_t old  = pri_labor_again(hop, d, again);
        if (hop->num_dst - d > 2) pri_labor_fetch(hop, d + 2);
        if (count < degree)
            pri_labor_row(labor, sift, old ? again : from, old ? old : degree, count, wanted, at);
        else if (count)
            memcpy(at, from, count * sizeof *at);
        if (hop->entries)
            for (uint32_t i = 0; i < count; i++) __builtin_prefetch(&hop->entries[at[i]], 1, 2);
    }
}
