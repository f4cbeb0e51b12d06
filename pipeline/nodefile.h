/* nodefile.h: a user's whole numbers from a .npy: a list of nodes, or something for every node. */
#ifndef PIPELINE_NODEFILE_H
#define PIPELINE_NODEFILE_H

#include "loaders/wholes.h"

/* Read whole numbers of any type, one dimension, each below num_nodes, in the file's order.
 *
 *   out   [n], free with pri_free; NULL on failure
 *
 * PR_E_INPUT names the file, the entry, what was found and what is allowed. */
pr_status pri_nodes_read(const char *path, pr_vid num_nodes, pr_vid **out, size_t *n);

#endif
