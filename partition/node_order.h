/* node_order.h: orders of nodes in which neighbours lie close. */
#ifndef PARTITION_NODE_ORDER_H
#define PARTITION_NODE_ORDER_H

#include <packrat/partition.h>

#include "base/check.h"

/* Write an order of the nodes.
 *
 *   clusters     by community: of this graph; else unused
 *   old_of_new   out [num_nodes], a permutation: who comes at which place
 *   peak_bytes   out: of memory that it took
 *
 * The same for any number of threads. O(arcs). */
pr_status pri_node_order(const pr_graph *graph, pr_reorder_kind by, const pr_clusters *clusters,
                         uint32_t threads, const volatile int *stop, pr_vid *old_of_new,
                         uint64_t *peak_bytes);

#endif
