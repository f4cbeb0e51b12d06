/* graph.c: arcs as a CSC by destination, mapped as they are or built from an edge_index.
 *
 * An edge_index [2, E] sorted by destination already holds the indices in row 0: only indptr is
 * counted. Any other order goes through a stable counting sort. */
#include "loaders/graph.h"

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
 * two places up leaves, after the sums, indptr[v + 1] as the cursor of v, which ends as its end. */
static void sort_by_destination(const uint32_t *src, const uint32_t *dst, uint64_t num_edges,
                                uint64_t num_nodes, pr_eid *indptr, uint32_t *indices)
{
    for (uint64_t e = 0; e < num_edges; e++) indptr[(uint64_t)dst[e] + 2]++;
    for (uint64_t v = 2; v <= num_nodes + 1; v++) indptr[v] += indptr[v - 1];
    for (uint64_t e = 0; e < num_edges; e++) indices[indptr[(uint64_t)dst[e] + 1]++] = src[e];
}

static pr_status load_edge_index(pri_graph_arrays *a, const char *dir, const pri_meta *meta,
                                 pr_graph *out)
{
    pr_status       st = PR_OK;
    const uint64_t  N = meta->num_nodes, E = meta->num_edges;
    pri_array       sources = { 0 }, targets = { 0 };
    const uint32_t *src, *dst;

    PR_TRY(pri_array_open(&sources, dir, "edge_index.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_check_shape(&sources, 2, 2, E, "two rows, num_edges of meta.json columns"));
    PR_TRY(pri_array_open(&targets, dir, "edge_index.npy", PRI_TYPES_ID));
    PR_TRY(pri_array_check_shape(&targets, 2, 2, E, "two rows, num_edges of meta.json columns"));
    PR_TRY(pri_array_ids(&sources, 0, E, N, num_nodes_name, &src));
    PR_TRY(pri_array_ids(&targets, E, E, N, num_nodes_name, &dst));

    a->indptr  = (pri_array){ .dir = dir, .file = "indptr" };
    a->indices = (pri_array){ .dir = dir, .file = "indices" };
    PR_TRY(pri_array_own(&a->indptr, (size_t)N + 2, sizeof(pr_eid)));
    if (is_ascending(dst, E)) {
        count_ascending(dst, E, N, a->indptr.memory);
        if (sources.memory) pri_array_drop_file(&sources);
        a->indices   = sources;
        sources      = (pri_array){ 0 };
        out->indices = src;
    } else {
        PR_TRY(pri_array_own(&a->indices, (size_t)E, sizeof(uint32_t)));
        sort_by_destination(src, dst, E, N, a->indptr.memory, a->indices.memory);
        out->indices = a->indices.memory;
    }
    out->indptr = a->indptr.memory;
done:
    pri_array_close(&sources);
    pri_array_close(&targets);
    return st;
}

pr_status pri_graph_load(pri_graph_arrays *arrays, const char *dir, const pri_meta *meta,
                         pr_graph *out)
{
    pr_status  st      = PR_OK;
    const bool indptr  = pri_array_present(dir, "indptr.npy");
    const bool indices = pri_array_present(dir, "indices.npy");
    const bool pairs   = pri_array_present(dir, "edge_index.npy");

    *out = (pr_graph){ .num_nodes = meta->num_nodes, .num_edges = meta->num_edges };
    if (indptr && indices) return load_csc(arrays, dir, meta, out);
    if (pairs) return load_edge_index(arrays, dir, meta, out);
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
}
