/* csc.c: arcs to in-neighbour lists: a counting sort by destination, a sort within each list, and
 * one pass that drops self loops and duplicates. Threads race for places within a list only, which
 * the sort makes good. */
#include "loaders/csc.h"

#include <inttypes.h>
#include <omp.h>
#include <string.h>

#include "loaders/arc_list.h"

bool pri_csc_stopped(const pri_csc_how *how)
{
    return how->stop && *how->stop;
}

int pri_csc_team(const pri_csc_how *how)
{
    return how->threads ? (int)how->threads : omp_get_max_threads();
}

/* Turn counts in indptr[0 .. N-1] into offsets of the first entry. */
static pr_eid sum_counts(pr_eid *indptr, pr_vid num_nodes)
{
    pr_eid sum = 0;
    for (uint64_t v = 0; v < num_nodes; v++) {
        const pr_eid count = indptr[v];
        indptr[v]          = sum;
        sum += count;
    }
    indptr[num_nodes] = sum;
    return sum;
}

static void count_pairs(const pr_vid *pair, uint64_t num_pairs, const pri_csc_how *how,
                        pri_csc *csc)
{
    pr_eid  *count = csc->indptr;
    uint64_t loops = 0;

#pragma omp parallel for num_threads(pri_csc_team(how)) reduction(+ : loops)
    for (uint64_t i = 0; i < num_pairs; i++) {
        const pr_vid src = pair[2 * i], dst = pair[2 * i + 1];
        if (src == dst) {
            loops++;
            continue;
        }
#pragma omp atomic
        count[dst]++;
        if (!how->undirected) continue;
#pragma omp atomic
        count[src]++;
    }
    csc->self_loops_dropped = loops;
}

/* Take the next place of a list. */
static pr_eid take_place(pr_eid *next)
{
    pr_eid at;
#pragma omp atomic capture
    at = (*next)++;
    return at;
}

/* Put every arc into its list; afterwards indptr[v] is the end of list v. */
static void fill_lists(const pr_vid *pair, uint64_t num_pairs, const pri_csc_how *how, pri_csc *csc)
{
#pragma omp parallel for num_threads(pri_csc_team(how))
    for (uint64_t i = 0; i < num_pairs; i++) {
        const pr_vid src = pair[2 * i], dst = pair[2 * i + 1];
        if (src == dst) continue;
        csc->indices[take_place(&csc->indptr[dst])] = src;
        if (how->undirected) csc->indices[take_place(&csc->indptr[src])] = dst;
    }
}

/* Sort every list, then close the gaps that dropped entries leave. */
static pr_status canonical(pri_csc *csc, pr_vid num_nodes, const pri_csc_how *how)
{
    pr_status           st     = PR_OK;
    pr_eid *const       indptr = csc->indptr;
    pr_vid *const       index  = csc->indices;
    const pri_arc_rules rules  = { .self_loops = PRI_LOOPS_DROP };
    pri_arc_tally       tally  = { 0 };
    pr_eid              kept   = 0;

#pragma omp parallel for num_threads(pri_csc_team(how)) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < num_nodes; v++)
        if (!pri_csc_stopped(how))
            pri_list_sort(index + indptr[v], indptr[v + 1] - indptr[v], num_nodes);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while sorting arcs");

    for (uint64_t v = 0, begin = 0; v < num_nodes; v++) {
        const pr_eid end = indptr[v + 1];
        uint64_t     num;
        pri_list_finish(index + begin, end - begin, (pr_vid)v, &rules, &tally, index + kept, &num);
        kept += num;
        begin         = end;
        indptr[v + 1] = kept;
    }
    csc->self_loops_dropped += tally.self_loops_dropped;
    csc->duplicates_dropped = tally.duplicates_dropped;
    csc->graph =
        (pr_graph){ .num_nodes = num_nodes, .num_edges = kept, .indptr = indptr, .indices = index };
done:
    return st;
}

pr_status pri_csc_from_pairs(const pr_vid *pair, uint64_t num_pairs, pr_vid num_nodes,
                             const pri_csc_how *how, pri_csc *out)
{
    pr_status st  = PR_OK;
    pri_csc   csc = { 0 };

    *out = (pri_csc){ 0 };
    PR_NEW(csc.indptr, (uint64_t)num_nodes + 1);
    count_pairs(pair, num_pairs, how, &csc);
    const pr_eid num_arcs = sum_counts(csc.indptr, num_nodes);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while counting arcs");
    PR_NEW(csc.indices, num_arcs);
    fill_lists(pair, num_pairs, how, &csc);
    memmove(csc.indptr + 1, csc.indptr, num_nodes * sizeof *csc.indptr);
    csc.indptr[0] = 0;
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while sorting arcs");
    PR_TRY(canonical(&csc, num_nodes, how));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_csc_clear(&csc);
    return st;
}

