/* permute.c: see permute.h. Every new row is made from one old row, so rows need no order of their
 * own and any number of threads makes the same. */
#include "loaders/permute.h"

#include <omp.h>
#include <string.h>

#include "loaders/csc.h"
#include "loaders/row_format.h"

enum { INSERTION_MAX = 16, NUM_PARTS = 3 };

/* Neighbours with their weights, if any, as one list. */
typedef struct row {
    pr_vid *id;
    float  *weight; /* NULL: none */
} row;

static bool before(const row *r, uint64_t a, uint64_t b)
{
    if (r->id[a] != r->id[b]) return r->id[a] < r->id[b];
    return r->weight && r->weight[a] < r->weight[b];
}

static void swap(const row *r, uint64_t a, uint64_t b)
{
    const pr_vid id = r->id[a];
    r->id[a]        = r->id[b];
    r->id[b]        = id;
    if (!r->weight) return;
    const float weight = r->weight[a];
    r->weight[a]       = r->weight[b];
    r->weight[b]       = weight;
}

/* Let the entry at `at` sink in a heap of n with the last one on top. */
static void sink(const row *r, uint64_t at, uint64_t n)
{
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= n) return;
        if (child + 1 < n && before(r, child, child + 1)) child++;
        if (!before(r, at, child)) return;
        swap(r, at, child);
        at = child;
    }
}

/* Sort in place, by insertion or by a heap: no memory, and no list takes long. */
static void sort_row(const row *r, uint64_t n)
{
    if (n <= INSERTION_MAX) {
        for (uint64_t i = 1; i < n; i++)
            for (uint64_t j = i; j > 0 && before(r, j, j - 1); j--) swap(r, j, j - 1);
        return;
    }
    for (uint64_t i = n / 2; i-- > 0;) sink(r, i, n);
    for (uint64_t left = n - 1; left > 0; left--) {
        swap(r, 0, left);
        sink(r, 0, left);
    }
}

static int team_of(uint32_t threads)
{
    return threads ? (int)threads : omp_get_max_threads();
}

static pr_status check_stop(const volatile int *stop)
{
    pr_status st = PR_OK;
    PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while nodes were numbered anew");
done:
    return st;
}

/* Lay rows out in their new order. */
static void lay_offsets(const pr_eid *from, const pr_vid *old_of_new, uint64_t N, pr_eid *to)
{
    to[0] = 0;
    for (uint64_t v = 0; v < N; v++)
        to[v + 1] = to[v] + from[old_of_new[v] + UINT64_C(1)] - from[old_of_new[v]];
}

static pr_status permute_graph(pri_permuted *p, uint32_t threads, const volatile int *stop)
{
    pr_status       st   = PR_OK;
    const pr_graph *from = &p->from->graph;
    const uint64_t  N = from->num_nodes, E = from->num_edges;

    PR_NEW(p->indptr, N + 1);
    PR_NEW(p->indices, E);
    if (from->weights) PR_NEW(p->weights, E);
    p->bytes += (N + 1) * sizeof *p->indptr + E * (from->weights ? 8 : 4);
    lay_offsets(from->indptr, p->old_of_new, N, p->indptr);
#pragma omp parallel for num_threads(team_of(threads)) schedule(dynamic, 256)
    for (uint64_t v = 0; v < N; v++) {
        if (stop && *stop) continue;
        const pr_eid begin = from->indptr[p->old_of_new[v]], to = p->indptr[v];
        const pr_eid n = p->indptr[v + 1] - to;
        const row    r = { p->indices + to, p->weights ? p->weights + to : NULL };
        for (pr_eid e = 0; e < n; e++) {
            r.id[e] = p->new_of_old[from->indices[begin + e]];
            if (r.weight) r.weight[e] = from->weights[begin + e];
        }
        sort_row(&r, n);
    }
    PR_TRY(check_stop(stop));
    p->arrays.graph = (pr_graph){ .num_nodes = from->num_nodes,
                                  .num_edges = E,
                                  .indptr    = p->indptr,
                                  .indices   = p->indices,
                                  .weights   = p->weights };
done:
    return st;
}

/* Give rows of a file in their new order, as it has them. The kernel is told of all of them before
 * the first is waited for: it reads many at a time then. */
