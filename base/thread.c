/* thread.c: see thread.h. */
#include "base/thread.h"

#include <string.h>
#include <time.h>

void pri_signals_block(sigset_t *before)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGBUS);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

void pri_signals_restore(const sigset_t *before)
{
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

pr_status pri_thread_start(void *(*serve)(void *), void *context, const char *whose, pthread_t *out)
{
    pr_status st = PR_OK;
    sigset_t  before;

    pri_signals_block(&before);
    const int refused = pthread_create(out, NULL, serve, context);
    pri_signals_restore(&before);
    PR_CHECK(!refused, PR_E_IO, "cannot start the thread of %s: %s", whose, strerror(refused));
done:
    return st;
}

int pri_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    const int error = pthread_cond_init(cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return error;
}

void pri_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
    if (until_ns == INT64_MAX) {
        (void)pthread_cond_wait(cond, lock);
        return;
    }
    if (until_ns < 0) until_ns = 0;
    const struct timespec until = { .tv_sec  = (time_t)(until_ns / 1000000000),
                                    .tv_nsec = (long)(until_ns % 1000000000) };
    (void)pthread_cond_timedwait(cond, lock, &until);
}
