/* method.c: see method.h. */
#include "partition/method.h"

#include <packrat/numa.h>

#include "partition/kway.h"

static const double metis_share = 0.7; /* of the memory that is free, at most */

const char *pr_clusters_method_name(int method)
{
    return method == PR_CLUSTERS_METIS         ? "METIS"
           : method == PR_CLUSTERS_PROPAGATION ? "label propagation"
                                               : "auto";
}

static double gib(uint64_t bytes)
{
    return (double)bytes * 0x1p-30;
}

int pri_method_choose(const pri_adjacency *adjacency, int wanted, uint32_t num_clusters,
                      char why[PRI_METHOD_WHY_BYTES])
{
    const pr_graph *g          = &adjacency->graph;
    const uint64_t  needs      = pri_kway_bytes(g->num_nodes, g->num_edges);
    const uint64_t  free_bytes = pr_memory_available();
    const size_t    room       = PRI_METHOD_WHY_BYTES;

    if (wanted != PR_CLUSTERS_AUTO) {
        snprintf(why, room, "asked for");
        return wanted;
    }
    if (!pri_kway_fits(adjacency)) {
        snprintf(why, room, "%llu arcs in both directions are more than METIS can number",
                 (unsigned long long)g->num_edges);
        return PR_CLUSTERS_PROPAGATION;
    }
    if (num_clusters > g->num_nodes / 2) {
        snprintf(why, room, "METIS wants two vertices or more for each of %u", num_clusters);
        return PR_CLUSTERS_PROPAGATION;
    }
    if (free_bytes > 0 && (double)needs > metis_share * (double)free_bytes) {
        snprintf(why, room, "METIS would take about %.1f GiB, and %.1f GiB are free", gib(needs),
                 gib(free_bytes));
        return PR_CLUSTERS_PROPAGATION;
    }
    snprintf(why, room, "it takes about %.1f GiB, which fits", gib(needs));
    return PR_CLUSTERS_METIS;
}

pr_status pri_method_check(const pri_adjacency *adjacency)
{
    pr_status st = PR_OK;

    PR_CHECK(pri_kway_fits(adjacency), PR_E_UNSUPPORTED,
             "METIS: %llu arcs in both directions and %u vertices, at most 2147483646 of each "
             "can be numbered",
             (unsigned long long)adjacency->graph.num_edges, adjacency->graph.num_nodes);
done:
    return st;
}
