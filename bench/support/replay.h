/* replay.h: run a trace through a real cache. */
#ifndef BENCH_SUPPORT_REPLAY_H
#define BENCH_SUPPORT_REPLAY_H

#include "bench/support/trace.h"

typedef struct bench_replay {
    const bench_trace *trace;
    const pr_store    *store;
    const pr_tuning   *tuning; /* NULL: the default */
    uint64_t           rows;   /* capacity */
    int                policy; /* pr_cache_policy */
    uint32_t           lookahead;
    const uint32_t    *scores;
} bench_replay;

/* A cache that is being replayed, list after list. */
typedef struct bench_replaying {
    bench_replay given;
    pr_cache    *cache;
    uint32_t     next_foreseen; /* the first list not yet entered */
    pr_slab      view;          /* of the last step */
    uint64_t     window_sum;    /* of lists foreseen, over the steps */
} bench_replaying;

bench_replaying bench_replay_start(const bench_replay *given);
void            bench_replay_end(bench_replaying *r);

/* Do one step as training does: foresee up to the window, prepare, fetch, place; the view stays
 * live until the next step. Lists come in order. Gives the time of all of it. */
int64_t bench_replay_step(bench_replaying *r, uint32_t list, pr_cache_plan *plan);

#endif
