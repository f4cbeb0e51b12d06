/* graph_figures.h: what meta.json says of a graph: counts, degrees and how much its arcs join
 * equals. */
#ifndef LOADERS_GRAPH_FIGURES_H
#define LOADERS_GRAPH_FIGURES_H

#include "loaders/write.h"

/* Describe the arrays as meta.json does (docs/file-format.md); the caller frees *out.
 *
 * Degrees are in-degrees. Takes 4 bytes per unit of the largest degree. One pass over the arcs. */
pr_status pri_figures_json(const pri_dataset_arrays *arrays, pr_json **out);

/* The lists of some nodes: of node first + i it ends before arc end[i], and begins where the one
 * before it ends, or at `base`. */
typedef struct pri_arc_lists {
    pr_vid        first;
    uint64_t      num;
    const pr_eid *end; /* [num] */
    pr_eid        base;
    const pr_vid *arcs;       /* sources, from that of arc `base` on */
    bool          directions; /* compare arcs with their reverses, too */
} pri_arc_lists;

/* Add what the lists' arcs say. Does not depend on threads, nor on how lists are grouped. */
void pri_arc_figures_add(pri_arc_figures *figures, const int32_t *labels,
                         const pri_arc_lists *lists);

#endif
