/* wanted.h: wanted lists with a miss rate that is known in advance.
 *
 * Each list keeps m - a rows of the list before it, drawn at random, and takes a rows that no list
 * has wanted for so long that no policy with 2m slots still holds them when it first hears of them,
 * w lists ahead: besides the present list's rows it holds m others, those that left in about the
 * last m / a lists. Kept rows were wanted one list ago, so every policy holds all of them, and
 * misses are exactly a. New rows come from a random order of all ids; every list is shuffled.
 * Nothing of the cache is read. */
#ifndef BENCH_CACHE_UPDATE_WANTED_H
#define BENCH_CACHE_UPDATE_WANTED_H

#include "bench/support/bench.h"

typedef struct wanted {
    uint32_t  num_rows, m, fresh; /* fresh: a */
    uint32_t  horizon;            /* lists after which a row counts as forgotten */
    uint32_t  now;                /* lists made */
    pr_vid   *order;              /* [num_rows] */
    uint32_t *last;               /* [num_rows] 1 + the last list that wanted a row; 0: none */
    uint32_t  at;                 /* next of order */
    pr_vid   *list;               /* [m] the last list made */
    uint64_t  state;
} wanted;

/* Lists of m rows, `fresh` of them new; each is heard of `window` lists ahead. */
wanted wanted_new(uint32_t num_rows, uint32_t m, uint32_t fresh, uint32_t window);
void   wanted_free(wanted *w);

/* Make the next list, [m] ids. */
void wanted_next(wanted *w, pr_vid *out);

#endif
