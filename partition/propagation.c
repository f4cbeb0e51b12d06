/* propagation.c: sweeps find small clusters; each becomes a vertex of the next, smaller graph,
 * whose sweeps join them; and so on until there are few enough or nothing joins. Last, vertices of
 * the given graph may change sides once more.
 *
 * The bound on sizes grows from level to level. With the last one from the start, the first
 * clusters would be full and could not be joined with what belongs to them. */
#include "partition/propagation.h"

#include <string.h>

#include "base/rng.h"
#include "partition/label_sweep.h"

enum { MAX_LEVELS = 24, SWEEPS = 6, LAST_SWEEPS = 3, FIRST_SHARE = 16, GROWTH = 4 };

/* A level with its arrays; those of the given graph are borrowed. */
typedef struct floor_of {
    pri_level level;
    pr_eid   *start;
    pr_vid   *to;
    uint32_t *weight, *size;
    uint64_t  bytes;
} floor_of;

/* Everything one call holds. */
typedef struct work {
    const pri_propagation_plan *plan;
    int                         team;
    uint32_t                   *of_node; /* [N] vertex of the present level */
    uint32_t                   *label, *size_of;
    pri_sweep_scratch           scratch;
    uint64_t                    bytes, peak_bytes;
} work;

static void floor_clear(floor_of *f)
{
    pri_free(f->start);
    pri_free(f->to);
    pri_free(f->weight);
    pri_free(f->size);
    *f = (floor_of){ 0 };
}

static void note_bytes(work *w, uint64_t more)
{
    if (w->bytes + more > w->peak_bytes) w->peak_bytes = w->bytes + more;
}

static bool stopped(const work *w)
{
    return w->plan->stop && *w->plan->stop;
}

/* Number the labels in use 0, 1, ... as vertices bear them first; gives how many there are.
 *
 *   number   [n] scratch */
static uint32_t compact(uint32_t *label, uint32_t n, uint32_t *number)
{
    uint32_t num_labels = 0;

    memset(number, 0xff, n * sizeof *number);
    for (uint32_t v = 0; v < n; v++) {
        uint32_t *mine = &number[label[v]];
        if (*mine == UINT32_MAX) *mine = num_labels++;
        label[v] = *mine;
    }
    return num_labels;
}

/* Order vertices by label: those of label c are member[first[c] .. first[c + 1]). */
static void list_members(const uint32_t *label, uint32_t n, uint32_t num_labels, uint32_t *first,
                         uint32_t *member)
{
    memset(first, 0, ((size_t)num_labels + 1) * sizeof *first);
    for (uint32_t v = 0; v < n; v++) first[label[v] + 1]++;
    for (uint32_t c = 0; c < num_labels; c++) first[c + 1] += first[c];
    for (uint32_t v = n; v-- > 0;) member[--first[label[v] + 1]] = v;
    memmove(first, first + 1, (size_t)num_labels * sizeof *first);
    first[num_labels] = n;
}

static uint64_t count_cut(const pri_level *level, const uint32_t *label, int team)
{
    uint64_t cut = 0;

#pragma omp parallel for num_threads(team) reduction(+ : cut) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < level->num_nodes; v++)
        for (pr_eid e = level->start[v]; e < level->start[v + 1]; e++)
            cut += label[level->to[e]] != label[v];
    return cut;
}

/* Join the arcs of each label's members: one to every other label, with their weights' sum.
 *
 *   place   [num_labels] scratch
 */
static void join_arcs(const pri_level *level, const uint32_t *label, const uint32_t *first,
                      const uint32_t *member, uint64_t *place, floor_of *up)
{
    pr_eid used = 0;

    for (uint32_t c = 0; c < up->level.num_nodes; c++) {
        const pr_eid begin = used;
        uint32_t     size  = 0;
        for (uint32_t m = first[c]; m < first[c + 1]; m++) {
            const uint32_t v = member[m];
            size += level->size ? level->size[v] : 1;
            for (pr_eid e = level->start[v]; e < level->start[v + 1]; e++) {
                const uint32_t d      = label[level->to[e]];
                const uint32_t weight = level->weight ? level->weight[e] : 1;
                if (d == c) continue;
                if (place[d] == UINT64_MAX || place[d] < begin) {
                    place[d]           = used;
                    up->to[used]       = d;
                    up->weight[used++] = weight;
                } else if (up->weight[place[d]] <= UINT32_MAX - weight) {
                    up->weight[place[d]] += weight;
                }
            }
        }
        up->size[c]      = size;
        up->start[c + 1] = used;
    }
}

/* Make the graph of the labels. */
static pr_status contract(work *w, const pri_level *level, uint32_t num_labels, floor_of *up)
{
    pr_status      st    = PR_OK;
    const uint32_t n     = level->num_nodes;
    const uint64_t arcs  = count_cut(level, w->label, w->team);
    uint32_t      *first = NULL, *member = NULL;
    uint64_t      *place = NULL;

    *up = (floor_of){ .bytes = (uint64_t)num_labels * 16 + arcs * 8 };
    note_bytes(w, up->bytes + (uint64_t)n * 4 + (uint64_t)num_labels * 12);
    PR_NEW(first, (size_t)num_labels + 1);
    PR_NEW(member, n);
    PR_NEW(place, num_labels);
    PR_NEW(up->start, (size_t)num_labels + 1);
    PR_NEW(up->to, arcs);
    PR_NEW(up->weight, arcs);
    PR_NEW(up->size, num_labels);
    up->level = (pri_level){ num_labels, up->start, up->to, up->weight, up->size };
    memset(place, 0xff, num_labels * sizeof *place);
    list_members(w->label, n, num_labels, first, member);
    join_arcs(level, w->label, first, member, place, up);
done:
    pri_free(place);
    pri_free(member);
    pri_free(first);
    if (st != PR_OK) floor_clear(up);
    return st;
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
    floor_of       at = { .level = *ground }, up = { 0 };
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
        const uint32_t num_labels = compact(w->label, n, w->size_of);
        for (uint32_t v = 0; v < N; v++) w->of_node[v] = w->label[w->of_node[v]];
        const bool last = most == w->plan->max_size;
        if (last && (num_labels <= w->plan->num_clusters || num_labels > n - n / 20)) break;
        most *= GROWTH;
        PR_TRY(contract(w, &at.level, num_labels, &up));
        w->bytes += up.bytes - at.bytes;
        floor_clear(&at);
        at = up;
        up = (floor_of){ 0 };
    }
done:
    w->bytes -= at.bytes;
    floor_clear(&at);
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
