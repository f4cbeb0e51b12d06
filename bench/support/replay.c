/* replay.c: a cache fed as training feeds it. */
#include "bench/support/replay.h"

bench_replaying bench_replay_start(const bench_replay *given)
{
    bench_replaying        r       = { .given = *given };
    const pr_cache_options options = { .mode      = PR_CACHE_RESIDENT,
                                       .rows      = given->rows,
                                       .policy    = given->policy,
                                       .lookahead = given->lookahead,
                                       .reader    = PR_READER_LATER };
    const pr_cache_setup   setup   = { .options    = &options,
                                       .stores     = &given->store,
                                       .num_planes = 1,
                                       .max_wanted = given->trace->max_m,
                                       .tuning     = given->tuning,
                                       .scores     = given->scores };
    BENCH_TRY(pr_cache_open(&setup, &r.cache));
    return r;
}

void bench_replay_end(bench_replaying *r)
{
    pr_cache_free(r->cache);
    r->cache = NULL;
}

int64_t bench_replay_step(bench_replaying *r, uint32_t list, pr_cache_plan *plan)
{
    const bench_trace   *t = r->given.trace;
    const pr_cache_plan *made;
    const int64_t        start = pr_now_ns();

    pr_cache_release(r->cache);
    if (r->given.policy == PR_POLICY_LOOKAHEAD) {
        const uint32_t window = pr_cache_window(r->cache);
        for (; r->next_foreseen < t->num_lists && r->next_foreseen <= list + window;
             r->next_foreseen++)
            BENCH_TRY(pr_cache_foresee(r->cache, t->list[r->next_foreseen]));
        BENCH_TRY(pr_cache_prepare_next(r->cache, &made));
    } else {
        BENCH_TRY(pr_cache_prepare(r->cache, t->list[list], &made));
    }
    *plan = *made;
    BENCH_TRY(pr_cache_fetch(r->cache));
    BENCH_TRY(pr_cache_place(r->cache, &r->view));
    const int64_t ns = pr_now_ns() - start;
    r->window_sum += plan->lookahead;
    return ns;
}
