/* lanes.c: from nodes and a number of threads to lanes.
 *
 *   nodes    the largest with cores, as many as there shall be lanes at most
 *   lanes    one a node; further ones cut the node whose lanes are largest
 *   threads  in proportion to cores, one a lane at least
 */
#include "numa/bind.h"
#include "numa/print.h"
#include "numa/topo.h"

#include <stdlib.h>

enum { MAX_THREADS = 4096 };

/* A node that lanes are made of. */
typedef struct share {
    const pri_node *node;
    uint32_t        num_lanes;
} share;

/* Most cores first; then OS index. */
static int by_cores(const share *x, const share *y)
{
    if (x->node->num_cores != y->node->num_cores)
        return x->node->num_cores > y->node->num_cores ? -1 : 1;
    return x->node->os_index < y->node->os_index ? -1 : x->node->os_index > y->node->os_index;
}

static int by_node(const void *a, const void *b)
{
    const share *x = a, *y = b;

    return x->node->os_index < y->node->os_index ? -1 : x->node->os_index > y->node->os_index;
}

/* Find the nodes that have cores: the `limit` largest, the largest first. */
static uint32_t choose_nodes(const pr_topo *topo, uint32_t limit, share *out)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < topo->num_nodes; i++) { /* insertion */
        const share next = { &topo->node[i], 1 };
        if (next.node->num_cores == 0) continue;
        if (num == limit && by_cores(&next, &out[num - 1]) > 0) continue;
        uint32_t at = num < limit ? num++ : num - 1;
        for (; at > 0 && by_cores(&next, &out[at - 1]) < 0; at--) out[at] = out[at - 1];
        out[at] = next;
    }
    return num;
}

static uint32_t count_cores(const share *shares, uint32_t num)
{
    uint32_t cores = 0;

    for (uint32_t i = 0; i < num; i++) cores += shares[i].node->num_cores;
    return cores;
}

/* Deal lanes beyond one a node: each to the node whose lanes have the most cores. Only when all
 * cores are gone, two lanes share one. */
static void cut_nodes(share *shares, uint32_t num, uint32_t num_lanes)
{
    for (uint32_t left = num_lanes - num; left > 0; left--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < num; i++) {
            const uint64_t a = (uint64_t)shares[i].node->num_cores * shares[best].num_lanes;
            const uint64_t b = (uint64_t)shares[best].node->num_cores * shares[i].num_lanes;
            if (a > b) best = i;
        }
        shares[best].num_lanes++;
    }
}

