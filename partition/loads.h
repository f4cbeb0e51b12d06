/* loads.h: how much each part has of what parts are to share evenly, and how much it may have. */
#ifndef PARTITION_LOADS_H
#define PARTITION_LOADS_H

#include <packrat/numa.h>

#include "partition/label_sweep.h"

enum { PRI_MAX_KINDS = 2 };

/* What the vertices of a level weigh: kind 0 is nodes, kind 1 training nodes or arcs. */
typedef struct pri_weights {
    uint32_t        num_kinds; /* 1 or 2 */
    const uint32_t *size;      /* [num_nodes] nodes that a vertex stands for; NULL: 1 each */
    const uint32_t *second;    /* [num_nodes] of kind 1; NULL with one kind */
} pri_weights;

static inline uint32_t pri_weight_of(const pri_weights *weights, uint32_t kind, uint64_t v)
{
    return kind == 1 ? weights->second[v] : weights->size ? weights->size[v] : 1;
}

/* Sums and bounds; the bounds are the same for all parts, and parts within them exist for nodes and
 * training nodes. */
typedef struct pri_loads {
    uint32_t num_parts, num_kinds;
    uint64_t total[PRI_MAX_KINDS];
    uint64_t least[PRI_MAX_KINDS],
        most[PRI_MAX_KINDS]; /* 3 % from even, whole numbers permitting */
    uint64_t of[PRI_MAX_KINDS][PR_MAX_SHARDS];
} pri_loads;

/* Sum up the total and set the bounds; all parts are empty. */
void pri_loads_begin(pri_loads *loads, const pri_weights *weights, uint32_t num_nodes,
                     uint32_t num_parts);

/* Sum up what parts have. */
void pri_loads_count(pri_loads *loads, const pri_weights *weights, uint32_t num_nodes,
                     const uint8_t *part);

/* Put a vertex into a part, or (from: not `to`) move it there. */
void pri_loads_add(pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t to);
void pri_loads_move(pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t from,
                    uint32_t to);

/* Say whether part `to` has room for a vertex, of the kinds first .. last. */
bool pri_loads_fit(const pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t to,
                   uint32_t first, uint32_t last);

/* Say whether a part may lose a vertex without falling below the least. */
bool pri_loads_spare(const pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t from,
                     uint32_t first, uint32_t last);

/* Say whether every part keeps within the bounds. */
bool pri_loads_even(const pri_loads *loads);

#endif
