/* dendrogram.h: nodes merged, pair by pair, into groups of groups, and the order in which a walk
 * over these comes to them: who was merged early lies near at every scale. */
#ifndef PARTITION_DENDROGRAM_H
#define PARTITION_DENDROGRAM_H

#include <packrat/nouns.h>

#include "base/check.h"

/* Write an order of the nodes in which those that are bound strongly lie close.
 *
 *   graph        undirected: every arc in both directions, once, no self loop
 *   indices      [num_edges] its indices, and
 *   strengths    [num_edges] how strong each arc is, above 0 and the same in both directions; both
 *                are used up
 *   old_of_new   out [num_nodes], a permutation
 *   bytes        out: of memory that it took
 *
 * A node is merged, the fewest arcs first, into the group that gains most modularity by it, with
 * all that was merged into it before: the incremental aggregation of Rabbit Order (Arai and others,
 * IPDPS 2016), on one thread. Some 50 bytes a node; nearly linear in the arcs. */
pr_status pri_dendrogram_order(const pr_graph *graph, pr_vid *indices, float *strengths,
                               const volatile int *stop, pr_vid *old_of_new, uint64_t *bytes);

#endif
