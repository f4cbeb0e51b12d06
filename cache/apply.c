/* apply.c: the second door, for callers who know the difference. What it costs depends on the
 * difference alone: ids are checked and noted in the index in one pass over each list, freed slots
 * are parted in one more, and sorted (by digits, O(k)) only where much is written; the rest is the
 * first door's.
 *
 * Small differences are bound by the time of a few dozen cache misses, one after the other, so the
 * first rows to come are asked for before anything else is done. */
#include "cache/partition.h"

enum { AHEAD = 32, HINT_BYTES = 32 << 10, SORT_BYTES = 64 << 10 };

static inline void prefetch_bytes(const void *at, size_t bytes)
{
    for (size_t k = 0; k < bytes; k += 64) __builtin_prefetch((const char *)at + k, 0, 2);
}

/* Prefetch what the call will touch, so that a small difference waits for all of it at once: the
 * cache's own fields, then lists and entries, then the first rows to come. The ids have been
 * checked. */
static void hint(const pr_cache *c, pr_vids added, pr_vids removed)
{
    prefetch_bytes(c->write, 64);
    prefetch_bytes(c->plan.freed, 64);
    for (size_t i = 0; i < AHEAD && i < added.n; i++)
        __builtin_prefetch(&c->index.entry[added.at[i]], 1);
    for (size_t i = 0; i < AHEAD && i < removed.n; i++)
        __builtin_prefetch(&c->index.entry[removed.at[i]], 1);
    for (uint32_t p = 0; p < c->num_planes; p++) {
        const pri_copy *copy = &c->dense[p].copy;
        if (!copy->from) continue;
        for (size_t i = 0; i < added.n && (i + 1) * c->row_bytes <= HINT_BYTES; i++)
            prefetch_bytes(copy->from + added.at[i] * copy->from_bytes, copy->row_bytes);
    }
}

/* Note that rows come in. They come first: an id that is also removed is then found in either list.
 */
static pr_status note_added(pr_cache *c, pr_vids added, size_t *num, uint32_t *num_first)
{
    pr_status           st    = PR_OK;
    uint32_t *const     entry = c->index.entry;
    const pr_vid *const at    = added.at;
    const size_t        n     = added.n;
    uint32_t            first = 0;
    size_t              i     = 0;

    for (; i < n; i++) {
        const uint32_t was = entry[at[i]];
        if (i + AHEAD < n) __builtin_prefetch(&entry[at[i + AHEAD]], 1);
        if (was < PRI_ENTRY_GONE) break;
        first += was & 1;
        entry[at[i]] = was & ~PRI_ENTRY_ASKED;
    }
    *num       = i;
    *num_first = first;
    PR_CHECK(i == n, PR_E_ARG, "added[%zu] is row %u, which %s", i, at[i],
             entry[at[i]] < PRI_ENTRY_NONE ? "is resident" : "came before");
done:
    return st;
}

/* Let rows leave; what slots they had is in plan.freed. */
static pr_status note_removed(pr_cache *c, pr_vids removed, size_t *num)
{
    pr_status           st     = PR_OK;
    const uint32_t      before = c->index.num_resident;
    uint32_t *const     entry  = c->index.entry;
    const pr_vid *const at     = removed.at;
    const size_t        n      = removed.n;
    pr_slot *const      freed  = c->plan.freed;
    size_t              i      = 0;

    for (; i < n; i++) {
        const uint32_t was = entry[at[i]];
        if (i + AHEAD < n) __builtin_prefetch(&entry[at[i + AHEAD]], 1);
        if (was >= before) break;
        __builtin_prefetch(&c->index.id_of[was], 1);
        freed[i]     = was;
        entry[at[i]] = PRI_ENTRY_GONE;
    }
    *num = i;
    PR_CHECK(i == n, PR_E_ARG, "removed[%zu] is row %u, which %s", i, at[i],
             entry[at[i]] & PRI_ENTRY_ASKED ? "is not resident, or came before" : "is added, too");
done:
    return st;
}

/* Take back what was noted. Freed slots may have been sorted, but they still say whose they are. */
static void forget(pr_cache *c, pr_vids added, size_t num_added, size_t num_removed)
{
    for (size_t i = 0; i < num_added; i++) c->index.entry[added.at[i]] |= PRI_ENTRY_ASKED;
    for (size_t i = 0; i < num_removed; i++) {
        const pr_slot slot                   = c->plan.freed[i];
        c->index.entry[c->index.id_of[slot]] = slot;
    }
}

