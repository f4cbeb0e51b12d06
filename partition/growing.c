/* growing.c: see growing.h. */
#include "partition/growing.h"

#include <stdlib.h>

enum { NO_PART = 255, CHECK_EVERY = 1024 };
static const uint32_t no_place = UINT32_MAX;

/* Everything one call holds. The heap has clusters that share arcs with the part that grows, the
 * largest share on top, of equals the one with the lower number. */
typedef struct growth {
    const pri_division *division;
    uint64_t           *arcs;            /* [K] weight of a cluster's arcs */
    uint64_t           *placed;          /* [K] of those, to clusters in parts */
    uint64_t           *shared;          /* [K] of those, to the part that grows */
    uint32_t           *heap;            /* [K] */
    uint32_t           *place;           /* [K] in the heap, or no_place */
    uint32_t           *order;           /* [K] the largest first */
    uint32_t            heap_size, next; /* next: of `order`, for when the heap is empty */
} growth;

static bool is_above(const growth *g, uint32_t a, uint32_t b)
{
    const double share_a = (double)g->shared[a] / (double)g->arcs[a];
    const double share_b = (double)g->shared[b] / (double)g->arcs[b];
    return share_a != share_b ? share_a > share_b : a < b;
}

static void set(growth *g, uint32_t at, uint32_t cluster)
{
    g->heap[at]       = cluster;
    g->place[cluster] = at;
}

/* Put a cluster into the heap, or to its new place there: its share has grown. */
static void raise(growth *g, uint32_t cluster)
{
    uint32_t at = g->place[cluster] == no_place ? g->heap_size++ : g->place[cluster];

    while (at > 0 && is_above(g, cluster, g->heap[(at - 1) / 2])) {
        set(g, at, g->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set(g, at, cluster);
}

static uint32_t take_top(growth *g)
{
    const uint32_t top = g->heap[0], last = g->heap[--g->heap_size];
    uint32_t       at = 0;

    g->place[top] = no_place;
    if (g->heap_size == 0) return top;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= g->heap_size) break;
        if (child + 1 < g->heap_size && is_above(g, g->heap[child + 1], g->heap[child])) child++;
        if (is_above(g, last, g->heap[child])) break;
        set(g, at, g->heap[child]);
        at = child;
    }
    set(g, at, last);
    return top;
}

static void put(growth *g, uint32_t cluster, uint32_t part, bool grows)
{
    const pri_division *d     = g->division;
    const pri_level    *level = &d->level;

    d->part[cluster] = (uint8_t)part;
    pri_loads_add(d->loads, &d->weights, cluster, part);
    for (pr_eid e = level->start[cluster]; e < level->start[cluster + 1]; e++) {
        const uint32_t to     = level->to[e];
        const uint32_t weight = level->weight ? level->weight[e] : 1;
        if (d->part[to] != NO_PART) continue;
        g->placed[to] += weight;
        if (!grows) continue;
        g->shared[to] += weight;
        raise(g, to);
    }
}

/* Choose where the next part begins: the cluster with the largest share of its arcs to the parts
 * before, of equals the larger. None is left: gives no_place. */
static uint32_t choose_first(const growth *g)
{
    const pri_division *d    = g->division;
    uint32_t            best = no_place;
    double              most = -1;

    for (uint32_t i = g->next; i < d->level.num_nodes; i++) {
        const uint32_t c = g->order[i];
        if (d->part[c] != NO_PART) continue;
        const double share = g->arcs[c] ? (double)g->placed[c] / (double)g->arcs[c] : 0;
        if (share <= most) continue;
        most = share;
        best = c;
    }
    return best;
}

/* Give the next cluster that a part may take: the best of the heap, else any. no_place: none. */
static uint32_t choose_next(growth *g, uint32_t *skipped)
{
    const pri_division *d = g->division;

    if (g->heap_size > 0) return take_top(g);
    while (*skipped < d->level.num_nodes && d->part[g->order[*skipped]] != NO_PART) ++*skipped;
    return *skipped < d->level.num_nodes ? g->order[(*skipped)++] : no_place;
}

