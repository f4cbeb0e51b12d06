/* doors.h: two doors alone: the mean over neighbours, and handing work to lanes. */
#ifndef BENCH_SCALING_DOORS_H
#define BENCH_SCALING_DOORS_H

#include "bench/scaling/grid.h"
#include "bench/support/output.h"

/* Measure both for everything in the grid that they depend on: door `aggregate` threads, door
 * `wake` lanes. Results of aggregation must be the same bits on every number of threads. */
void bench_doors(bench_output *out, const bench_grid *grid, bool quick);

#endif
