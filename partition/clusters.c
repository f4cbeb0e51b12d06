/* clusters.c: from a graph to clusters of about equal size, by METIS or by label propagation. */
#include <packrat/partition.h>

#include <string.h>

#include "partition/adjacency.h"
#include "partition/kway.h"
#include "partition/method.h"
#include "partition/propagation.h"

enum { MEAN_SIZE = 512, LEAST_CLUSTERS = 2, MOST_CLUSTERS = 20000 };

/* What is looked for. */
typedef struct search {
    const pr_cluster_options *options;
    pri_adjacency             adjacency;
    pr_clusters              *found;
    uint32_t                 *of_node;
    uint32_t                  wanted, mean, max_size; /* clusters; vertices of one */
    uint32_t                  num_labels;             /* bound of what of_node holds */
    uint64_t                  work_bytes;
} search;

static void decide_sizes(search *s)
{
    const uint64_t N      = s->found->num_nodes;
    uint64_t       wanted = s->options->clusters;

    if (wanted == 0) {
        wanted = N / MEAN_SIZE;
        if (wanted < LEAST_CLUSTERS) wanted = LEAST_CLUSTERS;
        if (wanted > MOST_CLUSTERS) wanted = MOST_CLUSTERS;
    }
    if (wanted > N) wanted = N;
    s->wanted   = (uint32_t)wanted;
    s->mean     = (uint32_t)((N + wanted - 1) / wanted);
    s->max_size = s->mean + (s->mean + 1) / 2;
    if (s->max_size > N) s->max_size = (uint32_t)N;
}

/* Nothing to find: runs of ids will do. */
static void cut_by_id(search *s, const char *why)
{
    for (uint32_t v = 0; v < s->found->num_nodes; v++) s->of_node[v] = v / s->mean;
    s->found->method = PR_CLUSTERS_PROPAGATION;
    s->num_labels    = s->found->num_nodes;
    snprintf(s->found->why, sizeof s->found->why, "%s", why);
}

static pr_status propagate(search *s)
{
    const pri_propagation_plan plan = { .num_clusters = s->wanted,
                                        .max_size     = s->max_size,
                                        .seed         = s->options->seed,
                                        .threads      = s->options->threads,
                                        .stop         = s->options->stop };

    s->found->method = PR_CLUSTERS_PROPAGATION;
    s->num_labels    = s->found->num_nodes;
    return pri_propagate(&s->adjacency, &plan, s->of_node, &s->work_bytes);
}

static pr_status use_metis(search *s)
{
    pr_status      st    = PR_OK;
    const uint32_t N     = s->found->num_nodes;
    const uint32_t parts = s->wanted <= N / 2 ? s->wanted : N / 2;

    PR_TRY(pri_method_check(&s->adjacency));
    s->found->method = PR_CLUSTERS_METIS;
    s->num_labels    = parts > 1 ? parts : 1;
    if (parts < 2) {
        memset(s->of_node, 0, N * sizeof *s->of_node);
        return PR_OK;
    }
    const pri_kway_plan plan = { .num_parts = parts,
                                 .seed      = s->options->seed,
                                 .stop      = s->options->stop };
    st                       = pri_kway(&s->adjacency, &plan, s->of_node, &s->work_bytes);
    if (st == PR_OK || st == PR_E_INTERRUPTED || s->options->method == PR_CLUSTERS_METIS) return st;
    snprintf(s->found->why, sizeof s->found->why, "METIS failed: %.200s", pr_error_message());
    st = propagate(s);
done:
    return st;
}

/* Number the clusters anew so that none is empty, those that are too large become several, and
 * those smaller than half of the mean are put together, in order of their labels.
 *
 * Vertices of label l become base[l] + place * pieces / size. */
