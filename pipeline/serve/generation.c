/* generation.c: making generations, and the passage from one to the next. */
#include "pipeline/serve/generation.h"

#include <semaphore.h>
#include <string.h>

#include "pipeline/trained_fanout.h"
#include "pipeline/rank.h"
#include "pipeline/serve/company.h"
#include "pipeline/serve/whereabouts.h"
#include "pipeline/session.h"
#include "pipeline/step.h"

/* ---- a checkpoint ---- */

static pr_status read_fanouts(pri_generation *g)
{
    pr_status               st      = PR_OK;
    const pr_serve_options *options = &g->commons->setup.options->serve;
    const uint32_t          layers  = g->shape.num_layers;

    PR_TRY(pri_trained_fanout(options->checkpoint, &g->info, options->fanout, layers, &g->fanout));
    g->widest = (pri_widest){ g->fanout, g->commons->sampling.kind, "--fanout" };
    if (options->max_fanout[0]) {
        g->widest.name = "--fanout.max";
        PR_TRY(pr_fanout_parse(options->max_fanout, layers, &g->widest.fanout));
        PR_TRY(pri_widest_check(&g->widest, "--fanout", &g->fanout));
    }
    g->sheds = options->shed_fanout[0] != '\0';
    if (!g->sheds) goto done;
    PR_TRY(pr_fanout_parse(options->shed_fanout, layers, &g->shed_fanout));
    for (uint32_t h = 0; h < layers; h++)
        if (g->shed_fanout.hop[h] > g->fanout.hop[h]) g->shed_fanout.hop[h] = g->fanout.hop[h];
    PR_TRY(pri_widest_check(&g->widest, "--shed.fanout", &g->shed_fanout));
done:
    return st;
}

static pr_status load(pri_generation *g)
{
    pr_status                st         = PR_OK;
    pri_commons             *commons    = g->commons;
    const pri_service_setup *setup      = &commons->setup;
    const char              *checkpoint = setup->options->serve.checkpoint;

    PR_TRY(pr_checkpoint_load(checkpoint, &g->model, &g->info));
    PR_TRY(pri_session_fits(checkpoint, g->model, &g->info, setup->dataset));
    if (g->version == 1) commons->feature_norm = g->info.feature_norm;
    PR_CHECK(g->info.feature_norm == commons->feature_norm, PR_E_MISMATCH,
             "%s was trained with another --feature-norm than the one before it, which the rows "
             "were opened for: start anew",
             checkpoint);
    pr_model_describe(g->model, &g->shape);
    PR_TRY(read_fanouts(g));
done:
    return st;
}

pr_status pri_generation_load(pri_commons *commons, uint64_t version, pri_generation **out)
{
    pr_status                st    = PR_OK;
    pri_generation          *g     = NULL;
    const pri_service_setup *setup = &commons->setup;
    const pr_numa_mode       mode  = (pr_numa_mode)setup->options->machine.numa;

    *out = NULL;
    PR_NEW(g, 1);
    g->commons = commons;
    g->version = version;
    PR_TRY(load(g));
    for (; g->num_clerks < setup->plan->num_lanes; g->num_clerks++) {
        pri_clerk *clerk  = &g->clerk[g->num_clerks];
        clerk->generation = g;
        PR_TRY(pri_lane_create(setup->topo, setup->plan, g->num_clerks, mode, &clerk->lane));
    }
    *out = g;
    g    = NULL;
done:
    pri_generation_free(g);
    return st;
}

/* ---- lanes ---- */

/* Run a job on all lanes at once; its argument is the clerk. */
static pr_status run_all(pri_generation *g, pri_lane_job job)
{
    pri_lane *lane[PR_MAX_LANES];
    void     *argument[PR_MAX_LANES];

    for (uint32_t i = 0; i < g->num_clerks; i++) {
        lane[i]     = g->clerk[i].lane;
        argument[i] = &g->clerk[i];
    }
    return pri_lanes_run(lane, g->num_clerks, job, argument);
}

