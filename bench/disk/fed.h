/* fed.h: a training loop for rivals that bring their rows in another way: while a step is computed,
 * one thread brings the rows of the next and one draws the batch after it. The model is computed by
 * the same calls as ours. */
#ifndef BENCH_DISK_FED_H
#define BENCH_DISK_FED_H

#include "bench/disk/rival.h"

typedef struct disk_fed disk_fed;

/* What a rival does of a step. */
typedef struct disk_feeder {
    /* Bring the rows of a batch, before its turn, while the step before may still be computed. */
    void (*bring)(void *own, uint64_t step, const pr_batch *batch);
    /* Give the rows to compute from; on the lane's thread, whose team may be used. */
    void (*view)(void *own, uint64_t step, const pr_batch *batch, pr_slab *slab);
    void *own;
} disk_feeder;

/* max_ahead: steps whose seeds can be read before their turn (disk_fed_seeds). */
disk_fed *disk_fed_open(const disk_setting *setting, const disk_feeder *feeder, uint32_t max_ahead);
void      disk_fed_close(disk_fed *fed);

/* Do the next step; counts of rows and reads are left at 0. */
disk_step disk_fed_step(disk_fed *fed);

uint64_t   disk_fed_next(const disk_fed *fed); /* the step to come */
bench_run *disk_fed_run(disk_fed *fed);        /* its lane, model and seeds */

#endif
