/* adjacency.c: see adjacency.h. */
#include "partition/adjacency.h"

#include <omp.h>

int pri_team_size(uint32_t threads)
{
    return threads ? (int)threads : omp_get_max_threads();
}

/* Say whether every list ascends strictly and leaves out its own vertex. */
static bool is_clean(const pr_graph *graph, uint32_t threads)
{
    uint64_t wrong = 0;

#pragma omp parallel for num_threads(pri_team_size(threads)) reduction(+ : wrong)                  \
    schedule(dynamic, 4096)
    for (uint64_t v = 0; v < graph->num_nodes; v++)
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
            wrong += graph->indices[e] == v;
            wrong += e > graph->indptr[v] && graph->indices[e - 1] >= graph->indices[e];
        }
    return wrong == 0;
}

pr_status pri_adjacency_make(const pr_graph *graph, uint32_t threads, const volatile int *stop,
                             pri_adjacency *out)
{
    pr_status         st  = PR_OK;
    const pri_csc_how how = { .undirected = true, .threads = threads, .stop = stop };
    bool              fit = is_clean(graph, threads);

    *out = (pri_adjacency){ 0 };
    if (fit) PR_TRY(pri_csc_is_symmetric(graph, &fit));
    if (fit) {
        out->graph     = *graph;
        out->own_bytes = (uint64_t)graph->num_nodes * sizeof(pr_eid);
    } else {
        PR_TRY(pri_csc_symmetric(graph, &how, &out->own));
        out->graph     = out->own.graph;
        out->own_bytes = pri_csc_bytes(graph->num_edges, graph->num_nodes, true, false);
    }
    out->graph.weights = NULL;
done:
    return st;
}

void pri_adjacency_clear(pri_adjacency *adjacency)
{
    pri_csc_clear(&adjacency->own);
    *adjacency = (pri_adjacency){ 0 };
}
