/* graph_figures.h: what meta.json says of a graph: counts, degrees and how much its arcs join
 * equals. */
#ifndef LOADERS_GRAPH_FIGURES_H
#define LOADERS_GRAPH_FIGURES_H

#include "loaders/write.h"

/* Describe the arrays as meta.json does (docs/file-format.md); the caller frees *out.
 *
 * Degrees are in-degrees. Takes 8 bytes per unit of the largest degree. One pass over the arcs. */
pr_status pri_figures_json(const pri_dataset_arrays *arrays, pr_json **out);

#endif
