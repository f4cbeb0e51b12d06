/* placement.c: which node holds what of a run.
 *
 *   lanes' own memory   on the lane's node
 *   the graph           a copy for each lane on its node, or one wherever it is
 *   rows                each lane's range on its node, as far as there is room behind what is
 *                       expected of everything else there. What samplers, tapes and slabs may take
 *                       at most drives no rows away, as hardly any batch comes near it.
 *
 * Rows without room go, from the end of a lane's range, to the nearest nodes that have some. */
#include "numa/placement.h"

#include <string.h>

#include "numa/print.h"
#include "numa/topo.h"

const char *pr_item_name(pr_item item)
{
    static const char *const names[PR_NUM_ITEMS] = {
        [PR_ITEM_GRAPH] = "graph", [PR_ITEM_STORE] = "store",     [PR_ITEM_SLAB] = "slab",
        [PR_ITEM_INDEX] = "index", [PR_ITEM_SAMPLER] = "sampler", [PR_ITEM_TAPE] = "tape"
    };
    return (unsigned)item < PR_NUM_ITEMS ? names[item] : "?";
}

void pri_placement_cut(const pr_plan *plan, uint64_t num_rows, uint64_t unit, uint64_t *first)
{
    uint64_t before = 0, threads = 0;

    if (unit == 0) unit = 1;
    for (uint32_t l = 0; l < plan->num_lanes; l++) threads += plan->lane[l].num_threads;
    first[0] = 0;
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        before += plan->lane[l].num_threads;
        const uint64_t exact = num_rows * before / threads;
        const uint64_t cut   = (exact + unit / 2) / unit * unit;
        first[l + 1]         = cut < num_rows ? cut : num_rows;
    }
    first[plan->num_lanes] = num_rows;
}

/* What is worked with while a placement is made. */
typedef struct draft {
    const pr_topo   *topo;
    const pr_demand *demand;
    pr_placement    *p;
    uint64_t         kept[PR_MAX_NUMA_NODES + 1]; /* bytes expected but for rows, by p->node */
    uint64_t         room[PR_MAX_NUMA_NODES];     /* bytes left for rows */
    uint64_t         spilled, homeless;           /* rows */
} draft;

/* ---- what is asked for ---- */

static pr_status add(uint64_t *sum, uint64_t more)
{
    pr_status st = PR_OK;

    PR_CHECK(!__builtin_add_overflow(*sum, more, sum), PR_E_ARG,
             "what the run asks for does not fit in 64 bits");
done:
    return st;
}

/* The whole demand, a copy of the graph for each lane included, must be countable. */
static pr_status check_demand(const pr_plan *plan, const pr_demand *d)
{
    pr_status st  = PR_OK;
    uint64_t  sum = 0, rows = 0, part = 0;

    PR_CHECK(plan->num_lanes >= 1 && plan->num_lanes <= PR_MAX_LANES, PR_E_ARG,
             "the plan has %u lanes, must have 1 .. %u", plan->num_lanes, PR_MAX_LANES);
    PR_CHECK(d->num_rows <= UINT64_C(1) << 40, PR_E_ARG, "%llu rows are asked for, at most 2^40",
             (unsigned long long)d->num_rows);
    PR_CHECK(!__builtin_mul_overflow(d->num_rows, d->row_bytes, &part), PR_E_ARG,
             "%llu rows of %llu bytes do not fit in 64 bits", (unsigned long long)d->num_rows,
             (unsigned long long)d->row_bytes);
    PR_TRY(add(&sum, part));
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        PR_CHECK(plan->lane[l].num_threads > 0, PR_E_ARG, "lane %u has no threads", l);
        PR_TRY(add(&sum, d->graph_bytes));
        PR_TRY(add(&sum, d->lane_kept_bytes));
        for (int i = 0; i < PR_NUM_ITEMS; i++) PR_TRY(add(&sum, d->lane_bytes[i]));
        if (d->part_rows) PR_TRY(add(&rows, d->part_rows[l]));
    }
    PR_CHECK(!d->part_rows || rows == d->num_rows, PR_E_ARG,
             "the lanes' parts have %llu rows, the store has %llu", (unsigned long long)rows,
             (unsigned long long)d->num_rows);
done:
    return st;
}

/* ---- nodes ---- */

/* List the topology's nodes, and one behind them for what is nowhere in particular. */
static void list_nodes(draft *w)
{
    const pr_topo *topo = w->topo;

    for (uint32_t i = 0; i < topo->num_nodes; i++)
        w->p->node[i] = (pr_node_plan){ .numa_node    = topo->node[i].os_index,
                                        .memory_bytes = topo->node[i].memory_bytes };
    w->p->num_nodes             = topo->num_nodes;
    w->p->node[topo->num_nodes] = (pr_node_plan){ .numa_node = -1 };
}

/* Give the place of a node in the list; -1 and nodes that are not there: the one behind all, but on
 * a machine of one node that one. */
static uint32_t place_of(const draft *w, int32_t numa_node)
{
    for (uint32_t i = 0; i < w->topo->num_nodes; i++)
        if (w->topo->node[i].os_index == numa_node) return i;
    return w->topo->num_nodes == 1 ? 0 : w->topo->num_nodes;
}

