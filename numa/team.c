/* team.c: the pinned threads of one lane.
 *
 * OpenMP keeps one pool of workers for each thread that opens parallel regions; workers inherit
 * the affinity of the thread that started them. So the lane's own thread enters: one region starts
 * the pool at its final size, and in it each worker places itself.
 *
 *   as many threads as cores   each on a core of its own
 *   any other number           all on the lane's cores, the kernel chooses: two processes that
 *                              each take a few of many cores would else share the first ones
 */
#include "numa/team.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

#include "numa/bind.h"

enum { PROBE_BYTES = 64 << 10 };

struct pri_team {
    const pr_topo *topo;
    uint32_t       lane, num_threads;
    int32_t        numa_node; /* -1: spans the machine */
    bool           strict, can_bind, entered;
    bool one_of_many;       /* lanes: what is not granted is said once, by whoever has them all */
    hwloc_bitmap_t  cpuset; /* the lane's CPUs */
    uint32_t        num_cores;
    hwloc_bitmap_t *core;   /* [num_cores] when every thread has a core of its own, else NULL */
    pthread_t       master; /* the thread that entered */
    hwloc_bitmap_t  before; /* its CPUs before */
};

static bool one_core_each(const pri_team *team)
{
    return team->num_threads == team->num_cores;
}

/* Find the lane's CPUs and, when each thread gets its own core, those of every core. */
static pr_status find_cores(pri_team *team, const pr_lane_plan *lane)
{
    pr_status      st   = PR_OK;
    const pr_topo *topo = team->topo;

    team->cpuset = hwloc_bitmap_alloc();
    team->before = hwloc_bitmap_alloc();
    PR_CHECK(team->cpuset && team->before, PR_E_NOMEM, "cannot keep the CPUs of lane %u",
             team->lane);
    st = pri_topo_lane_cpus(topo, lane, team->cpuset);
    if (st != PR_OK) {
        pri_error_prefix("lane %u: ", team->lane);
        goto done;
    }
    team->num_cores = pri_topo_count_cores(topo->hw, team->cpuset);
    if (!one_core_each(team)) goto done;
    PR_NEW(team->core, team->num_cores);
    for (uint32_t i = 0; i < team->num_cores; i++) {
        team->core[i] = hwloc_bitmap_alloc();
        PR_CHECK(team->core[i] && pri_topo_core(topo->hw, team->cpuset, i, team->core[i]),
                 PR_E_NOMEM, "cannot keep the CPUs of lane %u", team->lane);
    }
done:
    return st;
}

pr_status pri_team_create(const pr_topo *topo, const pr_plan *plan, uint32_t lane,
                          pr_numa_mode mode, pri_team **out)
{
    pr_status st   = PR_OK;
    pri_team *team = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(topo && plan, PR_E_ARG, "topo or plan is NULL");
    PR_CHECK(lane < plan->num_lanes && plan->num_lanes <= PR_MAX_LANES, PR_E_ARG,
             "lane is %u, the plan has %u", lane, plan->num_lanes);
    PR_CHECK(plan->lane[lane].num_threads > 0, PR_E_ARG, "lane %u has no threads", lane);
    PR_NEW(team, 1);
    team->topo        = topo;
    team->lane        = lane;
    team->num_threads = plan->lane[lane].num_threads;
    team->numa_node   = plan->lane[lane].numa_node;
    team->strict      = mode == PR_NUMA_STRICT;
    team->can_bind    = topo->can_bind && plan->can_bind;
    team->one_of_many = plan->num_lanes > 1;
    PR_TRY(find_cores(team, &plan->lane[lane]));
    *out = team;
    team = NULL;
done:
    pri_team_free(team);
    return st;
}

/* True when the lane asks for memory of its node at all. */
static bool wants_memory(const pri_team *team)
{
    return team->numa_node >= 0 && team->topo->num_nodes > 1;
}

/* Give the master and its workers the CPUs back that they had, so that a later team, or whatever
 * threads they start, is not confined to this lane. */
static void leave(pri_team *team)
{
    const pr_topo       *topo   = team->topo;
    hwloc_const_bitmap_t before = team->before;
    const bool           memory = wants_memory(team);

#pragma omp parallel num_threads(team->num_threads)
    {
        (void)pri_bind_thread(topo, before);
        if (memory) (void)pri_bind_thread_memory(topo, -1, false);
    }
}

void pri_team_free(pri_team *team)
{
    if (!team) return;
    if (team->entered && pthread_equal(team->master, pthread_self())) leave(team);
    for (uint32_t i = 0; team->core && i < team->num_cores; i++) hwloc_bitmap_free(team->core[i]);
    pri_free(team->core);
    hwloc_bitmap_free(team->cpuset);
    hwloc_bitmap_free(team->before);
    pri_free(team);
}

/* Touch a few pages, as everything of a lane is touched first by its team, and ask where they
 * are. */
