/* label_sweep.c: vertices take turns in eight classes: all of a class wish at once, seeing the same
 * labels, on any number of threads; then the wishes are granted one after the other, as long as
 * there is room. So the outcome is that of one thread, and neighbours seldom change places. */
#include "partition/label_sweep.h"

#include <omp.h>
#include <string.h>

#include "base/rng.h"

enum {
    NUM_CLASSES   = 8,
    MOST_ARCS     = 4096, /* of one vertex that are looked at */
    NUM_CELLS     = 2 * MOST_ARCS,
    REST_OF_MOVES = 500 /* a sweep that moves fewer than one vertex in so many is the last */
};

static const uint32_t no_label = UINT32_MAX;

/* One cell of a thread's table: a label and what its neighbours weigh together. */
struct pri_cell {
    uint32_t label;
    uint32_t used; /* the table's list of cells in use */
    uint64_t weight;
};

uint64_t pri_sweep_bytes(uint32_t num_nodes, int team)
{
    return (uint64_t)num_nodes * sizeof(uint32_t) +
           (uint64_t)team * NUM_CELLS * sizeof(struct pri_cell);
}

pr_status pri_sweep_scratch_create(uint32_t num_nodes, int team, pri_sweep_scratch *out)
{
    pr_status st = PR_OK;

    *out = (pri_sweep_scratch){ 0 };
    PR_NEW(out->wish, num_nodes);
    PR_NEW(out->cells, (size_t)team * NUM_CELLS);
    for (size_t i = 0; i < (size_t)team * NUM_CELLS; i++) out->cells[i].label = no_label;
done:
    if (st != PR_OK) pri_sweep_scratch_clear(out);
    return st;
}

void pri_sweep_scratch_clear(pri_sweep_scratch *scratch)
{
    pri_free(scratch->wish);
    pri_free(scratch->cells);
    *scratch = (pri_sweep_scratch){ 0 };
}

/* Add a weight to a label; gives the number of labels in the table. */
static uint32_t add(struct pri_cell *cells, uint32_t mask, uint32_t num_used, uint32_t label,
                    uint32_t weight)
{
    uint32_t at = (label * 0x9e3779b1u) >> 16 & mask;

    while (cells[at].label != label && cells[at].label != no_label) at = (at + 1) & mask;
    if (cells[at].label == no_label) {
        cells[at].label        = label;
        cells[at].weight       = 0;
        cells[num_used++].used = at;
    }
    cells[at].weight += weight;
    return num_used;
}

/* Find the label a vertex wishes for: the heaviest that has room, its own if none is heavier; of
 * equals the one a hash prefers. */
static uint32_t wish_of(const pri_level *level, const pri_sweep_plan *plan, uint32_t v,
                        const uint32_t *label, const uint32_t *size_of, struct pri_cell *cells)
{
    const pr_eid   begin = level->start[v], end = level->start[v + 1];
    const uint64_t stride = (end - begin + MOST_ARCS - 1) / MOST_ARCS;
    const uint32_t size   = level->size ? level->size[v] : 1;
    uint32_t       mask = 1, num_used = 0;

    if (begin == end) return label[v];
    while (mask + 1 < 2 * ((end - begin) / stride + 1) && mask + 1 < NUM_CELLS) mask = 2 * mask + 1;
    for (pr_eid e = begin; e < end; e += stride)
        num_used =
            add(cells, mask, num_used, label[level->to[e]], level->weight ? level->weight[e] : 1);

    uint32_t best = label[v];
    uint64_t most = 0, best_hash = 0;
    for (uint32_t i = 0; i < num_used; i++)
        if (cells[cells[i].used].label == best) most = cells[cells[i].used].weight;
    for (uint32_t i = 0; i < num_used; i++) {
        struct pri_cell *cell = &cells[cells[i].used];
        const uint32_t   l    = cell->label;
        cell->label           = no_label;
        if (l == label[v] || cell->weight < most) continue;
        if ((uint64_t)size_of[l] + size > plan->max_size) continue;
        const uint64_t hash = pri_mix64(plan->key ^ l);
        if (cell->weight == most && (best == label[v] || hash >= best_hash)) continue;
        best      = l;
        most      = cell->weight;
        best_hash = hash;
    }
    return best;
}

/* Grant the wishes of a class in ascending order; gives how many vertices moved. */
static uint64_t grant(const pri_level *level, const pri_sweep_plan *plan, uint32_t first,
                      const uint32_t *wish, uint32_t *label, uint32_t *size_of)
{
    uint64_t moved = 0;

    for (uint64_t v = first; v < level->num_nodes; v += NUM_CLASSES) {
        const uint32_t size = level->size ? level->size[v] : 1;
        if (wish[v] == label[v] || (uint64_t)size_of[wish[v]] + size > plan->max_size) continue;
        size_of[label[v]] -= size;
        size_of[wish[v]] += size;
        label[v] = wish[v];
        moved++;
    }
    return moved;
}

void pri_label_sweeps(const pri_level *level, const pri_sweep_plan *plan,
                      pri_sweep_scratch *scratch, uint32_t *label, uint32_t *size_of)
{
    const uint64_t N = level->num_nodes;

    for (uint32_t sweep = 0; sweep < plan->num_sweeps; sweep++) {
        uint64_t moved = 0;
        for (uint32_t turn = 0; turn < NUM_CLASSES; turn++) {
            const uint32_t first = (turn + (uint32_t)pri_mix64(plan->key + sweep)) % NUM_CLASSES;
            if (plan->stop && *plan->stop) return;
#pragma omp parallel for num_threads(plan->team) schedule(dynamic, 256)
            for (uint64_t v = first; v < N; v += NUM_CLASSES) {
                struct pri_cell *cells = scratch->cells + (size_t)omp_get_thread_num() * NUM_CELLS;
                scratch->wish[v]       = wish_of(level, plan, (uint32_t)v, label, size_of, cells);
            }
            moved += grant(level, plan, first, scratch->wish, label, size_of);
        }
        if (moved * REST_OF_MOVES < N) return;
    }
}