static void put(draft *w, uint32_t place, pr_item item, uint64_t bytes)
{
    w->p->node[place].bytes[item] += bytes;
    w->p->node[place].total_bytes += bytes;
}

/* Tell whether each lane shall have a copy of the graph. Left open, it shall where that makes far
 * memory near: several nodes, a lane on each, and little of a node's memory taken. */
static bool wants_copies(const draft *w)
{
    const pr_plan   *plan = &w->p->plan;
    const pr_demand *d    = w->demand;

    if (d->graph_copies >= 0) return d->graph_copies > 0;
    if (w->topo->num_nodes < 2 || plan->num_lanes < 2) return false;
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        if (d->graph_bytes > plan->lane[l].memory_bytes / 8) return false;
        if (l > 0 && plan->lane[l].numa_node == plan->lane[l - 1].numa_node) return false;
    }
    return true;
}

static void put_graph(draft *w, uint32_t place)
{
    put(w, place, PR_ITEM_GRAPH, w->demand->graph_bytes);
    w->kept[place] += w->demand->graph_bytes;
}

/* Put what lanes keep for themselves, and the graph. */
static void put_lanes(draft *w)
{
    const pr_plan   *plan = &w->p->plan;
    const pr_demand *d    = w->demand;
    const uint64_t   kept = d->lane_kept_bytes
                                ? d->lane_kept_bytes
                                : d->lane_bytes[PR_ITEM_SLAB] + d->lane_bytes[PR_ITEM_INDEX];

    w->p->graph_copied = wants_copies(w);
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        const uint32_t at = place_of(w, plan->lane[l].numa_node);
        for (int i = 0; i < PR_NUM_ITEMS; i++) put(w, at, (pr_item)i, d->lane_bytes[i]);
        w->kept[at] += kept;
        if (w->p->graph_copied) put_graph(w, at);
    }
    if (!w->p->graph_copied) put_graph(w, place_of(w, -1));
}

/* ---- rows ---- */

/* See what is left for rows on each node: all one wants where memory is not known. */
static void find_room(draft *w)
{
    for (uint32_t i = 0; i < w->topo->num_nodes; i++) {
        const pri_node *node = &w->topo->node[i];
        if (node->memory_bytes == 0)
            w->room[i] = pri_topo_has_memory(w->topo, node) ? UINT64_MAX : 0;
        else
            w->room[i] = node->memory_bytes > w->kept[i] ? node->memory_bytes - w->kept[i] : 0;
    }
}

/* Append a shard, or widen the last one if it is of the same lane and node. */
static void append(draft *w, uint32_t lane, uint32_t place, uint64_t first, uint64_t rows)
{
    pr_placement  *p    = w->p;
    const int32_t  node = p->node[place].numa_node;
    pr_shard_plan *last = p->num_shards ? &p->shard[p->num_shards - 1] : NULL;

    if (!last || last->lane != lane || last->numa_node != node) {
        last  = &p->shard[p->num_shards++];
        *last = (pr_shard_plan){ .numa_node = node, .lane = lane, .first_row = first };
    }
    last->num_rows += rows;
    last->bytes          = last->num_rows * w->demand->row_bytes;
    const uint64_t bytes = rows * w->demand->row_bytes;
    put(w, place, PR_ITEM_STORE, bytes);
    if (place < w->topo->num_nodes && w->room[place] != UINT64_MAX)
        w->room[place] -= bytes < w->room[place] ? bytes : w->room[place];
}

/* Give how many of rows first .. first + rows - 1 a node has room for: all, or up to a multiple of
 * the unit. */
static uint64_t rows_that_fit(const draft *w, uint32_t place, uint64_t first, uint64_t rows)
{
    const pr_demand *d    = w->demand;
    const uint64_t   unit = d->shard_unit > 0 ? d->shard_unit : 1;

    if (place >= w->topo->num_nodes || d->row_bytes == 0) return rows;
    const uint64_t most = w->room[place] / d->row_bytes;
    if (most >= rows) return rows;
    const uint64_t end = (first + most) / unit * unit;
    return end > first ? end - first : 0;
}

/* Find the node for rows that have no room at `from`: without cores first, then the nearest. The
 * number of topo->nodes when there is none. */
static uint32_t refuge(const draft *w, uint32_t from, uint64_t first, uint64_t rows)
{
    const uint32_t n    = w->topo->num_nodes;
    uint32_t       best = n;

    for (uint32_t i = 0; i < n; i++) {
        if (i == from || rows_that_fit(w, i, first, rows) == 0) continue;
        const bool     cores   = w->topo->node[i].num_cores > 0;
        const bool     best_is = best < n && w->topo->node[best].num_cores > 0;
        const uint32_t apart   = w->topo->apart[from * n + i];
        if (best == n || (best_is && !cores) ||
            (best_is == cores && apart < w->topo->apart[from * n + best]))
            best = i;
    }
    return best;
}

