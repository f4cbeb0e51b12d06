/* grid.h: how many threads and lanes are measured, and which of them a run would take by itself. */
#ifndef BENCH_SCALING_GRID_H
#define BENCH_SCALING_GRID_H

#include "bench/support/run.h"

enum { BENCH_MAX_CONFIGS = 64 };

typedef struct bench_config {
    uint32_t lanes, threads; /* threads of all lanes */
    pr_plan  machine;
} bench_config;

typedef struct bench_grid_plan {
    const bench_world *world;
    const char        *fanout;
    uint32_t           hidden;
    bool               labor;          /* else uniform */
    uint32_t           threads, lanes; /* the most; 0: as the machine suggests */
} bench_grid_plan;

typedef struct bench_grid {
    bench_grid_plan    plan;
    uint32_t           num_cores, max_threads, max_lanes, num;
    bench_config       config[BENCH_MAX_CONFIGS]; /* the first: 1 lane, 1 thread */
    pr_fanout          fanout;
    pr_sampler_options sampling;
    pr_model_shape     shape;
} bench_grid;

/* 1, 2, 4, ... threads up to the most, each on one lane and on 2, 4, ... lanes. */
void bench_grid_open(bench_grid *grid, const bench_grid_plan *plan);

/* What pipeline/worth.h expects of a step, in ns. */
double bench_grid_estimate(const bench_grid *grid, uint32_t which, uint32_t batch);

/* What a run takes that was told nothing about lanes. */
typedef struct bench_choice {
    uint32_t lanes, threads;
    uint32_t config; /* the one of the grid that is most like it */
    char     why[256];
} bench_choice;

bench_choice bench_grid_choice(const bench_grid *grid, uint32_t batch);

#endif
