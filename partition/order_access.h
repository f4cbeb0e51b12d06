/* order_access.h: an order in which rows that steps wanted together lie side by side.
 *
 * What a cache of rows reads is what it misses: rows that are wanted now and were not lately. Two
 * rows that share an arc are wanted together more often than chance has it, and how often is in the
 * trace; so arcs are made as strong as the share of steps that wanted both ends, and nodes merged
 * along the strongest (dendrogram.h). Rows that no step wanted are near their neighbours. */
#ifndef PARTITION_ORDER_ACCESS_H
#define PARTITION_ORDER_ACCESS_H

#include "partition/wants.h"

/* Write an order of a graph's nodes.
 *
 *   wants        of the same nodes
 *   old_of_new   out [num_nodes], a permutation
 *   peak_bytes   out: of memory that it took
 *
 * The same for any number of threads. Takes 8 bytes for an arc of the undirected graph and 44 a
 * node, besides the undirected graph itself (adjacency.h). */
pr_status pri_order_access(const pr_graph *graph, const pri_wants *wants, uint32_t threads,
                           const volatile int *stop, pr_vid *old_of_new, uint64_t *peak_bytes);

#endif