static pr_status settle(search *s)
{
    pr_status      st   = PR_OK;
    const uint32_t N    = s->found->num_nodes;
    uint32_t      *size = NULL, *base = NULL, *place = NULL;
    uint32_t       next = 0, open = 0, open_size = 0;

    PR_NEW(size, s->num_labels);
    PR_NEW(base, s->num_labels);
    PR_NEW(place, s->num_labels);
    for (uint32_t v = 0; v < N; v++) size[s->of_node[v]]++;
    for (uint32_t l = 0; l < s->num_labels; l++) {
        if (size[l] == 0) continue;
        if ((uint64_t)size[l] * 2 < s->mean) {
            if (open_size == 0) open = next++;
            base[l] = open;
            open_size += size[l];
            if (open_size >= s->mean) open_size = 0;
        } else {
            base[l] = next;
            next += (size[l] + s->max_size - 1) / s->max_size;
        }
    }
    for (uint32_t v = 0; v < N; v++) {
        const uint32_t l      = s->of_node[v];
        const uint64_t pieces = (size[l] + s->max_size - 1) / s->max_size;
        s->of_node[v]         = base[l] + (uint32_t)(place[l]++ * pieces / size[l]);
    }
    s->found->num_clusters = next;
    memset(place, 0, s->num_labels * sizeof *place);
done:
    pri_free(place);
    pri_free(base);
    pri_free(size);
    return st;
}

/* Fill in what is said of the clusters. */
static pr_status describe(search *s, int64_t start_ns)
{
    pr_status       st   = PR_OK;
    pr_clusters    *c    = s->found;
    const pr_graph *g    = &s->adjacency.graph;
    uint32_t       *size = NULL;
    uint64_t        cut  = 0;

    PR_NEW(size, c->num_clusters);
    for (uint32_t v = 0; v < c->num_nodes; v++) size[s->of_node[v]]++;
    for (uint32_t i = 0; i < c->num_clusters; i++)
        if (size[i] > c->max_size) c->max_size = size[i];
#pragma omp parallel for num_threads(pri_team_size(s->options->threads)) reduction(+ : cut)        \
    schedule(dynamic, 4096)
    for (uint64_t v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++)
            cut += s->of_node[g->indices[e]] != s->of_node[v];
    const uint64_t settling = (uint64_t)s->num_labels * 12;
    c->cut_share            = g->num_edges ? (double)cut / (double)g->num_edges : 0;
    c->peak_bytes           = s->adjacency.own_bytes + (uint64_t)c->num_nodes * sizeof *s->of_node +
                    (s->work_bytes > settling ? s->work_bytes : settling);
    c->elapsed_ns = pr_now_ns() - start_ns;
done:
    pri_free(size);
    return st;
}

pr_status pr_clusters_find(const pr_graph *graph, const pr_cluster_options *options,
                           pr_clusters **out)
{
    pr_status     st    = PR_OK;
    search        s     = { .options = options };
    const int64_t start = pr_now_ns();

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(graph && options && graph->num_nodes > 0, PR_E_ARG,
             "graph or options is NULL, or the graph has no vertex");
    PR_CHECK(options->method >= PR_CLUSTERS_AUTO && options->method <= PR_CLUSTERS_PROPAGATION,
             PR_E_ARG, "the clusters' method is %d, must be in 0..%d", options->method,
             PR_CLUSTERS_PROPAGATION);
    PR_CHECK(options->clusters <= PR_MAX_CLUSTERS, PR_E_ARG, "%u clusters, must be at most %u",
             options->clusters, PR_MAX_CLUSTERS);
    PR_NEW(s.found, 1);
    s.found->num_nodes = graph->num_nodes;
    PR_NEW(s.of_node, graph->num_nodes);
    s.found->of_node = s.of_node;
    decide_sizes(&s);
    PR_TRY(pri_adjacency_make(graph, options->threads, options->stop, &s.adjacency));
    if (s.adjacency.graph.num_edges == 0)
        cut_by_id(&s, "there are no arcs to go by");
    else if (s.wanted < 2)
        cut_by_id(&s, "one cluster is all vertices");
    else
        PR_TRY(pri_method_choose(&s.adjacency, options->method, s.wanted, s.found->why) ==
                       PR_CLUSTERS_METIS
                   ? use_metis(&s)
                   : propagate(&s));
    PR_TRY(settle(&s));
    PR_TRY(describe(&s, start));
    *out    = s.found;
    s.found = NULL;
done:
    pri_adjacency_clear(&s.adjacency);
    pr_clusters_free(s.found);
    return st;
}

void pr_clusters_free(pr_clusters *clusters)
{
    if (!clusters) return;
    pri_free((void *)(uintptr_t)clusters->of_node);
    pri_free(clusters);
}
