/* commons.c: see commons.h. */
#include "pipeline/serve/commons.h"

#include "cache/slab.h"

/* Give the share that one of `lanes` has; 0 stays "not said". */
static uint64_t share(uint64_t all, uint32_t lanes)
{
    return all > lanes ? all / lanes : all ? 1 : 0;
}

void pri_commons_size(pri_commons *commons, uint32_t derived_cols)
{
    const pr_features *x     = &commons->setup.dataset->features;
    const uint32_t     lanes = commons->setup.plan->num_lanes;
    pr_cache_options   cache = commons->setup.options->cache;

    cache.mode      = pr_cache_mode_for(cache.mode, x);
    cache.lookahead = 0; /* nobody knows what will be asked for */
    cache.rows      = share(cache.rows, lanes);
    cache.bytes     = share(cache.bytes, lanes);
    if (!cache.rows && !cache.bytes && cache.mode != PR_CACHE_PACKED) {
        const uint64_t features = pri_slab_ld(x->num_cols) * sizeof(float);
        const uint64_t derived  = pri_slab_ld(derived_cols) * sizeof(float);
        const uint64_t all      = x->num_rows * (features > derived ? features : derived);
        const uint64_t most     = pr_memory_available() / 4 / lanes; /* 0: not known */
        cache.bytes             = most && most < all ? most : all;
        if (cache.bytes < features) cache.bytes = features;
    }
    commons->cache = cache;
}

static pr_status open_store(pri_lane *lane, void *argument)
{
    pri_commons          *commons = argument;
    const pr_serve_setup *options = commons->setup.options;
    const pr_store_setup  store   = { .features = &commons->setup.dataset->features,
                                      .kind     = options->cache.store,
                                      .topo     = commons->setup.topo,
                                      .numa     = options->machine.numa,
                                      .in_place = commons->cache.mode == PR_CACHE_OFF };
    const char           *why     = "";
    const pr_status       st      = pr_store_open(&store, &commons->store, &why);

    (void)lane;
    if (st == PR_OK) pr_diag(PR_DEBUG, "feature rows: %s", why);
    return st;
}

pr_status pri_commons_open_store(pri_commons *commons, pri_lane *lane)
{
    return pri_lane_run(lane, open_store, commons);
}
