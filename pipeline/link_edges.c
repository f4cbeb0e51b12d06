/* link_edges.c: see link_edges.h. */
#include "pipeline/link_edges.h"

#include <inttypes.h>
#include <stdlib.h>

#include "loaders/pair_set.h"

enum { NUM_PARTS = PRI_NUM_EDGE_LISTS };

/* How an edge finds its part: in a set of those that lists hold out, or by its hash. */
typedef struct dealer {
    const pr_link_options *options;
    uint64_t               seed;
    bool                   listed;
    pri_pair_set           held;
} dealer;

/* Of a listed edge that is held out only that it is, is known: as if validation had it. */
static pri_link_part part_of(const dealer *d, pr_vid a, pr_vid b)
{
    if (!d->listed) return pri_link_deal(d->seed, d->options, a, b);
    return pri_pair_set_has(&d->held, a, b) ? PRI_LINK_VAL : PRI_LINK_TRAIN;
}

/* ---- lists ---- */

static pr_status read_lists(const pr_dataset *data, dealer *d, pri_link_edges *out, bool *trains)
{
    pr_status st = PR_OK;

    PR_TRY(pri_edge_lists_read(data->path, data->graph.num_nodes, out->part));
    *trains   = out->part[PRI_LINK_TRAIN].ends;
    d->listed = out->listed = out->part[PRI_LINK_VAL].ends || out->part[PRI_LINK_TEST].ends;
    PR_CHECK(d->listed || !*trains, PR_E_INPUT,
             "%s: has train_edges.npy, but neither val_edges.npy nor test_edges.npy", data->path);
done:
    return st;
}

/* Remember what is held out, each edge once; and see that training has none of it. */
static pr_status hold_out(const pr_dataset *data, dealer *d, const pri_link_edges *edges)
{
    pr_status            st    = PR_OK;
    const pri_edge_list *train = &edges->part[PRI_LINK_TRAIN];

    PR_TRY(pri_pair_set_init(&d->held, edges->part[PRI_LINK_VAL].n + edges->part[PRI_LINK_TEST].n));
    for (int p = PRI_LINK_VAL; p <= PRI_LINK_TEST; p++)
        for (size_t i = 0; i < edges->part[p].n; i++) {
            const pr_vid a = edges->part[p].ends[2 * i], b = edges->part[p].ends[2 * i + 1];
            PR_CHECK(pri_pair_set_add(&d->held, a, b), PR_E_INPUT,
                     "%s/%s: edge %zu, of nodes %u and %u, is there or in val_edges.npy before; an "
                     "edge may be held out once",
                     data->path, pri_edge_list_name[p], i, a, b);
        }
    for (size_t i = 0; i < train->n; i++) {
        const pr_vid a = train->ends[2 * i], b = train->ends[2 * i + 1];
        PR_CHECK(
            !pri_pair_set_has(&d->held, a, b), PR_E_INPUT,
            "%s/train_edges.npy: edge %zu, of nodes %u and %u, is held out by val_edges.npy or "
            "test_edges.npy; it may not train",
            data->path, i, a, b);
    }
done:
    return st;
}

/* ---- edges of the graph ---- */

/* Every edge once: of lower vertex v, upper[first[v] .. first[v] + count of it). */
typedef struct pairs {
    pr_eid *first; /* [num_nodes + 1] */
    pr_vid *upper; /* ascending for each vertex, without repeats once `num` says how many */
    pr_eid *end;   /* [num_nodes] */
} pairs;

static int compare_vids(const void *a, const void *b)
{
    const pr_vid x = *(const pr_vid *)a, y = *(const pr_vid *)b;
    return (x > y) - (x < y);
}

/* Sort n vertices unless they are, and drop repeats; gives how many are left. */
static size_t sort_distinct(pr_vid *at, size_t n)
{
    size_t left = 0;

    for (size_t i = 1; i < n; i++)
        if (at[i - 1] > at[i]) {
            qsort(at, n, sizeof *at, compare_vids);
            break;
        }
    for (size_t i = 0; i < n; i++)
        if (left == 0 || at[left - 1] != at[i]) at[left++] = at[i];
    return left;
}

static pr_status list_pairs(const pr_graph *g, pairs *p)
{
    pr_status st = PR_OK;

    PR_NEW(p->first, g->num_nodes + (size_t)1);
    PR_NEW(p->end, g->num_nodes);
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            const pr_vid u = g->indices[e];
            if (u != v) p->first[(u < v ? u : v) + (size_t)1]++;
        }
    for (pr_vid v = 0; v < g->num_nodes; v++) {
        p->first[v + (size_t)1] += p->first[v];
        p->end[v] = p->first[v];
    }
    PR_NEW(p->upper, p->first[g->num_nodes]);
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            const pr_vid u = g->indices[e];
            if (u != v) p->upper[p->end[u < v ? u : v]++] = u < v ? v : u;
        }
    for (pr_vid v = 0; v < g->num_nodes; v++)
        p->end[v] = p->first[v] + sort_distinct(p->upper + p->first[v], p->end[v] - p->first[v]);
