/* coefficients.c: see coefficients.h. */
#include "pipeline/nn/coefficients.h"

#include <math.h>

#include "base/teamwork.h"

enum { NORM_PS = 4000 }; /* what one takes: two reads of the graph anywhere in memory */

void pri_coefficients_norm(const pr_graph *graph, pr_vids vertices, float *norm)
{
#pragma omp parallel for schedule(static) if (pri_worth_team(vertices.n, NORM_PS))
    for (size_t i = 0; i < vertices.n; i++) {
        const size_t v      = vertices.at ? vertices.at[i] : i;
        const pr_eid degree = graph->indptr[v + 1] - graph->indptr[v];
        norm[i]             = 1.0f / sqrtf((float)degree + 1.0f);
    }
}
