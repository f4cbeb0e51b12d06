/* node_order.c: see node_order.h. */
#include "partition/node_order.h"

#include <string.h>

#include "partition/adjacency.h"

/* Order nodes by in-degree, highest first, equals by id: a counting sort. */
static pr_status by_degree(const pr_graph *graph, pr_vid *out, uint64_t *bytes)
{
    pr_status      st      = PR_OK;
    const uint64_t N       = graph->num_nodes;
    pr_eid         highest = 0, *next = NULL; /* [highest + 1] where the next of a degree goes */

    for (uint64_t v = 0; v < N; v++) {
        const pr_eid degree = graph->indptr[v + 1] - graph->indptr[v];
        if (degree > highest) highest = degree;
    }
    PR_NEW(next, highest + 1);
    *bytes = (highest + 1) * sizeof *next;
    for (uint64_t v = 0; v < N; v++) next[graph->indptr[v + 1] - graph->indptr[v]]++;
    for (pr_eid degree = highest + 1, begin = 0; degree-- > 0;) {
        const pr_eid count = next[degree];
        next[degree]       = begin;
        begin += count;
    }
    for (uint64_t v = 0; v < N; v++)
        out[next[graph->indptr[v + 1] - graph->indptr[v]]++] = (pr_vid)v;
done:
    pri_free(next);
    return st;
}

/* Order nodes breadth first; `out` is the queue. Each component begins with its node of highest
 * degree. */
static pr_status breadth_first(const pr_graph *graph, uint32_t threads, const volatile int *stop,
                               pr_vid *out, uint64_t *bytes)
{
    pr_status      st        = PR_OK;
    const uint64_t N         = graph->num_nodes;
    pri_adjacency  adjacency = { 0 };
    pr_vid        *root      = NULL;
    uint8_t       *met       = NULL;
    uint64_t       tail      = 0;

    PR_TRY(pri_adjacency_make(graph, threads, stop, &adjacency));
    const pr_graph *g = &adjacency.graph;
    PR_NEW(root, N);
    PR_NEW(met, N);
    PR_TRY(by_degree(g, root, bytes));
    *bytes += adjacency.own_bytes + N * (sizeof *root + 1);
    for (uint64_t r = 0, head = 0; r < N; r++) {
        if (met[root[r]]) continue;
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while nodes were ordered");
        met[root[r]] = 1;
        out[tail++]  = root[r];
        for (; head < tail; head++)
            for (pr_eid e = g->indptr[out[head]]; e < g->indptr[out[head] + UINT64_C(1)]; e++) {
                const pr_vid u = g->indices[e];
                if (met[u]) continue;
                met[u]      = 1;
                out[tail++] = u;
            }
    }
done:
    pri_free(met);
    pri_free(root);
    pri_adjacency_clear(&adjacency);
    return st;
}

/* Bring the nodes of an order together by cluster; they keep their order within. Clusters come as
 * the order meets them, so that those that touch are near each other. */
static pr_status gather_clusters(const pr_clusters *clusters, pr_vid *order, uint64_t *bytes)
{
    pr_status       st   = PR_OK;
    const uint64_t  N    = clusters->num_nodes;
    const uint32_t *of   = clusters->of_node;
    pr_vid         *old  = NULL;
    uint32_t       *size = NULL, *next = NULL; /* [num_clusters] */
    uint32_t        used = 0;

    PR_NEW(old, N);
    PR_NEW(size, clusters->num_clusters);
    PR_NEW(next, clusters->num_clusters);
    *bytes = N * sizeof *old + (uint64_t)clusters->num_clusters * 8;
    memcpy(old, order, N * sizeof *old);
    for (uint64_t v = 0; v < N; v++) size[of[v]]++;
    for (uint64_t i = 0; i < N; i++) {
        const uint32_t c = of[old[i]];
        if (size[c]) { /* met first: take the places of all of them */
            next[c] = used;
            used += size[c];
            size[c] = 0;
        }
        order[next[c]++] = old[i];
    }
done:
    pri_free(next);
    pri_free(size);
    pri_free(old);
    return st;
}

pr_status pri_node_order(const pr_graph *graph, pr_reorder_kind by, const pr_clusters *clusters,
                         uint32_t threads, const volatile int *stop, pr_vid *old_of_new,
                         uint64_t *peak_bytes)
{
    pr_status st    = PR_OK;
    uint64_t  bytes = 0;

    *peak_bytes = 0;
    if (by == PR_REORDER_DEGREE) return by_degree(graph, old_of_new, peak_bytes);
    PR_TRY(breadth_first(graph, threads, stop, old_of_new, peak_bytes));
    if (by == PR_REORDER_COMMUNITY) PR_TRY(gather_clusters(clusters, old_of_new, &bytes));
    if (bytes > *peak_bytes) *peak_bytes = bytes;
done:
    return st;
}
