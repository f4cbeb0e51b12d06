/* propagation.h: clusters by label propagation in several levels, for graphs that METIS would need
 * too much memory for. */
#ifndef PARTITION_PROPAGATION_H
#define PARTITION_PROPAGATION_H

#include "partition/adjacency.h"

typedef struct pri_propagation_plan {
    uint32_t            num_clusters; /* wanted; there may be many small ones more */
    uint32_t            max_size;     /* vertices of a cluster */
    uint64_t            seed;
    uint32_t            threads; /* 0: as many as OpenMP gives; the result does not depend on it */
    const volatile int *stop;    /* may be NULL */
} pri_propagation_plan;

/* Assign each vertex a cluster.
 *
 *   of_node        out [num_nodes], below num_nodes
 *   peak_bytes     out: of memory that it took
 *
 * PR_E_NOMEM, PR_E_INTERRUPTED. O(arcs), a few times. */
pr_status pri_propagate(const pri_adjacency *adjacency, const pri_propagation_plan *plan,
                        uint32_t *of_node, uint64_t *peak_bytes);

#endif