static pr_status probe_memory(const pri_team *team, bool *bound)
{
    pr_status st    = PR_OK;
    char     *pages = pri_pages_map(PROBE_BYTES, 0);

    *bound = false;
    PR_CHECK(pages, PR_E_NOMEM, "cannot map %d bytes", PROBE_BYTES);
    memset(pages, 1, PROBE_BYTES);
    *bound = pri_bind_pages_are_on(team->topo, team->numa_node, pages, PROBE_BYTES);
done:
    pri_pages_unmap(pages, PROBE_BYTES);
    return st;
}

/* Start the workers, let each place itself, and count those that are where the lane wants them. */
static void start(pri_team *team, bool pin, uint32_t *num_started, uint32_t *num_placed)
{
    uint32_t       started = 0, placed = 0;
    const pr_topo *topo   = team->topo;
    const bool     memory = pin && wants_memory(team);

#pragma omp parallel num_threads(team->num_threads) reduction(+ : started, placed)
    {
        const int            i   = omp_get_thread_num();
        hwloc_const_bitmap_t set = team->core ? team->core[i] : team->cpuset;
        if (pin) (void)pri_bind_thread(topo, set);
        if (memory) (void)pri_bind_thread_memory(topo, team->numa_node, team->strict);
        started += 1;
        placed += team->can_bind && pri_bind_thread_is_on(topo, pin ? set : team->cpuset);
    }
    *num_started = started;
    *num_placed  = placed;
}

/* Say in one line what was not granted; an error when the user insists. */
static pr_status report(const pri_team *team, const pri_binding *binding, uint32_t num_placed)
{
    pr_status  st      = PR_OK;
    const bool memory  = binding->memory_bound || !wants_memory(team);
    const bool by_user = binding->by_user;
    char       text[256];

    if (binding->threads_bound && memory) goto done;
    snprintf(text, sizeof text, "lane %u: %u of %u threads are on their cores%s: %s", team->lane,
             num_placed, binding->num_threads, memory ? "" : ", no memory is bound to their node",
             by_user             ? "OMP_PROC_BIND or OMP_PLACES has placed them"
             : !team->topo->real ? "this is not their machine"
                                 : "the kernel refuses");
    PR_CHECK(!team->strict, PR_E_UNSUPPORTED, "%s", text);
    const bool quiet = team->numa_node < 0 || team->one_of_many;
    pr_diag(quiet ? PR_DEBUG : PR_INFO, "%s", text);
done:
    return st;
}

pr_status pri_team_enter(pri_team *team, pri_binding *binding)
{
    pr_status st      = PR_OK;
    uint32_t  started = 0, placed = 0;

    PR_CHECK(team && binding, PR_E_ARG, "team or binding is NULL");
    *binding = (pri_binding){ 0 };
    PR_CHECK(!team->entered, PR_E_ARG, "lane %u: the team was entered before", team->lane);
    binding->by_user = pri_bind_by_user();
    const bool pin =
        team->can_bind && !binding->by_user && pri_bind_thread_read(team->topo, team->before);

    omp_set_dynamic(0);
    omp_set_num_threads((int)team->num_threads);
    start(team, pin, &started, &placed);
    team->master  = pthread_self();
    team->entered = pin;
    PR_CHECK(started == team->num_threads || !team->strict, PR_E_UNSUPPORTED,
             "lane %u: OpenMP starts %u of %u threads", team->lane, started, team->num_threads);
    if (started != team->num_threads) {
        pr_diag(PR_WARN, "lane %u: OpenMP starts %u of %u threads (OMP_THREAD_LIMIT?)", team->lane,
                started, team->num_threads);
        team->num_threads = started;
        omp_set_num_threads((int)started);
    }
    binding->num_threads   = started;
    binding->threads_bound = placed == started;
    binding->memory_bound  = team->can_bind && team->topo->num_nodes == 1;
    if (team->can_bind && wants_memory(team)) PR_TRY(probe_memory(team, &binding->memory_bound));
    PR_TRY(report(team, binding, placed));
done:
    return st;
}

uint32_t pri_team_num_threads(const pri_team *team)
{
    return team->num_threads;
}

void pri_team_cpus(const pri_team *team, char *out, size_t bytes)
{
    hwloc_bitmap_t all = hwloc_bitmap_alloc();

    out[0] = '\0';
#pragma omp parallel num_threads(team->num_threads)
    {
        hwloc_bitmap_t own = hwloc_bitmap_alloc();
        if (own && pri_bind_thread_read(team->topo, own)) {
#pragma omp critical(pri_team_cpus)
            if (all) (void)hwloc_bitmap_or(all, all, own);
        }
        hwloc_bitmap_free(own);
    }
    if (all) (void)hwloc_bitmap_list_snprintf(out, bytes, all);
    hwloc_bitmap_free(all);
}

void pri_team_attend(const pri_team *team, uint32_t threads)
{
    omp_set_dynamic(0);
    omp_set_num_threads((int)threads);
    if (!team->entered) return; /* nothing was bound */
    (void)pri_bind_thread(team->topo, team->cpuset);
    if (wants_memory(team)) (void)pri_bind_thread_memory(team->topo, team->numa_node, team->strict);
}
