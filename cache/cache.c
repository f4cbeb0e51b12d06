/* cache.c: one partition of the feature cache, step by step. Prepare looks the batch up and plans;
 * place moves rows and makes index and policy follow. Whatever fails before place takes back what
 * the lookup noted, so the cache is as it was. */
#include "cache/partition.h"

static pr_status check_order(const pr_cache *cache, const void *out, const char *what)
{
    pr_status st = PR_OK;

    PR_CHECK(cache && out, PR_E_ARG, "%s is NULL", cache ? what : "cache");
    PR_CHECK(!cache->planned, PR_E_ARG, "prepare was called twice, place must come between");
done:
    return st;
}

static pr_status check_list(const pr_cache *cache, pr_vids wanted)
{
    pr_status st = PR_OK;

    PR_CHECK(wanted.at || wanted.n == 0, PR_E_ARG, "wanted is NULL, with n = %zu", wanted.n);
    PR_CHECK(wanted.n <= cache->max_wanted, PR_E_ARG, "wanted has %zu ids, at most %u allowed",
             wanted.n, cache->max_wanted);
done:
    return st;
}

pr_status pr_cache_foresee(pr_cache *cache, pr_vids wanted)
{
    pr_status st = PR_OK;

    PR_CHECK(cache, PR_E_ARG, "cache is NULL");
    PR_CHECK(!cache->planned, PR_E_ARG, "foresee was called between prepare and place");
    PR_TRY(check_list(cache, wanted));
    PR_CHECK(cache->num_foreseen <= PR_MAX_WINDOW, PR_E_FULL, "%u lists wait, no more are allowed",
             cache->num_foreseen);
    if (cache->policy && cache->policy->enter)
        PR_TRY(cache->policy->enter(cache->policy_state, &cache->index, wanted));
    cache->window[(cache->window_first + cache->num_foreseen) % (PR_MAX_WINDOW + 1)] = wanted;
    cache->num_foreseen++;
    pri_early_ask(cache);
done:
    return st;
}

uint32_t pr_cache_num_foreseen(const pr_cache *cache)
{
    return cache->num_foreseen;
}

uint32_t pr_cache_window(const pr_cache *cache)
{
    return cache->window_length;
}

/* Decide the length of the window anew. Averages are over some eight steps. */
static void follow_window(pr_cache *c)
{
    enum { LEAST = 8, ONE = 256, WEIGHT = 8, EVERY = 16 };
    const uint64_t wanted = c->figures.num_wanted * ONE;
    const uint64_t missed = (c->figures.rows_added + c->figures.rows_bypassed) * ONE;

    if (!c->policy || !c->policy->enter || c->options.lookahead != PR_WINDOW_AUTO) return;
    if (c->stats.steps <= 1) {
        c->recent_wanted = wanted;
        c->recent_misses = missed;
    } else {
        c->recent_wanted = (c->recent_wanted * (WEIGHT - 1) + wanted) / WEIGHT;
        c->recent_misses = (c->recent_misses * (WEIGHT - 1) + missed) / WEIGHT;
    }
    if (c->stats.steps % EVERY) return;
    const uint64_t room  = (uint64_t)c->capacity * ONE;
    const uint64_t slack = room > c->recent_wanted ? room - c->recent_wanted : 0;
    const uint64_t best  = c->recent_misses ? 3 * slack / c->recent_misses : PR_MAX_WINDOW;
    c->window_length     = (uint32_t)(best < LEAST           ? LEAST
                                      : best > PR_MAX_WINDOW ? PR_MAX_WINDOW
                                                             : best);
}

