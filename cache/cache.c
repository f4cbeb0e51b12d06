/* cache.c: one partition of the feature cache, step by step. Prepare looks the batch up and plans;
 * place moves rows and only then makes index and policy follow, so whatever fails before leaves the
 * cache as it was. */
#include <packrat/cache.h>

#include <math.h>

#include "base/check.h"
#include "cache/index.h"
#include "cache/plan.h"
#include "cache/policy.h"
#include "cache/slab.h"
#include "cache/store.h"

struct pr_cache {
    pr_cache_options  options;
    const pr_store   *store;
    const pri_policy *policy; /* resident mode, else NULL */
    void             *policy_state;
    pri_index         index;
    pri_slab          slab;       /* not in mode off */
    uint32_t          max_wanted; /* as the caller said */
    uint32_t          capacity;   /* C; see decided */
    bool              decided;    /* false: the first batch decides the capacity */

    /* The present plan. Arrays have min(max_wanted, rows of the store) elements. */
    bool          planned, fetched, viewed;
    pr_vids       wanted;
    pri_plan      plan;
    pr_cache_plan figures;
    uint32_t      num_missing;
    uint32_t     *missing;    /* [num_missing] places in wanted */
    pri_write    *write;      /* [num_missing] */
    pr_slot      *slot_of[2]; /* [wanted.n] one of the live view, one of the next plan */
    int           side;       /* the one of the next plan */
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Rows the slab may keep when the first batch has m rows. */
static uint32_t capacity_for(const pr_cache *c, uint64_t m)
{
    const pr_cache_options *o = &c->options;
    const uint64_t          n = c->store->num_rows;

    if (o->mode == PR_CACHE_OFF) return 0;
    if (o->rows) return (uint32_t)least(o->rows, n);
    if (o->bytes)
        return (uint32_t)least(o->bytes / (pri_slab_ld(c->store->num_cols) * sizeof(float)), n);
    if (o->mode == PR_CACHE_PACKED) return (uint32_t)n;
    return (uint32_t)least((uint64_t)ceil(o->factor * (double)m), n);
}

/* Reserve everything the options can lead to. The bypass tail begins at the capacity and serves
 * only batches larger than that, so no slot beyond max(capacity, batch) is ever needed. */
static pr_status reserve(pr_cache *c)
{
    pr_status      st        = PR_OK;
    const uint32_t max_batch = (uint32_t)least(c->max_wanted, c->store->num_rows);
    const uint32_t largest   = capacity_for(c, max_batch);
    const bool     packed    = c->options.mode == PR_CACHE_PACKED;
    const uint32_t max_slots = packed ? (uint32_t)least(largest, max_batch) : largest;
    const size_t   row_bytes = pr_store_row_bytes(c->store);

    PR_CHECK(max_batch <= INT64_MAX / row_bytes, PR_E_RANGE,
             "a batch of %u rows of %zu bytes cannot be counted in 63 bits", max_batch, row_bytes);
    PR_TRY(pri_index_init(&c->index, c->store->num_rows, max_slots));
    PR_NEW(c->missing, max_batch);
    PR_NEW(c->slot_of[0], max_batch);
    PR_NEW(c->slot_of[1], max_batch);
    if (c->options.mode == PR_CACHE_OFF) goto done;

    PR_NEW(c->write, max_batch);
    PR_NEW(c->plan.freed, max_batch);
    PR_NEW(c->plan.fill, max_batch);
    PR_NEW(c->plan.move, max_batch);
    if (c->policy) PR_TRY(c->policy->create(max_slots, &c->policy_state));
    PR_TRY(
        pri_slab_init(&c->slab, max_slots > max_batch ? max_slots : max_batch, c->store->num_cols));
done:
    return st;
}

pr_status pr_cache_create(const pr_cache_options *options, const pr_store *store,
                          uint32_t max_wanted, pr_cache **out)
{
    pr_status st = PR_OK;
    pr_cache *c  = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(options && store, PR_E_ARG, "%s is NULL", options ? "store" : "options");
    PR_TRY(pr_options_check(&pr_cache_option_table, options));
    PR_CHECK(options->mode != PR_CACHE_OFF || store->calls->direct, PR_E_UNSUPPORTED,
             "--cache.mode off reads rows in place, but this store's are not in memory");
    PR_NEW(c, 1);
    c->options    = *options;
    c->store      = store;
    c->max_wanted = max_wanted;
    if (options->mode == PR_CACHE_RESIDENT) c->policy = pri_policy_of(options->policy);
    c->decided = options->mode != PR_CACHE_RESIDENT || options->rows || options->bytes;
    if (c->decided) c->capacity = capacity_for(c, 0);
    PR_TRY(reserve(c));
    *out = c;
    c    = NULL;
done:
    pr_cache_free(c);
    return st;
}

void pr_cache_free(pr_cache *cache)
{
    if (!cache) return;
    pri_slab_clear(&cache->slab);
    if (cache->policy) cache->policy->free(cache->policy_state);
    pri_free(cache->plan.move);
    pri_free(cache->plan.fill);
    pri_free(cache->plan.freed);
    pri_free(cache->write);
    pri_free(cache->slot_of[1]);
    pri_free(cache->slot_of[0]);
    pri_free(cache->missing);
    pri_index_clear(&cache->index);
    pri_free(cache);
}

/* Turn what the lookup found into slots for every wanted row. */
static void plan_slots(pr_cache *c, pr_slot *slot_of)
{
    const uint32_t     *last_wanted = c->index.last_wanted;
    const pri_plan_case given       = {
              .capacity    = c->capacity,
              .rows_before = c->index.num_resident,
              .num_hit     = (uint32_t)c->wanted.n - c->num_missing,
              .num_missing = c->num_missing,
    };

    if (c->options.mode == PR_CACHE_PACKED) {
        pri_plan_packed(&c->plan, given, last_wanted, c->index.now);
    } else {
        c->policy->choose(c->policy_state, last_wanted, c->index.now, pri_plan_num_victims(given),
                          c->plan.freed);
        pri_plan_resident(&c->plan, given);
    }
    for (uint32_t i = 0; i < c->num_missing; i++) {
        const uint32_t at = c->missing[i];
        slot_of[at]       = c->plan.fill[i];
        c->write[i]       = (pri_write){ .id = c->wanted.at[at], .to = c->plan.fill[i] };
    }
}

static pr_cache_plan figures_of(const pr_cache *c, uint32_t num_first)
{
    const uint64_t  n = c->wanted.n, row_bytes = pr_store_row_bytes(c->store);
    const pri_plan *p      = &c->plan;
    const bool      off    = c->options.mode == PR_CACHE_OFF;
    const bool      packed = c->options.mode == PR_CACHE_PACKED;
    pr_cache_plan   f      = { .num_wanted = n, .path = off ? "direct" : "paired" };

    f.rows_first   = num_first;
    f.bytes_gather = n * row_bytes;
    f.bytes_bound  = PR_NULL_INT;
    if (off) {
        f.rows_direct = n;
        return f;
    }
    f.rows_hit       = n - c->num_missing;
    f.rows_added     = p->num_added;
    f.rows_bypassed  = p->num_bypassed;
    f.rows_victim    = p->num_freed;
    f.rows_compacted = p->num_moved;
    f.rows_moved     = f.rows_added + f.rows_compacted + f.rows_bypassed;
    f.bytes_moved    = f.rows_moved * row_bytes;
    if (packed) f.bytes_bound = (int64_t)((c->num_missing + f.rows_compacted) * row_bytes);
    return f;
}

pr_status pr_cache_prepare(pr_cache *cache, pr_vids wanted, const pr_cache_plan **plan)
{
    pr_status st        = PR_OK;
    uint32_t  num_first = 0;

    PR_CHECK(cache && plan, PR_E_ARG, "%s is NULL", cache ? "plan" : "cache");
    *plan = NULL;
    PR_CHECK(!cache->planned, PR_E_ARG, "prepare was called twice, place must come between");
    PR_CHECK(wanted.at || wanted.n == 0, PR_E_ARG, "wanted is NULL, with n = %zu", wanted.n);
    PR_CHECK(wanted.n <= cache->max_wanted, PR_E_ARG, "wanted has %zu ids, at most %u allowed",
             wanted.n, cache->max_wanted);
    pr_slot *slot_of = cache->slot_of[cache->side];
    PR_TRY(pri_index_find(&cache->index, wanted, slot_of, cache->missing, &cache->num_missing,
                          &num_first));
    cache->wanted = wanted;
    if (!cache->decided && wanted.n > 0) {
        cache->capacity = capacity_for(cache, wanted.n);
        cache->decided  = true;
    }
    if (cache->options.mode == PR_CACHE_OFF)
        for (size_t i = 0; i < wanted.n; i++) slot_of[i] = wanted.at[i];
    else
        plan_slots(cache, slot_of);
    cache->figures = figures_of(cache, num_first);
    cache->planned = true;
    cache->fetched = false;
    *plan          = &cache->figures;
done:
    return st;
}

pr_status pr_cache_fetch(pr_cache *cache)
{
    pr_status st = PR_OK;

    PR_CHECK(cache, PR_E_ARG, "cache is NULL");
    PR_CHECK(cache->planned, PR_E_ARG, "fetch was called without a prepare");
    if (cache->fetched) goto done;
    if (cache->store->calls->fetch && cache->options.mode != PR_CACHE_OFF) {
        cache->planned = false; /* a plan whose rows cannot be had is dropped */
        PR_TRY(cache->store->calls->fetch(cache->store, cache->write, cache->num_missing));
        cache->planned = true;
    }
    cache->fetched = true;
done:
    return st;
}

/* Bring rows to their slots, then make index and policy follow. Cannot fail. */
static void update(pr_cache *c, pr_slot *slot_of)
{
    const pri_plan *p = &c->plan;

    pri_slab_move(&c->slab, p->move, p->num_moved);
    c->store->calls->place(c->store, c->write, c->num_missing, c->slab.rows, c->slab.ld);
    pri_index_commit(&c->index, p, c->write);
    if (p->num_moved > 0) /* only hits of the cut tail have slots in this range */
        for (size_t i = 0; i < c->wanted.n; i++)
            if (slot_of[i] >= p->rows_after && slot_of[i] < p->rows_before)
                slot_of[i] = c->index.slot_of[c->wanted.at[i]];
    if (c->policy) c->policy->placed(c->policy_state, slot_of, c->wanted.n, c->capacity);
}

static pr_slab view_of(const pr_cache *c, const pr_slot *slot_of)
{
    pr_slab view = {
        .num_cols      = c->store->num_cols,
        .num_inputs    = (uint32_t)c->wanted.n,
        .slot_of_input = slot_of,
    };
    if (c->options.mode != PR_CACHE_OFF) {
        view.rows = c->slab.rows;
        view.ld   = c->slab.ld;
        return view;
    }
    const pr_features *x = c->store->calls->direct(c->store);
    if (x->kind == PR_FEATURES_DENSE) {
        view.rows = x->rows;
        view.ld   = x->ld;
    } else {
        view.features = x;
    }
    return view;
}

pr_status pr_cache_place(pr_cache *cache, pr_slab *view)
{
    pr_status st = PR_OK;

    PR_CHECK(cache && view, PR_E_ARG, "%s is NULL", cache ? "view" : "cache");
    PR_CHECK(cache->planned, PR_E_ARG, "place was called without a prepare");
    PR_CHECK(!cache->viewed, PR_E_ARG, "place was called while the last view is live");
    *view = (pr_slab){ 0 }; /* not earlier: it may be the live one */
    PR_TRY(pr_cache_fetch(cache));
    pr_slot *slot_of = cache->slot_of[cache->side];
    if (cache->options.mode != PR_CACHE_OFF) update(cache, slot_of);
    if (cache->figures.rows_first > 0)
        pri_index_note(&cache->index, cache->wanted, cache->missing, cache->num_missing);
    *view          = view_of(cache, slot_of);
    cache->side    = !cache->side;
    cache->planned = false;
    cache->viewed  = true;
done:
    return st;
}

void pr_cache_release(pr_cache *cache)
{
    if (cache) cache->viewed = false;
}

uint64_t pr_cache_capacity_rows(const pr_cache *cache)
{
    return cache->decided ? cache->capacity : 0;
}

uint64_t pr_cache_resident_rows(const pr_cache *cache)
{
    return cache->index.num_resident;
}

const char *pr_cache_mode_name(const pr_cache *cache)
{
    static const char *const names[] = {
        [PR_CACHE_RESIDENT] = "resident", [PR_CACHE_PACKED] = "packed", [PR_CACHE_OFF] = "off"
    };
    return names[cache->options.mode];
}

const char *pr_cache_policy_name(const pr_cache *cache)
{
    return cache->policy ? cache->policy->name : "none";
}

pr_status pr_cache_check(const pr_cache *cache)
{
    pr_status st = PR_OK;

    PR_CHECK(cache, PR_E_ARG, "cache is NULL");
    const uint32_t resident = cache->index.num_resident;
    PR_CHECK(resident <= cache->capacity, PR_E_BUG, "%u rows are resident, the capacity is %u",
             resident, cache->capacity);
    PR_TRY(pri_index_check(&cache->index));
    PR_TRY(pri_slab_check(&cache->slab, &cache->index, cache->store));
    if (cache->policy) PR_TRY(cache->policy->check(cache->policy_state, resident));
done:
    return st;
}
