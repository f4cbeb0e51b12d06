/* lanes_open.c: see lanes_open.h. */
#include "pipeline/lanes_open.h"

#include "cache/store.h"
#include "pipeline/rank.h"

pr_status pri_lanes_place(pri_trainer *t)
{
    pr_status             st    = PR_OK;
    const pr_train_setup *setup = t->setup;
    pri_split_rule       *rule  = &t->rule;

    PR_TRY(pr_topo_discover(&t->topo));
    PR_TRY(pri_placing_open(setup, t->dataset, t->topo, &t->placing));
    t->plan = t->placing.placement.plan;
    *rule   = (pri_split_rule){ .num_lanes = t->plan.num_lanes,
                                .num_nodes = t->dataset->graph.num_nodes,
                                .shards    = &t->placing.shards };
    for (uint32_t i = 0; i < rule->num_lanes; i++) rule->threads[i] = t->plan.lane[i].num_threads;
    if (rule->num_lanes > 1)
        PR_TRY(pri_split_create(rule, setup->train.batch_size, &t->seed_split));
done:
    return st;
}

pr_status pri_lanes_open(pri_trainer *t)
{
    pr_status             st    = PR_OK;
    const pr_train_setup *setup = t->setup;
    const pr_numa_mode    mode  = (pr_numa_mode)setup->machine.numa;

    PR_TRY(pri_tuned_load(&setup->machine, &t->dataset->features, &t->plan, &t->tuned));
    for (; t->num_lanes < t->plan.num_lanes; t->num_lanes++)
        PR_TRY(pri_lane_create(t->topo, &t->plan, t->num_lanes, mode, &t->lane[t->num_lanes]));
    t->plan.num_threads = 0; /* from here: those that OpenMP started, which may be fewer */
    for (uint32_t i = 0; i < t->num_lanes; i++)
        t->plan.num_threads += t->lane[i]->binding.num_threads;
done:
    return st;
}

/* ---- the store ---- */

pr_store_setup pri_lanes_store(const pri_trainer *t)
{
    const bool apart = t->placing.placement.sharded;

    return (pr_store_setup){ .features = &t->dataset->features,
                             .kind     = t->setup->cache.store,
                             .shards   = apart ? &t->placing.shards : NULL,
                             .topo     = t->topo,
                             .numa     = t->setup->machine.numa,
                             .in_place = t->setup->cache.mode == PR_CACHE_OFF };
}

/* Open the store the caches read from; on a lane's thread, whose team makes the copy if there is to
 * be one in one piece. */
static pr_status open_store(pri_lane *lane, void *argument)
{
    pri_trainer         *t     = argument;
    const pr_store_setup store = pri_lanes_store(t);
    const char          *why   = "";
    const pr_status      st    = pr_store_open(&store, &t->store, &why);

    (void)lane;
    if (st == PR_OK) pr_diag(PR_DEBUG, "feature rows: %s", why);
    return st;
}

static pr_status fill_shards(pri_lane *lane, void *argument)
{
    pr_store_fill(argument, lane->index);
    return PR_OK;
}

static pr_status make_store(pri_trainer *t)
{
    pr_status st = PR_OK;
    void     *argument[PR_MAX_LANES];

    PR_TRY(pri_lane_run(t->lane[0], open_store, t));
    for (uint32_t i = 0; i < t->num_lanes; i++) argument[i] = t->store;
    PR_TRY(pri_lanes_run(t->lane, t->num_lanes, fill_shards, argument));
done:
    return st;
}

/* ---- the lanes ---- */

pr_status pri_lanes_rank(pri_trainer *t, uint32_t **scores)
{
    const pr_cache_options *cache = &t->setup->cache;
    const pr_vids           all = { t->link ? t->link->places : NULL, t->dataset->graph.num_nodes };
    const pri_rank_input    input = { .rank       = (pr_cache_rank)cache->rank,
                                      .graph      = &t->dataset->graph,
                                      .fanout     = &t->fanout,
                                      .sampling   = &t->setup->sampler,
                                      .train      = t->link ? all : t->split->train,
                                      .seed       = t->setup->train.seed,
                                      .batch_size = t->setup->train.batch_size };

    *scores = NULL;
    if (cache->policy != PR_POLICY_STATIC || cache->mode != PR_CACHE_RESIDENT) return PR_OK;
    return pri_rank_scores(t->lane[0], &input, scores);
}

/* Waiting needs no core, so hiding it pays on any machine. Drawing does: where every core has a
 * thread that computes, one that draws beside them only takes turns with them. */
bool pri_lanes_pipelined(const pri_trainer *t, bool fetches)
{
    const int asked = t->setup->train.pipeline;

    if (asked != PR_PIPELINE_AUTO) return asked == PR_PIPELINE_ON;
    if (fetches) return true;
    const double quota = pr_topo_cpu_quota(t->topo);
    if (quota > 0 && t->plan.num_threads + t->plan.num_lanes > quota) return false;
    for (uint32_t i = 0; i < t->plan.num_lanes; i++)
        if (t->plan.lane[i].num_cores <= t->plan.lane[i].num_threads) return false;
    return true;
}

