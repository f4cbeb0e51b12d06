/* lane.c: a thread that takes one job at a time. */
#include "pipeline/lane.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "pipeline/ahead.h"

struct pri_lane_thread {
    pthread_t       id;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pri_lane_job    job; /* NULL: nothing to do */
    void           *argument;
    bool            ending;
    pr_status       status;
    pri_error       error; /* of the last failed job */
};

static void *serve_jobs(void *argument)
{
    pri_lane        *lane = argument;
    pri_lane_thread *own  = lane->thread;

    pthread_mutex_lock(&own->lock);
    for (;;) {
        while (!own->job && !own->ending) pthread_cond_wait(&own->changed, &own->lock);
        if (!own->job) break;
        pthread_mutex_unlock(&own->lock);
        const pr_status st = own->job(lane, own->argument);
        if (st != PR_OK) pri_error_save(&own->error, st);
        pthread_mutex_lock(&own->lock);
        own->status = st;
        own->job    = NULL;
        pthread_cond_broadcast(&own->changed);
    }
    pthread_mutex_unlock(&own->lock);
    return NULL;
}

static void post(pri_lane *lane, pri_lane_job job, void *argument)
{
    pri_lane_thread *own = lane->thread;

    pthread_mutex_lock(&own->lock);
    PR_ASSERT(!own->job);
    own->argument = argument;
    own->job      = job;
    pthread_cond_broadcast(&own->changed);
    pthread_mutex_unlock(&own->lock);
}

static pr_status wait_for(pri_lane *lane)
{
    pri_lane_thread *own = lane->thread;

    pthread_mutex_lock(&own->lock);
    while (own->job) pthread_cond_wait(&own->changed, &own->lock);
    const pr_status st = own->status;
    pthread_mutex_unlock(&own->lock);
    return st;
}

pr_status pri_lanes_run(pri_lane *const *lanes, uint32_t num_lanes, pri_lane_job job,
                        void *const *arguments)
{
    pr_status first  = PR_OK;
    uint32_t  failed = 0;

    for (uint32_t i = 0; i < num_lanes; i++) post(lanes[i], job, arguments[i]);
    for (uint32_t i = 0; i < num_lanes; i++) {
        const pr_status st = wait_for(lanes[i]);
        if (st != PR_OK && first == PR_OK) {
            first  = st;
            failed = i;
        }
    }
    if (first != PR_OK) {
        pri_error_restore(&lanes[failed]->thread->error);
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

/* Start the thread with all signals blocked: they belong to the thread that called the library. */
static pr_status start_thread(pri_lane *lane)
{
    pr_status        st  = PR_OK;
    pri_lane_thread *own = lane->thread;
    sigset_t         all, before;

    pthread_mutex_init(&own->lock, NULL);
    pthread_cond_init(&own->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int refused = pthread_create(&own->id, NULL, serve_jobs, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refused) {
        pri_free(own);
        lane->thread = NULL;
    }
    PR_CHECK(!refused, PR_E_IO, "cannot start the thread of lane %u: %s", lane->index,
             strerror(refused));
done:
    return st;
}

pr_status pri_lane_create(const pr_topo *topo, const pr_plan *plan, uint32_t index,
                          pr_numa_mode mode, pri_lane **out)
{
    pr_status st   = PR_OK;
    pri_lane *lane = NULL;

    *out = NULL;
    PR_NEW(lane, 1);
    lane->index     = index;
    lane->numa_node = plan->lane[index].numa_node;
    PR_TRY(pri_team_create(topo, plan, index, mode, &lane->team));
    PR_NEW(lane->thread, 1);
    PR_TRY(start_thread(lane));
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
    if (lane->thread) {
        pri_lane_thread *own = lane->thread;
        pthread_mutex_lock(&own->lock);
        own->ending = true;
        pthread_cond_broadcast(&own->changed);
        pthread_mutex_unlock(&own->lock);
        pthread_join(own->id, NULL);
        pthread_cond_destroy(&own->changed);
        pthread_mutex_destroy(&own->lock);
        pri_free(own);
    }
    pri_tape_free(lane->tape);
    pr_cache_free(lane->cache);
    pri_ahead_free(lane->ahead);
    pr_sampler_free(lane->sampler);
    pri_team_free(lane->team);
    pri_free(lane);
}

static pr_status equip(pri_lane *lane, void *argument)
{
    pr_status           st  = PR_OK;
    const pri_lane_kit *kit = argument;
    const uint32_t      own = pri_team_num_threads(lane->team);
    uint32_t            max_dst[PR_MAX_LAYERS];
    uint64_t            max_edges[PR_MAX_LAYERS];

    const uint32_t threads =
        kit->sampler_threads && kit->sampler_threads < own ? kit->sampler_threads : own;
    PR_TRY(pr_sampler_create(kit->graph, kit->fanout, kit->sampling, kit->seed, kit->max_seeds,
                             threads, &lane->sampler));
    PR_TRY(pri_ahead_create(lane->sampler, pri_ahead_limit(kit->cache), &lane->ahead));
    for (uint32_t h = 0; h < kit->fanout->num_layers; h++) {
        max_dst[h]   = pr_sampler_max_dst(lane->sampler, h);
        max_edges[h] = pr_sampler_max_hop_edges(lane->sampler, h);
    }
    const uint32_t       max_inputs = pr_sampler_max_inputs(lane->sampler);
    const pr_cache_setup cache      = { .options    = kit->cache,
                                        .stores     = &kit->store,
                                        .num_planes = 1,
                                        .max_wanted = max_inputs,
                                        .tuning     = kit->tuning,
                                        .scores     = kit->scores };
    PR_TRY(pr_cache_open(&cache, &lane->cache));
    PR_TRY(pri_tape_create(kit->model, max_dst, max_edges, max_inputs, &lane->tape));
done:
    return st;
}

pr_status pri_lane_equip(pri_lane *lane, const pri_lane_kit *kit)
{
    return pri_lane_run(lane, equip, (void *)(uintptr_t)kit);
}
