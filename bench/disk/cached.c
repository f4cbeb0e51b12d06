/* cached.c: rivals that are runs of the library. */
#include <stdlib.h>

#include "bench/disk/rival.h"

typedef struct cached {
    disk_rival head;
    pr_store  *store;
    bench_run  run;
} cached;

static disk_step step(disk_rival *rival)
{
    cached       *own = (cached *)rival;
    const pr_step row = bench_run_step(&own->run);

    own->head.capacity_rows = pr_cache_capacity_rows(own->run.lane[0]->cache); /* after the first */

    return (disk_step){ .step_ns    = row.step_ns,
                        .wait_ns    = row.wait_ns,
                        .disk_ns    = row.disk_ns,
                        .batch_hash = row.batch_hash,
                        .inputs     = row.num_inputs,
                        .rows_moved = row.rows_moved,
                        .rows       = row.rows_disk,
                        .reads      = row.reads_disk,
                        .bytes      = row.bytes_disk,
                        .loss       = row.loss };
}

static void close_run(disk_rival *rival)
{
    cached *own = (cached *)rival;

    bench_run_close(&own->run);
    pr_store_free(own->store);
    free(own);
}

static disk_rival *open_run(const disk_setting *setting, pr_store *store,
                            const pr_cache_options *cache)
{
    cached              *own  = bench_new(1, sizeof *own);
    const bench_run_plan plan = { .world     = setting->world,
                                  .fanout    = setting->fanout,
                                  .sampling  = setting->sampling,
                                  .hidden    = setting->hidden,
                                  .batch     = setting->batch,
                                  .threads   = setting->threads,
                                  .num_steps = setting->num_steps,
                                  .pipelined = true,
                                  .cache     = cache,
                                  .io        = setting->io,
                                  .store     = store };

    own->head  = (disk_rival){ .step = step, .close = close_run };
    own->store = store;
    bench_run_open(&own->run, &plan);
    return &own->head;
}

static pr_cache_options cache_options(const disk_setting *setting)
{
    pr_cache_options      cache;
    const pr_option_group group = { &pr_cache_option_table, &cache };

    pr_options_init(&group, 1);
    cache.factor = setting->factor;
    return cache;
}

disk_rival *disk_cached(const disk_setting *setting, int policy)
{
    pr_cache_options cache = cache_options(setting);
    pr_store        *store;

    cache.policy = policy;
    BENCH_TRY(pr_store_direct(&setting->world->features, &store));
    return open_run(setting, store, &cache);
}

disk_rival *disk_in_memory(const disk_setting *setting, int mode)
{
    pr_cache_options     cache = cache_options(setting);
    const pr_store_setup setup = { .features = &setting->world->features, .kind = PR_STORE_COPIED };
    pr_store            *store;

    cache.mode = mode;
    BENCH_TRY(pr_store_open(&setup, &store, NULL));
    return open_run(setting, store, &cache);
}
