/* held.c: what a cache holds: memory, rows, and rows that others hold too. */
#include <string.h>

#include "cache/partition.h"

void pr_cache_ranges(const pr_cache *cache, pr_ranges *ranges)
{
    if (!cache || !ranges) return;
    for (uint32_t p = 0; p < cache->num_planes; p++)
        pr_ranges_add(ranges, "slab", cache->slab[p].rows, cache->slab[p].bytes);
    pr_ranges_add(ranges, "index", cache->index.entry, cache->index.entry_bytes);
    pr_ranges_add(ranges, "index", cache->index.id_of, cache->index.id_bytes);
    pr_ranges_add(ranges, "index", cache->index.mark, cache->index.mark_bytes);
    pr_ranges_add(ranges, "index", cache->seen.bits, cache->seen.bytes);
    pr_ranges_add(ranges, "index", cache->room, cache->room_bytes);
    for (uint32_t p = 0; p < cache->num_planes; p++)
        if (cache->fetcher[p] && cache->store[p]->calls->staging)
            cache->store[p]->calls->staging(cache->fetcher[p], ranges);
    if (cache->policy) cache->policy->ranges(cache->policy_state, ranges);
}

uint64_t pr_cache_residents(const pr_cache *cache, pr_vid *out, uint64_t most)
{
    const uint64_t resident = cache ? cache->index.num_resident : 0;
    const uint64_t n        = resident < most ? resident : most;

    if (n > 0) memcpy(out, cache->index.id_of, n * sizeof *out);
    return n;
}

/* Find which of some rows another cache holds; what a plan has noted there is no slot. */
static uint64_t find_held(const pri_index *other, const pr_vid *ids, uint32_t n)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(&other->entry[(size_t)ids[i] * other->stride]);
    for (uint32_t i = 0; i < n; i++)
        held |= (uint64_t)(other->entry[(size_t)ids[i] * other->stride] < PRI_ENTRY_NONE) << i;
    return held;
}

uint64_t pr_cache_count_shared(const pr_cache *cache, const pr_cache *const *others,
                               uint32_t num_others)
{
    enum { BLOCK = 64 };
    uint64_t sum = 0;

    if (!cache || !others) return 0;
    const uint32_t resident = cache->index.num_resident;
    for (uint32_t begin = 0; begin < resident; begin += BLOCK) {
        const uint32_t n    = resident - begin < BLOCK ? resident - begin : BLOCK;
        uint64_t       held = 0;
        for (uint32_t k = 0; k < num_others; k++) {
            const pr_cache *other = others[k];
            if (!other || other == cache || other->index.num_rows != cache->index.num_rows)
                continue; /* no index: mode off */
            held |= find_held(&other->index, cache->index.id_of + begin, n);
        }
        sum += (uint64_t)__builtin_popcountll(held);
    }
    return sum;
}
