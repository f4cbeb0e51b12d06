/* propagation.c: sweeps find small clusters; each becomes a vertex of the next, smaller graph,
 * whose sweeps join them; and so on until there are few enough or nothing joins. Last, vertices of
 * the given graph may change sides once more.
 *
 * The bound on sizes grows from level to level. With the last one from the start, the first
 * clusters would be full and could not be joined with what belongs to them. */
#include "partition/propagation.h"

#include <string.h>

#include "base/rng.h"
#include "partition/coarse.h"

enum { MAX_LEVELS = 24, SWEEPS = 6, LAST_SWEEPS = 3, FIRST_SHARE = 16, GROWTH = 4 };

/* Everything one call holds. */
typedef struct work {
    const pri_propagation_plan *plan;
    int                         team;
    uint32_t                   *of_node; /* [N] vertex of the present level */
    uint32_t                   *label, *size_of;
    pri_sweep_scratch           scratch;
    uint64_t                    bytes, peak_bytes;
} work;

static void note_bytes(work *w, uint64_t more)
{
    if (w->bytes + more > w->peak_bytes) w->peak_bytes = w->bytes + more;
}

static bool stopped(const work *w)
{
    return w->plan->stop && *w->plan->stop;
}

static void sweep(work *w, const pri_level *level, uint32_t max_size, uint32_t num_sweeps,
                  uint32_t salt, uint32_t *label)
{
    const pri_sweep_plan plan = { .max_size   = max_size,
                                  .num_sweeps = num_sweeps,
                                  .key        = pri_mix64(w->plan->seed) + salt,
                                  .team       = w->team,
                                  .stop       = w->plan->stop };
    pri_label_sweeps(level, &plan, &w->scratch, label, w->size_of);
}

/* Cluster level after level; of_node holds the clusters afterwards, fewer than num_nodes. */
static pr_status climb(work *w, const pri_level *ground)
{
    pr_status      st = PR_OK;
    const uint32_t N  = ground->num_nodes;
    pri_coarse     at = { .level = *ground }, up = { 0 };
    uint64_t       most = w->plan->max_size / FIRST_SHARE;

    for (uint32_t i = 0; i < MAX_LEVELS; i++) {
        const uint32_t n = at.level.num_nodes;
        if (most < 2) most = 2;
        if (most > w->plan->max_size) most = w->plan->max_size;
        for (uint32_t v = 0; v < n; v++) {
            w->label[v]   = v;
            w->size_of[v] = at.level.size ? at.level.size[v] : 1;
        }
        sweep(w, &at.level, (uint32_t)most, SWEEPS, i, w->label);
        PR_CHECK(!stopped(w), PR_E_INTERRUPTED, "label propagation: interrupted");
        const uint32_t num_labels = pri_labels_compact(w->label, n, w->size_of, n);
        for (uint32_t v = 0; v < N; v++) w->of_node[v] = w->label[w->of_node[v]];
        const bool last = most == w->plan->max_size;
        if (last && (num_labels <= w->plan->num_clusters || num_labels > n - n / 20)) break;
        most *= GROWTH;
        uint64_t bytes = 0;
        PR_TRY(pri_coarse_make(&at.level, w->label, num_labels, w->team, &up, &bytes));
        note_bytes(w, bytes);
        w->bytes += up.bytes - at.bytes;
        pri_coarse_clear(&at);
        at = up;
        up = (pri_coarse){ 0 };
    }
done:
    w->bytes -= at.bytes;
    pri_coarse_clear(&at);
    return st;
}

pr_status pri_propagate(const pri_adjacency *adjacency, const pri_propagation_plan *plan,
                        uint32_t *of_node, uint64_t *peak_bytes)
{
    pr_status       st     = PR_OK;
    const pr_graph *graph  = &adjacency->graph;
    const pri_level ground = { graph->num_nodes, graph->indptr, graph->indices, NULL, NULL };
    const uint32_t  N      = graph->num_nodes;
    work            w      = { .plan = plan, .team = pri_team_size(plan->threads) };

    w.of_node = of_node;
    w.bytes   = (uint64_t)N * 8 + pri_sweep_bytes(N, w.team);
    note_bytes(&w, 0);
    PR_NEW(w.label, N);
    PR_NEW(w.size_of, N);
    PR_TRY(pri_sweep_scratch_create(N, w.team, &w.scratch));
    for (uint32_t v = 0; v < N; v++) of_node[v] = v;
    PR_TRY(climb(&w, &ground));
    memset(w.size_of, 0, N * sizeof *w.size_of);
    for (uint32_t v = 0; v < N; v++) w.size_of[of_node[v]]++;
    sweep(&w, &ground, plan->max_size, LAST_SWEEPS, MAX_LEVELS, of_node);
    PR_CHECK(!stopped(&w), PR_E_INTERRUPTED, "label propagation: interrupted");
    *peak_bytes = w.peak_bytes;
done:
    pri_sweep_scratch_clear(&w.scratch);
    pri_free(w.size_of);
    pri_free(w.label);
    return st;
}
