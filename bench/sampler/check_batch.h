/* check_batch.h: is what a sampler drew a batch, and the right one? */
#ifndef BENCH_SAMPLER_CHECK_BATCH_H
#define BENCH_SAMPLER_CHECK_BATCH_H

#include <packrat/sampler.h>

/* End the bench unless both have the same nodes, row starts and neighbours. */
void bench_check_same(const char *name, const pr_batch *batch, const pr_batch *other);

/* End the bench unless every neighbour is one in the graph, rows keep at most the fanout and node
 * lists are as nouns.h says. `arcs`: neighbours are ends of the destination's own arcs (random
 * walks go further). */
void bench_check_batch(const char *name, const pr_graph *graph, const pr_fanout *fanout,
                       pr_vids seeds, const pr_batch *batch, bool arcs);

#endif
