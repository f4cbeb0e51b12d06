/* order_access.c: see order_access.h. */
#include "partition/order_access.h"

#include <string.h>

#include "partition/adjacency.h"
#include "partition/dendrogram.h"

/* Each arc is looked at from both ends: twice the work, and no thread waits for another. */
static void weigh(const pr_graph *graph, const pri_wants *wants, uint32_t threads,
                  const volatile int *stop, float *strengths)
{
#pragma omp parallel for num_threads(pri_team_size(threads)) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < graph->num_nodes; v++) {
        if (stop && *stop) continue;
        const pr_eid begin = graph->indptr[v];
        pri_wants_together(wants, (pr_vid)v, graph->indices + begin,
                           (size_t)(graph->indptr[v + 1] - begin), strengths + begin);
    }
}

pr_status pri_order_access(const pr_graph *graph, const pri_wants *wants, uint32_t threads,
                           const volatile int *stop, pr_vid *old_of_new, uint64_t *peak_bytes)
{
    pr_status     st        = PR_OK;
    pri_adjacency adjacency = { 0 };
    float        *strengths = NULL;
    pr_vid       *indices   = NULL;
    uint64_t      bytes     = 0;

    *peak_bytes = 0;
    PR_TRY(pri_adjacency_make(graph, threads, stop, &adjacency));
    const pr_graph *g = &adjacency.graph;
    PR_NEW(strengths, g->num_edges);
    PR_NEW(indices, g->num_edges);
    if (g->num_edges) memcpy(indices, g->indices, g->num_edges * sizeof *indices);
    weigh(g, wants, threads, stop, strengths);
    PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while arcs were weighed");
    PR_TRY(pri_dendrogram_order(g, indices, strengths, stop, old_of_new, &bytes));
    *peak_bytes =
        adjacency.own_bytes + bytes + g->num_edges * (sizeof *strengths + sizeof *indices);
done:
    pri_free(indices);
    pri_free(strengths);
    pri_adjacency_clear(&adjacency);
    return st;
}
