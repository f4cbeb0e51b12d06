/* method.h: METIS or label propagation. */
#ifndef PARTITION_METHOD_H
#define PARTITION_METHOD_H

#include <packrat/partition.h>

#include "partition/adjacency.h"

enum { PRI_METHOD_WHY_BYTES = 256 };

/* Decide between the two for so many clusters or parts; METIS that was asked for need not fit into
 * memory.
 *
 *   wanted   pr_cluster_method
 *   why      out: half a sentence */
int pri_method_choose(const pri_adjacency *adjacency, int wanted, uint32_t num_clusters,
                      char why[PRI_METHOD_WHY_BYTES]);

/* PR_E_UNSUPPORTED when METIS cannot number the graph. */
pr_status pri_method_check(const pri_adjacency *adjacency);

#endif
