/* numbering.c: see numbering.h. */
#include "partition/numbering.h"

#include <omp.h>

#include <packrat/numa.h>

/* Groups of parts, each a run of `list`, and what they share. */
typedef struct grouping {
    uint32_t  num_groups, num_parts;
    uint32_t  first[PR_MAX_SHARDS + 1];
    uint8_t   list[PR_MAX_SHARDS];
    uint64_t *shared; /* [num_parts * num_parts] arcs between parts */
} grouping;

/* Count the arcs between every two parts.
 *
 *   tables   [team * P * P] zeroed scratch; the first of them is the result */
static void count_shared(const pr_graph *graph, uint32_t P, int team, const uint8_t *part,
                         uint64_t *tables)
{
#pragma omp parallel num_threads(team)
    {
        uint64_t *mine = tables + (size_t)omp_get_thread_num() * P * P;
#pragma omp for schedule(dynamic, 4096)
        for (uint64_t v = 0; v < graph->num_nodes; v++)
            for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++)
                mine[(size_t)part[v] * P + part[graph->indices[e]]]++;
    }
    for (size_t t = 1; t < (size_t)team; t++)
        for (size_t i = 0; i < (size_t)P * P; i++) tables[i] += tables[t * P * P + i];
}

static uint64_t between(const grouping *g, uint32_t a, uint32_t b)
{
    uint64_t sum = 0;

    for (uint32_t i = g->first[a]; i < g->first[a + 1]; i++)
        for (uint32_t j = g->first[b]; j < g->first[b + 1]; j++)
            sum += g->shared[(size_t)g->list[i] * g->num_parts + g->list[j]];
    return sum;
}

/* Find the two groups without a mate that share the most; the first such in order. */
static void find_pair(const grouping *g, const uint64_t *shared, const uint32_t *mate, uint32_t *a,
                      uint32_t *b)
{
    bool     found = false;
    uint64_t most  = 0;

    for (uint32_t i = 0; i < g->num_groups; i++)
        for (uint32_t j = i + 1; j < g->num_groups; j++) {
            const uint64_t here = shared[(size_t)i * g->num_groups + j];
            if (mate[i] != i || mate[j] != j || (found && here <= most)) continue;
            found = true;
            most  = here;
            *a    = i;
            *b    = j;
        }
}

static uint32_t append(grouping *to, uint32_t used, const grouping *from, uint32_t group)
{
    for (uint32_t i = from->first[group]; i < from->first[group + 1]; i++)
        to->list[used++] = from->list[i];
    return used;
}

/* Join groups two by two. With an odd number one stays alone.
 *
 *   sum   [num_groups * num_groups] scratch */
static void join_pairs(grouping *g, uint64_t *sum)
{
    const grouping old = *g;
    const uint32_t G   = old.num_groups;
    uint32_t       mate[PR_MAX_SHARDS], a = 0, b = 0, used = 0;

    for (uint32_t i = 0; i < G; i++) {
        mate[i] = i;
        for (uint32_t j = i + 1; j < G; j++) sum[(size_t)i * G + j] = between(&old, i, j);
    }
    for (uint32_t pairs = 0; pairs < G / 2; pairs++) {
        find_pair(&old, sum, mate, &a, &b);
        mate[a] = b;
        mate[b] = a;
    }
    g->num_groups = 0;
    for (uint32_t i = 0; i < G; i++) {
        if (mate[i] < i) continue;
        g->first[g->num_groups++] = used;
        used                      = append(g, used, &old, i);
        if (mate[i] > i) used = append(g, used, &old, mate[i]);
    }
    g->first[g->num_groups] = used;
}

pr_status pri_parts_number(const pri_adjacency *adjacency, uint32_t num_parts, int team,
                           uint8_t *part)
{
    pr_status       st     = PR_OK;
    const size_t    P      = num_parts;
    const pr_graph *graph  = &adjacency->graph;
    uint64_t       *tables = NULL, *sum = NULL;
    uint8_t         number[PR_MAX_SHARDS];
    grouping        g = { .num_groups = num_parts, .num_parts = num_parts };

    PR_ASSERT(P > 0 && P <= PR_MAX_SHARDS);
    if (P <= 2) return PR_OK; /* any order is as good */
    PR_NEW(tables, (size_t)team * P * P);
    PR_NEW(sum, P * P);
    count_shared(graph, num_parts, team, part, tables);
    g.shared = tables;
    for (uint32_t p = 0; p < P; p++) {
        g.first[p + 1] = p + 1;
        g.list[p]      = (uint8_t)p;
    }
    while (g.num_groups > 2) join_pairs(&g, sum);
    for (uint32_t i = 0; i < P; i++) number[g.list[i]] = (uint8_t)i;
    for (uint64_t v = 0; v < graph->num_nodes; v++) part[v] = number[part[v]];
done:
    pri_free(sum);
    pri_free(tables);
    return st;
}
