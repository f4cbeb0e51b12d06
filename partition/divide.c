/* divide.c: from a graph to a few even parts, by METIS, or by growing parts out of small clusters.
 * Whoever made them, vertices change sides at the end until the parts are as even as promised. */
#include <packrat/partition.h>

#include <string.h>

#include "partition/coarse.h"
#include "partition/growing.h"
#include "partition/kway.h"
#include "partition/method.h"
#include "partition/numbering.h"
#include "partition/propagation.h"

_Static_assert(PR_MAX_PARTS == PR_MAX_SHARDS, "every part can be a shard");

enum {
    CLUSTERS_PER_PART = 64, /* small enough that parts of whole clusters are nearly even */
    COARSE_SWEEPS     = 12,
    SWEEPS            = 8,
    SETTLE_BYTES      = 7 /* a node */
};

/* What is looked for. */
typedef struct search {
    const pr_graph         *graph;
    const pr_parts_options *options;
    pr_vids                 train;
    pri_adjacency           adjacency;
    pr_parts               *found;
    uint8_t                *part;
    uint32_t               *second; /* [N] weights of what else is to be even; NULL: nothing */
    pri_loads               loads;
    uint64_t                work_bytes;
    int                     team;
} search;

const char *pr_part_balance_name(int balance)
{
    return balance == PR_BALANCE_NODES   ? "nodes"
           : balance == PR_BALANCE_TRAIN ? "train"
           : balance == PR_BALANCE_EDGES ? "edges"
                                         : "auto";
}

static uint64_t in_degree(const pr_graph *graph, uint64_t v)
{
    return graph->indptr[v + 1] - graph->indptr[v];
}

static pr_status check_arguments(const search *s)
{
    pr_status               st = PR_OK;
    const pr_parts_options *o  = s->options;
    const pr_graph         *g  = s->graph;

    PR_CHECK(g && o && g->num_nodes > 0, PR_E_ARG,
             "graph or options is NULL, or the graph has no vertex");
    PR_CHECK(o->method >= PR_CLUSTERS_AUTO && o->method <= PR_CLUSTERS_PROPAGATION, PR_E_ARG,
             "the parts' method is %d, must be in 0..%d", o->method, PR_CLUSTERS_PROPAGATION);
    PR_CHECK(o->balance >= PR_BALANCE_AUTO && o->balance <= PR_BALANCE_EDGES, PR_E_ARG,
             "the parts' balance is %d, must be in 0..%d", o->balance, PR_BALANCE_EDGES);
    PR_CHECK(o->parts >= 1 && o->parts <= PR_MAX_PARTS, PR_E_ARG, "%u parts, must be in 1..%u",
             o->parts, PR_MAX_PARTS);
    PR_CHECK(o->parts <= g->num_nodes, PR_E_ARG, "%u parts of %u nodes, there can be one a node",
             o->parts, g->num_nodes);
    PR_CHECK(o->balance != PR_BALANCE_TRAIN || s->train.n > 0, PR_E_ARG,
             "training nodes cannot be balanced: there are none");
    PR_CHECK(o->balance != PR_BALANCE_EDGES || g->num_edges > 0, PR_E_ARG,
             "edges cannot be balanced: there are none");
    for (size_t i = 0; i < s->train.n; i++)
        PR_CHECK(s->train.at[i] < g->num_nodes, PR_E_RANGE,
                 "training node %zu is %u, must be in 0..%u", i, s->train.at[i], g->num_nodes - 1);
done:
    return st;
}

/* Weigh nodes by what is to be even; METIS wants the sum in 31 bits. */
static pr_status weigh(search *s)
{
    pr_status      st      = PR_OK;
    const uint64_t N       = s->graph->num_nodes;
    int            balance = s->options->balance, shift = 0;

    if (balance == PR_BALANCE_AUTO) balance = s->train.n > 0 ? PR_BALANCE_TRAIN : PR_BALANCE_NODES;
    s->found->balance = balance;
    if (balance == PR_BALANCE_NODES) return PR_OK;
    PR_NEW(s->second, N);
    if (balance == PR_BALANCE_TRAIN)
        for (size_t i = 0; i < s->train.n; i++) s->second[s->train.at[i]] = 1;
    while (s->graph->num_edges >> shift >= INT32_MAX) shift++;
    for (uint64_t v = 0; v < N && balance == PR_BALANCE_EDGES; v++)
        s->second[v] = (uint32_t)(in_degree(s->graph, v) >> shift);
done:
    return st;
}

