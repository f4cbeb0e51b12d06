/* trace.h: the lists of rows that training would want, step by step: the real sampler on a real or
 * synthetic graph. */
#ifndef BENCH_SUPPORT_TRACE_H
#define BENCH_SUPPORT_TRACE_H

#include "bench/support/graph.h"

/* What a trace is made of. */
typedef struct bench_trace_kind {
    const char *graph;  /* "planted", "rmat", "wordnet"; "small" needs no file */
    const char *fanout; /* "10,10" */
    uint32_t    batch;
    uint32_t    warm, measured, future; /* lists before, in and behind the measured part */

    const pr_sampler_options      *sampler; /* NULL: the default */
    const struct pri_order_source *order;   /* of the seeds; NULL: random */
    uint64_t                       seed;    /* of seeds and draws; 0: 1 */
} bench_trace_kind;

extern const bench_trace_kind bench_trace_planted, bench_trace_rmat, bench_trace_wordnet,
    bench_trace_small;

typedef struct bench_trace {
    bench_trace_kind kind;
    pr_vid           num_rows;
    uint64_t         num_arcs;
    uint32_t         num_lists;  /* warm + measured + future */
    pr_vids         *list;       /* [num_lists] distinct ids each */
    double           mean_m;     /* of the measured lists */
    uint32_t         max_m;      /* of all lists */
    uint64_t         sample_ns;  /* CPU time of the drawing thread, all lists */
    uint32_t        *degree;     /* [num_rows] scores for policy static; NULL: not asked for */
    uint32_t        *presampled; /* [num_rows] in how many of 32 other batches a row was wanted */
} bench_trace;

/* Sample the trace on a graph that is open, without scores; `kind.graph` only names it. Ends
 * the bench when something fails. */
bench_trace *bench_trace_draw(const bench_graph *graph, const bench_trace_kind *kind);

/* Sample the trace, and scores. Graphs are made once, as datasets below `folder`. Ends the bench
 * when something fails; NULL, with the reason as a note, when WordNet cannot be had. */
bench_trace *bench_trace_new(const bench_trace_kind *kind, const char *folder);
void         bench_trace_free(bench_trace *trace); /* NULL is fine */

#endif