/* Make the lanes of the nodes, by node and then by core. */
static void make_lanes(share *shares, uint32_t num, pr_plan *plan)
{
    qsort(shares, num, sizeof *shares, by_node);
    for (uint32_t i = 0; i < num; i++) {
        const pri_node *node  = shares[i].node;
        const uint32_t  cores = node->num_cores, lanes = shares[i].num_lanes;
        for (uint32_t k = 0; k < lanes; k++) {
            const uint32_t first = (uint32_t)((uint64_t)cores * k / lanes);
            const uint32_t end   = (uint32_t)((uint64_t)cores * (k + 1) / lanes);
            plan->lane[plan->num_lanes++] =
                (pr_lane_plan){ .numa_node    = node->os_index,
                                .num_threads  = 1,
                                .first_core   = first,
                                .num_cores    = end > first ? end - first : 1,
                                .memory_bytes = node->memory_bytes };
        }
    }
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

/* One thread for each of so many cores, but no more than the quota pays for. */
static uint32_t default_threads(const pr_topo *topo, uint32_t cores)
{
    uint32_t threads = cores;

    if (topo->cpu_quota > 0 && topo->cpu_quota < threads) threads = (uint32_t)topo->cpu_quota;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    return threads > 0 ? threads : 1;
}

/* ---- why ---- */

/* What limits the threads. Where the user asked for a number, what the machine grants is said when
 * that is less. */
static void say_threads(const pr_topo *topo, const pr_plan_options *options, uint32_t cores,
                        pr_plan *plan)
{
    static const char *const by[]          = { [PRI_LIMIT_CPUSET]   = "the cpuset",
                                               [PRI_LIMIT_AFFINITY] = "affinity",
                                               [PRI_LIMIT_LIST]     = "--cpus" };
    const double             quota         = topo->cpu_quota;
    const bool               short_of_time = quota > 0 && quota < cores;
    const uint32_t           threads       = plan->num_threads;

    pri_append(plan->why, sizeof plan->why, "%u thread%s", threads, pri_plural(threads));
    if (options->threads > 0)
        pri_append(plan->why, sizeof plan->why, " as asked for");
    else if (threads > default_threads(topo, cores))
        pri_append(plan->why, sizeof plan->why, ", one a lane");
    else if (!short_of_time)
        pri_append(plan->why, sizeof plan->why, threads < cores ? ", the most" : ", one a core");
    if (topo->limit != PRI_LIMIT_NONE)
        pri_append(plan->why, sizeof plan->why, ": %s leaves %u of %u CPUs", by[topo->limit],
                   topo->num_cpus, topo->machine_cpus);
    if (short_of_time)
        pri_append(plan->why, sizeof plan->why, "%s a CPU quota of %.2f",
                   topo->limit != PRI_LIMIT_NONE ? " and" : ":", quota);
    if (topo->num_nodes < topo->machine_nodes)
        pri_append(plan->why, sizeof plan->why,
                   "%s the cpuset leaves the memory of %u of %u NUMA nodes",
                   topo->limit != PRI_LIMIT_NONE || short_of_time ? " and" : ":", topo->num_nodes,
                   topo->machine_nodes);
}

static void say_lanes(const pr_plan_options *options, uint32_t nodes, uint32_t used, bool shared,
                      pr_plan *plan)
{
    const uint32_t lanes = plan->num_lanes;

    pri_append(plan->why, sizeof plan->why, "; %u lane%s", lanes, pri_plural(lanes));
    if (options->numa == PR_NUMA_OFF)
        pri_append(plan->why, sizeof plan->why, " as --numa is off");
    else if (lanes == 1 && plan->lane[0].numa_node < 0)
        pri_append(plan->why, sizeof plan->why,
                   " over %u NUMA nodes, as OMP_PROC_BIND or OMP_PLACES has placed the threads",
                   nodes);
    else if (options->lanes > lanes)
        pri_append(plan->why, sizeof plan->why, ", as there are no more threads");
    else if (options->lanes > 0)
        pri_append(plan->why, sizeof plan->why, " as asked for, on %u of %u NUMA node%s%s", used,
                   nodes, pri_plural(nodes), shared ? ", which share cores" : "");
    else if (lanes < nodes)
        pri_append(plan->why, sizeof plan->why, ", as there are no more%s: %u of %u NUMA nodes",
                   lanes == PR_MAX_LANES ? "" : " threads", used, nodes);
    else
        pri_append(plan->why, sizeof plan->why,
                   nodes == 1 ? ", as one NUMA node has cores" : ", one a NUMA node");
}

/* ---- the plan ---- */

static pr_status check(const pr_topo *topo, const pr_plan_options *options, const pr_plan *out)
{
    pr_status st = PR_OK;

    PR_CHECK(topo && options && out, PR_E_ARG, "topo, options or out is NULL");
    const int mode = options->numa;
    PR_CHECK(mode == PR_NUMA_AUTO || mode == PR_NUMA_STRICT || mode == PR_NUMA_OFF, PR_E_ARG,
             "NUMA mode is %d, must be auto, strict or off", mode);
    PR_CHECK(options->threads <= MAX_THREADS, PR_E_ARG, "threads is %u, must be in 0 .. %d",
             options->threads, MAX_THREADS);
    PR_CHECK(options->lanes <= PR_MAX_LANES, PR_E_ARG, "lanes is %u, must be in 0 .. %u",
             options->lanes, PR_MAX_LANES);
    PR_CHECK(options->lanes <= 1 || mode != PR_NUMA_OFF, PR_E_ARG,
             "--numa off is one lane, but --lanes asks for %u", options->lanes);
done:
    return st;
}

/* One lane over the whole machine. */
static void plan_one(const pr_topo *topo, const pr_plan_options *options, pr_plan *plan)
{
    plan->num_threads =
        options->threads > 0 ? options->threads : default_threads(topo, topo->num_cores);
    plan->num_lanes = 1;
    plan->lane[0]   = (pr_lane_plan){ .numa_node   = -1,
                                      .num_threads = plan->num_threads,
                                      .num_cores   = topo->num_cores };
    for (uint32_t i = 0; i < topo->num_nodes; i++)
        plan->lane[0].memory_bytes += topo->node[i].memory_bytes;
    say_threads(topo, options, topo->num_cores, plan);
    say_lanes(options, topo->num_nodes, topo->num_nodes, false, plan);
}

/* Lanes on nodes. Threads that nobody asked for are those of the nodes that are used. */
static pr_status plan_nodes(const pr_topo *topo, const pr_plan_options *options, pr_plan *plan)
{
    pr_status st = PR_OK;
    share     shares[PR_MAX_LANES];
    uint32_t  nodes = 0, wanted, threads = options->threads;

    for (uint32_t i = 0; i < topo->num_nodes; i++) nodes += topo->node[i].num_cores > 0;
    PR_CHECK(nodes > 0, PR_E_LIBRARY, "no NUMA node has a core for this process");
    wanted = options->lanes > 0 ? options->lanes : nodes < PR_MAX_LANES ? nodes : PR_MAX_LANES;
    if (threads > 0 && threads < wanted) wanted = threads;
    uint32_t used  = choose_nodes(topo, wanted, shares);
    uint32_t cores = count_cores(shares, used);
    if (threads == 0) {
        threads = default_threads(topo, cores);
        if (options->lanes > 0 && threads < wanted) threads = wanted;
    }
    if (threads < wanted) { /* the quota pays for fewer lanes than there are nodes */
        wanted = threads;
        if (used > wanted) used = wanted;
    }
    plan->num_threads = threads;
    cut_nodes(shares, used, wanted);
    bool shared = false;
    for (uint32_t i = 0; i < used; i++)
        shared = shared || shares[i].num_lanes > shares[i].node->num_cores;
    make_lanes(shares, used, plan);
    share_threads(plan);
    say_threads(topo, options, cores, plan);
    say_lanes(options, nodes, used, shared, plan);
done:
    return st;
}

/* Whether lanes would only be in each other's way: OpenMP puts the team of every lane on the same
 * places, the first ones, when it is told places. Who asks for lanes, or is strict, gets them. */
static bool placed_by_user(const pr_topo *topo, const pr_plan_options *options)
{
    return topo->real && topo->num_nodes > 1 && options->lanes == 0 &&
           options->numa == PR_NUMA_AUTO && pri_bind_by_user();
}

pr_status pr_topo_plan(const pr_topo *topo, const pr_plan_options *options, pr_plan *out)
{
    pr_status st   = PR_OK;
    pr_plan   plan = { 0 };

    PR_TRY(check(topo, options, out));
    plan.can_bind = topo->can_bind;
    if (options->numa == PR_NUMA_OFF || placed_by_user(topo, options))
        plan_one(topo, options, &plan);
    else
        PR_TRY(plan_nodes(topo, options, &plan));
    *out = plan;
done:
    return st;
}
