/* lanes.c: from nodes and a number of threads to lanes. */
#include "numa/topo.h"

#include <stdlib.h>

enum { MAX_THREADS = 4096 };

/* One thread for each allowed core, but no more than the quota pays for. */
static uint32_t default_threads(const pr_topo *topo)
{
    uint32_t threads = topo->num_cores;

    if (topo->cpu_quota > 0 && topo->cpu_quota < threads) threads = (uint32_t)topo->cpu_quota;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    return threads > 0 ? threads : 1;
}

/* Most cores first; then OS index. */
static int by_cores(const void *a, const void *b)
{
    const pr_lane_plan *x = a, *y = b;

    if (x->num_cores != y->num_cores) return x->num_cores > y->num_cores ? -1 : 1;
    return x->numa_node < y->numa_node ? -1 : x->numa_node > y->numa_node;
}

static int by_node(const void *a, const void *b)
{
    const pr_lane_plan *x = a, *y = b;

    return x->numa_node < y->numa_node ? -1 : x->numa_node > y->numa_node;
}

/* Fill lane[] with the nodes that have cores: the `limit` largest, by OS index. */
static uint32_t choose_nodes(const pr_topo *topo, uint32_t limit, pr_lane_plan *lane)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < topo->num_nodes; i++) { /* insertion, the largest first */
        const pri_node    *node = &topo->node[i];
        const pr_lane_plan next = { .numa_node    = node->os_index,
                                    .num_threads  = 1,
                                    .num_cores    = node->num_cores,
                                    .memory_bytes = node->memory_bytes };
        if (node->num_cores == 0) continue;
        if (num == limit && by_cores(&next, &lane[num - 1]) > 0) continue;
        uint32_t at = num < limit ? num++ : num - 1;
        for (; at > 0 && by_cores(&next, &lane[at - 1]) < 0; at--) lane[at] = lane[at - 1];
        lane[at] = next;
    }
    qsort(lane, num, sizeof *lane, by_node);
    return num;
}

/* Share threads in proportion to cores, one at least: each further thread goes where it leaves
 * the most cores a thread (Webster's method, which gives every core its thread when there are as
 * many as cores). */
static void share_threads(pr_plan *plan)
{
    for (uint32_t left = plan->num_threads - plan->num_lanes; left > 0; left--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < plan->num_lanes; i++) {
            const pr_lane_plan *a = &plan->lane[i], *b = &plan->lane[best];
            const uint64_t      claim_a = (uint64_t)a->num_cores * (2 * b->num_threads + 1);
            const uint64_t      claim_b = (uint64_t)b->num_cores * (2 * a->num_threads + 1);
            if (claim_a > claim_b) best = i;
        }
        plan->lane[best].num_threads++;
    }
}

pr_status pr_topo_plan(const pr_topo *topo, const pr_plan_options *options, pr_plan *out)
{
    pr_status st   = PR_OK;
    pr_plan   plan = { 0 };

    PR_CHECK(topo && options && out, PR_E_ARG, "topo, options or out is NULL");
    const uint32_t threads = options->threads;
    const int      mode    = options->numa;
    PR_CHECK(mode == PR_NUMA_AUTO || mode == PR_NUMA_STRICT || mode == PR_NUMA_OFF, PR_E_ARG,
             "NUMA mode is %d, must be auto, strict or off", mode);
    PR_CHECK(threads <= MAX_THREADS, PR_E_ARG, "threads is %u, must be in 0 .. %d", threads,
             MAX_THREADS);
    plan.num_threads = threads > 0 ? threads : default_threads(topo);
    plan.can_bind    = topo->can_bind;
    if (mode == PR_NUMA_OFF) {
        plan.num_lanes = 1;
        plan.lane[0]   = (pr_lane_plan){ .numa_node   = -1,
                                         .num_threads = plan.num_threads,
                                         .num_cores   = topo->num_cores };
        for (uint32_t i = 0; i < topo->num_nodes; i++)
            plan.lane[0].memory_bytes += topo->node[i].memory_bytes;
    } else {
        const uint32_t limit = plan.num_threads < PR_MAX_LANES ? plan.num_threads : PR_MAX_LANES;
        plan.num_lanes       = choose_nodes(topo, limit, plan.lane);
        PR_CHECK(plan.num_lanes > 0, PR_E_LIBRARY, "no NUMA node has a core for this process");
        share_threads(&plan);
    }
    *out = plan;
done:
    return st;
}
