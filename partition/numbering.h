/* numbering.h: numbers for parts, so that those with near numbers share the most arcs. */
#ifndef PARTITION_NUMBERING_H
#define PARTITION_NUMBERING_H

#include "partition/adjacency.h"

/* Number parts anew: the two that share the most arcs become neighbours, then two such pairs, and
 * so on; so that parts that are dealt to half or a quarter as many lanes in runs make good parts
 * still. The parts themselves stay as they are.
 *
 *   part   [num_nodes] below num_parts, in and out
 *
 * PR_E_NOMEM. O(arcs). The same for any number of threads. */
pr_status pri_parts_number(const pri_adjacency *adjacency, uint32_t num_parts, int team,
                           uint8_t *part);

#endif