/* Turn what the lookup found into slots for every wanted row, and the list of writes. */
static void plan_slots(pr_cache *c, const uint8_t *mark)
{
    pri_lookup         *look  = &c->look;
    const pri_plan_case given = {
        .capacity    = c->capacity,
        .rows_before = c->index.num_resident,
        .num_hit     = (uint32_t)look->wanted.n - look->num_missing,
        .num_missing = look->num_missing,
    };

    if (c->options.mode == PR_CACHE_PACKED) {
        pri_plan_packed(&c->plan, given, mark);
    } else {
        c->policy->choose(c->policy_state, &c->index, mark, pri_plan_num_victims(given),
                          c->plan.freed);
        pri_plan_resident(&c->plan, given);
    }
    for (uint32_t i = 0; i < look->num_missing; i++) {
        const uint32_t at = look->missing[i];
        look->slot_of[at] = c->plan.fill[i];
        c->write[i]       = (pri_write){ .id = look->wanted.at[at], .to = c->plan.fill[i] };
    }
    c->num_writes = look->num_missing;
    c->noted      = false;
    c->repack     = pri_carry_should_repack(c);
}

static void fill_figures(pr_cache *c)
{
    const pri_lookup *look = &c->look;

    c->figures = (pr_cache_plan){ .num_wanted = look->wanted.n,
                                  .rows_first = look->num_first,
                                  .lookahead  = c->num_foreseen,
                                  .path       = "direct" };
    if (c->options.mode == PR_CACHE_OFF) {
        c->figures.rows_direct  = look->wanted.n;
        c->figures.bytes_bound  = PR_NULL_INT; /* no byte is moved: none is local, none remote */
        c->figures.bytes_gather = look->wanted.n * c->row_bytes;
        return;
    }
    c->figures.rows_hit      = look->wanted.n - look->num_missing;
    c->figures.rows_added    = c->plan.num_added;
    c->figures.rows_bypassed = c->plan.num_bypassed;
    pri_carry_figures(c);
    pri_carry_local(c, (pr_vids){ 0 });
}

/* Plan for a batch that was looked up. */
static void plan(pr_cache *c, const uint8_t *mark)
{
    if (!c->decided && c->look.wanted.n > 0) {
        c->capacity = pri_cache_capacity_for(c, c->look.wanted.n);
        c->decided  = true;
    }
    if (c->options.mode == PR_CACHE_OFF)
        for (size_t i = 0; i < c->look.wanted.n; i++) c->look.slot_of[i] = c->look.wanted.at[i];
    else
        plan_slots(c, mark);
    c->planned = true;
    c->fetched = false;
}

pr_status pr_cache_prepare(pr_cache *cache, pr_vids wanted, const pr_cache_plan **out)
{
    pr_status st = PR_OK;

    if (out) *out = NULL;
    PR_TRY(check_order(cache, out, "plan"));
    PR_TRY(check_list(cache, wanted));
    cache->look.wanted  = wanted;
    cache->look.slot_of = cache->slot_of[cache->side];
    cache->taken        = false;
    if (cache->options.mode == PR_CACHE_OFF) {
        cache->look.num_missing = 0;
        PR_TRY(pri_seen_find(&cache->seen, wanted, &cache->look.num_first));
    } else {
        PR_TRY(pri_index_find(&cache->index, &cache->look));
    }
    plan(cache, cache->index.mark);
    fill_figures(cache);
    *out = &cache->figures;
done:
    return st;
}

pr_status pr_cache_prepare_next(pr_cache *cache, const pr_cache_plan **out)
{
    pr_status st = PR_OK;

    if (out) *out = NULL;
    PR_TRY(check_order(cache, out, "plan"));
    PR_CHECK(cache->num_foreseen > 0, PR_E_ARG, "prepare_next was called, but no list waits");
    const pr_vids wanted = cache->window[cache->window_first];
    if (cache->policy && cache->policy->take) {
        cache->look.wanted  = wanted;
        cache->look.slot_of = cache->slot_of[cache->side];
        PR_TRY(cache->policy->take(cache->policy_state, &cache->index, &cache->look));
        plan(cache, NULL);
        fill_figures(cache);
    } else {
        PR_TRY(pr_cache_prepare(cache, wanted, out));
    }
    cache->taken        = true;
    cache->window_first = (cache->window_first + 1) % (PR_MAX_WINDOW + 1);
    cache->num_foreseen--;
    pri_early_taken(cache);
    cache->figures.lookahead = cache->num_foreseen;
    *out                     = &cache->figures;
done:
    return st;
}

