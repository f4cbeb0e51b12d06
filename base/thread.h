/* thread.h: starting threads that no signal interrupts, and waiting by the clock of pr_now_ns. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

#include "base/check.h"

/* Block all signals of the calling thread, and of those that it starts meanwhile, so that they come
 * to the main thread, but for SIGBUS: the kernel sends it to who reads a mapped file behind its
 * end, and where it is blocked the process ends before a handler can speak. Cannot fail. */
void pri_signals_block(sigset_t *before);
void pri_signals_restore(const sigset_t *before);

/* Start a thread with signals blocked so.
 *
 *   whose   for the error: "cannot start the thread of <whose>: ..."
 *
 * PR_E_IO. */
pr_status pri_thread_start(void *(*serve)(void *), void *context, const char *whose,
                           pthread_t *out);

/* Make a condition whose waits end by the clock of pr_now_ns. Gives 0, or the number of the error.
 */
int pri_cond_init(pthread_cond_t *cond);

/* Wait for a condition, at most until then; INT64_MAX: however long it takes. It may end before,
 * for no reason. */
void pri_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif
