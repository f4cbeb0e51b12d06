/* moves.h: vertices change parts: to where their neighbours are, or because a part has too many. */
#ifndef PARTITION_MOVES_H
#define PARTITION_MOVES_H

#include "partition/loads.h"

/* A graph that is being partitioned. */
typedef struct pri_division {
    pri_level           level;
    pri_weights         weights;
    pri_loads          *loads; /* of `part`, kept up to date */
    uint8_t            *part;  /* [num_nodes] */
    int                 team;  /* threads; nothing depends on it */
    const volatile int *stop;  /* may be NULL: give up early */
} pri_division;

/* Let every vertex, sweep after sweep, go to the part that most of its arcs lead to and that has
 * room for it, where that is more than lead to its own, and its own can do without. Gives how many
 * have moved.
 *
 *   wish   [num_nodes] scratch
 *
 * Cannot fail. O(arcs) a sweep; of a vertex with more than 4096 arcs so many are looked at. */
uint64_t pri_moves_improve(const pri_division *division, uint32_t num_sweeps, uint8_t *wish);

/* Bring every part within the bounds of its loads by the moves that cost the fewest arcs, whatever
 * they cost. Gives how many have moved. Afterwards no part is out of bounds in nodes, nor in
 * training nodes; in arcs, which come in lumps, one may be.
 *
 *   candidate   [num_nodes] scratch
 *   rank        [num_nodes] scratch
 *
 * Cannot fail. O(arcs + nodes * parts that are out of bounds). */
uint64_t pri_moves_even_out(const pri_division *division, uint32_t *candidate, uint16_t *rank);

#endif
