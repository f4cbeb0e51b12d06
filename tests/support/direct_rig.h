/* direct_rig.h: a cache over a store in a file beside one over the same rows in memory. Every step
 * compares plans, views and the index, and recounts what fetching cost: which rows were staged
 * early is decided a second time, row by row, from the rules in cache/fetcher.h. */
#ifndef TESTS_DIRECT_RIG_H
#define TESTS_DIRECT_RIG_H

#include "support/disk_rows.h"

#include "cache/store.h"

typedef struct direct_rig {
    disk_rows       *rows;
    pr_store        *direct, *memory;
    pr_cache        *cache, *twin;
    pr_io_options    io;
    pr_cache_options options;
    uint32_t         max_wanted;
    uint32_t        *scores;

    /* The model. */
    bool         *staged; /* [n] */
    uint64_t      used, need, num_plans;
    uint32_t      num_asked;
    bool          full;                   /* nothing more is asked for before the next place */
    uint64_t      most_used, most_needed; /* rows staged early at a time; rows of a plan */
    uint64_t      most_staged;            /* when a plan was fetched */
    uint64_t      most_placing;           /* rows in slab and staging, while a plan is placed */
    uint32_t      num_partly;             /* plans of which a part was staged early */
    pr_vids       waiting[PR_MAX_WINDOW + 2];
    uint32_t      num_waiting;
    pr_fetch_cost sum;  /* of all steps */
    uint64_t      hash; /* of all that must be the same in every run */
} direct_rig;

/* What tests expect of io options: few reads in flight, small ones. */
pr_io_options direct_io(int engine, uint32_t ahead, uint64_t gap);

/* Open both. False where the engine cannot be had: nothing is open then. */
bool direct_open(direct_rig *x, disk_rows *rows, const pr_cache_options *options,
                 const pr_io_options *io, uint32_t max_wanted);
void direct_close(direct_rig *x);

void direct_foresee(direct_rig *x, pr_vids wanted);

/* Give how many rows of the file are in staging, or on their way there. */
uint64_t direct_num_staged(const direct_rig *x);

/* Take a list, or the oldest foreseen, through both. */
void direct_step(direct_rig *x, pr_vids wanted);
void direct_step_next(direct_rig *x);

/* Prepare and fetch only, for tests of failures: gives what the fetch of the cache under test gave;
 * after a success the step is finished, as the two above would. */
pr_status direct_try(direct_rig *x, pr_vids wanted, bool next);

/* Change a packed set, in both; gives what the cache under test gave. */
pr_status direct_apply(direct_rig *x, pr_vids added, pr_vids removed);

/* The model counts rows staged early as long as nothing fails; from now on it does not. */
void direct_stop_counting(direct_rig *x);

#endif
