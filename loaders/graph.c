/* graph.c: arcs as a CSC by destination, mapped as they are or built from an edge_index.
 *
 * An edge_index [2, E] sorted by destination already holds the indices in row 0: only indptr is
 * counted. Any other order goes through a stable counting sort. */
#include "loaders/graph.h"

#include <packrat/numa.h>

#include <float.h>

/* Load edge_weight.npy; *out stays NULL when there is none. */
static pr_status load_weights(pri_array *a, const char *dir, uint64_t num_edges, const float **out)
{
    pr_status st = PR_OK;
    char      found[PRI_ELEMENT_BYTES];

    if (!pri_array_present(dir, "edge_weight.npy")) return PR_OK;
    PR_TRY(pri_array_open(a, dir, "edge_weight.npy", PRI_TYPES_REAL));
    PR_TRY(pri_array_check_shape(a, 1, num_edges, 1, "num_edges of meta.json"));
    PR_TRY(pri_array_floats(a, out));
    const float *weights = *out;
    uint64_t     bad     = num_edges;
#pragma omp parallel for reduction(min : bad) if (num_edges >= PRI_PARALLEL_FROM)
    for (uint64_t e = 0; e < num_edges; e++)
        if (!(weights[e] >= 0.0f && weights[e] <= FLT_MAX) && e < bad) bad = e; /* NaN is neither */
    if (bad < num_edges) {
        pri_array_element_text(a, bad, found);
        PR_RAISE(PR_E_INPUT,
                 "%s/edge_weight.npy: element %llu is %s, must be finite in f32 and at least 0",
                 dir, (unsigned long long)bad, found);
    }
    if (a->memory) pri_array_drop_file(a);
done:
    return st;
}

/* What the bounds are called in errors. */
static const char num_nodes_name[] = "num_nodes of meta.json";