/* Grow a part to `wanted` nodes. */
static pr_status grow(growth *g, uint32_t part, uint64_t wanted)
{
    pr_status           st  = PR_OK;
    const pri_division *d   = g->division;
    const uint64_t     *has = &d->loads->of[0][part];
    const uint32_t      K = d->level.num_nodes, last_kind = d->loads->num_kinds - 1;

    while (g->next < K && d->part[g->order[g->next]] != NO_PART) g->next++;
    for (uint32_t c = 0; c < K; c++) {
        g->shared[c] = 0;
        g->place[c]  = no_place;
    }
    g->heap_size     = 0;
    uint32_t skipped = g->next, at = choose_first(g);
    for (uint64_t turn = 0; at != no_place && *has < wanted; turn++) {
        const uint32_t size = pri_weight_of(&d->weights, 0, at);
        PR_CHECK(turn % CHECK_EVERY > 0 || !d->stop || !*d->stop, PR_E_INTERRUPTED,
                 "packing clusters into parts: interrupted");
        if (d->part[at] == NO_PART && *has + size / 2 <= wanted &&
            pri_loads_fit(d->loads, &d->weights, at, part, 0, last_kind))
            put(g, at, part, true);
        at = choose_next(g, &skipped);
    }
done:
    return st;
}

/* Put what fitted nowhere where most of its arcs lead and there is room, else into the emptiest. */
static void place_rest(growth *g)
{
    const pri_division *d     = g->division;
    const pri_level    *level = &d->level;
    const uint32_t      P = d->loads->num_parts, last_kind = d->loads->num_kinds - 1;

    for (uint32_t i = g->next; i < level->num_nodes; i++) {
        const uint32_t c                      = g->order[i];
        uint64_t       to_part[PR_MAX_SHARDS] = { 0 };
        uint32_t       best = P, emptiest = 0;
        if (d->part[c] != NO_PART) continue;
        for (pr_eid e = level->start[c]; e < level->start[c + 1]; e++)
            if (d->part[level->to[e]] != NO_PART)
                to_part[d->part[level->to[e]]] += level->weight ? level->weight[e] : 1;
        for (uint32_t p = 0; p < P; p++) {
            if (d->loads->of[0][p] < d->loads->of[0][emptiest]) emptiest = p;
            if (pri_loads_fit(d->loads, &d->weights, c, p, 0, last_kind) &&
                (best == P || to_part[p] > to_part[best]))
                best = p;
        }
        put(g, c, best < P ? best : emptiest, false);
    }
}

/* Sort clusters by size, the largest first, by counting bits: of 2^i .. 2^(i+1) - 1 all are as good
 * as each other, and stay in order. */
static void list_by_size(growth *g)
{
    const pri_division *d         = g->division;
    uint32_t            count[33] = { 0 }, at = 0;

    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t c = 0; c < d->level.num_nodes; c++) {
            const uint32_t size = pri_weight_of(&d->weights, 0, c);
            const int      bit  = size ? __builtin_clz(size) : 32;
            if (fill)
                g->order[count[bit]++] = c;
            else
                count[bit]++;
        }
        for (int b = 0; b <= 32 && !fill; b++) {
            const uint32_t n = count[b];
            count[b]         = at;
            at += n;
        }
    }
}

pr_status pri_grow_parts(const pri_division *d, uint64_t *peak_bytes)
{
    pr_status      st = PR_OK;
    const uint32_t K = d->level.num_nodes, P = d->loads->num_parts;
    uint64_t       left = d->loads->total[0];
    growth         g    = { .division = d };

    PR_NEW(g.arcs, K);
    PR_NEW(g.placed, K);
    PR_NEW(g.shared, K);
    PR_NEW(g.heap, K);
    PR_NEW(g.place, K);
    PR_NEW(g.order, K);
    *peak_bytes = (uint64_t)K * (3 * sizeof *g.arcs + 3 * sizeof *g.heap);
    for (uint32_t c = 0; c < K; c++) {
        d->part[c] = NO_PART;
        for (pr_eid e = d->level.start[c]; e < d->level.start[c + 1]; e++)
            g.arcs[c] += d->level.weight ? d->level.weight[e] : 1;
    }
    list_by_size(&g);
    for (uint32_t p = 0; p < P; p++) {
        PR_TRY(grow(&g, p, (left + (P - p) / 2) / (P - p)));
        left -= d->loads->of[0][p];
    }
    place_rest(&g);
done:
    pri_free(g.order);
    pri_free(g.place);
    pri_free(g.heap);
    pri_free(g.shared);
    pri_free(g.placed);
    pri_free(g.arcs);
    return st;
}