/* Say what the lane's cache holds, to whoever asks. */
static void tell_rows(pri_clerk *clerk)
{
    const pr_cache *cache = clerk->lane->cache;

    atomic_store_explicit(&clerk->capacity_rows, pr_cache_capacity_rows(cache),
                          memory_order_relaxed);
    atomic_store_explicit(&clerk->resident_rows, pr_cache_resident_rows(cache),
                          memory_order_relaxed);
    atomic_store_explicit(&clerk->derived, pri_plane_is_derived(clerk->plane),
                          memory_order_relaxed);
}

/* Answer for a few nodes whom nobody asked for: oneDNN writes its kernels, and pages are touched,
 * before the first request has to wait for them. What fails here would fail for a request too,
 * which is told then. */
static void rehearse(pri_clerk *clerk, pr_vid num_nodes)
{
    enum { FEW = 16 };
    const pr_serve_options *options = &clerk->generation->commons->setup.options->serve;
    const uint32_t          most = options->batch_max_nodes < FEW ? options->batch_max_nodes : FEW;
    const uint32_t          n    = num_nodes < most ? num_nodes : most;
    pr_step                 row;
    pr_step_partition       partition;

    for (uint32_t i = 0; i < n; i++) clerk->seeds[i] = i;
    const pr_draw_own    own   = { .fanout = &clerk->generation->fanout };
    const pri_step_input input = { .phase = PR_PHASE_INFER,
                                   .seeds = { clerk->seeds, n },
                                   .own   = &own,
                                   .model = clerk->generation->model,
                                   .seed  = options->seed };
    if (n && pri_step_run(&clerk->lane, 1, &input, &row, &partition) != PR_OK)
        pr_diag(PR_WARN, "a first batch that nobody asked for failed: %s", pr_error_message());
}

/* Make what a clerk works with beside its lane, where its thread's memory is. */
static pr_status furnish(pri_lane *lane, void *argument)
{
    pr_status                st        = PR_OK;
    pri_clerk               *clerk     = argument;
    pri_generation          *g         = clerk->generation;
    const pri_commons       *commons   = g->commons;
    const pri_service_setup *setup     = &commons->setup;
    const pr_vid             num_nodes = setup->dataset->graph.num_nodes;
    const pri_plane_setup    plane     = { .lane           = lane,
                                           .store          = commons->store,
                                           .features       = &setup->dataset->features,
                                           .model          = g->model,
                                           .cache          = commons->cache,
                                           .tuning         = setup->tuning,
                                           .io             = &setup->options->io,
                                           .derived        = setup->options->serve.derived,
                                           .begins_derived = clerk->begins_derived,
                                           .max_wanted     = pr_sampler_max_inputs(lane->sampler) };

    PR_NEW(clerk->seeds, setup->options->serve.batch_max_nodes);
    PR_NEW(clerk->place, num_nodes);
    memset(clerk->place, 0xff, num_nodes * sizeof *clerk->place);
    PR_TRY(pri_plane_create(&plane, &clerk->plane));
    rehearse(clerk, num_nodes);
    tell_rows(clerk);
done:
    return st;
}

/* Score the nodes for policy static: any may be asked for. */
static pr_status make_scores(pri_generation *g, uint32_t **scores)
{
    pr_status                st    = PR_OK;
    const pri_service_setup *setup = &g->commons->setup;
    const pr_cache_options  *cache = &g->commons->cache;
    const pr_vid             n     = setup->dataset->graph.num_nodes;
    pr_vid                  *all   = NULL;

    *scores = NULL;
    if (cache->policy != PR_POLICY_STATIC || cache->mode != PR_CACHE_RESIDENT) return PR_OK;
    PR_NEW(all, n);
    for (pr_vid v = 0; v < n; v++) all[v] = v;
    const pri_rank_input rank = { .rank       = (pr_cache_rank)cache->rank,
                                  .graph      = &setup->dataset->graph,
                                  .fanout     = &g->fanout,
                                  .sampling   = &g->commons->sampling,
                                  .train      = { all, n },
                                  .seed       = setup->options->serve.seed,
                                  .batch_size = setup->options->serve.batch_max_nodes };
    PR_TRY(pri_rank_scores(g->clerk[0].lane, &rank, scores));
done:
    pri_free(all);
    return st;
}

