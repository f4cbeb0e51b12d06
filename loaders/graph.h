/* graph.h: the arcs of a dataset directory, from indptr.npy and indices.npy or edge_index.npy. */
#ifndef LOADERS_GRAPH_H
#define LOADERS_GRAPH_H

#include "loaders/array.h"
#include "loaders/meta.h"

/* The arrays behind a graph; zeroed before the first use. */
typedef struct pri_graph_arrays {
    pri_array indptr, indices; /* CSC by destination; made from edge_index where that is given */
    pri_array weights;         /* in the order of indices; unused without edge_weight.npy */
} pri_graph_arrays;

/* Load and check the arcs. Uses indptr.npy with indices.npy when both are there, else
 * edge_index.npy [2, E] in any order: arcs keep their order within a destination. edge_weight.npy,
 * where it is there, has a weight for each arc of whichever was used, and goes where the arc goes.
 *
 *   out   borrows from `arrays`
 *
 * Failure leaves `arrays` fit for pri_graph_close. Cost: one pass over the arcs, three when they
 * must be sorted. */
pr_status pri_graph_load(pri_graph_arrays *arrays, const char *dir, const pri_meta *meta,
                         pr_graph *out);
void      pri_graph_close(pri_graph_arrays *arrays);

#endif
