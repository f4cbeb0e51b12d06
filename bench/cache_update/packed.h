/* packed.h: a packed cache of several planes, its rivals, and how they are timed. */
#ifndef BENCH_CACHE_UPDATE_PACKED_H
#define BENCH_CACHE_UPDATE_PACKED_H

#include "bench/cache_update/cases.h"
#include "bench/cache_update/deltas.h"

enum { PACKED_PLANES = 2 };

/* The memory of one shape; caches and rivals read the same rows. */
typedef struct packed_shape {
    uint32_t     num_rows, cols, m;
    uint32_t     num_planes;
    float       *rows[PACKED_PLANES];  /* [num_rows, cols] on huge pages */
    float       *block[PACKED_PLANES]; /* [m, cols] the gather's target */
    float       *slots[PACKED_PLANES]; /* [m, cols] the bare copy's target */
    pr_features *features;             /* [num_planes] kept where the stores look for them */
    pr_store    *stores[PACKED_PLANES];
} packed_shape;

packed_shape packed_shape_new(uint32_t num_rows, uint32_t cols, uint32_t m, uint32_t num_planes);
void         packed_shape_free(packed_shape *s);

/* Open a packed cache over the shape and bring in list 0. */
pr_cache *packed_cache_new(const packed_shape *s, const deltas *d, int reader,
                           const pr_tuning *tuning);

/* Apply the first steps and compare everything: every row of every plane with the store, the ids
 * with the list, the slots that changed with the rows the plan says it writes and with its bound.
 */
void packed_verify(const packed_shape *s, const deltas *d, uint32_t steps, int reader,
                   const pr_tuning *tuning);

/* Compare every row of every plane of a cache with the store. */
void packed_check_rows(const packed_shape *s, const pr_cache *cache, const deltas *d,
                       uint32_t step);

/* Tune the gather on lists of steps like those that are timed: unflushed, k and pattern decide how
 * many of its rows are in the caches. Free with bench_gathers_free. */
bench_gathers packed_tune(const packed_shape *s, uint32_t k, deltas_pattern pattern, bool flush,
                          int repeats);

/* The rivals: bring the rows of a step to where they can be read. */
typedef enum rival { RIVAL_UPDATE, RIVAL_GATHER, RIVAL_COPY, NUM_RIVALS } rival;

/* What is timed. */
typedef struct packed_run {
    const packed_shape *shape;
    const deltas       *deltas;
    pr_cache           *cache;
    bench_copy          gather, copy;
    bool                cold_code; /* with flush: instructions are cold too; see packed.c */
    bool                flush;     /* before every timed call; else rivals have blocks */
    pri_gemm           *gemm;      /* NULL, or the product that reads the rows ... */
    const float        *left;      /* [gemm_rows, cols] ... from this matrix */
    float              *product;   /* [gemm_rows, m] */
    bench_samples       bring[NUM_RIVALS], whole[NUM_RIVALS]; /* without and with the product */
    uint64_t            rows_moved;                           /* of the last step */
    const char         *path;                                 /* of the last step */
} packed_run;

enum { PACKED_WARM = 10, PACKED_BLOCK = 80, PACKED_GEMM_ROWS = 32 };

/* Give how many steps are to be drawn so that `counted` are counted. */
uint32_t packed_num_steps(uint32_t counted, bool flush);

/* Time all rivals over all steps but those that warm up; check the rows that are left. */
void packed_run_time(packed_run *run);
void packed_run_free(packed_run *run); /* samples and cache */

/* Read a list that a caller would just have made. */
void packed_warm_ids(pr_vids ids);

#endif