pr_status pri_generation_equip(pri_generation *g, const pri_generation *old)
{
    pr_status                st     = PR_OK;
    const pri_service_setup *setup  = &g->commons->setup;
    uint32_t                *scores = NULL;
    pri_lane                *lane[PR_MAX_LANES];
    pri_lane_kit             kit[PR_MAX_LANES];

    PR_TRY(make_scores(g, &scores));
    for (uint32_t i = 0; i < g->num_clerks; i++) {
        g->clerk[i].begins_derived =
            old && i < old->num_clerks && atomic_load(&old->clerk[i].derived);
        lane[i] = g->clerk[i].lane;
        kit[i]  = (pri_lane_kit){ .graph     = &setup->dataset->graph,
                                  .fanout    = &g->widest.fanout,
                                  .sampling  = &g->commons->sampling,
                                  .store     = g->commons->store,
                                  .model     = g->model,
                                  .cache     = g->commons->cache,
                                  .tuning    = setup->tuning,
                                  .io        = &setup->options->io,
                                  .scores    = scores,
                                  .seed      = setup->options->serve.seed,
                                  .max_seeds = setup->options->serve.batch_max_nodes };
    }
    PR_TRY(pri_lanes_equip_all(lane, g->num_clerks, kit));
    PR_TRY(run_all(g, furnish));
done:
    pri_free(scores);
    return st;
}

pr_status pri_generation_say_where(const pri_generation *g)
{
    const pri_service_setup *setup = &g->commons->setup;
    pri_lane                *lane[PR_MAX_LANES];

    for (uint32_t i = 0; i < g->num_clerks; i++) lane[i] = g->clerk[i].lane;
    return pri_whereabouts_log(&(pri_whereabouts){
        .lanes     = lane,
        .num_lanes = g->num_clerks,
        .store     = g->commons->store,
        .num_nodes = pr_topo_num_nodes(setup->topo),
        .strict    = setup->options->machine.numa == PR_NUMA_STRICT,
        .record    = setup->record,
        .batches   = atomic_load(&g->commons->num_batches),
    });
}

/* ---- from one to the next ---- */

/* An errand: list what the lane's cache holds. */
struct pri_residents {
    pr_vid  *ids; /* [most] */
    uint64_t most, num;
    sem_t    done;
};

/* Have a clerk that works list its rows between two batches. */
static pr_status ask_residents(pri_clerk *clerk, pri_batcher *batcher, struct pri_residents *out)
{
    pr_status st = PR_OK;

    *out = (struct pri_residents){ .most = atomic_load(&clerk->capacity_rows) };
    PR_NEW(out->ids, out->most);
    sem_init(&out->done, 0, 0);
    clerk->residents = out;
    pri_batcher_errand(batcher, &clerk->desk);
    while (sem_wait(&out->done) != 0) continue; /* a signal's handler ran */
    sem_destroy(&out->done);
done:
    return st;
}

static void list_residents(pri_clerk *clerk)
{
    struct pri_residents *out = clerk->residents;

    clerk->residents = NULL;
    out->num         = pr_cache_residents(clerk->lane->cache, out->ids, out->most);
    sem_post(&out->done);
}

typedef struct warming {
    pri_clerk *clerk;
    pr_vids    ids;
} warming;

static pr_status warm(pri_lane *lane, void *argument)
{
    const warming  *w  = argument;
    const pr_status st = pri_plane_warm(w->clerk->plane, w->ids);

    (void)lane;
    tell_rows(w->clerk);
    return st;
}

