/* moves.c: see moves.h. */
#include "partition/moves.h"

#include <string.h>

enum {
    NUM_CLASSES   = 8,    /* of vertices that wish at once */
    MOST_ARCS     = 4096, /* of one vertex that are looked at */
    REST_OF_MOVES = 1000, /* a sweep that moves fewer than one vertex in so many is the last */
    PARALLEL_FROM = 2048, /* vertices; fewer are not worth a team */
    MOST_ROUNDS   = 4,
    MOST_COST     = 100, /* dearer moves are as good as each other */
    NUM_COSTS     = 2 * MOST_COST + 1,
    NUM_RANKS     = 33 * NUM_COSTS
};

static bool stopped(const pri_division *d)
{
    return d->stop && *d->stop;
}

/* Weigh the arcs of a vertex by the part they lead to. */
static void weigh_arcs(const pri_division *d, uint64_t v, uint64_t to_part[PR_MAX_SHARDS])
{
    const pri_level *level = &d->level;
    const pr_eid     begin = level->start[v], end = level->start[v + 1];
    const uint64_t   stride = (end - begin + MOST_ARCS - 1) / MOST_ARCS;

    memset(to_part, 0, d->loads->num_parts * sizeof *to_part);
    for (pr_eid e = begin; e < end; e += stride)
        to_part[d->part[level->to[e]]] += level->weight ? level->weight[e] : 1;
}

/* Give the part that most arcs lead to among those with room for the vertex, the emptier of equals;
 * its own where there is none. */
static uint32_t best_part(const pri_division *d, uint64_t v, const uint64_t *to_part,
                          uint32_t first_kind, uint32_t last_kind)
{
    const pri_loads *loads = d->loads;
    const uint32_t   own   = d->part[v];
    uint32_t         best  = own;

    for (uint32_t p = 0; p < loads->num_parts; p++) {
        if (p == own || !pri_loads_fit(loads, &d->weights, v, p, first_kind, last_kind)) continue;
        if (best != own && (to_part[p] < to_part[best] ||
                            (to_part[p] == to_part[best] && loads->of[0][p] >= loads->of[0][best])))
            continue;
        best = p;
    }
    return best;
}

static uint8_t wish_of(const pri_division *d, uint64_t v)
{
    const uint32_t last = d->loads->num_kinds - 1;
    uint64_t       to_part[PR_MAX_SHARDS];

    if (d->level.start[v] == d->level.start[v + 1] ||
        !pri_loads_spare(d->loads, &d->weights, v, d->part[v], 0, last))
        return d->part[v];
    weigh_arcs(d, v, to_part);
    const uint32_t best = best_part(d, v, to_part, 0, last);
    return (uint8_t)(to_part[best] > to_part[d->part[v]] ? best : d->part[v]);
}

/* Grant the wishes of a class in ascending order, as long as there is room. */
static uint64_t grant(const pri_division *d, uint32_t first, const uint8_t *wish)
{
    const uint32_t last  = d->loads->num_kinds - 1;
    uint64_t       moved = 0;

    for (uint64_t v = first; v < d->level.num_nodes; v += NUM_CLASSES) {
        const uint32_t from = d->part[v], to = wish[v];
        if (to == from || !pri_loads_fit(d->loads, &d->weights, v, to, 0, last) ||
            !pri_loads_spare(d->loads, &d->weights, v, from, 0, last))
            continue;
        pri_loads_move(d->loads, &d->weights, v, from, to);
        d->part[v] = (uint8_t)to;
        moved++;
    }
    return moved;
}

uint64_t pri_moves_improve(const pri_division *d, uint32_t num_sweeps, uint8_t *wish)
{
    const uint64_t N   = d->level.num_nodes;
    uint64_t       all = 0;

    for (uint32_t sweep = 0; sweep < num_sweeps; sweep++) {
        uint64_t moved = 0;
        for (uint32_t turn = 0; turn < NUM_CLASSES; turn++) {
            if (stopped(d)) return all;
#pragma omp parallel for num_threads(d->team) schedule(dynamic, 256) if (N >= PARALLEL_FROM)
            for (uint64_t v = turn; v < N; v += NUM_CLASSES) wish[v] = wish_of(d, v);
            moved += grant(d, turn, wish);
        }
        all += moved;
        if (moved * REST_OF_MOVES < N) break;
    }
    return all;
}

/* What must move. */
typedef struct need {
    uint32_t kind;        /* that is out of bounds */
    uint32_t part;        /* that has too much or too little of it */
    bool     gives;       /* too much */
    uint32_t first, last; /* kinds whose bounds are kept */
} need;

/* Say whether vertices of this part may be moved for a need. */
static bool is_source(const pri_division *d, const need *n, uint32_t part)
{
    const pri_loads *loads = d->loads;

    if (n->gives || part == n->part) return n->gives && part == n->part;
    return loads->of[n->kind][part] * loads->num_parts > loads->total[n->kind];
}

static bool is_candidate(const pri_division *d, const need *n, const bool *source, uint64_t v)
{
    return source[d->part[v]] && pri_weight_of(&d->weights, n->kind, v) > 0;
}

/* Rank a candidate by what its move costs: arcs that would be cut and are not. Where the bounds of
 * the other kind are not kept, what disturbs it least comes before that: for arcs the vertices with
 * many, for nodes those with few. */
