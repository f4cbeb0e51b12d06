/* lane.c: making lanes and handing them work. */
#include "pipeline/lane.h"

#include "pipeline/ahead.h"
#include "pipeline/bring.h"

/* Run the lane's job on its thread. */
static pr_status run_job(void *argument)
{
    pri_lane *lane = argument;

    return lane->job(lane, lane->argument);
}

pr_status pri_lanes_run(pri_lane *const *lanes, uint32_t num_lanes, pri_lane_job job,
                        void *const *arguments)
{
    pr_status first  = PR_OK;
    uint32_t  failed = 0;

    if (num_lanes == 1 && pri_worker_is_self(lanes[0]->thread)) /* a job that goes on for long */
        return job(lanes[0], arguments[0]);
    for (uint32_t i = 0; i < num_lanes; i++) {
        lanes[i]->job      = job;
        lanes[i]->argument = arguments[i];
        pri_worker_post(lanes[i]->thread, run_job, lanes[i]);
    }
    for (uint32_t i = 0; i < num_lanes; i++) {
        const pr_status st = pri_worker_wait(lanes[i]->thread);
        if (st != PR_OK && first == PR_OK) {
            first  = st;
            failed = i;
        }
    }
    if (first != PR_OK) {
        (void)pri_error_restore(pri_worker_error(lanes[failed]->thread));
        if (num_lanes > 1) pri_error_prefix("lane %u: ", failed);
    }
    return first;
}

pr_status pri_lane_run(pri_lane *lane, pri_lane_job job, void *argument)
{
    return pri_lanes_run(&lane, 1, job, &argument);
}

static pr_status enter_team(pri_lane *lane, void *argument)
{
    (void)argument;
    return pri_team_enter(lane->team, &lane->binding);
}

pr_status pri_lane_create(const pr_topo *topo, const pr_plan *plan, uint32_t index,
                          pr_numa_mode mode, pri_lane **out)
{
    pr_status st   = PR_OK;
    pri_lane *lane = NULL;
    char      whose[32];

    *out = NULL;
    PR_NEW(lane, 1);
    lane->index     = index;
    lane->numa_node = plan->lane[index].numa_node;
    PR_TRY(pri_team_create(topo, plan, index, mode, &lane->team));
    snprintf(whose, sizeof whose, "lane %u", index);
    PR_TRY(pri_worker_start(whose, &lane->thread));
    PR_TRY(pri_lane_run(lane, enter_team, NULL));
    *out = lane;
    lane = NULL;
done:
    pri_lane_free(lane);
    return st;
}

void pri_lane_free(pri_lane *lane)
{
    if (!lane) return;
    pri_worker_free(lane->thread);
    pri_bring_free(lane->bring); /* its thread uses the cache, that of ahead the sampler */
    pri_ahead_free(lane->ahead);
    pri_tape_free(lane->tape);
    pr_cache_free(lane->cache);
    pr_sampler_free(lane->sampler);
    pri_graph_copy_clear(&lane->graph);
    pri_team_free(lane->team);
    pri_free(lane);
}

/* In line some of the team is all of it: OpenMP ends threads for a smaller region, and creates them
 * for the next that is larger, in every step. */
uint32_t pri_lane_draw_threads(const pri_lane *lane, uint32_t wanted, bool pipelined)
{
    const uint32_t own  = pri_team_num_threads(lane->team);
    const uint32_t want = wanted ? wanted : pipelined ? 1 : own;

    return want < own && (pipelined || want == 1) ? want : own;
}

static pr_status open_tape(pri_lane *lane, const pri_lane_kit *kit)
{
    uint32_t max_dst[PR_MAX_LAYERS];
    uint64_t max_edges[PR_MAX_LAYERS];

    for (uint32_t h = 0; h < kit->fanout->num_layers; h++) {
        max_dst[h]   = pr_sampler_max_dst(lane->sampler, h);
        max_edges[h] = pr_sampler_max_hop_edges(lane->sampler, h);
    }
    return pri_tape_create(kit->model, kit->graph, max_dst, max_edges,
                           pr_sampler_max_inputs(lane->sampler), &lane->tape);
}

/* Let a thread that the cache starts use all CPUs of the lane: it would have inherited the one of
 * the team's master, which computes. */
static void attend(void *team)
{
    pri_team_attend(team, 1);
}

static pr_status equip(pri_lane *lane, void *argument)
{
    pr_status           st      = PR_OK;
    const pri_lane_kit *kit     = argument;
    const uint32_t      threads = pri_lane_draw_threads(lane, kit->sampler_threads, kit->pipelined);

    if (kit->graph_copy) PR_TRY(pri_graph_copy_make(kit->graph, &lane->graph));
    const pr_graph *graph = kit->graph_copy ? &lane->graph.graph : kit->graph;
    PR_TRY(pr_sampler_create(graph, kit->fanout, kit->sampling, kit->seed, kit->max_seeds, threads,
                             &lane->sampler));
    const pr_cache_setup cache = { .options       = &kit->cache,
                                   .stores        = &kit->store,
                                   .num_planes    = 1,
                                   .max_wanted    = pr_sampler_max_inputs(lane->sampler),
                                   .tuning        = kit->tuning,
                                   .scores        = kit->scores,
                                   .numa_node     = lane->numa_node,
                                   .io            = kit->io,
                                   .thread_begins = attend,
                                   .context       = lane->team };
    PR_TRY(pr_cache_open(&cache, &lane->cache));
    const pri_ahead_setup ahead = { .sampler      = lane->sampler,
                                    .cache        = lane->cache,
                                    .first_step   = kit->first_step,
                                    .max_window   = pri_ahead_limit(&kit->cache),
                                    .draw_threads = kit->pipelined ? threads : 0,
                                    .team         = lane->team };
    PR_TRY(pri_ahead_create(&ahead, &lane->ahead));
    const bool slow = pr_store_fetches(kit->store) && kit->cache.mode != PR_CACHE_OFF;
    PR_TRY(pri_bring_create(lane->cache, kit->pipelined && slow, lane->team, &lane->bring));
    PR_TRY(open_tape(lane, kit));
done:
    return st;
}

pr_status pri_lane_swap_cache(pri_lane *lane, pr_cache *cache, pr_cache **old)
{
    pr_status  st    = PR_OK;
    pri_bring *bring = NULL;

    PR_TRY(pri_bring_create(cache, false, lane->team, &bring));
    pri_bring_free(lane->bring);
    *old        = lane->cache;
    lane->cache = cache;
    lane->bring = bring;
done:
    return st;
}

pr_status pri_lane_equip(pri_lane *lane, const pri_lane_kit *kit)
{
    return pri_lane_run(lane, equip, (void *)(uintptr_t)kit);
}

pr_status pri_lanes_equip_all(pri_lane *const *lanes, uint32_t num_lanes, const pri_lane_kit *kit)
{
    void *argument[PR_MAX_LANES];

    for (uint32_t i = 0; i < num_lanes; i++) argument[i] = (void *)(uintptr_t)&kit[i];
    return pri_lanes_run(lanes, num_lanes, equip, argument);
}

void pri_lane_ranges(const pri_lane *lane, pr_ranges *ranges)
{
    ranges->lane      = lane->index;
    ranges->numa_node = lane->numa_node;
    pr_sampler_ranges(lane->sampler, ranges);
    pri_ahead_ranges(lane->ahead, ranges);
    pr_cache_ranges(lane->cache, ranges);
    pri_tape_ranges(lane->tape, ranges);
    pri_graph_copy_ranges(&lane->graph, ranges);
}
