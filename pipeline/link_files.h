/* link_files.h: lists of edges that a dataset brings: train_edges.npy, val_edges.npy and
 * test_edges.npy, whole numbers [k, 2]. */
#ifndef PIPELINE_LINK_FILES_H
#define PIPELINE_LINK_FILES_H

#include <packrat/nouns.h>

#include "base/check.h"

/* Edges by their ends. */
typedef struct pri_edge_list {
    pr_vid *ends; /* [n, 2] */
    size_t  n;
} pri_edge_list;

/* Read directory/name. PR_E_INPUT names the file, the entry, what was found and what is allowed:
 * whole numbers [k, 2] with k < 2^32, each below num_nodes, no vertex with itself.
 *
 *   found   out: whether there is such a file; without it *out is zeroed
 *   out     free out->ends with pri_free */
pr_status pri_edges_read(const char *directory, const char *name, pr_vid num_nodes, bool *found,
                         pri_edge_list *out);

#endif
