/* seed_order.h: the order in which an epoch uses its seeds: a pure function of (seed, epoch).
 *
 *   random      a permutation, as pr_seed_order
 *   file        as listed, the same in each epoch
 *   community   a share `mix` of the seeds, chosen anew in each epoch, in random order; the others
 *               by cluster
 *
 * By cluster: clusters in random order, nodes of a cluster in random order, all of it through a
 * shuffle buffer, from which a random one leaves when the next one enters. The two shares take
 * turns, so that every stretch of the order has some of both. */
#ifndef PIPELINE_SEED_ORDER_H
#define PIPELINE_SEED_ORDER_H

#include <packrat/partition.h>
#include <packrat/pipeline.h>

#include "base/check.h"

typedef struct pri_seed_order pri_seed_order;

typedef struct pri_seed_order_plan {
    int                kind;     /* pr_order_kind */
    pr_vids            nodes;    /* distinct, at least one; borrowed */
    uint64_t           seed;     /* keys all but file */
    const pr_clusters *clusters; /* community: borrowed while it is created only */
    double             mix;      /* community: 0 .. 1 */
    uint64_t           buffer;   /* community: seeds in the shuffle buffer; 0: none */
} pri_seed_order_plan;

/* Create; community takes 8 bytes a node, 4 a vertex of the graph and 8 a cluster. */
pr_status pri_seed_order_create(const pri_seed_order_plan *plan, pri_seed_order **out);
void      pri_seed_order_free(pri_seed_order *order); /* NULL is fine */

/* Write one epoch's order: each of the plan's nodes once.
 *
 *   out   [nodes.n]
 *
 * Cannot fail, allocates nothing. One caller at a time. O(nodes + clusters). */
void pri_seed_order_write(pri_seed_order *order, uint32_t epoch, pr_vid *out);

#endif
