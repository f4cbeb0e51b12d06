/* graph_copy.c: see graph_copy.h. */
#include "pipeline/graph_copy.h"

#include <string.h>

enum { CHUNK_BYTES = 2 << 20 }; /* a huge page */

/* Map pages and copy an array to them. */
static pr_status copy_array(const void *from, size_t bytes, void **out)
{
    pr_status st = PR_OK;

    *out = pri_pages_map(bytes, 1);
    PR_CHECK(*out, PR_E_NOMEM, "cannot map %zu bytes for a lane's copy of the graph", bytes);
    const char *source = from;
    char       *target = *out;
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < bytes; at += CHUNK_BYTES)
        memcpy(target + at, source + at, bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES);
done:
    return st;
}

pr_status pri_graph_copy_make(const pr_graph *graph, pri_graph_copy *out)
{
    pr_status    st        = PR_OK;
    const size_t num_edges = (size_t)graph->num_edges;
    void        *indptr = NULL, *indices = NULL, *weights = NULL;

    *out =
        (pri_graph_copy){ .graph = { .num_nodes = graph->num_nodes, .num_edges = graph->num_edges },
                          .indptr_bytes = ((size_t)graph->num_nodes + 1) * sizeof *graph->indptr };
    PR_TRY(copy_array(graph->indptr, out->indptr_bytes, &indptr));
    out->graph.indptr = indptr;
    if (num_edges == 0) goto done;
    out->indices_bytes = num_edges * sizeof *graph->indices;
    PR_TRY(copy_array(graph->indices, out->indices_bytes, &indices));
    out->graph.indices = indices;
    if (!graph->weights) goto done;
    out->weights_bytes = num_edges * sizeof *graph->weights;
    PR_TRY(copy_array(graph->weights, out->weights_bytes, &weights));
    out->graph.weights = weights;
done:
    return st;
}

void pri_graph_copy_clear(pri_graph_copy *copy)
{
    pri_pages_unmap((void *)(uintptr_t)copy->graph.indptr, copy->indptr_bytes);
    pri_pages_unmap((void *)(uintptr_t)copy->graph.indices, copy->indices_bytes);
    pri_pages_unmap((void *)(uintptr_t)copy->graph.weights, copy->weights_bytes);
    *copy = (pri_graph_copy){ 0 };
}

void pri_graph_copy_ranges(const pri_graph_copy *copy, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "graph", copy->graph.indptr, copy->indptr_bytes);
    pr_ranges_add(ranges, "graph", copy->graph.indices, copy->indices_bytes);
    pr_ranges_add(ranges, "graph", copy->graph.weights, copy->weights_bytes);
}