static pri_division ground_of(search *s)
{
    const pr_graph *g = &s->adjacency.graph;
    return (pri_division){ .level   = { g->num_nodes, g->indptr, g->indices, NULL, NULL },
                           .weights = { s->second ? 2 : 1, NULL, s->second },
                           .loads   = &s->loads,
                           .part    = s->part,
                           .team    = s->team,
                           .stop    = s->options->stop };
}

static void cut_by_id(search *s, const char *why)
{
    const uint64_t N = s->graph->num_nodes;

    for (uint64_t v = 0; v < N; v++) s->part[v] = (uint8_t)(v * s->found->num_parts / N);
    s->found->method = PR_CLUSTERS_PROPAGATION;
    snprintf(s->found->why, sizeof s->found->why, "%s", why);
}

/* Find small clusters, of parts that have few nodes one a node; gives how many there are. */
static pr_status find_clusters(search *s, uint32_t *label, uint32_t *num_clusters)
{
    pr_status      st     = PR_OK;
    const uint32_t N      = s->graph->num_nodes;
    const uint64_t wanted = (uint64_t)s->found->num_parts * CLUSTERS_PER_PART;
    uint32_t      *number = NULL;

    for (uint32_t v = 0; v < N; v++) label[v] = v;
    *num_clusters = N;
    if (wanted > N / 2) return PR_OK;
    const uint32_t             mean = (uint32_t)((N + wanted - 1) / wanted);
    const pri_propagation_plan plan = { .num_clusters = (uint32_t)wanted,
                                        .max_size     = mean + (mean + 1) / 2,
                                        .seed         = s->options->seed,
                                        .threads      = s->options->threads,
                                        .stop         = s->options->stop };
    PR_TRY(pri_propagate(&s->adjacency, &plan, label, &s->work_bytes));
    PR_NEW(number, N);
    *num_clusters = pri_labels_compact(label, N, number, N);
done:
    pri_free(number);
    return st;
}

/* Grow parts out of clusters, and let clusters change sides. */
static pr_status pack(search *s, const uint32_t *label, const pri_coarse *coarse, uint64_t *bytes)
{
    pr_status      st     = PR_OK;
    const uint32_t K      = coarse->level.num_nodes;
    uint32_t      *second = NULL;
    uint8_t       *part = NULL, *wish = NULL;
    pri_loads      loads;

    PR_NEW(part, K);
    PR_NEW(wish, K);
    if (s->second) {
        PR_NEW(second, K);
        for (uint64_t v = 0; v < s->graph->num_nodes; v++) second[label[v]] += s->second[v];
    }
    const pri_division division = { .level   = coarse->level,
                                    .weights = { s->second ? 2 : 1, coarse->size, second },
                                    .loads   = &loads,
                                    .part    = part,
                                    .team    = s->team,
                                    .stop    = s->options->stop };
    pri_loads_begin(&loads, &division.weights, K, s->found->num_parts);
    PR_TRY(pri_grow_parts(&division, bytes));
    *bytes += (uint64_t)K * (2 + 4);
    pri_moves_improve(&division, COARSE_SWEEPS, wish);
    for (uint64_t v = 0; v < s->graph->num_nodes; v++) s->part[v] = part[label[v]];
done:
    pri_free(wish);
    pri_free(part);
    pri_free(second);
    return st;
}