/* Put the rows of a lane's range that its own node has no room for. */
static void spill(draft *w, uint32_t lane, uint32_t home, uint64_t first, uint64_t rows)
{
    const uint32_t lanes_to_come = w->p->plan.num_lanes - lane - 1;

    while (rows > 0) {
        const uint32_t place = refuge(w, home, first, rows);
        const bool     full  = w->p->num_shards + lanes_to_come + 1 >= PR_MAX_SHARDS;
        if (place == w->topo->num_nodes || full) break;
        const uint64_t taken = rows_that_fit(w, place, first, rows);
        append(w, lane, place, first, taken);
        w->spilled += taken;
        first += taken;
        rows -= taken;
    }
    if (rows == 0) return;
    append(w, lane, home, first, rows); /* nowhere to go: the plan does not fit */
    w->homeless += rows;
}

static void put_ranges(draft *w)
{
    const pr_plan *plan = &w->p->plan;
    uint64_t       first[PR_MAX_LANES + 1], here[PR_MAX_LANES];

    pri_placement_cut(plan, w->demand->num_rows, w->demand->shard_unit, first);
    /* All lanes take from their own nodes before any rows seek refuge there. */
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        const uint32_t home = place_of(w, plan->lane[l].numa_node);
        const uint64_t rows = first[l + 1] - first[l];
        here[l]             = rows_that_fit(w, home, first[l], rows);
        if (home < w->topo->num_nodes && w->room[home] != UINT64_MAX)
            w->room[home] -= here[l] * w->demand->row_bytes;
    }
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        const uint32_t home = place_of(w, plan->lane[l].numa_node);
        const uint64_t left = home < w->topo->num_nodes ? w->room[home] : 0;
        append(w, l, home, first[l], here[l]);
        if (home < w->topo->num_nodes) w->room[home] = left; /* it was taken above */
        spill(w, l, home, first[l] + here[l], first[l + 1] - first[l] - here[l]);
    }
}

static void put_parts(draft *w)
{
    const pr_plan *plan = &w->p->plan;

    for (uint32_t l = 0; l < plan->num_lanes; l++)
        append(w, l, place_of(w, plan->lane[l].numa_node), 0, w->demand->part_rows[l]);
}

/* ---- the end ---- */

/* Compare with what each node, and the machine, has. */
static void judge(draft *w)
{
    pr_placement *p     = w->p;
    uint64_t      total = 0, memory = 0;
    bool          known = true;

    p->fits = w->homeless == 0;
    if (w->spilled)
        pri_append(p->why, sizeof p->why,
                   "%llu rows (%.2f GiB) are on other nodes than their lanes, which have no room",
                   (unsigned long long)w->spilled,
                   (double)w->spilled * (double)w->demand->row_bytes / 0x1p30);
    if (w->homeless)
        pri_append(p->why, sizeof p->why, "%s%llu rows (%.2f GiB) have no room on any node",
                   p->why[0] ? "; " : "", (unsigned long long)w->homeless,
                   (double)w->homeless * (double)w->demand->row_bytes / 0x1p30);
    for (uint32_t i = 0; i <= w->topo->num_nodes; i++) {
        pr_node_plan  *n       = &p->node[i];
        const uint64_t expects = w->kept[i] + n->bytes[PR_ITEM_STORE];
        total += expects;
        memory += n->memory_bytes;
        if (i == w->topo->num_nodes) break;
        known = known && (n->memory_bytes || !pri_topo_has_memory(w->topo, &w->topo->node[i]));
        if (n->memory_bytes == 0 || expects <= n->memory_bytes) continue;
        p->fits = false;
        pri_append(p->why, sizeof p->why, "%snode %d is asked for %.2f GiB, it has %.2f",
                   p->why[0] ? "; " : "", n->numa_node, (double)expects / 0x1p30,
                   (double)n->memory_bytes / 0x1p30);
    }
    if (p->node[w->topo->num_nodes].total_bytes == 0) return;
    p->node[p->num_nodes++].memory_bytes = memory;
    if (!known || total <= memory || !p->fits) return;
    p->fits = false;
    pri_append(p->why, sizeof p->why, "%sthe machine is asked for %.2f GiB, it has %.2f",
               p->why[0] ? "; " : "", (double)total / 0x1p30, (double)memory / 0x1p30);
}

pr_status pr_placement_make(const pr_topo *topo, const pr_plan *plan, const pr_demand *demand,
                            pr_placement *out)
{
    pr_status st = PR_OK;

    PR_CHECK(topo && plan && demand && out, PR_E_ARG, "topo, plan, demand or out is NULL");
    PR_TRY(check_demand(plan, demand));
    memset(out, 0, sizeof *out);
    draft w      = { .topo = topo, .demand = demand, .p = out };
    out->plan    = *plan;
    out->sharded = demand->sharded;
    out->ranges  = !demand->part_rows;
    list_nodes(&w);
    put_lanes(&w);
    find_room(&w);
    if (!demand->sharded)
        put(&w, place_of(&w, -1), PR_ITEM_STORE, demand->num_rows * demand->row_bytes);
    else if (out->ranges)
        put_ranges(&w);
    else
        put_parts(&w);
    judge(&w);
done:
    return st;
}
