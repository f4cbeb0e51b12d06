/* order_open.h: from the options of `packrat train` to the nodes, clusters and echo that a stream
 * of seeds is made of; and what they cost, said aloud. */
#ifndef PIPELINE_ORDER_OPEN_H
#define PIPELINE_ORDER_OPEN_H

#include "pipeline/seeds.h"

/* What the seeds are taken from. */
typedef struct pri_order_source {
    const pr_order_options *options;
    pr_vids                 nodes;    /* of the split, or of the file */
    pr_vid                 *listed;   /* own, of a file */
    pr_clusters            *clusters; /* own; community */
} pri_order_source;

/* Read the file or find the clusters, and warn of what the order may cost. Nothing is said of the
 * random order without an echo.
 *
 *   train     the split's training nodes, ascending; borrowed
 *   seed      of the clusters
 *   threads   of the search for clusters; 0: as many as OpenMP gives
 *   stop      NULL, or non-zero to give up: PR_E_INTERRUPTED
 *   out       clear with pri_order_close; zeroed on failure
 *
 * PR_E_ARG for options that do not go together; PR_E_INPUT for a list that names a node twice or
 * one that does not train. */
pr_status pri_order_open(const pr_order_options *options, const pr_graph *graph, pr_vids train,
                         uint64_t seed, uint32_t threads, const volatile int *stop,
                         pri_order_source *out);
void      pri_order_close(pri_order_source *source); /* zeroed ones are fine */

/* Give the part of a stream's plan that the options decide. */
pri_seed_order_plan pri_order_plan(const pri_order_source *source, uint64_t seed,
                                   uint32_t batch_size);
pri_echo            pri_order_echo(const pri_order_source *source);

#endif