static uint16_t rank_of(const pri_division *d, const need *n, uint64_t v)
{
    uint64_t to_part[PR_MAX_SHARDS], most = 0;
    int class = 0;

    weigh_arcs(d, v, to_part);
    for (uint32_t p = 0; p < d->loads->num_parts; p++)
        if ((n->gives ? p != n->part : p == n->part) && to_part[p] > most) most = to_part[p];
    int64_t cost = (int64_t)to_part[d->part[v]] - (int64_t)most;
    if (cost > MOST_COST) cost = MOST_COST;
    if (cost < -MOST_COST) cost = -MOST_COST;
    if (n->last - n->first + 1 < d->loads->num_kinds) {
        const uint32_t weight = pri_weight_of(&d->weights, 1, v);
        const int      zeros  = weight > 0 ? __builtin_clz(weight) : 32;
        class                 = n->kind == 1 ? zeros : 32 - zeros;
    }
    return (uint16_t)(class * NUM_COSTS + (int)cost + MOST_COST);
}

/* List the candidates, the best to move first, of equals in order; gives how many there are. */
static uint64_t list_candidates(const pri_division *d, const need *n, uint32_t *candidate,
                                uint16_t *rank)
{
    const uint64_t N                = d->level.num_nodes;
    uint64_t       place[NUM_RANKS] = { 0 }, num = 0;
    bool           source[PR_MAX_SHARDS];

    for (uint32_t p = 0; p < d->loads->num_parts; p++) source[p] = is_source(d, n, p);
#pragma omp parallel for num_threads(d->team) schedule(dynamic, 1024) if (N >= PARALLEL_FROM)
    for (uint64_t v = 0; v < N; v++)
        if (is_candidate(d, n, source, v)) rank[v] = rank_of(d, n, v);
    for (uint64_t v = 0; v < N; v++)
        if (is_candidate(d, n, source, v)) place[rank[v]]++;
    for (int r = 0; r < NUM_RANKS; r++) {
        const uint64_t here = place[r];
        place[r]            = num;
        num += here;
    }
    for (uint64_t v = 0; v < N; v++)
        if (is_candidate(d, n, source, v)) candidate[place[rank[v]]++] = (uint32_t)v;
    return num;
}

/* Move what is needed, as far as it can be; gives how many moved. */
static uint64_t meet(const pri_division *d, const need *n, uint32_t *candidate, uint16_t *rank)
{
    pri_loads      *loads = d->loads;
    const uint64_t *has   = &loads->of[n->kind][n->part];
    const uint64_t  num   = list_candidates(d, n, candidate, rank);
    uint64_t        moved = 0, to_part[PR_MAX_SHARDS];

    for (uint64_t i = 0; i < num; i++) {
        const uint64_t v    = candidate[i];
        const uint32_t from = d->part[v];
        uint32_t       to   = n->part;
        if (n->gives ? *has <= loads->most[n->kind] : *has >= loads->least[n->kind]) break;
        if (n->gives) {
            weigh_arcs(d, v, to_part);
            to = best_part(d, v, to_part, n->first, n->last);
        } else if (!is_source(d, n, from) ||
                   !pri_loads_fit(loads, &d->weights, v, to, n->first, n->last)) {
            continue;
        }
        if (to == from || !pri_loads_spare(loads, &d->weights, v, from, n->first, n->last))
            continue;
        pri_loads_move(loads, &d->weights, v, from, to);
        d->part[v] = (uint8_t)to;
        moved++;
    }
    return moved;
}

/* Bring all parts within the bounds of one kind, keeping those of kinds first .. last. */
static uint64_t even_out_kind(const pri_division *d, uint32_t kind, uint32_t first, uint32_t last,
                              uint32_t *candidate, uint16_t *rank)
{
    const pri_loads *loads = d->loads;
    uint64_t         moved = 0;

    for (int gives = 1; gives >= 0; gives--)
        for (uint32_t p = 0; p < loads->num_parts && !stopped(d); p++) {
            const need     n   = { kind, p, gives == 1, first, last };
            const uint64_t has = loads->of[kind][p];
            if (gives ? has > loads->most[kind] : has < loads->least[kind])
                moved += meet(d, &n, candidate, rank);
        }
    return moved;
}

/* Kind 1 first, as far as nodes stay even, then whatever becomes of them; then nodes, by moves that
 * keep kind 1 even. Those exist for training nodes: who does not train can always move, and a part
 * with too many nodes has some who do not. For arcs they may not, and nodes, which go first, undo
 * some of it: a few rounds. */
uint64_t pri_moves_even_out(const pri_division *d, uint32_t *candidate, uint16_t *rank)
{
    uint64_t moved = 0;

    if (d->loads->num_kinds == 1) return even_out_kind(d, 0, 0, 0, candidate, rank);
    for (int round = 0; round < MOST_ROUNDS && !pri_loads_even(d->loads); round++) {
        moved += even_out_kind(d, 1, 0, 1, candidate, rank);
        moved += even_out_kind(d, 1, 1, 1, candidate, rank);
        moved += even_out_kind(d, 0, 0, 1, candidate, rank);
        moved += even_out_kind(d, 0, 0, 0, candidate, rank);
    }
    return moved + even_out_kind(d, 1, 0, 1, candidate, rank);
}