done:
    return st;
}

static void free_pairs(pairs *p)
{
    pri_free(p->first);
    pri_free(p->upper);
    pri_free(p->end);
}

/* Fill the parts that no list has; `wanted` says which. */
static pr_status deal_pairs(const pr_graph *g, const dealer *d, const bool wanted[NUM_PARTS],
                            pri_link_edges *out)
{
    pr_status st             = PR_OK;
    pairs     p              = { 0 };
    uint64_t  num[NUM_PARTS] = { 0 };

    PR_TRY(list_pairs(g, &p));
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = p.first[v]; e < p.end[v]; e++) num[part_of(d, v, p.upper[e])]++;
    for (int i = 0; i < NUM_PARTS; i++) {
        if (!wanted[i]) continue;
        PR_CHECK(num[i] < UINT32_MAX, PR_E_RANGE,
                 "the graph has %" PRIu64 " edges to %s on, at most %u can be numbered", num[i],
                 i == PRI_LINK_TRAIN ? "train" : "be scored", UINT32_MAX - 1);
        PR_NEW(out->part[i].ends, 2 * (size_t)num[i]);
    }
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = p.first[v]; e < p.end[v]; e++) {
            pri_edge_list *part = &out->part[part_of(d, v, p.upper[e])];
            if (!wanted[part - out->part]) continue;
            part->ends[2 * part->n]     = v;
            part->ends[2 * part->n + 1] = p.upper[e];
            part->n++;
        }
done:
    free_pairs(&p);
    return st;
}

/* ---- the graph for messages ---- */

static bool stays(const dealer *d, pr_vid u, pr_vid v)
{
    return u == v || part_of(d, u, v) == PRI_LINK_TRAIN;
}

/* Copy the graph without what is held out. */
static pr_status filter(const pr_graph *g, const dealer *d, pr_graph *out)
{
    pr_status st     = PR_OK;
    pr_eid   *indptr = NULL, kept = 0;
    pr_vid   *indices = NULL;
    float    *weights = NULL;

    PR_NEW(indptr, g->num_nodes + (size_t)1);
    for (pr_vid v = 0; v < g->num_nodes; v++) {
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) kept += stays(d, g->indices[e], v);
        indptr[v + (size_t)1] = kept;
    }
    PR_NEW(indices, (size_t)kept);
    if (g->weights) PR_NEW(weights, (size_t)kept);
    pr_eid to = 0;
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            if (!stays(d, g->indices[e], v)) continue;
            indices[to] = g->indices[e];
            if (weights) weights[to] = g->weights[e];
            to++;
        }
    *out   = (pr_graph){ g->num_nodes, kept, indptr, indices, weights };
    indptr = NULL, indices = NULL, weights = NULL;
done:
    pri_free(indptr);
    pri_free(indices);
    pri_free(weights);
    return st;
}

/* ---- all of it ---- */

pr_status pri_link_edges_make(const pr_dataset *dataset, const pr_link_options *options,
                              uint64_t seed, pri_link_edges *out)
{
    pr_status st     = PR_OK;
    dealer    d      = { .options = options, .seed = seed };
    bool      trains = false;

    *out = (pri_link_edges){ 0 };
    PR_TRY(read_lists(dataset, &d, out, &trains));
    if (d.listed) PR_TRY(hold_out(dataset, &d, out));
    PR_CHECK(d.listed || options->val_share + options->test_share < 1, PR_E_ARG,
             "--link.val-share %g and --link.test-share %g leave nothing to train on, must add up "
             "to less than 1",
             options->val_share, options->test_share);
    const bool wanted[] = { !trains, !d.listed, !d.listed };
    if (!trains) PR_TRY(deal_pairs(&dataset->graph, &d, wanted, out));
    PR_CHECK(out->part[PRI_LINK_TRAIN].n > 0, PR_E_INPUT,
             "%s: has no edges to train on: %zu are for validation and %zu for the test",
             dataset->path, out->part[PRI_LINK_VAL].n, out->part[PRI_LINK_TEST].n);
    PR_TRY(filter(&dataset->graph, &d, &out->graph));
done:
    if (st != PR_OK) pri_link_edges_clear(out);
    pri_pair_set_clear(&d.held);
    return st;
}

void pri_link_edges_clear(pri_link_edges *edges)
{
    pri_edge_lists_clear(edges->part);
    pri_free((void *)(uintptr_t)edges->graph.indptr);
    pri_free((void *)(uintptr_t)edges->graph.indices);
    pri_free((void *)(uintptr_t)edges->graph.weights);
    *edges = (pri_link_edges){ 0 };
}
