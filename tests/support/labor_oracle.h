/* labor_oracle.h: the rule of labor by sorting, written from the chapter of labor.h, and a last-use
 * memory of its own for the cache bias. */
#ifndef TESTS_LABOR_ORACLE_H
#define TESTS_LABOR_ORACLE_H

#include "support/support.h"

/* A random graph: vertex v < plain has v % (plain_degree + 1) arcs; then rows of the given lengths,
 * which are vertices plain, plain + 1, ... One arc in eight repeats the one before, so there are
 * parallel arcs. Free with labor_graph_free. */
pr_graph labor_graph(pr_vid plain, uint32_t plain_degree, const uint32_t *long_rows,
                     uint32_t num_long, uint64_t seed);
void     labor_graph_free(pr_graph graph);

/* What is drawn, and what is remembered. */
typedef struct labor_oracle {
    const pr_graph    *graph;
    pr_fanout          fanout;
    pr_sampler_options options;
    uint64_t           seed;
    uint64_t          *used;   /* [num_nodes] 1 + step of the last training batch; 0: never */
    uint64_t           newest; /* 1 + the largest of them */
} labor_oracle;

/* Options of kind labor, the rest as by default. */
pr_sampler_options labor_options(uint32_t kappa, int form, uint32_t bias, uint32_t window);

/* Give r_t; with the staggered form the oracle's own arithmetic. */
uint32_t labor_oracle_r(uint64_t seed, pr_phase phase, uint64_t step, uint32_t kappa, pr_vid t);

/* Open and close; `fanout` as --fanout has it. */
void labor_oracle_open(labor_oracle *oracle, const pr_graph *graph, const char *fanout,
                       pr_sampler_options options, uint64_t seed);
void labor_oracle_close(labor_oracle *oracle);

/* Create the sampler that should agree. */
pr_sampler *labor_sampler(const labor_oracle *oracle, uint32_t max_seeds, uint32_t threads,
                          int isa);

/* Expect every row of the batch to be the oracle's, in order; then remember the batch. */
void labor_oracle_check(labor_oracle *oracle, pr_draw draw, pr_vids seeds, const pr_batch *batch);

/* `n` distinct vertices in random order, in `ids`. */
pr_vids labor_seeds(pr_vid *ids, pr_vid num_nodes, uint32_t n, uint64_t seed);

#endif
