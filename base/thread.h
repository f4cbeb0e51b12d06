/* thread.h: starting a thread that no signal interrupts. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/check.h"

/* Start a thread with all signals blocked, so that they come to the main thread, but for SIGBUS:
 * the kernel sends it to who reads a mapped file behind its end, and where it is blocked the
 * process ends before a handler can speak.
 *
 *   whose   for the error: "cannot start the thread of <whose>: ..."
 *
 * PR_E_IO. */
pr_status pri_thread_start(void *(*serve)(void *), void *context, const char *whose,
                           pthread_t *out);

#endif
