/* stock.c: see stock.h. */
#include "pipeline/serve/stock.h"

#include "cache/slab.h"

static uint32_t derived_cols(const pri_plane_setup *setup)
{
    pr_model_shape shape;

    pr_model_describe(setup->model, &shape);
    return pri_nn_derived_cols(&shape);
}

bool pri_stock_moves(const pri_plane_setup *setup)
{
    return pr_cache_mode_for(setup->cache.mode, setup->features) != PR_CACHE_OFF;
}

uint64_t pri_stock_rows(const pri_plane_setup *setup, bool derived)
{
    const pr_cache_options *o    = &setup->cache;
    const uint64_t          n    = setup->features->num_rows;
    const uint64_t          slot = pri_slab_ld(setup->features->num_cols) * sizeof(float);
    const uint32_t          cols = derived ? derived_cols(setup) : setup->features->num_cols;
    const uint64_t          most = UINT64_MAX / slot;
    const uint64_t          rows = o->rows ? o->rows : o->bytes ? o->bytes / slot : n;
    const uint64_t bytes = o->rows || !o->bytes ? (rows < most ? rows : most) * slot : o->bytes;
    const uint64_t room  = bytes / (pri_slab_ld(cols) * sizeof(float));

    return room < 1 ? 1 : room < n ? room : n;
}

/* The options of a cache of derived rows, or of one that simulates. */
static pr_cache_options options_of(const pri_plane_setup *setup, bool derived)
{
    pr_cache_options o = setup->cache;

    if (o.mode != PR_CACHE_PACKED) o.mode = PR_CACHE_RESIDENT;
    if (o.policy == PR_POLICY_STATIC) o.policy = PR_POLICY_SIEVE; /* its scores are gone */
    o.rows  = pri_stock_rows(setup, derived);
    o.bytes = 0;
    return o;
}

static void attend(void *team)
{
    pri_team_attend(team, 1);
}

static pr_status open_cache(const pri_plane_setup *setup, const pr_cache_options *options,
                            const pr_store *store, bool real, pr_cache **out)
{
    const pr_cache_setup cache = { .options       = options,
                                   .stores        = &store,
                                   .num_planes    = 1,
                                   .max_wanted    = setup->max_wanted,
                                   .tuning        = setup->tuning,
                                   .numa_node     = real ? setup->lane->numa_node : -1,
                                   .io            = setup->io,
                                   .thread_begins = real ? attend : NULL,
                                   .context       = setup->lane->team };
    return pr_cache_open(&cache, out);
}

static pr_status open_derived(const pri_plane_setup *setup, bool cache, pri_stock *s)
{
    pr_status st = PR_OK;

    PR_TRY(pri_deriver_create(setup->model, setup->features, &s->deriver));
    const pr_derivation how = { .derive   = pri_derive,
                                .context  = s->deriver,
                                .num_cols = derived_cols(setup),
                                .by_id    = setup->features->kind == PR_FEATURES_CSR };
    PR_TRY(pr_store_derived(setup->store, &how, &s->store));
    const pr_cache_options o = options_of(setup, true);
    if (cache) PR_TRY(open_cache(setup, &o, s->store, true, &s->cache));
done:
    return st;
}

static pr_status open_features(const pri_plane_setup *setup, pri_stock *s)
{
    pr_cache_options o = setup->cache;

    o.mode = pr_cache_mode_for(o.mode, setup->features);
    if (o.policy == PR_POLICY_STATIC) o.policy = PR_POLICY_SIEVE;
    return open_cache(setup, &o, setup->store, true, &s->cache);
}

/* Whether a slab of the other kind would behave in another way: it holds more rows, or fewer. */
static bool differs(const pri_plane_setup *setup, bool derived)
{
    if (!pri_stock_moves(setup)) return !derived; /* of features nothing moves */
    return pri_stock_rows(setup, false) != pri_stock_rows(setup, true);
}

static pr_status open_simulated(const pri_plane_setup *setup, bool derived, pri_stock *s)
{
    pr_status              st       = PR_OK;
    const pr_vid           num_rows = setup->features->num_rows;
    const uint32_t         most     = setup->max_wanted < num_rows ? setup->max_wanted : num_rows;
    const pr_cache_options o        = options_of(setup, !derived);

    PR_TRY(pri_phantom_create(num_rows, most, &s->phantom));
    PR_TRY(open_cache(setup, &o, pri_phantom_store(s->phantom), false, &s->simulated));
done:
    return st;
}

pr_status pri_stock_make(const pri_plane_setup *setup, bool derived, bool cache, bool simulates,
                         pri_stock *out)
{
    pr_status st = PR_OK;
    pri_stock s  = { .derived = derived };

    *out = (pri_stock){ 0 };
    if (derived)
        PR_TRY(open_derived(setup, cache, &s));
    else if (cache)
        PR_TRY(open_features(setup, &s));
    if (simulates && differs(setup, derived)) PR_TRY(open_simulated(setup, derived, &s));
    *out = s;
    s    = (pri_stock){ 0 };
done:
    pri_stock_clear(&s);
    return st;
}

void pri_stock_clear(pri_stock *s)
{
    pr_cache_free(s->cache); /* before what it reads */
    pr_cache_free(s->simulated);
    pri_phantom_free(s->phantom);
    pr_store_free(s->store);
    pri_deriver_free(s->deriver);
    *s = (pri_stock){ 0 };
}

pr_status pri_stock_bring(pr_cache *cache, pr_vids ids)
{
    pr_status            st = PR_OK;
    const pr_cache_plan *plan;
    pr_slab              view;

    PR_TRY(pr_cache_prepare(cache, ids, &plan));
    PR_TRY(pr_cache_place(cache, &view));
    pr_cache_release(cache);
done:
    return st;
}
