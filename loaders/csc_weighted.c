/* csc_weighted.c: csc.c with a weight for every arc. While lists are sorted an arc is one 64-bit
 * key, source and weight: weights are not negative, so their bits ascend as they do, and the order
 * of equal arcs, whose weights are added up, does not depend on threads. */
#include <float.h>
#include <inttypes.h>
#include <string.h>

#include "loaders/csc.h"

static uint64_t key_of(pr_vid src, float weight)
{
    const float positive = weight + 0.0f; /* makes 0 of -0 */
    uint32_t    bits;

    memcpy(&bits, &positive, sizeof bits);
    return (uint64_t)src << 32 | bits;
}

static float weight_of(uint64_t key)
{
    const uint32_t bits = (uint32_t)key;
    float          weight;

    memcpy(&weight, &bits, sizeof weight);
    return weight;
}

static int64_t id_of(const pri_csc_how *how, uint64_t v)
{
    return how->ids ? how->ids[v] : (int64_t)v;
}

/* The bits between the highest id's and the weight's are all 0 and cost a pass only where a list is
 * long. */
#define RADIX_SORT sort_keys
#define RADIX_KEY  uint64_t
#include "loaders/radix_kernel.h"

/* Add up the keys from `at` on that have one source; gives how many, and their sum. */
static uint64_t add_equal(const uint64_t *at, uint64_t n, double *sum)
{
    uint64_t num = 0;

    for (*sum = 0; num < n && at[num] >> 32 == at[0] >> 32; num++)
        *sum += (double)weight_of(at[num]);
    return num;
}

/* Sort every list of keys and write what is left of it. csc->indptr has the lists' bounds. */
static pr_status canonical(uint64_t *key, pr_vid num_nodes, const pri_csc_how *how, pri_csc *csc)
{
    pr_status     st     = PR_OK;
    pr_eid *const indptr = csc->indptr;
    const int     top    = 63 - __builtin_clz(num_nodes | 1);
    const pr_eid  given  = indptr[num_nodes];
    pr_eid        kept   = 0;
    uint64_t      loops  = 0;

#pragma omp parallel for num_threads(pri_csc_team(how)) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < num_nodes; v++)
        if (!pri_csc_stopped(how)) sort_keys(key + indptr[v], indptr[v + 1] - indptr[v], top);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while sorting arcs");

    for (uint64_t v = 0, begin = 0; v < num_nodes; v++) {
        const pr_eid end = indptr[v + 1];
        double       sum;
        for (uint64_t num; begin < end; begin += num) {
            const pr_vid src = (pr_vid)(key[begin] >> 32);
            num              = add_equal(key + begin, end - begin, &sum);
            if (src == v) {
                loops += num;
                continue;
            }
            PR_CHECK(sum <= (double)FLT_MAX, PR_E_INPUT,
                     "the weights of the %" PRIu64 " arcs from %" PRId64 " to %" PRId64
                     " add up to %g, must be at most %g",
                     num, id_of(how, src), id_of(how, v), sum, (double)FLT_MAX);
            csc->indices[kept]   = src;
            csc->weights[kept++] = (float)sum;
        }
        indptr[v + 1] = kept;
    }
    csc->self_loops_dropped += loops;
    csc->duplicates_dropped = given - loops - kept;
    csc->graph              = (pr_graph){ .num_nodes = num_nodes,
                                          .num_edges = kept,
                                          .indptr    = indptr,
                                          .indices   = csc->indices,
                                          .weights   = csc->weights };
done:
    return st;
}

/* Put every arc's key into its list; afterwards indptr[v] is the end of list v. */
static void fill_lists(const pr_vid *pair, const float *weight, uint64_t num_pairs,
                       const pri_csc_how *how, pr_eid *indptr, uint64_t *key)
{
#pragma omp parallel for num_threads(pri_csc_team(how))
    for (uint64_t i = 0; i < num_pairs; i++) {
        const pr_vid src = pair[2 * i], dst = pair[2 * i + 1];
        if (src == dst) continue;
        key[pri_csc_take_place(&indptr[dst])] = key_of(src, weight[i]);
        if (how->undirected) key[pri_csc_take_place(&indptr[src])] = key_of(dst, weight[i]);
    }
}

pr_status pri_csc_from_weighted_pairs(const pr_vid *pair, const float *weight, uint64_t num_pairs,
                                      pr_vid num_nodes, const pri_csc_how *how, pri_csc *out)
{
    pr_status st  = PR_OK;
    pri_csc   csc = { 0 };
    uint64_t *key = NULL;

    *out = (pri_csc){ 0 };
    PR_NEW(csc.indptr, (uint64_t)num_nodes + 1);
    const pr_eid num_arcs = pri_csc_count(pair, num_pairs, how, num_nodes, &csc);
    PR_CHECK(!pri_csc_stopped(how), PR_E_INTERRUPTED, "interrupted while counting arcs");
    PR_NEW(key, num_arcs);
    PR_NEW(csc.indices, num_arcs);
    PR_NEW(csc.weights, num_arcs);
    fill_lists(pair, weight, num_pairs, how, csc.indptr, key);
    memmove(csc.indptr + 1, csc.indptr, num_nodes * sizeof *csc.indptr);
    csc.indptr[0] = 0;
    PR_TRY(canonical(key, num_nodes, how, &csc));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_free(key);
    pri_csc_clear(&csc);
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
        key[e] = key_of(graph->indices[e], graph->weights[e]);
    PR_TRY(canonical(key, graph->num_nodes, how, &csc));
    *out = csc;
    csc  = (pri_csc){ 0 };
done:
    pri_free(key);
    pri_csc_clear(&csc);
    return st;
}
