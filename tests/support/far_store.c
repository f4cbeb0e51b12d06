/* far_store.c: see far_store.h. */
#include "support/far_store.h"

#include <time.h>

static pr_status far_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                           size_t n, pr_fetch_cost *cost)
{
    pr_status       st  = PR_OK;
    far_store      *own = (far_store *)(uintptr_t)store;
    const uint64_t  nth = atomic_fetch_add(&own->num_fetches, 1);
    struct timespec nap = { own->latency_ns / 1000000000, own->latency_ns % 1000000000 };

    (void)write;
    (void)fetcher;
    (void)cost;
    if (own->latency_ns > 0) (void)nanosleep(&nap, NULL);
    PR_CHECK(own->fetches_left < 0 || nth < (uint64_t)own->fetches_left, PR_E_IO,
             "%zu rows of fetch %llu cannot be read", n, (unsigned long long)nth);
done:
    return st;
}

static void far_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *inner = ((const far_store *)store)->inner;
    inner->calls->place(inner, place, begin, end);
}

far_store far_store_of(const pr_store *inner, int64_t latency_ns, int64_t fetches_left)
{
    static const pri_store_calls calls = { .fetch = far_fetch, .place = far_place };

    return (far_store){
        .head       = { .calls = &calls, .num_rows = inner->num_rows, .num_cols = inner->num_cols },
        .inner      = inner,
        .latency_ns = latency_ns,
        .fetches_left = fetches_left
    };
}
