/* nodefile.h: a user's whole numbers from a .npy: a list of nodes, or something for every node. */
#ifndef PIPELINE_NODEFILE_H
#define PIPELINE_NODEFILE_H

#include <packrat/loaders.h>

#include "base/check.h"

/* Map a file of whole numbers of any type, one dimension. PR_E_INPUT names the file and what it
 * holds.
 *
 *   out   close with pr_npy_close; zeroed on failure */
pr_status pri_wholes_open(const char *path, pr_npy *out);

/* Give entry i where it fits into 63 bits; else its value is in *wide, which is 0 otherwise, and
 * the result negative. Cannot fail. */
int64_t pri_wholes_at(const pr_npy *npy, size_t i, uint64_t *wide);

/* Read whole numbers of any type, one dimension, each below num_nodes, in the file's order.
 *
 *   out   [n], free with pri_free; NULL on failure
 *
 * PR_E_INPUT names the file, the entry, what was found and what is allowed. */
pr_status pri_nodes_read(const char *path, pr_vid num_nodes, pr_vid **out, size_t *n);

#endif
