/* graph.h: the graphs that traces are sampled from, made once and kept as datasets. */
#ifndef BENCH_SUPPORT_GRAPH_H
#define BENCH_SUPPORT_GRAPH_H

#include "bench/support/bench.h"

enum { BENCH_PLANTED_ARCS = 25000000 };

typedef struct bench_graph {
    pr_graph          graph;
    pr_vids           train;    /* the seeds, ascending */
    const pr_dataset *dataset;  /* NULL for the small one */
    void             *owned[2]; /* the small graph's arrays */
} bench_graph;

/* Open a graph, making FOLDER/NAME first when it is not there:
 *
 *   planted   1,000,000 nodes, 25,000,000 arcs, 200 communities of 50 sub-communities
 *   rmat      2^20 nodes, 16,000,000 edges in both directions
 *   wordnet   117,659 synsets; NULL, with the reason on stderr, when the script cannot make it
 *   small     4,000 nodes of skewed degrees, in memory
 *   rmat-LOG2 2^LOG2 nodes, 16 arcs a node asked for; those drawn twice are dropped
 *
 * Seeds: WordNet's training split; of the others one node in ten, isolated ones left out. */
bench_graph *bench_graph_new(const char *name, const char *folder);
void         bench_graph_free(bench_graph *graph);

#endif
