/* structure.h: whether the planted graph has the structure it should. */
#ifndef BENCH_STICKINESS_STRUCTURE_H
#define BENCH_STICKINESS_STRUCTURE_H

#include <packrat/nouns.h>

#include "bench/support/output.h"

/* Recount the shares of arcs inside sub-communities, inside communities only and between them, the
 * mean degree and the tail of the degrees of the graph that bench_graph_new() calls planted: one
 * case, field `structure`. */
void bench_structure_report(bench_output *out, const pr_graph *graph);

#endif
