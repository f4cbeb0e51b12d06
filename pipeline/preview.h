/* preview.h: what batches of a run will be like, found out by drawing some of them before it
 * begins, with the run's own sampler and seeds; and what a cache would do with them. */
#ifndef PIPELINE_PREVIEW_H
#define PIPELINE_PREVIEW_H

#include "pipeline/lane.h"
#include "pipeline/sampler/bounds.h"
#include "pipeline/seeds.h"
#include "pipeline/worth.h"

/* Sizes are taken from so many batches, with a margin: of all batches that follow none should be
 * larger. Inputs and arcs of the largest of 500 to 3000 steps, over the largest of the first 16,
 * were measured with fanouts of 10 (`packrat gen`, 15 or 10 arcs a vertex):
 *
 *     planted, 200,000 and 1 million vertices   batches of 1024  0.4 to 1 %     64  2 to 4 %
 *     R-MAT, 200,000 vertices                   batches of 1024  4 to 6 %       64  12 to 18 %
 *                                                                              16  33 %
 *
 * so the largest of 16 alone says too little where degrees are skewed and batches small; they
 * spread as much among the 16. With the mean and PRI_PREVIEW_SPREAD deviations, and the margin, no
 * batch had more than 0.97 of what was expected. */
#define PRI_PREVIEW_BATCHES 16u
#define PRI_PREVIEW_MARGIN  0.05
#define PRI_PREVIEW_SPREAD                                                                         \
    4.0 /* or the mean and so many standard deviations, where that is more                         \
         */

/* Which batches; of one lane. */
typedef struct pri_preview_input {
    const pr_graph           *graph;
    const pr_fanout          *fanout;
    const pr_sampler_options *sampling;
    uint64_t                  seed;
    uint32_t                  max_seeds, threads; /* of the lane's sampler */
    const pri_seeds_plan     *seeds;              /* of the run */
    const pr_features        *features;
    uint32_t                  lane;
    pr_vids                   scored; /* nodes that evaluation samples from, n = 0: none */
} pri_preview_input;

/* What batches of a lane are like. */
typedef struct pri_preview_sizes {
    pri_sampler_bounds bounds; /* the worst legal batch */
    pri_sampler_bounds drawn;  /* the largest that is expected: max_dst, max_edges, max_inputs */
    pri_worth_batch    mean;
    uint32_t           max_fresh; /* inputs that the batch before did not have: expected at most */
    uint64_t           sampler_bytes, room_bytes; /* in memory after such batches */
    double             sample_ns;                 /* of a batch */
    uint32_t           num_batches;
} pri_preview_sizes;

/* Draw PRI_PREVIEW_BATCHES batches, or as many as the run has, and a few of evaluation. Runs on the
 * lane's thread; takes the memory of a sampler and a batch meanwhile. */
pr_status pri_preview_measure(pri_lane *lane, const pri_preview_input *input,
                              pri_preview_sizes *out);

/* A cache to be tried. */
typedef struct pri_preview_cache {
    pr_cache_options     options;
    const pr_tuning     *tuning;
    const uint32_t      *scores;
    bool                 from_file; /* rows are read from the features' file */
    const pr_io_options *io;
} pri_preview_cache;

/* What it does with a step's batch once it is warm, on average; and at its first. */
typedef struct pri_preview_moves {
    double   inputs, rows_moved, rows_added;
    double   reads_disk, bytes_disk;
    uint64_t capacity_rows;
    uint32_t num_steps; /* that were tried */
    uint32_t lookahead; /* batches ahead at the end */
    double   disk_ns;   /* of a step's reads at the rate of this file just now; NaN: not tried */
} pri_preview_moves;

/* Take batches from the run's first on through caches over rows that are not there, all of them at
 * once; as many as warm them, within some seconds. The same figures on any machine, but for
 * disk_ns. Runs on the lane's thread.
 *
 *   sizes   of pri_preview_measure
 *   cache   [num] at most PRI_PREVIEW_CACHES
 *   reads   for so many nanoseconds, at most, rows of the first cache's file are read; 0: none
 *   out     [num] */
enum { PRI_PREVIEW_CACHES = 2 };
pr_status pri_preview_run(pri_lane *lane, const pri_preview_input *input,
                          const pri_preview_sizes *sizes, const pri_preview_cache *cache,
                          uint32_t num, int64_t read_ns, pri_preview_moves *out);

#endif
