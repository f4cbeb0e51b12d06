/* link_edges.h: the edges of a graph dealt to training, validation and test, and the graph that
 * messages pass over, which has those of validation and test no more.
 *
 * An edge is a pair of different vertices with an arc between them, in whatever direction and
 * however often. Loops stay in the graph and are never foretold. */
#ifndef PIPELINE_LINK_EDGES_H
#define PIPELINE_LINK_EDGES_H

#include <packrat/pipeline.h>

#include "loaders/edge_lists.h"
#include "pipeline/link_draw.h"

typedef struct pri_link_edges {
    pr_graph      graph;   /* without edges held out, in both directions; arrays are its own */
    pri_edge_list part[3]; /* by pri_link_part; train: each edge once, the lower vertex first, or
                              as listed */
    bool listed;           /* as files of the dataset say, rather than drawn */
} pri_link_edges;

/* Deal the edges of a dataset: as its val_edges.npy and test_edges.npy say, where it has either
 * (train_edges.npy then, or all other edges); else by a hash of (seed, pair). Free with
 * pri_link_edges_clear; zeroed on failure.
 *
 * Lists may have edges that the graph does not. PR_E_INPUT for one that is in two lists, or is held
 * out twice, and when no edge is left to train on. Takes a copy of the graph, 8 bytes an edge,
 * and while it works 4 bytes an arc and 8 a vertex, or 12 an edge held out. O(arcs log longest
 * row). */
pr_status pri_link_edges_make(const pr_dataset *dataset, const pr_link_options *options,
                              uint64_t seed, pri_link_edges *out);
void      pri_link_edges_clear(pri_link_edges *edges); /* zeroed ones are fine */

#endif
