/* adjacency.h: a graph as an undirected one: every arc in both directions, once, no self loop. */
#ifndef PARTITION_ADJACENCY_H
#define PARTITION_ADJACENCY_H

#include "loaders/csc.h"

typedef struct pri_adjacency {
    pr_graph graph;     /* neighbours ascending; borrows from `own`, or from the graph it is of */
    pri_csc  own;       /* zeroed when the graph was like that already */
    uint64_t own_bytes; /* at the most */
} pri_adjacency;

/* Make it; in place when `graph` is like that already, which takes 8 bytes a vertex to see. Else
 * takes 8 bytes an arc and 8 a vertex.
 *
 *   threads   0: as many as OpenMP gives
 *   stop      may be NULL
 *   out       clear with pri_adjacency_clear; zeroed on failure; `graph` must outlive it */
pr_status pri_adjacency_make(const pr_graph *graph, uint32_t threads, const volatile int *stop,
                             pri_adjacency *out);
void      pri_adjacency_clear(pri_adjacency *adjacency); /* zeroed ones are fine */

/* Give the team of a loop: threads, or as many as OpenMP gives. */
int pri_team_size(uint32_t threads);

#endif
