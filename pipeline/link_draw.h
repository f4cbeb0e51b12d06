/* link_draw.h: the random part of link prediction: which edges are held out, which end of an edge
 * is its source, and the other ends of negative pairs. All are pure functions of the seed and a
 * place; nothing depends on threads or on what was drawn before.
 *
 * Negative pairs may be edges of the graph: they are not rejected, as DGL's uniform sampler and
 * PyG's loaders do not, because asking costs more than the few false negatives of a sparse graph.
 * What is never drawn is a pair of a vertex with itself. Those of evaluation are uniform whatever
 * those of training are, so that figures can be compared. */
#ifndef PIPELINE_LINK_DRAW_H
#define PIPELINE_LINK_DRAW_H

#include <packrat/pipeline.h>

#include "pipeline/sampler/alias.h"

typedef struct pri_link_draw {
    uint64_t  key;
    pr_vid    num_nodes; /* at least 2 */
    pri_alias alias;     /* by degree: one row of all vertices; else zeroed */
} pri_link_draw;

/* Prepare drawing with a user's seed. By degree, of `graph`, takes 8 bytes a vertex (and 4 more
 * where some have no neighbours) and fails for a graph without arcs. Clear it also on failure. */
pr_status pri_link_draw_init(const pr_graph *graph, int kind, uint64_t seed, pri_link_draw *out);
void      pri_link_draw_clear(pri_link_draw *draw); /* zeroed ones are fine */

/* What an edge is for. */
typedef enum pri_link_part { PRI_LINK_TRAIN, PRI_LINK_VAL, PRI_LINK_TEST } pri_link_part;

/* Deal a pair of vertices, in whatever order, to a part: a hash of (seed, pair). */
pri_link_part pri_link_deal(uint64_t seed, const pr_link_options *options, pr_vid a, pr_vid b);

/* Where a draw belongs: the place of an edge in a step, or in a list that is evaluated. */
typedef struct pri_link_place {
    bool     training;
    uint64_t step; /* training: of the run; else the pri_link_part */
    uint32_t edge;
} pri_link_place;

/* Whether the second end of an edge is the one that negatives keep, rather than the first. */
bool pri_link_turned(const pri_link_draw *draw, pri_link_place place);

/* Give the other end of the k-th negative pair of `source`; k < 65536. */
pr_vid pri_link_negative(const pri_link_draw *draw, pri_link_place place, uint32_t k,
                         pr_vid source);

#endif
