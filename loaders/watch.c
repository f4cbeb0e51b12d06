/* watch.c: see watch.h. */
#include "loaders/watch.h"

static const int64_t tell_every_ns = 100000000;

bool pri_watch_stopped(const pr_watch *watch)
{
    return watch && watch->stop && *watch->stop;
}

const volatile int *pri_watch_stop(const pr_watch *watch)
{
    return watch ? watch->stop : NULL;
}

void pri_tell(pri_teller *teller, const char *stage, uint64_t done, uint64_t total)
{
    if (!teller->watch || !teller->watch->progress) return;
    const int64_t now_ns = pr_now_ns();
    if (teller->stage == stage && done != total && now_ns - teller->last_ns < tell_every_ns) return;
    teller->stage   = stage;
    teller->last_ns = now_ns;
    teller->watch->progress(teller->watch->context, stage, done, total);
}