static pr_status use_propagation(search *s)
{
    pr_status       st     = PR_OK;
    const uint64_t  N      = s->graph->num_nodes;
    const pr_graph *g      = &s->adjacency.graph;
    const pri_level ground = { g->num_nodes, g->indptr, g->indices, NULL, NULL };
    uint32_t       *label = NULL, num_clusters = 0;
    pri_coarse      coarse = { 0 };
    uint64_t        making = 0, packing = 0;

    s->found->method = PR_CLUSTERS_PROPAGATION;
    PR_NEW(label, N);
    PR_TRY(find_clusters(s, label, &num_clusters));
    PR_TRY(pri_coarse_make(&ground, label, num_clusters, s->team, &coarse, &making));
    PR_TRY(pack(s, label, &coarse, &packing));
    packing += coarse.bytes;
    if (making > s->work_bytes) s->work_bytes = making;
    if (packing > s->work_bytes) s->work_bytes = packing;
    s->work_bytes += N * sizeof *label;
done:
    pri_coarse_clear(&coarse);
    pri_free(label);
    return st;
}

static pr_status use_metis(search *s)
{
    pr_status      st    = PR_OK;
    const uint64_t N     = s->graph->num_nodes;
    const uint32_t P     = s->found->num_parts;
    uint32_t      *found = NULL;
    bool           taken = false;

    PR_TRY(pri_method_check(&s->adjacency));
    PR_CHECK(P <= N / 2, PR_E_ARG, "METIS: %u parts of %llu nodes, there can be one for two nodes",
             P, (unsigned long long)N);
    PR_NEW(found, N);
    const pri_kway_plan plan = { P, s->second, s->options->seed, s->options->stop };
    st                       = pri_kway(&s->adjacency, &plan, found, &s->work_bytes);
    taken                    = st == PR_OK;
    for (uint64_t v = 0; v < N && taken; v++) s->part[v] = (uint8_t)found[v];
    s->found->method = PR_CLUSTERS_METIS;
    s->work_bytes += N * sizeof *found;
done:
    pri_free(found);
    if (taken || st == PR_E_INTERRUPTED || s->options->method == PR_CLUSTERS_METIS) return st;
    snprintf(s->found->why, sizeof s->found->why, "METIS failed: %.200s", pr_error_message());
    return use_propagation(s);
}

/* Make the parts even, and their cut smaller where vertices had to move or METIS did not look. */
static pr_status settle(search *s)
{
    pr_status          st        = PR_OK;
    const uint64_t     N         = s->graph->num_nodes;
    const pri_division division  = ground_of(s);
    uint32_t          *candidate = NULL;
    uint16_t          *rank      = NULL;
    uint8_t           *wish      = NULL;
    bool               worth     = s->found->method == PR_CLUSTERS_PROPAGATION;

    PR_NEW(candidate, N);
    PR_NEW(rank, N);
    PR_NEW(wish, N);
    pri_loads_begin(&s->loads, &division.weights, s->graph->num_nodes, s->found->num_parts);
    pri_loads_count(&s->loads, &division.weights, s->graph->num_nodes, s->part);
    if (worth) pri_moves_improve(&division, SWEEPS, wish);
    if (!pri_loads_even(&s->loads))
        worth = pri_moves_even_out(&division, candidate, rank) > 0 || worth;
    if (worth) pri_moves_improve(&division, SWEEPS, wish);
    PR_CHECK(!s->options->stop || !*s->options->stop, PR_E_INTERRUPTED,
             "dividing nodes into parts: interrupted");
    PR_TRY(pri_parts_number(&s->adjacency, s->found->num_parts, s->team, s->part));
    if (s->work_bytes < N * SETTLE_BYTES) s->work_bytes = N * SETTLE_BYTES;
done:
    pri_free(wish);
    pri_free(rank);
    pri_free(candidate);
    return st;
}

