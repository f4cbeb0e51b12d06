/* draw_lanes.h: positions of many rows at a time, one in each lane of a vector; the same ones as
 * row by row. */
#ifndef PIPELINE_SAMPLER_DRAW_LANES_H
#define PIPELINE_SAMPLER_DRAW_LANES_H

#include "pipeline/sampler/kind.h"

enum { PRI_DRAW_LANES_MOST = 64 }; /* largest fanout that is drawn in lanes */

/* Choose for rows begin .. end-1 of a hop whose fanout is 1 .. PRI_DRAW_LANES_MOST: write each
 * row's positions to its place in hop->indices, as arcs of the graph where hop->arcs, else as
 * places in the row. Cannot fail. Any thread. */
typedef void (*pri_draw_lanes_choose)(const pri_hop *hop, uint32_t begin, uint32_t end);

typedef struct pri_draw_lanes {
    pri_draw_lanes_choose
        distinct; /* min(degree, fanout) distinct positions, as pri_draw_positions */
    pri_draw_lanes_choose
        repeated; /* fanout positions where there are arcs, as pri_draw_repeated */
} pri_draw_lanes;

extern const pri_draw_lanes pri_draw_lanes_portable, pri_draw_lanes_avx2, pri_draw_lanes_avx512;

/* Give the functions of a pr_isa that this host has. */
const pri_draw_lanes *pri_draw_lanes_of(int isa);

/* Choose for one row that a vector could not be sure of. */
void pri_draw_lanes_again(const pri_hop *hop, uint32_t d, bool distinct);

#endif