pr_status pri_csc_from_graph(const pr_graph *graph, const pri_csc_how *how, pri_csc *out)
{
    pr_status      st  = PR_OK;
    pri_csc        csc = { 0 };
    const uint64_t N   = graph->num_nodes;

    if (graph->weights) return pri_csc_from_weighted_graph(graph, how, out);
    *out = (pri_csc){ 0 };
    PR_NEW(csc.indptr, N + 1);
    PR_NEW(csc.indices, graph->num_edges);
    memcpy(csc.indptr, graph->indptr, (N + 1) * sizeof *csc.indptr);
    if (graph->num_edges > 0)
        memcpy(csc.indices, graph->indices, graph->num_edges * sizeof *csc.indices);
    PR_TRY(canonical(&csc, graph->num_nodes, how));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_csc_clear(&csc);
    return st;
}

/* Count both ends of every arc that is no loop. */
static void count_both(const pr_graph *graph, const pri_csc_how *how, pri_csc *csc)
{
    pr_eid  *count = csc->indptr;
    uint64_t loops = 0;

#pragma omp parallel for num_threads(pri_csc_team(how)) schedule(dynamic, 1024) reduction(+ : loops)
    for (uint64_t v = 0; v < graph->num_nodes; v++) {
        pr_eid own = 0;
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
            const pr_vid u = graph->indices[e];
            if (u == v) continue;
            own++;
#pragma omp atomic
            count[u]++;
        }
        loops += graph->indptr[v + 1] - graph->indptr[v] - own;
#pragma omp atomic
        count[v] += own;
    }
    csc->self_loops_dropped = loops;
}

static void fill_both(const pr_graph *graph, const pri_csc_how *how, pri_csc *csc)
{
#pragma omp parallel for num_threads(pri_csc_team(how)) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < graph->num_nodes; v++)
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
            const pr_vid u = graph->indices[e];
            if (u == v) continue;
            csc->indices[take_place(&csc->indptr[v])] = u;
            csc->indices[take_place(&csc->indptr[u])] = (pr_vid)v;
        }
}

pr_status pri_csc_symmetric(const pr_graph *graph, const pri_csc_how *how, pri_csc *out)
{
    pr_status      st  = PR_OK;
    pri_csc        csc = { 0 };
    const uint64_t N   = graph->num_nodes;

    *out = (pri_csc){ 0 };
    PR_NEW(csc.indptr, N + 1);
    count_both(graph, how, &csc);
    const pr_eid num_arcs = sum_counts(csc.indptr, graph->num_nodes);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while counting arcs");
    PR_NEW(csc.indices, num_arcs);
    fill_both(graph, how, &csc);
    memmove(csc.indptr + 1, csc.indptr, N * sizeof *csc.indptr);
    csc.indptr[0] = 0;
    PR_TRY(canonical(&csc, graph->num_nodes, how));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_csc_clear(&csc);
    return st;
}

uint64_t pri_csc_bytes(uint64_t num_pairs, uint64_t num_nodes, bool undirected, bool weighted)
{
    const uint64_t arcs = num_pairs * (undirected ? 2 : 1);
    const uint64_t each = sizeof(pr_vid) + (weighted ? sizeof(float) + sizeof(uint64_t) : 0);
    return (num_nodes + 1) * sizeof(pr_eid) + arcs * each;
}

/* Walking the arcs by destination meets the reverses by source: the k-th arc that leaves u must be
 * the reverse of the k-th entry of u's own list. */
pr_status pri_csc_is_symmetric(const pr_graph *graph, bool *out)
{
    pr_status st   = PR_OK;
    pr_eid   *seen = NULL; /* [N] entries of u's list that were matched */

    *out = false;
    PR_NEW(seen, graph->num_nodes);
    bool same = true;
    for (uint64_t v = 0; same && v < graph->num_nodes; v++)
        for (pr_eid e = graph->indptr[v]; same && e < graph->indptr[v + 1]; e++) {
            const pr_vid u  = graph->indices[e];
            const pr_eid at = graph->indptr[u] + seen[u]++;
            same            = at < graph->indptr[(uint64_t)u + 1] && graph->indices[at] == v;
        }
    *out = same;
done:
    pri_free(seen);
    return st;
}

void pri_csc_clear(pri_csc *csc)
{
    pri_free(csc->indptr);
    pri_free(csc->indices);
    pri_free(csc->weights);
    *csc = (pri_csc){ 0 };
}
