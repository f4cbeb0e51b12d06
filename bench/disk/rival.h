/* rival.h: one who trains with rows that do not fit into memory, step by step. */
#ifndef BENCH_DISK_RIVAL_H
#define BENCH_DISK_RIVAL_H

#include "bench/support/run.h"

/* What one step was and cost. */
typedef struct disk_step {
    int64_t  step_ns, wait_ns, disk_ns;
    uint64_t batch_hash, inputs;
    uint64_t rows_moved;         /* into slots, or into a fresh block */
    uint64_t rows, reads, bytes; /* from the file, where the rival counts them itself */
    double   loss;
} disk_step;

/* What all rivals of a bench have in common. */
typedef struct disk_setting {
    const bench_world        *world;
    const char               *fanout;
    const pr_sampler_options *sampling;
    const pr_io_options      *io;
    uint32_t                  hidden, batch, threads;
    uint64_t                  num_steps; /* at most */
    double                    factor;    /* capacity, in rows of the own first batch */
} disk_setting;

typedef struct disk_rival disk_rival;
struct disk_rival {
    disk_step (*step)(disk_rival *rival); /* the next one */
    void (*close)(disk_rival *rival);
    uint64_t capacity_rows;
    int64_t  ahead_ns; /* of work before the steps, for each of them; not in step_ns */
};

/* Rows in their file behind a cache of ours: with labor and lookahead packrat as it is, with
 * uniform and lru what a cache of misses comes to. */
disk_rival *disk_cached(const disk_setting *setting, int policy);

/* The same with a copy of all rows in memory; mode as in pr_cache_mode. */
disk_rival *disk_in_memory(const disk_setting *setting, int mode);

/* All rows of every batch gathered from a mapping into a fresh block, by threads that fault; one
 * step ahead of the computation.
 *
 *   threads   that gather; 0: the best of 1, 2, 4, .. 64, tried here
 *   best      out: how many they are
 */
disk_rival *disk_mapped(const disk_setting *setting, uint32_t threads, uint32_t *best);

/* Rows a second that `threads` threads fault in from a mapping with the kernel's default advice, or
 * with MADV_RANDOM, for at most `most_ns`; rows as batches want them. */
double disk_fault_rate(const disk_setting *setting, uint32_t threads, bool random, int64_t most_ns);

/* Evictions planned from the batches of all steps, drawn beforehand (the idea of Ginex, Park et
 * al., VLDB 2022). */
disk_rival *disk_offline(const disk_setting *setting);

#endif
