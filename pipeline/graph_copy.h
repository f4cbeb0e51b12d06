/* graph_copy.h: a lane's copy of the graph, on its node. Samplers wait for memory more than for
 * anything else; a copy a node costs bytes and makes every such wait a local one. */
#ifndef PIPELINE_GRAPH_COPY_H
#define PIPELINE_GRAPH_COPY_H

#include <packrat/nouns.h>
#include <packrat/numa.h>

#include "base/check.h"

typedef struct pri_graph_copy {
    pr_graph graph; /* the copy; all zero: none was made */
    size_t   indptr_bytes, indices_bytes, weights_bytes;
} pri_graph_copy;

/* Copy a graph with the caller's OpenMP team: pages are where who writes them has memory. Free with
 * pri_graph_copy_clear, also after failure. PR_E_NOMEM names the bytes. */
pr_status pri_graph_copy_make(const pr_graph *graph, pri_graph_copy *out);
void      pri_graph_copy_clear(pri_graph_copy *copy); /* zeroed and cleared ones are fine */

/* Append the memory it holds. */
void pri_graph_copy_ranges(const pri_graph_copy *copy, pr_ranges *ranges);

#endif
