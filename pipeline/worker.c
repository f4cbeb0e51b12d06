/* worker.c: see worker.h. */
#include "pipeline/worker.h"

#include "base/thread.h"

struct pri_worker {
    pthread_t       id;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pri_job         job; /* NULL: nothing to do */
    void           *argument;
    bool            ending;
    pr_status       status; /* of the last job */
    pri_error       error;
};

static void *serve(void *argument)
{
    pri_worker *own = argument;

    pthread_mutex_lock(&own->lock);
    for (;;) {
        while (!own->job && !own->ending) pthread_cond_wait(&own->changed, &own->lock);
        if (!own->job) break;
        const pri_job job = own->job;
        void *const   of  = own->argument;
        pthread_mutex_unlock(&own->lock);
        const pr_status st = job(of);
        pthread_mutex_lock(&own->lock);
        if (st != PR_OK) pri_error_save(&own->error, st);
        own->status = st;
        own->job    = NULL;
        pthread_cond_broadcast(&own->changed);
    }
    pthread_mutex_unlock(&own->lock);
    return NULL;
}

pr_status pri_worker_start(const char *whose, pri_worker **out)
{
    pr_status   st     = PR_OK;
    pri_worker *worker = NULL;

    *out = NULL;
    PR_NEW(worker, 1);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    PR_TRY(pri_thread_start(serve, worker, whose, &worker->id));
    *out   = worker;
    worker = NULL;
done:
    pri_free(worker);
    return st;
}

void pri_worker_free(pri_worker *worker)
{
    if (!worker) return;
    pthread_mutex_lock(&worker->lock);
    worker->ending = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->id, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    pri_free(worker);
}

void pri_worker_post(pri_worker *worker, pri_job job, void *argument)
{
    pthread_mutex_lock(&worker->lock);
    PR_ASSERT(!worker->job);
    worker->argument = argument;
    worker->job      = job;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

pr_status pri_worker_wait(pri_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->job) pthread_cond_wait(&worker->changed, &worker->lock);
    const pr_status st = worker->status;
    pthread_mutex_unlock(&worker->lock);
    return st;
}

bool pri_worker_is_self(const pri_worker *worker)
{
    return pthread_equal(worker->id, pthread_self()) != 0;
}

const pri_error *pri_worker_error(const pri_worker *worker)
{
    return &worker->error;
}
