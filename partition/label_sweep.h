/* label_sweep.h: label propagation with a bound on sizes, over one level of a graph. */
#ifndef PARTITION_LABEL_SWEEP_H
#define PARTITION_LABEL_SWEEP_H

#include <packrat/nouns.h>

#include "base/check.h"

/* A graph whose vertices stand for several of the graph it came from. Undirected: every arc in both
 * directions with the same weight. */
typedef struct pri_level {
    uint32_t        num_nodes;
    const pr_eid   *start;  /* [num_nodes + 1] */
    const pr_vid   *to;     /* [start[num_nodes]] */
    const uint32_t *weight; /* [start[num_nodes]]; NULL: 1 each */
    const uint32_t *size;   /* [num_nodes]; NULL: 1 each */
} pri_level;

typedef struct pri_sweep_plan {
    uint32_t            max_size;   /* of what bears one label, unless it is larger before */
    uint32_t            num_sweeps; /* at most */
    uint64_t            key;        /* decides ties and the order of turns */
    int                 team;       /* threads; the result does not depend on it */
    const volatile int *stop;       /* may be NULL: give up early */
} pri_sweep_plan;

/* Scratch of sweeps. */
typedef struct pri_sweep_scratch {
    uint32_t        *wish;  /* [num_nodes] of the largest level */
    struct pri_cell *cells; /* of all threads */
} pri_sweep_scratch;

/* Bytes of it. */
uint64_t  pri_sweep_bytes(uint32_t num_nodes, int team);
pr_status pri_sweep_scratch_create(uint32_t num_nodes, int team, pri_sweep_scratch *out);
void      pri_sweep_scratch_clear(pri_sweep_scratch *scratch); /* zeroed ones are fine */

/* Let every vertex, sweep after sweep, take the label that weighs most among its neighbours and has
 * room for it. Ends when hardly a vertex moves.
 *
 *   label     [num_nodes] each below num_nodes of the level that `size_of` is as long as; in and
 * out size_of   size that bears each label; in and out
 *
 * Cannot fail. O(arcs) a sweep; of a vertex with more than 4096 arcs so many are looked at. */
void pri_label_sweeps(const pri_level *level, const pri_sweep_plan *plan,
                      pri_sweep_scratch *scratch, uint32_t *label, uint32_t *size_of);

#endif
