/* coefficients.h: what rows count in the sums of gcn and gin (layer.h): by the degrees of the whole
 * graph, whatever was drawn of it. */
#ifndef PIPELINE_NN_COEFFICIENTS_H
#define PIPELINE_NN_COEFFICIENTS_H

#include <packrat/nouns.h>

#include "base/check.h"

/* Coefficients by source row u, which is vertex[u], of degree d. The row of a destination itself
 * counts norm[u]^2, or `self` without norm; the rows of its list d times their share, and
 * norm[destination] norm[u] with norm. */
typedef struct pri_coefficients {
    const pr_graph *graph;
    const pr_vid   *vertex; /* [num_src]; NULL: source u is vertex u */
    const float    *norm;   /* gcn: [num_src] of pri_coefficients_norm; NULL: gin */
    float           self;   /* gin: 1 + epsilon */
} pri_coefficients;

/* norm[i] = 1 / sqrt(d + 1) of vertices.at[i], or of vertex i where vertices.at is NULL. Cannot
 * fail. */
void pri_coefficients_norm(const pr_graph *graph, pr_vids vertices, float *norm);

static inline float pri_coefficients_self(const pri_coefficients *c, uint32_t u)
{
    return c->norm ? c->norm[u] * c->norm[u] : c->self;
}

/* Give what all of the list of destination u counts together, but for norms of its sources. */
static inline float pri_coefficients_list(const pri_coefficients *c, uint32_t u)
{
    const pr_vid v      = c->vertex ? c->vertex[u] : u;
    const float  degree = (float)(c->graph->indptr[v + (size_t)1] - c->graph->indptr[v]);

    return c->norm ? degree * c->norm[u] : degree;
}

#endif
