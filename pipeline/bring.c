/* bring.c: see bring.h. */
#include "pipeline/bring.h"

#include "pipeline/worker.h"

struct pri_bring {
    pr_cache       *cache;
    const pri_team *team;
    pri_worker     *worker; /* NULL: in line */
    bool            begun;  /* the next step in order is planned, and its fetch was posted */
    pr_cache_plan   plan;   /* of that step */
    int64_t       fetch_ns; /* of that step; the worker's until it is waited for, as its cost is */
    pr_fetch_cost cost;
};

static pr_status fetch(void *argument)
{
    pri_bring    *own   = argument;
    const int64_t start = pr_now_ns();

    const pr_status st = pr_cache_fetch(own->cache);
    own->fetch_ns      = pr_now_ns() - start;
    pr_cache_fetch_cost(own->cache, &own->cost);
    return st;
}

/* Let the thread use all CPUs of the lane; once. */
static pr_status attend(void *argument)
{
    const pri_bring *own = argument;

    if (own->team) pri_team_attend(own->team, 1);
    return PR_OK;
}

pr_status pri_bring_create(pr_cache *cache, bool threaded, const pri_team *team, pri_bring **out)
{
    pr_status  st    = PR_OK;
    pri_bring *bring = NULL;

    *out = NULL;
    PR_NEW(bring, 1);
    bring->cache = cache;
    bring->team  = team;
    if (threaded) {
        PR_TRY(pri_worker_start("a fetcher", &bring->worker));
        pri_worker_post(bring->worker, attend, bring);
        PR_TRY(pri_worker_wait(bring->worker));
    }
    *out  = bring;
    bring = NULL;
done:
    pri_bring_free(bring);
    return st;
}

void pri_bring_free(pri_bring *bring)
{
    if (!bring) return;
    pri_worker_free(bring->worker);
    pri_free(bring);
}

/* Wait for what was begun. */
static pr_status finish(pri_bring *bring, pr_cache_plan *plan, pri_ahead_times *times)
{
    const int64_t   start = pr_now_ns();
    const pr_status st    = pri_worker_wait(bring->worker);

    times->wait_rows_ns = pr_now_ns() - start;
    times->wait_ns += times->wait_rows_ns;
    times->fetch_ns = bring->fetch_ns;
    times->cost     = bring->cost;
    *plan           = bring->plan;
    bring->begun    = false;
    return st == PR_OK ? PR_OK : pri_error_restore(pri_worker_error(bring->worker));
}

pr_status pri_bring_rows(pri_lane *lane, const pri_turn *turn, pr_vids wanted, pr_cache_plan *plan,
                         pri_ahead_times *times)
{
    pr_status            st    = PR_OK;
    pri_bring           *bring = lane->bring;
    const pr_cache_plan *made;

    if (bring->begun) {
        PR_CHECK(turn->order, PR_E_BUG, "a batch out of order came where a step was to follow");
        return finish(bring, plan, times);
    }
    const int64_t start = pr_now_ns();
    PR_TRY(turn->order ? pr_cache_prepare_next(lane->cache, &made)
                       : pr_cache_prepare(lane->cache, wanted, &made));
    const int64_t prepared = pr_now_ns();
    PR_TRY(pr_cache_fetch(lane->cache));
    times->fetch_ns = pr_now_ns() - prepared;
    times->prepare_ns += prepared - start;
    times->wait_ns += times->fetch_ns; /* done in line */
    times->wait_rows_ns = times->fetch_ns;
    pr_cache_fetch_cost(lane->cache, &times->cost);
    *plan = *made;
done:
    return st;
}

pr_status pri_bring_next(pri_lane *lane, const pri_turn *turn, pri_ahead_times *times)
{
    pr_status            st    = PR_OK;
    pri_bring           *bring = lane->bring;
    bool                 ready = false;
    const pr_cache_plan *made;

    if (!bring->worker || !turn->order || !turn->followed) return PR_OK;
    PR_TRY(pri_ahead_look(lane, turn, &ready, times));
    if (!ready) return PR_OK;
    const int64_t start = pr_now_ns();
    PR_TRY(pr_cache_prepare_next(lane->cache, &made));
    bring->plan  = *made;
    bring->begun = true;
    pri_worker_post(bring->worker, fetch, bring);
    times->prepare_ns += pr_now_ns() - start;
done:
    return st;
}