static pr_status fill_from_file(void *context, pr_vid first, pr_vid count, void *rows)
{
    pr_status           st   = PR_OK;
    const pri_permuted *p    = context;
    const pr_features  *x    = &p->from->features;
    const pr_row_file  *file = x->file;
    const pr_vid       *old  = p->old_of_new + first;

    for (pr_vid v = 0; v < count; v++) pri_row_file_foresee(file, old[v]);
    for (pr_vid v = 0; v < count; v++) {
        char *to = (char *)rows + v * file->row_bytes;
        PR_TRY(pri_row_file_read(file, old[v] * (uint64_t)file->row_bytes, file->row_bytes, to));
        if (p->scale) p->scale[first + v] = file->scale[old[v]];
        if (file->checked) continue;
        const uint64_t odd = pri_values_finite(file->format, to, x->num_cols);
        if (odd < x->num_cols)
            PR_TRY(
                pri_row_not_finite(file, old[v], odd, to + odd * pri_row_bytes(file->format, 1)));
    }
done:
    return st;
}

/* Give rows in memory in their new order. */
static pr_status fill_rows(void *context, pr_vid first, pr_vid count, float *rows)
{
    const pri_permuted *p = context;
    const pr_features  *x = &p->from->features;

    for (pr_vid v = 0; v < count; v++)
        memcpy(rows + (size_t)v * x->num_cols, x->rows + (size_t)p->old_of_new[first + v] * x->ld,
               x->num_cols * sizeof(float));
    return PR_OK;
}

static pr_status permute_sparse(pri_permuted *p)
{
    pr_status          st = PR_OK;
    const pr_features *x  = &p->from->features;
    const uint64_t     N = x->num_rows, nnz = x->indptr[N];

    PR_NEW(p->feature_indptr, N + 1);
    PR_NEW(p->feature_indices, nnz);
    PR_NEW(p->feature_data, nnz);
    p->bytes += (N + 1) * sizeof *p->feature_indptr + nnz * 8;
    lay_offsets(x->indptr, p->old_of_new, N, p->feature_indptr);
    for (uint64_t v = 0; v < N; v++) {
        const pr_eid from = x->indptr[p->old_of_new[v]], to = p->feature_indptr[v];
        const size_t n = (size_t)(p->feature_indptr[v + 1] - to);
        memcpy(p->feature_indices + to, x->indices + from, n * sizeof *x->indices);
        memcpy(p->feature_data + to, x->data + from, n * sizeof *x->data);
    }
    p->arrays.features = (pr_features){ .kind     = PR_FEATURES_CSR,
                                        .num_rows = x->num_rows,
                                        .num_cols = x->num_cols,
                                        .indptr   = p->feature_indptr,
                                        .indices  = p->feature_indices,
                                        .data     = p->feature_data };
done:
    return st;
}

static pr_status permute_features(pri_permuted *p)
{
    pr_status          st   = PR_OK;
    const pr_features *x    = &p->from->features;
    const pr_row_file *file = x->file;

    if (x->kind == PR_FEATURES_CSR) return permute_sparse(p);
    p->arrays.features      = *x;
    p->arrays.features.rows = NULL;
    p->arrays.features.file = NULL;
    p->arrays.fill_context  = p;
    if (!file) {
        p->arrays.fill_rows = fill_rows;
        return PR_OK;
    }
    if (file->scale) PR_NEW(p->scale, x->num_rows);
    p->bytes += file->scale ? x->num_rows * sizeof *p->scale : 0;
    p->arrays.fill_packed = fill_from_file;
    p->arrays.row_format  = file->format;
    p->arrays.row_scale   = p->scale;
done:
    return st;
}

static pr_status permute_labels(pri_permuted *p, const int64_t *original_ids)
{
    pr_status         st = PR_OK;
    const pr_dataset *d  = p->from;
    const uint64_t    N = d->graph.num_nodes, C = d->num_classes;

    if (d->targets) PR_NEW(p->targets, N * C);
    if (d->labels) PR_NEW(p->labels, N);
    if (original_ids) PR_NEW(p->original_ids, N);
    p->bytes += N * ((d->labels ? 4u : 0u) + (d->targets ? C : 0u) + (original_ids ? 8u : 0u));
    for (uint64_t v = 0; v < N; v++) {
        if (p->labels) p->labels[v] = d->labels[p->old_of_new[v]];
        if (p->targets) memcpy(p->targets + v * C, d->targets + p->old_of_new[v] * C, C);
        if (p->original_ids) p->original_ids[v] = original_ids[p->old_of_new[v]];
    }
    p->arrays.labels       = p->labels;
    p->arrays.targets      = p->targets;
    p->arrays.num_classes  = d->num_classes;
    p->arrays.original_ids = p->original_ids;
done:
    return st;
}

