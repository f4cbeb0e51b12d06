/* slow_store.c: see slow_store.h. */
#include "bench/support/slow_store.h"

#include <time.h>

static pr_status slow_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                            size_t n, pr_fetch_cost *cost)
{
    const int64_t   ns  = ((const slow_store *)store)->latency_ns;
    struct timespec nap = { ns / 1000000000, ns % 1000000000 };

    (void)write;
    (void)fetcher;
    (void)cost;
    (void)n;
    if (ns > 0) (void)nanosleep(&nap, NULL);
    return PR_OK;
}

static void slow_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *inner = ((const slow_store *)store)->inner;
    inner->calls->place(inner, place, begin, end);
}

slow_store slow_store_of(const pr_store *inner)
{
    static const pri_store_calls calls = { .fetch = slow_fetch, .place = slow_place };

    return (slow_store){
        .head  = { .calls = &calls, .num_rows = inner->num_rows, .num_cols = inner->num_cols },
        .inner = inner,
    };
}