pr_cache_options pri_lanes_cache(const pri_split_rule *rule, pr_cache_options cache, uint32_t lane)
{
    uint64_t rows[PR_MAX_LANES], bytes[PR_MAX_LANES];

    pri_split_shares(rule, cache.rows, rows);
    pri_split_shares(rule, cache.bytes, bytes);
    if (cache.rows) cache.rows = rows[lane] ? rows[lane] : 1; /* 0 would be no limit */
    if (cache.bytes) cache.bytes = bytes[lane] ? bytes[lane] : 1;
    return cache;
}

pr_status pri_lanes_equip(pri_trainer *t)
{
    pr_status             st        = PR_OK;
    const pr_train_setup *setup     = t->setup;
    uint32_t             *scores    = NULL;
    const uint32_t        max_seeds = pri_link_max_seeds(setup);
    pri_lane_kit          kit[PR_MAX_LANES];

    PR_TRY(make_store(t));
    t->pipelined = pri_lanes_pipelined(t, pr_store_fetches(t->store));
    PR_TRY(pri_lanes_rank(t, &scores));
    for (uint32_t i = 0; i < t->num_lanes; i++)
        kit[i] = (pri_lane_kit){ .graph           = &t->dataset->graph,
                                 .graph_copy      = t->placing.placement.graph_copied,
                                 .fanout          = &t->fanout,
                                 .sampling        = &setup->sampler,
                                 .store           = t->store,
                                 .model           = t->model,
                                 .cache           = pri_lanes_cache(&t->rule, setup->cache, i),
                                 .tuning          = &t->tuned.tuning,
                                 .io              = &setup->io,
                                 .scores          = scores,
                                 .seed            = setup->train.seed,
                                 .first_step      = t->first_step,
                                 .max_seeds       = pri_split_most(&t->rule, i, max_seeds),
                                 .sampler_threads = setup->train.sampler_threads,
                                 .pipelined       = t->pipelined };
    PR_TRY(pri_lanes_equip_all(t->lane, t->num_lanes, kit));
done:
    pri_free(scores);
    return st;
}

/* ---- words ---- */

/* Whether people should know why there are just so many threads and lanes. */
static bool is_restricted(const pri_trainer *t)
{
    if (pri_topo_is_limited(t->topo) || t->placing.fewer_lanes) return true;
    if (t->plan.lane[0].numa_node < 0 && t->setup->machine.numa != PR_NUMA_OFF) return true;
    return t->plan.num_lanes < t->setup->placement.lanes;
}

/* What lanes were not granted, by the user's own placement of threads, which is honoured, or by the
 * kernel, is said once for all of them. */
static void say_refusals(const pri_trainer *t)
{
    const bool by_user = t->lane[0]->binding.by_user;
    const bool several = pr_topo_num_nodes(t->topo) > 1;
    char       text[PR_TEXT_BYTES];
    uint32_t   threads = 0, memory = 0;

    for (uint32_t i = 0; i < t->num_lanes; i++) {
        threads += t->lane[i]->binding.threads_bound;
        memory += t->lane[i]->binding.memory_bound || !several;
    }
    if (t->num_lanes < 2 || (!by_user && threads + memory == 2 * t->num_lanes)) return;
    if (by_user)
        snprintf(text, sizeof text,
                 "OMP_PROC_BIND or OMP_PLACES has placed the threads, so that packrat binds none, "
                 "and no memory to their nodes: %u of %u lanes are on their cores",
                 threads, t->num_lanes);
    else
        snprintf(text, sizeof text,
                 "the kernel refuses to bind: %u of %u lanes have their threads on their cores, %u "
                 "have their memory on their node",
                 threads, t->num_lanes, memory);
    pr_diag(PR_INFO, "%s", text);
    pr_steplog_note(t->log, text);
}

/* How rows of a file are read is known once it was tried. */
static void note_io(const pri_trainer *t)
{
    const char *io = pr_cache_io(t->lane[0]->cache);
    char        text[PR_TEXT_BYTES];

    if (!io[0]) return;
    snprintf(text, sizeof text, "rows are read from %.512s as they are needed: %s",
             t->dataset->features.file->path, io);
    pr_diag(PR_DEBUG, "%s", text);
    pr_steplog_note(t->log, text);
}

void pri_lanes_say(const pri_trainer *t)
{
    const pr_placement       *placement = &t->placing.placement;
    const pr_sampler_options *o         = &t->setup->sampler;

    if (is_restricted(t)) pr_diag(PR_INFO, "%s", t->plan.why);
    pr_steplog_note(t->log, t->plan.why);
    if (t->num_lanes > 1) pr_steplog_note(t->log, t->placing.parts_why);
    say_refusals(t);
    note_io(t);
    if (placement->why[0]) {
        pr_diag(placement->fits ? PR_INFO : PR_WARN, "%s", placement->why);
        pr_steplog_note(t->log, placement->why);
    }
    if (t->num_lanes > 1 && o->kind == PR_SAMPLER_LABOR && o->cache_bias > 1) {
        static const char own[] =
            "--cache-bias with several lanes: each remembers the rows of its own batches, so that "
            "batches depend on the number of lanes";
        pr_diag(PR_WARN, "%s", own);
        pr_steplog_note(t->log, own);
    }
}