void pri_generation_warm(pri_generation *g, pri_generation *old)
{
    for (uint32_t i = 0; i < g->num_clerks && i < old->num_clerks; i++) {
        pri_clerk           *clerk     = &g->clerk[i];
        struct pri_residents residents = { 0 };

        if (!pri_plane_is_derived(clerk->plane)) continue; /* inherits */
        pr_status st = ask_residents(&old->clerk[i], g->commons->batcher, &residents);
        warming   w  = { clerk, { residents.ids, residents.num } };
        if (st == PR_OK) st = pri_lane_run(clerk->lane, warm, &w);
        if (st != PR_OK) pr_diag(PR_WARN, "the slab begins cold: %s", pr_error_message());
        pri_free(residents.ids);
    }
}

static pr_status leave_plane(pri_lane *lane, void *argument)
{
    pri_clerk *clerk = argument;

    (void)lane;
    pri_plane_free(clerk->plane);
    clerk->plane = NULL;
    return PR_OK;
}

static pr_status tell(pri_lane *lane, void *argument)
{
    (void)lane;
    tell_rows(argument);
    return PR_OK;
}

void pri_generation_inherit(pri_generation *g, pri_generation *old)
{
    for (uint32_t i = 0; i < g->num_clerks && i < old->num_clerks; i++) {
        pri_clerk *heir = &g->clerk[i], *giver = &old->clerk[i];
        pr_cache  *spare;

        if (pri_plane_is_derived(heir->plane) || pri_plane_is_derived(giver->plane))
            continue; /* rows of another model */
        if (pr_sampler_max_inputs(giver->lane->sampler) <
            pr_sampler_max_inputs(heir->lane->sampler))
            continue;
        (void)pri_lane_run(giver->lane, leave_plane, giver);
        if (pri_lane_swap_cache(heir->lane, giver->lane->cache, &spare) != PR_OK) continue;
        giver->lane->cache = spare; /* nothing is done with it but to free it */
        (void)pri_lane_run(heir->lane, tell, heir);
    }
}

/* ---- at work ---- */

/* The one job of a clerk's thread. */
static pr_status work(void *argument)
{
    pri_clerk   *clerk   = argument;
    pri_batcher *batcher = clerk->generation->commons->batcher;
    pri_company  company;

    for (;;) {
        switch (pri_batcher_next(batcher, &clerk->desk, &company)) {
        case PRI_CALL_END: return PR_OK;
        case PRI_CALL_ERRAND: list_residents(clerk); break;
        case PRI_CALL_BATCH:
            pri_company_answer(clerk, &company);
            tell_rows(clerk);
            break;
        }
    }
}

void pri_generation_start(pri_generation *g)
{
    for (uint32_t i = 0; i < g->num_clerks; i++) {
        g->clerk[i].works = true;
        pri_worker_post(g->clerk[i].lane->thread, work, &g->clerk[i]);
    }
}

void pri_generation_stop(pri_generation *g)
{
    for (uint32_t i = 0; i < g->num_clerks; i++)
        if (g->clerk[i].works) pri_batcher_end(g->commons->batcher, &g->clerk[i].desk);
    for (uint32_t i = 0; i < g->num_clerks; i++) {
        if (g->clerk[i].works) (void)pri_worker_wait(g->clerk[i].lane->thread);
        g->clerk[i].works = false;
    }
}

void pri_generation_free(pri_generation *g)
{
    if (!g) return;
    pri_generation_stop(g);
    for (uint32_t i = 0; i < g->num_clerks; i++) {
        pri_clerk *clerk = &g->clerk[i];
        (void)pri_lane_run(clerk->lane, leave_plane, clerk);
        pri_lane_free(clerk->lane);
        pri_free(clerk->seeds);
        pri_free(clerk->place);
    }
    pr_model_free(g->model);
    pri_free(g);
}