static void note_sizes(pr_parts *p, const uint64_t *nodes, const uint64_t *train,
                       const uint64_t *arcs)
{
    p->min_nodes = (pr_vid)nodes[0];
    p->min_train = train[0];
    p->min_arcs  = arcs[0];
    for (uint32_t i = 0; i < p->num_parts; i++) {
        if (nodes[i] < p->min_nodes) p->min_nodes = (pr_vid)nodes[i];
        if (nodes[i] > p->max_nodes) p->max_nodes = (pr_vid)nodes[i];
        if (train[i] < p->min_train) p->min_train = train[i];
        if (train[i] > p->max_train) p->max_train = train[i];
        if (arcs[i] < p->min_arcs) p->min_arcs = arcs[i];
        if (arcs[i] > p->max_arcs) p->max_arcs = arcs[i];
    }
}

/* Fill in what is said of the parts. */
static void describe(search *s)
{
    pr_parts       *p = s->found;
    const pr_graph *g = s->graph;
    const uint64_t  N = g->num_nodes, P = p->num_parts;
    uint64_t        nodes[PR_MAX_PARTS] = { 0 }, train[PR_MAX_PARTS] = { 0 };
    uint64_t        arcs[PR_MAX_PARTS] = { 0 }, num_arcs = 0, cut = 0, in_range = 0;

    for (size_t i = 0; i < s->train.n; i++) train[s->part[s->train.at[i]]]++;
    for (uint64_t v = 0; v < N; v++) {
        nodes[s->part[v]]++;
        arcs[s->part[v]] += in_degree(g, v);
    }
    note_sizes(p, nodes, train, arcs);
#pragma omp parallel for num_threads(s->team) reduction(+ : num_arcs, cut, in_range)               \
    schedule(dynamic, 4096)
    for (uint64_t v = 0; v < N; v++) {
        const uint64_t run = v * P / N, first = (run * N + P - 1) / P;
        const uint64_t end = ((run + 1) * N + P - 1) / P;
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            const pr_vid u = g->indices[e];
            num_arcs += u != v;
            cut += s->part[u] != s->part[v];
            in_range += u != v && u >= first && u < end;
        }
    }
    p->hash_share = 1 / (double)P;
    if (num_arcs == 0) return;
    p->cut_share   = (double)cut / (double)num_arcs;
    p->range_share = (double)in_range / (double)num_arcs;
}

static pr_status find(search *s)
{
    pr_status      st = PR_OK;
    const uint32_t N = s->graph->num_nodes, P = s->options->parts;

    PR_NEW(s->part, N);
    s->found->of_node = s->part;
    PR_TRY(weigh(s));
    PR_TRY(pri_adjacency_make(s->graph, s->options->threads, s->options->stop, &s->adjacency));
    if (P == 1)
        cut_by_id(s, "one part is all nodes");
    else if (s->adjacency.graph.num_edges == 0)
        cut_by_id(s, "there are no arcs to go by");
    else
        PR_TRY(pri_method_choose(&s->adjacency, s->options->method, P, s->found->why) ==
                       PR_CLUSTERS_METIS
                   ? use_metis(s)
                   : use_propagation(s));
    PR_TRY(settle(s));
    describe(s);
    s->found->peak_bytes = s->adjacency.own_bytes + (uint64_t)N * (s->second ? 5 : 1) +
                           s->work_bytes + (uint64_t)s->team * P * P * sizeof(uint64_t);
done:
    return st;
}

pr_status pr_parts_find(const pr_graph *graph, pr_vids train, const pr_parts_options *options,
                        pr_parts **out)
{
    pr_status     st    = PR_OK;
    search        s     = { .graph = graph, .options = options, .train = train };
    const int64_t start = pr_now_ns();

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(check_arguments(&s));
    s.team = pri_team_size(options->threads);
    PR_NEW(s.found, 1);
    s.found->num_nodes = graph->num_nodes;
    s.found->num_parts = options->parts;
    PR_TRY(find(&s));
    s.found->elapsed_ns = pr_now_ns() - start;
    *out                = s.found;
    s.found             = NULL;
done:
    pri_adjacency_clear(&s.adjacency);
    pri_free(s.second);
    pr_parts_free(s.found);
    return st;
}

void pr_parts_free(pr_parts *parts)
{
    if (!parts) return;
    pri_free((void *)(uintptr_t)parts->of_node);
    pri_free(parts);
}
