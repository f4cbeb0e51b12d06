/* deltas.h: the differences that a packed cache is fed with, made before any clock starts. */
#ifndef BENCH_CACHE_UPDATE_DELTAS_H
#define BENCH_CACHE_UPDATE_DELTAS_H

#include "bench/support/gather.h"

/* Step s = 1 .. steps replaces `half` of the m rows by as many others. */
typedef struct deltas {
    uint32_t   m, half, steps;
    pr_vid    *added, *removed; /* [steps][half] */
    pr_slot   *slots;           /* [steps][half] places in the list of what is removed */
    pr_vid    *list;            /* [steps + 1][m] the rows after each step; 0: before all */
    pri_write *list_write, *added_write; /* the same as copies: [steps + 1][m], [steps][half] */
} deltas;

typedef enum deltas_pattern { DELTAS_RANDOM, DELTAS_BLOCK } deltas_pattern;

/* Draw the steps.
 *
 *   random   rows that leave are drawn among those held, rows that come among all others
 *   block    ids are a ring: the held rows are a stretch of it that moves on by half rows
 */
deltas deltas_new(uint32_t num_rows, uint32_t m, uint32_t half, uint32_t steps,
                  deltas_pattern pattern);
void   deltas_free(deltas *d);

/* Of step s = 1 .. steps. */
pr_vids    deltas_added(const deltas *d, uint32_t step);
pr_vids    deltas_removed(const deltas *d, uint32_t step);
bench_rows deltas_copies(const deltas *d, uint32_t step); /* added rows to freed places */
bench_rows deltas_list(const deltas *d, uint32_t step);   /* 0: before all */

#endif
