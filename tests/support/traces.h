/* traces.h: lists of wanted rows, in the shapes that caches meet. */
#ifndef TESTS_TRACES_H
#define TESTS_TRACES_H

#include "support/support.h"

typedef enum trace_shape {
    TRACE_UNIFORM, /* every row as likely */
    TRACE_SKEWED,  /* low ids far more often */
    TRACE_STICKY,  /* most rows are those of the list before */
    TRACE_LOOP,    /* a range that walks round the store: the worst for lru */
    TRACE_UNEVEN,  /* skewed lists of any length, empty ones among them, up to all rows */
    TRACE_NUM_SHAPES
} trace_shape;

typedef struct trace {
    uint32_t num_lists, n, m; /* m: ids of an ordinary list */
    pr_vid  *ids;             /* [num_lists, n] */
    pr_vids *list;            /* [num_lists] */
} trace;

/* Draw lists of m <= n distinct ids below n. */
void trace_open(trace *t, trace_shape shape, uint32_t num_lists, uint32_t n, uint32_t m,
                test_rng *rng);
void trace_close(trace *t);

#endif
