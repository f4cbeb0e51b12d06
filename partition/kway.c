/* kway.c: the only file that includes METIS. It catches SIGTERM and SIGABRT for the whole process
 * while it works, leaves by a long jump from them, and on some graphs prints or ends the process;
 * so it works in a child. */
#include "partition/kway.h"

#include <metis.h>

#include "base/child.h"

_Static_assert(sizeof(idx_t) == sizeof(pr_vid), "METIS with 32-bit numbers");

enum { ARC_BYTES = 60, NODE_BYTES = 200 };

/* What the child is to do; the arrays are the parent's. */
typedef struct job {
    idx_t  num_nodes, num_parts, seed;
    idx_t *start;  /* [num_nodes + 1] */
    idx_t *to;     /* METIS reads it only */
    idx_t *weight; /* [num_nodes, 2] a vertex and what else is to be even; NULL: vertices alone */
    idx_t *part;   /* [num_nodes], the result */
} job;

uint64_t pri_kway_bytes(uint64_t num_nodes, uint64_t num_arcs)
{
    return num_nodes * NODE_BYTES + num_arcs * ARC_BYTES;
}

bool pri_kway_fits(const pri_adjacency *adjacency)
{
    return adjacency->graph.num_edges < INT32_MAX && adjacency->graph.num_nodes < INT32_MAX;
}

static pr_status partition(void *context)
{
    job  *j = context;
    idx_t options[METIS_NOPTIONS];
    idx_t num_weights = j->weight ? 2 : 1, cut = 0;

    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_NUMBERING] = 0;
    options[METIS_OPTION_SEED]      = j->seed;
    const int got =
        METIS_PartGraphKway(&j->num_nodes, &num_weights, j->start, j->to, j->weight, NULL, NULL,
                            &j->num_parts, NULL, NULL, options, &cut, j->part);
    return got == METIS_OK ? PR_OK : got == METIS_ERROR_MEMORY ? PR_E_NOMEM : PR_E_LIBRARY;
}

/* Put both weights of each vertex side by side, as METIS wants them. */
static pr_status join_weights(const uint32_t *second, size_t num_nodes, idx_t **out)
{
    pr_status st     = PR_OK;
    idx_t    *weight = NULL;

    PR_NEW(weight, 2 * num_nodes);
    for (size_t v = 0; v < num_nodes; v++) {
        weight[2 * v]     = 1;
        weight[2 * v + 1] = (idx_t)second[v];
    }
    *out = weight;
done:
    return st;
}

pr_status pri_kway(const pri_adjacency *adjacency, const pri_kway_plan *plan, uint32_t *of_node,
                   uint64_t *peak_bytes)
{
    pr_status       st    = PR_OK;
    const pr_graph *graph = &adjacency->graph;
    const size_t    N     = graph->num_nodes;
    idx_t          *start = NULL, *weight = NULL;

    PR_ASSERT(pri_kway_fits(adjacency) && graph->num_edges > 0);
    PR_ASSERT(plan->num_parts >= 2 && plan->num_parts <= N / 2);
    PR_NEW(start, N + 1);
    for (size_t v = 0; v <= N; v++) start[v] = (idx_t)graph->indptr[v];
    if (plan->second) PR_TRY(join_weights(plan->second, N, &weight));
    job                  j    = { .num_nodes = (idx_t)N,
                                  .num_parts = (idx_t)plan->num_parts,
                                  .seed      = (idx_t)(plan->seed & INT32_MAX),
                                  .start     = start,
                                  .to        = (idx_t *)(uintptr_t)graph->indices,
                                  .weight    = weight,
                                  .part      = (idx_t *)of_node };
    const pri_child_work work = { .name         = "METIS",
                                  .run          = partition,
                                  .context      = &j,
                                  .result       = of_node,
                                  .result_bytes = N * sizeof *of_node,
                                  .stop         = plan->stop };
    PR_TRY(pri_child_run(&work, peak_bytes));
    *peak_bytes += (N + 1) * sizeof *start + (weight ? 2 * N * sizeof *weight : 0);
    for (size_t v = 0; v < N; v++)
        PR_CHECK(of_node[v] < plan->num_parts, PR_E_LIBRARY,
                 "METIS: vertex %zu is in part %u of %u", v, of_node[v], plan->num_parts);
done:
    pri_free(weight);
    pri_free(start);
    return st;
}