static pr_status check_call(const pr_cache *c, pr_vids added, pr_vids removed)
{
    pr_status st = PR_OK;

    PR_CHECK(c, PR_E_ARG, "cache is NULL");
    PR_CHECK(c->options.mode == PR_CACHE_PACKED, PR_E_ARG,
             "apply changes the set of a packed cache, this one is %s", pr_cache_mode_name(c));
    PR_CHECK(!c->planned && !c->viewed, PR_E_ARG, "apply was called while a %s",
             c->planned ? "plan waits for place" : "view is live");
    PR_CHECK(added.at || added.n == 0, PR_E_ARG, "added is NULL, with n = %zu", added.n);
    PR_CHECK(removed.at || removed.n == 0, PR_E_ARG, "removed is NULL, with n = %zu", removed.n);
    const size_t before = c->index.num_resident;
    PR_CHECK(removed.n <= before, PR_E_ARG, "removed has %zu ids, %zu rows are resident", removed.n,
             before);
    PR_CHECK(added.n <= c->index.max_slots - (before - removed.n), PR_E_FULL,
             "%zu rows would be held, at most %u can be (--cache.rows and max_wanted)",
             before - removed.n + added.n, c->index.max_slots);
done:
    return st;
}

/* Slots for the added rows, and what the step will do. */
static void plan(pr_cache *c, pr_vids added, pr_vids removed, uint32_t num_first)
{
    const uint32_t num_removed = (uint32_t)removed.n;
    pri_plan      *p           = &c->plan;

    pri_plan_delta(p, c->index.num_resident, num_removed, (uint32_t)added.n, c->index.mark,
                   c->look.missing);
    const uint32_t num_paired = p->num_added < p->num_freed ? p->num_added : p->num_freed;
    if (num_paired * c->row_bytes >= SORT_BYTES)
        pri_plan_sort(p->freed, num_paired, p->rows_before, c->look.missing);
    for (uint32_t i = 0; i < p->num_added; i++)
        c->write[i] = (pri_write){ .id = added.at[i], .to = pri_plan_delta_slot(p, i) };
    c->num_writes = p->num_added;
    c->noted      = true;
    c->repack     = pri_carry_should_repack(c);
    c->figures    = (pr_cache_plan){ .num_wanted = p->rows_after,
                                     .rows_hit   = p->rows_after - p->num_added,
                                     .rows_added = p->num_added,
                                     .rows_first = num_first };
    pri_carry_figures(c);
    pri_carry_local(c, removed);
}

pr_status pr_cache_apply(pr_cache *cache, pr_vids added, pr_vids removed, const pr_cache_plan **out)
{
    pr_status st        = PR_OK;
    size_t    num_added = 0, num_removed = 0;
    uint32_t  num_first = 0;
    bool      noted     = false;

    if (out) *out = NULL;
    if (cache) prefetch_bytes(cache, offsetof(pr_cache, dense) + 2 * sizeof(pri_dense));
    PR_TRY(check_call(cache, added, removed));
    PR_TRY(pri_index_check_ids(&cache->index, added, "added"));
    PR_TRY(pri_index_check_ids(&cache->index, removed, "removed"));
    hint(cache, added, removed);
    noted = true;
    PR_TRY(note_added(cache, added, &num_added, &num_first));
    PR_TRY(note_removed(cache, removed, &num_removed));
    plan(cache, added, removed, num_first);
    if (cache->can_fetch) PR_TRY(pri_carry_fetch(cache));
    noted = false;
    pri_carry_rows(cache);
    cache->index.num_resident = cache->plan.rows_after;
    pri_carry_count(cache);
    if (out) *out = &cache->figures;
done:
    if (noted) forget(cache, added, num_added, num_removed);
    return st;
}

pr_status pr_cache_packed(const pr_cache *cache, uint32_t plane, pr_packed *out)
{
    pr_status st = PR_OK;

    PR_CHECK(cache && out, PR_E_ARG, "%s is NULL", cache ? "out" : "cache");
    PR_CHECK(cache->options.mode == PR_CACHE_PACKED, PR_E_ARG,
             "only a packed cache holds its rows as one matrix, this one is %s",
             pr_cache_mode_name(cache));
    PR_CHECK(plane < cache->num_planes, PR_E_RANGE, "plane is %u, the cache has %u", plane,
             cache->num_planes);
    *out = (pr_packed){ .rows     = cache->slab[plane].rows,
                        .ld       = cache->slab[plane].ld,
                        .num_rows = cache->index.num_resident,
                        .num_cols = cache->store[plane]->num_cols,
                        .ids      = cache->index.id_of };
done:
    return st;
}
