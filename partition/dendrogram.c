/* dendrogram.c: see dendrogram.h.
 *
 * A group has the arcs of its nodes in their places, as a chain of segments. When it is its turn to
 * be merged, arcs to the same group become one, which takes no more room: they are written over
 * those that were read, from the chain's begin on.
 *
 *     group of a, with b, c merged into it:   a [x x x x] -> c [x x] -> b [x x x]
 *     after its turn                          a [x x x x] -> c [x]
 */
#include "partition/dendrogram.h"

#include <string.h>

enum { NODES_A_LOOK = 4096 };
static const pr_vid none = UINT32_MAX;

typedef struct forest {
    const pr_graph *graph;
    pr_vid         *to;       /* [arcs] */
    float          *strength; /* [arcs] */
    pr_vid         *length;   /* [nodes] arcs left in a node's own segment */
    pr_vid         *next;     /* [nodes] the segment behind it in the chain of its group, or none */
    pr_vid         *last;     /* [nodes] of a group: the last of its chain */
    pr_vid         *top;      /* [nodes] towards the group; itself for one */
    pr_vid         *child;    /* [nodes] who was merged into it last, or none */
    pr_vid         *sibling;  /* [nodes] who was merged into its parent before it, or none */
    double         *total;    /* [nodes] of a group: the strengths of its nodes' arcs */
    double         *gathered; /* [nodes] strength towards a group; 0 between turns */
    pr_vid         *met;      /* [nodes] groups gathered for; then a stack */
    double          all;      /* strengths of all arcs */
} forest;

static void forest_clear(forest *f)
{
    pri_free(f->length);
    pri_free(f->next);
    pri_free(f->last);
    pri_free(f->top);
    pri_free(f->child);
    pri_free(f->sibling);
    pri_free(f->total);
    pri_free(f->gathered);
    pri_free(f->met);
}

static pr_status forest_make(forest *f)
{
    pr_status           st = PR_OK;
    const uint64_t      N  = f->graph->num_nodes;
    const pr_eid *const at = f->graph->indptr;

    PR_NEW(f->length, N);
    PR_NEW(f->next, N);
    PR_NEW(f->last, N);
    PR_NEW(f->top, N);
    PR_NEW(f->child, N);
    PR_NEW(f->sibling, N);
    PR_NEW(f->total, N);
    PR_NEW(f->gathered, N);
    PR_NEW(f->met, N);
    memset(f->next, 0xff, N * sizeof *f->next);
    memset(f->child, 0xff, N * sizeof *f->child);
    memset(f->sibling, 0xff, N * sizeof *f->sibling);
    for (uint64_t v = 0; v < N; v++) {
        f->length[v] = (pr_vid)(at[v + 1] - at[v]);
        f->last[v] = f->top[v] = (pr_vid)v;
        for (pr_eid e = at[v]; e < at[v + 1]; e++) f->total[v] += (double)f->strength[e];
        f->all += f->total[v];
    }
done:
    return st;
}

/* Give a node's group; paths are halved on the way. */
static pr_vid group_of(forest *f, pr_vid v)
{
    while (f->top[v] != v) {
        f->top[v] = f->top[f->top[v]];
        v         = f->top[v];
    }
    return v;
}

/* Add up a group's arcs by the groups they lead to; gives how many those are. */
static pr_vid gather(forest *f, pr_vid group)
{
    pr_vid num_met = 0;

    for (pr_vid s = group; s != none; s = f->next[s]) {
        const pr_eid begin = f->graph->indptr[s];
        for (pr_eid e = begin; e < begin + f->length[s]; e++) {
            const pr_vid to = group_of(f, f->to[e]);
            if (to == group) continue;
            if (f->gathered[to] == 0) f->met[num_met++] = to;
            f->gathered[to] += (double)f->strength[e];
        }
    }
    return num_met;
}

/* Give the group that gains most modularity by taking this one, or none. */
static pr_vid choose(const forest *f, pr_vid group, pr_vid num_met)
{
    pr_vid best      = none;
    double best_gain = 0;

    for (pr_vid i = 0; i < num_met; i++) {
        const pr_vid to = f->met[i];
        const double gain =
            f->gathered[to] / f->all - f->total[group] / f->all * (f->total[to] / f->all);
        if (gain > best_gain || (gain == best_gain && best != none && to < best)) {
            best      = to;
            best_gain = gain;
        }
    }
    return best;
}

