/* thread.c: see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <string.h>

pr_status pri_thread_start(void *(*serve)(void *), void *context, const char *whose, pthread_t *out)
{
    pr_status st = PR_OK;
    sigset_t  all, before;

    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGBUS);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int refused = pthread_create(out, NULL, serve, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    PR_CHECK(!refused, PR_E_IO, "cannot start the thread of %s: %s", whose, strerror(refused));
done:
    return st;
}
