/* csc_weighted.c: csc.c with a weight for every arc, as keys while lists are sorted (arc_list.h).
 */
#include <string.h>

#include "loaders/arc_list.h"
#include "loaders/csc.h"

/* Sort every list of keys and write what is left of it. csc->indptr has the lists' bounds. */
static pr_status canonical(uint64_t *key, pr_vid num_nodes, const pri_csc_how *how, pri_csc *csc)
{
    pr_status           st     = PR_OK;
    pr_eid *const       indptr = csc->indptr;
    const pri_arc_rules rules  = { .self_loops = PRI_LOOPS_DROP };
    pri_arc_tally       tally  = { 0 };
    pr_eid              kept   = 0;

#pragma omp parallel for num_threads(pri_csc_team(how)) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < num_nodes; v++)
        if (!pri_csc_stopped(how))
            pri_keys_sort(key + indptr[v], indptr[v + 1] - indptr[v], num_nodes);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while sorting arcs");

    for (uint64_t v = 0, begin = 0; v < num_nodes; v++) {
        const pr_eid end = indptr[v + 1];
        uint64_t     num;
        PR_TRY(
            pri_keys_finish(key + begin, end - begin, (pr_vid)v, &rules, &tally, key + kept, &num));
        kept += num;
        begin         = end;
        indptr[v + 1] = kept;
    }
    for (pr_eid e = 0; e < kept; e++) {
        csc->indices[e] = (pr_vid)(key[e] >> 32);
        csc->weights[e] = pri_arc_weight(key[e]);
    }
    csc->self_loops_dropped += tally.self_loops_dropped;
    csc->duplicates_dropped = tally.duplicates_dropped;
    csc->graph              = (pr_graph){ .num_nodes = num_nodes,
                                          .num_edges = kept,
                                          .indptr    = indptr,
                                          .indices   = csc->indices,
                                          .weights   = csc->weights };
done:
    return st;
}

pr_status pri_csc_from_weighted_graph(const pr_graph *graph, const pri_csc_how *how, pri_csc *out)
{
    pr_status st  = PR_OK;
    pri_csc   csc = { 0 };
    uint64_t *key = NULL;

    *out = (pri_csc){ 0 };
    PR_NEW(csc.indptr, (uint64_t)graph->num_nodes + 1);
    PR_NEW(key, graph->num_edges);
    PR_NEW(csc.indices, graph->num_edges);
    PR_NEW(csc.weights, graph->num_edges);
    memcpy(csc.indptr, graph->indptr, ((size_t)graph->num_nodes + 1) * sizeof *csc.indptr);
    for (pr_eid e = 0; e < graph->num_edges; e++)
        key[e] = pri_arc_key(graph->indices[e], graph->weights[e]);
    PR_TRY(canonical(key, graph->num_nodes, how, &csc));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_free(key);
    pri_csc_clear(&csc);
    return st;
}