/* Write what was gathered over the group's arcs, but for those to `taker`, and forget it. */
static void write_back(forest *f, pr_vid group, pr_vid num_met, pr_vid taker)
{
    const pr_eid *const at      = f->graph->indptr;
    pr_vid              segment = group, used = 0;

    for (pr_vid i = 0; i < num_met; i++) {
        const pr_vid to       = f->met[i];
        const double gathered = f->gathered[to];
        f->gathered[to]       = 0;
        if (to == taker) continue;
        while (used == at[segment + UINT64_C(1)] - at[segment]) {
            f->length[segment] = used;
            segment            = f->next[segment];
            used               = 0;
        }
        f->to[at[segment] + used]       = to;
        f->strength[at[segment] + used] = (float)gathered;
        used++;
    }
    f->length[segment] = used;
    f->next[segment]   = none;
    f->last[group]     = segment;
}

static void merge(forest *f, pr_vid group)
{
    const pr_vid num_met = gather(f, group);
    const pr_vid taker   = choose(f, group, num_met);

    write_back(f, group, num_met, taker);
    if (taker == none) return;
    f->next[f->last[taker]] = group;
    f->last[taker]          = f->last[group];
    f->total[taker] += f->total[group];
    f->top[group]     = taker;
    f->sibling[group] = f->child[taker];
    f->child[taker]   = group;
}

/* Write a tree's nodes, each before those merged into it, the first merged first. */
static uint64_t write_tree(forest *f, pr_vid root, uint64_t at, pr_vid *old_of_new)
{
    uint64_t depth = 0;

    f->met[depth++] = root;
    while (depth > 0) {
        const pr_vid v   = f->met[--depth];
        old_of_new[at++] = v;
        for (pr_vid c = f->child[v]; c != none; c = f->sibling[c]) f->met[depth++] = c;
    }
    return at;
}

/* Trees by the number of their root; single nodes behind all. */
static void write_order(forest *f, pr_vid *old_of_new)
{
    const uint64_t N  = f->graph->num_nodes;
    uint64_t       at = 0;

    for (int single = 0; single < 2; single++)
        for (uint64_t v = 0; v < N; v++)
            if (f->top[v] == v && (f->child[v] == none) == single)
                at = write_tree(f, (pr_vid)v, at, old_of_new);
    PR_ASSERT(at == N);
}

/* Fewest arcs first, equals by number: a counting sort. */
static pr_status by_arcs(const pr_graph *g, pr_vid *out, uint64_t *bytes)
{
    pr_status      st      = PR_OK;
    const uint64_t N       = g->num_nodes;
    uint64_t       highest = 0, before = 0, *next = NULL;

    for (uint64_t v = 0; v < N; v++) {
        const uint64_t arcs = g->indptr[v + 1] - g->indptr[v];
        if (arcs > highest) highest = arcs;
    }
    PR_NEW(next, highest + 1);
    *bytes = (highest + 1) * sizeof *next;
    for (uint64_t v = 0; v < N; v++) next[g->indptr[v + 1] - g->indptr[v]]++;
    for (uint64_t arcs = 0; arcs <= highest; arcs++) {
        const uint64_t nodes = next[arcs];
        next[arcs]           = before;
        before += nodes;
    }
    for (uint64_t v = 0; v < N; v++) out[next[g->indptr[v + 1] - g->indptr[v]]++] = (pr_vid)v;
done:
    pri_free(next);
    return st;
}

pr_status pri_dendrogram_order(const pr_graph *graph, pr_vid *indices, float *strengths,
                               const volatile int *stop, pr_vid *old_of_new, uint64_t *bytes)
{
    pr_status      st = PR_OK;
    const uint64_t N  = graph->num_nodes;
    forest         f  = { .graph = graph, .to = indices, .strength = strengths };

    /* turns are written where the order comes to stand: they are over by then */
    PR_TRY(by_arcs(graph, old_of_new, bytes));
    PR_TRY(forest_make(&f));
    *bytes += N * (7 * sizeof(pr_vid) + 2 * sizeof(double));
    for (uint64_t i = 0; i < N; i++) {
        if (i % NODES_A_LOOK == 0)
            PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while nodes were merged");
        merge(&f, old_of_new[i]);
    }
    write_order(&f, old_of_new);
done:
    forest_clear(&f);
    return st;
}