/* Take back a plan whose rows cannot be had. */
static void drop(pr_cache *c)
{
    if (c->taken && c->policy && c->policy->drop)
        c->policy->drop(c->policy_state, &c->index, &c->look);
    else
        pri_index_drop(&c->index, &c->look);
    if (c->taken) {
        c->window_first = (c->window_first + PR_MAX_WINDOW) % (PR_MAX_WINDOW + 1);
        c->num_foreseen++;
        pri_early_dropped(c);
    }
    c->planned = false;
}

pr_status pr_cache_fetch(pr_cache *cache)
{
    pr_status st = PR_OK;

    PR_CHECK(cache, PR_E_ARG, "cache is NULL");
    PR_CHECK(cache->planned, PR_E_ARG, "fetch was called without a prepare");
    if (cache->fetched || cache->options.mode == PR_CACHE_OFF) goto done;
    st = pri_carry_fetch(cache);
    if (st == PR_OK)
        cache->fetched = true;
    else
        drop(cache);
done:
    return st;
}

/* Survivors of the cut tail have moved: only hits have slots in that range. */
static void follow_moves(pr_cache *c)
{
    pr_slot *slot_of = c->look.slot_of;

    if (c->plan.num_moved == 0) return;
    for (size_t i = 0; i < c->look.wanted.n; i++)
        if (slot_of[i] >= c->plan.rows_after && slot_of[i] < c->plan.rows_before)
            slot_of[i] = c->index.entry[(size_t)c->look.wanted.at[i] * c->index.stride];
}

/* Bring rows to their slots and make index and policy follow. Cannot fail. */
static void update(pr_cache *c)
{
    const bool marked = !(c->taken && c->policy && c->policy->take);

    pri_carry_rows(c);
    follow_moves(c);
    if (c->policy) {
        const pri_placed placed = { .index       = &c->index,
                                    .wanted      = c->look.wanted,
                                    .slot_of     = c->look.slot_of,
                                    .write       = c->write,
                                    .num_added   = c->plan.num_added,
                                    .mark        = marked ? c->index.mark : NULL,
                                    .rows_before = c->plan.rows_before,
                                    .rows_after  = c->plan.rows_after,
                                    .capacity    = c->capacity };
        c->policy->placed(c->policy_state, &placed);
    }
    const bool stayed = c->options.mode == PR_CACHE_RESIDENT; /* hits are where they were found */
    if (marked) pri_index_unmark(&c->index, stayed ? &c->look : NULL);
    c->index.num_resident = c->plan.rows_after;
}

static pr_slab view_of(const pr_cache *c, uint32_t plane)
{
    pr_slab view = {
        .num_cols      = c->store[plane]->num_cols,
        .num_inputs    = c->num_viewed,
        .slot_of_input = c->slot_of[!c->side],
        .is_derived    = c->store[plane]->derived,
    };
    if (c->options.mode != PR_CACHE_OFF) {
        view.rows = c->slab[plane].rows;
        view.ld   = c->slab[plane].ld;
        return view;
    }
    const pr_features *x = c->store[plane]->calls->direct(c->store[plane]);
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
    if (cache->options.mode == PR_CACHE_OFF)
        pri_seen_note(&cache->seen, cache->look.wanted);
    else
        update(cache);
    pri_carry_count(cache);
    follow_window(cache);
    cache->num_viewed = (uint32_t)cache->look.wanted.n;
    cache->side       = !cache->side;
    cache->planned    = false;
    cache->viewed     = true;
    pri_early_ask_anew(cache);
    *view = view_of(cache, 0);
done:
    return st;
}

pr_status pr_cache_plane(const pr_cache *cache, uint32_t plane, pr_slab *view)
{
    pr_status st = PR_OK;

    PR_CHECK(cache && view, PR_E_ARG, "%s is NULL", cache ? "view" : "cache");
    PR_CHECK(plane < cache->num_planes, PR_E_RANGE, "plane is %u, the cache has %u", plane,
             cache->num_planes);
    PR_CHECK(cache->viewed, PR_E_ARG, "no view is live");
    *view = view_of(cache, plane);
done:
    return st;
}

void pr_cache_release(pr_cache *cache)
{
    if (cache) cache->viewed = false;
}
