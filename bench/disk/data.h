/* data.h: a dataset directory as what runs train on, and what the page cache holds of its rows. */
#ifndef BENCH_DISK_DATA_H
#define BENCH_DISK_DATA_H

#include "bench/support/run.h"

typedef struct disk_data {
    const pr_dataset *dataset;
    bench_world       world;
} disk_data;

/* Open it; the seeds are its main split's. `check`: look at all rows at once, which stores in
 * memory want; else none is read. */
void disk_data_open(disk_data *data, const char *path, bool check);
void disk_data_close(disk_data *data);

/* Have the kernel forget what it has of the rows, and give the share that it still has: pages that
 * others have mapped, or that are of no file on a disk. Pages that stay count for whoever read them
 * first, which may be another memory group than ours. */
double disk_data_forget(const disk_data *data);
double disk_data_cached(const disk_data *data);

/* Bytes this process has had the kernel read, and its faults that waited for a read. */
uint64_t disk_read_bytes(void);
uint64_t disk_major_faults(void);

#endif
