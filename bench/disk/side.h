/* side.h: who takes part: a rival in a process and a memory group of its own, which takes its turns
 * of steps when it is told to. Everything a side has, it opens itself, in its group. The process
 * that starts sides must not have threads. */
#ifndef BENCH_DISK_SIDE_H
#define BENCH_DISK_SIDE_H

#include "bench/disk/group.h"
#include "bench/disk/rival.h"

typedef enum disk_side_kind {
    DISK_OURS,
    DISK_LRU,
    DISK_MMAP,
    DISK_OFFLINE,
    DISK_MEMORY_OFF,
    DISK_MEMORY_RESIDENT
} disk_side_kind;

typedef struct disk_side_plan {
    const char   *data, *fanout;
    int           kind;    /* disk_side_kind */
    int           sampler; /* pr_sampler_kind; labor with kappa 8 */
    double        factor;
    uint32_t      hidden, batch, threads, faulters;
    uint64_t      num_steps;
    pr_io_options io;
    uint64_t      group_bytes; /* 0: no limit */
} disk_side_plan;

/* What a side says at the end of what it was told. */
typedef struct disk_reply {
    uint64_t capacity_rows;
    int64_t  ahead_ns;
    uint32_t faulters;
    uint64_t read_bytes, faults; /* by the kernel, of the steps it was told to do */
    double   cached; /* share of the rows' file in the page cache; of disk_side_cached */
    double   rate;   /* of disk_side_fault_rate */
    uint64_t bare_reads, bare_bytes;
    int64_t  bare_ns; /* of disk_side_bare */
} disk_reply;

typedef struct disk_side disk_side;

/* Start one and wait until it is ready. */
disk_side *disk_side_start(const disk_side_plan *plan);

/* Have it do n steps, or fewer than 1: none; out [n].
 *
 *   record   keep what it reads for disk_side_bare
 */
disk_reply disk_side_steps(disk_side *side, uint32_t n, bool record, disk_step *out);

disk_reply disk_side_cached(disk_side *side);
disk_reply disk_side_fault_rate(disk_side *side); /* with default advice; some seconds */
disk_reply disk_side_bare(disk_side *side);       /* its recorded reads in a bare loop */

/* End it; gives the most memory that its group held. */
uint64_t disk_side_end(disk_side *side);

/* Run something in a process of its own and wait for it. */
void disk_apart(void (*work)(void *argument), void *argument);

#endif
