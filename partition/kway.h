/* kway.h: METIS: k parts of about equal size with few arcs between them. */
#ifndef PARTITION_KWAY_H
#define PARTITION_KWAY_H

#include "partition/adjacency.h"

/* Give about how much memory METIS will take for a graph of so many vertices and stored arcs. */
uint64_t pri_kway_bytes(uint64_t num_nodes, uint64_t num_arcs);

/* Say whether the graph's numbers fit into METIS's 32 bits. */
bool pri_kway_fits(const pri_adjacency *adjacency);

typedef struct pri_kway_plan {
    uint32_t        num_parts; /* 2 .. num_nodes / 2 */
    const uint32_t *second;    /* [num_nodes] what is to be even besides vertices, below 2^31
                                  together and not all 0; NULL: nothing */
    uint64_t            seed;
    const volatile int *stop; /* may be NULL */
} pri_kway_plan;

/* Partition a graph with at least one arc, which fits.
 *
 *   of_node      out [num_nodes], below num_parts; parts may be empty and larger than others
 *   peak_bytes   out: of memory that it took
 *
 * The same result for the same seed. PR_E_LIBRARY, PR_E_NOMEM, PR_E_INTERRUPTED. */
pr_status pri_kway(const pri_adjacency *adjacency, const pri_kway_plan *plan, uint32_t *of_node,
                   uint64_t *peak_bytes);

#endif
