/* cases.h: what the chapters of bench_cache_update share. */
#ifndef BENCH_CACHE_UPDATE_CASES_H
#define BENCH_CACHE_UPDATE_CASES_H

#include "bench/support/gather.h"
#include "bench/support/output.h"
#include "pipeline/nn/engine.h"

typedef struct update_options {
    bool     quick, json, sweep, cold_code;
    int      only;
    uint32_t steps, threads;
    char     csv[PR_TEXT_BYTES], dir[PR_TEXT_BYTES], tune[PR_TEXT_BYTES];
} update_options;

typedef struct update_bench {
    const update_options *options;
    bench_output         *out;
    pri_engine           *engine;
    pr_tuning             tuning;    /* the last one loaded: the present case's */
    bool                  dishonest; /* a gather was slower than it must be */
} update_bench;

/* The chapters. Each verifies what it times, before it times it; with --quick it does only that. */
void run_seed_shapes(update_bench *b);  /* apply against a gather */
void run_with_reader(update_bench *b);  /* the same, with the product that reads the rows */
void run_gnn_shape(update_bench *b);    /* prepare and place against a gather, 1 and more threads */
void run_planted_time(update_bench *b); /* lookahead against lru on one trace */
void run_sweep(update_bench *b);

/* Load the tuning for rows of so many bytes, as --tune says. */
pr_tuning update_tuning(update_bench *b, size_t row_bytes, uint32_t threads);

/* Where kernels were tuned. */
typedef struct copied_shape {
    const char *name, *regime;
    uint32_t    num_rows, cols, m, num_planes;
    int         threads;
} copied_shape;

/* List the rate of every kernel, as cases of their own; what only an update has is null there. */
void report_copies(update_bench *b, const copied_shape *shape, const bench_gathers *gathers);

/* Set the fields that say which gather was the rival, and what the cache's copies are tuned to. */
void report_gather(update_bench *b, const bench_copy *how, double gbps);

/* The gather must not be worse than the cache's own copies: note it when it is below 0.8 of them;
 * the bench ends with status 1 then. */
void check_honest(update_bench *b, const char *what, double gather_gbps, double place_gbps);

#endif
