/* edge_lists.h: lists of edges that a dataset brings for link prediction: train_edges.npy,
 * val_edges.npy and test_edges.npy, whole numbers [k, 2]. */
#ifndef LOADERS_EDGE_LISTS_H
#define LOADERS_EDGE_LISTS_H

#include <packrat/nouns.h>

#include "base/check.h"

enum { PRI_NUM_EDGE_LISTS = 3 }; /* train, val, test */

extern const char *const pri_edge_list_name[PRI_NUM_EDGE_LISTS]; /* of their files */

/* Edges by their ends. */
typedef struct pri_edge_list {
    pr_vid *ends; /* [n, 2]; NULL: there is no such file */
    size_t  n;
} pri_edge_list;

/* Read the lists of a directory. PR_E_INPUT names the file, the edge, what was found and what is
 * allowed: whole numbers [k, 2] with k < 2^32 - 1, each below num_nodes, no vertex with itself.
 *
 *   out   clear with pri_edge_lists_clear; zeroed on failure */
pr_status pri_edge_lists_read(const char *directory, pr_vid num_nodes,
                              pri_edge_list out[PRI_NUM_EDGE_LISTS]);
void      pri_edge_lists_clear(pri_edge_list lists[PRI_NUM_EDGE_LISTS]);

#endif