/* Number the lists anew; walking all nodes in their new order makes them ascend. */
static pr_status permute_splits(pri_permuted *p)
{
    pr_status         st   = PR_OK;
    const pr_dataset *d    = p->from;
    uint8_t          *mark = NULL; /* [N] a bit for each list */
    size_t            all  = 0;

    PR_NEW(mark, d->graph.num_nodes);
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        const pr_vids part[NUM_PARTS] = { d->split[s].train, d->split[s].val, d->split[s].test };
        for (int k = 0; d->has_split[s] && k < NUM_PARTS; k++) {
            for (size_t i = 0; i < part[k].n; i++)
                mark[p->new_of_old[part[k].at[i]]] |= (uint8_t)(1u << (s * NUM_PARTS + k));
            all += part[k].n;
        }
    }
    PR_NEW(p->split_ids, all);
    p->bytes += all * sizeof *p->split_ids;
    pr_vid *to = p->split_ids;
    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        pr_split *split           = &p->arrays.split[s];
        pr_vids  *part[NUM_PARTS] = { &split->train, &split->val, &split->test };
        p->arrays.has_split[s]    = d->has_split[s];
        for (int k = 0; d->has_split[s] && k < NUM_PARTS; k++) {
            part[k]->at = to;
            for (uint64_t v = 0; v < d->graph.num_nodes; v++)
                if (mark[v] >> (s * NUM_PARTS + k) & 1) *to++ = (pr_vid)v;
            part[k]->n = (size_t)(to - part[k]->at);
        }
    }
done:
    pri_free(mark);
    return st;
}

/* Number the ends of listed edges anew; they stay in their order. */
static pr_status permute_edges(pri_permuted *p)
{
    pr_status      st    = PR_OK;
    pri_edge_list *lists = p->arrays.edges;

    if (p->from->path) PR_TRY(pri_edge_lists_read(p->from->path, p->from->graph.num_nodes, lists));
    for (int i = 0; i < PRI_NUM_EDGE_LISTS; i++) {
        for (size_t k = 0; k < 2 * lists[i].n; k++)
            lists[i].ends[k] = p->new_of_old[lists[i].ends[k]];
        p->bytes += 2 * lists[i].n * sizeof(pr_vid);
    }
done:
    return st;
}

pr_status pri_dataset_permute(const pr_dataset *dataset, const pr_vid *old_of_new,
                              const int64_t *original_ids, uint32_t threads,
                              const volatile int *stop, pri_permuted *out)
{
    pr_status      st = PR_OK;
    const uint64_t N  = dataset->graph.num_nodes;

    *out = (pri_permuted){ .from = dataset, .old_of_new = old_of_new };
    PR_NEW(out->new_of_old, N);
    out->bytes = N * sizeof *out->new_of_old;
    for (uint64_t v = 0; v < N; v++) out->new_of_old[old_of_new[v]] = (pr_vid)v;
    PR_TRY(permute_graph(out, threads, stop));
    PR_TRY(permute_features(out));
    PR_TRY(permute_labels(out, original_ids));
    PR_TRY(permute_splits(out));
    PR_TRY(permute_edges(out));
    PR_TRY(check_stop(stop));
    out->arrays.name     = dataset->name;
    out->arrays.node_ids = old_of_new;
    PR_TRY(pri_csc_is_symmetric(&out->arrays.graph, &out->arrays.undirected));
done:
    if (st != PR_OK) pri_permuted_clear(out);
    return st;
}

void pri_permuted_clear(pri_permuted *p)
{
    pri_free(p->new_of_old);
    pri_free(p->indptr);
    pri_free(p->feature_indptr);
    pri_free(p->indices);
    pri_free(p->split_ids);
    pri_free(p->weights);
    pri_free(p->scale);
    pri_free(p->feature_data);
    pri_free(p->feature_indices);
    pri_free(p->labels);
    pri_free(p->targets);
    pri_free(p->original_ids);
    pri_edge_lists_clear(p->arrays.edges);
    *p = (pri_permuted){ 0 };
}