static pr_status load_csc(pri_graph_arrays *a, const char *dir, const pri_meta *meta, pr_graph *out)
{
    pr_status      st = PR_OK;
    const uint64_t N = meta->num_nodes, E = meta->num_edges;

    PR_TRY(pri_array_open(&a->indptr, dir, "indptr.npy", PRI_TYPES_OFFSET));
    PR_TRY(pri_array_check_shape(&a->indptr, 1, N + 1, 1, "num_nodes of meta.json, and one more"));
    PR_TRY(pri_array_open(&a->indices, dir, "indices.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_check_shape(&a->indices, 1, E, 1, "num_edges of meta.json"));
    PR_TRY(pri_array_offsets(&a->indptr, N, &out->indptr));
    PR_CHECK(out->indptr[N] == E, PR_E_INPUT,
             "%s/indptr.npy: the last element is %llu, must be %llu: num_edges of meta.json", dir,
             (unsigned long long)out->indptr[N], (unsigned long long)E);
    PR_TRY(pri_array_ids(&a->indices, 0, E, N, num_nodes_name, &out->indices));
    if (a->indices.memory) pri_array_drop_file(&a->indices);
    PR_TRY(load_weights(&a->weights, dir, E, &out->weights));
done:
    return st;
}

static bool is_ascending(const uint32_t *at, uint64_t n)
{
    bool falls = false;
#pragma omp parallel for reduction(|| : falls) if (n >= PRI_PARALLEL_FROM)
    for (uint64_t i = 1; i < n; i++) falls = falls || at[i] < at[i - 1];
    return !falls;
}

/* Count indptr from ascending destinations: each step from one destination to the next fills the
 * offsets in between, so every element is written once and by one thread. */
static void count_ascending(const uint32_t *dst, uint64_t num_edges, uint64_t num_nodes,
                            pr_eid *indptr)
{
    const uint64_t first = num_edges > 0 ? dst[0] : num_nodes;
    for (uint64_t v = 0; v <= first; v++) indptr[v] = 0;
#pragma omp parallel for if (num_edges >= PRI_PARALLEL_FROM)
    for (uint64_t e = 1; e < num_edges; e++)
        for (uint64_t v = (uint64_t)dst[e - 1] + 1; v <= dst[e]; v++) indptr[v] = e;
    if (num_edges > 0)
        for (uint64_t v = (uint64_t)dst[num_edges - 1] + 1; v <= num_nodes; v++)
            indptr[v] = num_edges;
}

/* Stable counting sort by destination. indptr is zeroed and has num_nodes + 2 elements: counting
 * two places up leaves, after the sums, indptr[v + 1] as the cursor of v, which ends as its end.
 * `weights` may be NULL; else they go to `sorted` as their arcs do. */
static void sort_by_destination(const uint32_t *src, const uint32_t *dst, const float *weights,
                                uint64_t num_edges, uint64_t num_nodes, pr_eid *indptr,
                                uint32_t *indices, float *sorted)
{
    for (uint64_t e = 0; e < num_edges; e++) indptr[(uint64_t)dst[e] + 2]++;
    for (uint64_t v = 2; v <= num_nodes + 1; v++) indptr[v] += indptr[v - 1];
    for (uint64_t e = 0; e < num_edges; e++) {
        const pr_eid at = indptr[(uint64_t)dst[e] + 1]++;
        indices[at]     = src[e];
        if (weights) sorted[at] = weights[e];
    }
}

static pr_status load_edge_index(pri_graph_arrays *a, const char *dir, const pri_meta *meta,
                                 pr_graph *out)
{
    pr_status       st = PR_OK;
    const uint64_t  N = meta->num_nodes, E = meta->num_edges;
    pri_array       sources = { 0 }, targets = { 0 }, given = { 0 };
    const uint32_t *src, *dst;
    const float    *weights = NULL;

    PR_TRY(pri_array_open(&sources, dir, "edge_index.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_check_shape(&sources, 2, 2, E, "two rows, num_edges of meta.json columns"));
    PR_TRY(pri_array_open(&targets, dir, "edge_index.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_check_shape(&targets, 2, 2, E, "two rows, num_edges of meta.json columns"));
    PR_TRY(pri_array_ids(&sources, 0, E, N, num_nodes_name, &src));
    PR_TRY(pri_array_ids(&targets, E, E, N, num_nodes_name, &dst));
    PR_TRY(load_weights(&given, dir, E, &weights));

    a->indptr  = (pri_array){ .dir = dir, .file = "indptr" };
    a->indices = (pri_array){ .dir = dir, .file = "indices" };
    PR_TRY(pri_array_own(&a->indptr, (size_t)N + 2, sizeof(pr_eid)));
    if (is_ascending(dst, E)) {
        count_ascending(dst, E, N, a->indptr.memory);
        if (sources.memory) pri_array_drop_file(&sources);
        a->indices   = sources;
        sources      = (pri_array){ 0 };
        out->indices = src;
        a->weights   = given;
        given        = (pri_array){ 0 };
        out->weights = weights;
    } else {
        PR_TRY(pri_array_own(&a->indices, (size_t)E, sizeof(uint32_t)));
        a->weights = (pri_array){ .dir = dir, .file = "weights" };
        if (weights) PR_TRY(pri_array_own(&a->weights, (size_t)E, sizeof(float)));
        sort_by_destination(src, dst, weights, E, N, a->indptr.memory, a->indices.memory,
                            a->weights.memory);
        out->indices = a->indices.memory;
        out->weights = a->weights.memory;
    }
    out->indptr = a->indptr.memory;
done:
    pri_array_close(&sources);
    pri_array_close(&targets);
    pri_array_close(&given);
    return st;
}

/* Copy arcs that are used in place to huge pages, where that pays and fits: sampling reads them at
 * random, and from a mapped file at two thirds of the speed. */
static void settle(pri_graph_arrays *a, pr_graph *graph)
{
    const bool   of_indptr = !a->indptr.memory, of_indices = !a->indices.memory;
    const double indptr  = of_indptr ? ((double)graph->num_nodes + 1) * sizeof(pr_eid) : 0;
    const double indices = of_indices ? (double)graph->num_edges * sizeof(pr_vid) : 0;
    const void  *copy;

    if (indptr + indices < (double)pr_llc_bytes()) return; /* its pages' tables fit the caches */
    if (indptr + indices > 0.5 * (double)pr_memory_available()) {
        pr_diag(PR_INFO, "the graph's arcs are read in place: a copy would take more than half of "
                         "the free memory");
        return;
    }
    if (of_indptr && (copy = pri_array_to_pages(&a->indptr, 0, (uint64_t)graph->num_nodes + 1)))
        graph->indptr = copy;
    if (of_indices && indices > 0 && (copy = pri_array_to_pages(&a->indices, 0, graph->num_edges)))
        graph->indices = copy;
}

pr_status pri_graph_load(pri_graph_arrays *arrays, const char *dir, const pri_meta *meta,
                         pr_graph *out)
{
    pr_status  st      = PR_OK;
    const bool indptr  = pri_array_present(dir, "indptr.npy");
    const bool indices = pri_array_present(dir, "indices.npy");
    const bool pairs   = pri_array_present(dir, "edge_index.npy");

    *out = (pr_graph){ .num_nodes = meta->num_nodes, .num_edges = meta->num_edges };
    if (indptr && indices) {
        PR_TRY(load_csc(arrays, dir, meta, out));
        settle(arrays, out);
        return PR_OK;
    }
    if (pairs) {
        PR_TRY(load_edge_index(arrays, dir, meta, out));
        settle(arrays, out);
        return PR_OK;
    }
    PR_CHECK(!indptr && !indices, PR_E_INPUT, "%s: has %s but no %s", dir,
             indptr ? "indptr.npy" : "indices.npy", indptr ? "indices.npy" : "indptr.npy");
    PR_RAISE(PR_E_INPUT, "%s: has neither indptr.npy and indices.npy nor edge_index.npy", dir);
done:
    return st;
}

void pri_graph_close(pri_graph_arrays *arrays)
{
    pri_array_close(&arrays->indptr);
    pri_array_close(&arrays->indices);
    pri_array_close(&arrays->weights);
}
