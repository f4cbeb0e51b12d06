/* worker.h: a thread that takes one job at a time. Who posts it waits for it; signals stay with the
 * threads that called the library. */
#ifndef PIPELINE_WORKER_H
#define PIPELINE_WORKER_H

#include "base/check.h"

typedef struct pri_worker pri_worker;

/* Work; runs on the worker's thread. */
typedef pr_status (*pri_job)(void *argument);

/* Start a thread; it has the CPUs of the calling one. An error says whose thread could not start:
 * `whose` is words such as "lane 1". */
pr_status pri_worker_start(const char *whose, pri_worker **out);

/* End the thread, after the job that it may have; NULL is fine. */
void pri_worker_free(pri_worker *worker);

/* Give it a job. The one before must have been waited for. One thread posts and waits at a time. */
void pri_worker_post(pri_worker *worker, pri_job job, void *argument);

/* Wait for the job and give its status. */
pr_status pri_worker_wait(pri_worker *worker);

/* Tell whether the calling thread is the worker's. */
bool pri_worker_is_self(const pri_worker *worker);

/* The error of the last job that failed; read it after the wait. */
const pri_error *pri_worker_error(const pri_worker *worker);

#endif
