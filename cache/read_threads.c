/* read_threads.c: a pool of threads, each of which waits in pread for one read at a time. */
#include <errno.h>
#include <unistd.h>

#include "base/thread.h"
#include "cache/read_engine.h"

enum { MOST_THREADS = 64 };

typedef struct threads {
    pri_engine_setup setup;
    uint32_t         num;
    pthread_t        thread[MOST_THREADS];
} threads;

static void *serve(void *context)
{
    const threads       *own  = context;
    pri_read_desk *const desk = own->setup.desk;
    pri_read            *read;

    if (own->setup.thread_begins) own->setup.thread_begins(own->setup.context);
    while (pri_desk_begin(desk, PRI_BEGIN_WAIT, 1, &read, NULL)) {
        const ssize_t got = pread(own->setup.fd, read->to, read->bytes, (off_t)read->offset);
        pri_desk_arrived(desk, read, got < 0 ? -(int64_t)errno : got);
        pri_desk_settle(desk, &read, 1);
    }
    return NULL;
}

static void threads_free(void *engine)
{
    threads *own = engine;

    if (!own) return;
    for (uint32_t i = 0; i < own->num; i++) (void)pthread_join(own->thread[i], NULL);
    pri_free(own);
}

static pr_status threads_open(const pri_engine_setup *setup, void **out)
{
    pr_status st  = PR_OK;
    threads  *own = NULL;

    *out = NULL;
    PR_NEW(own, 1);
    own->setup = *setup;
    while (own->num < setup->depth && own->num < MOST_THREADS) {
        st = pri_thread_start(serve, own, "a reader of rows", &own->thread[own->num]);
        if (st != PR_OK) break;
        own->num++;
    }
    /* Fewer threads than asked for do the same, later. */
    if (own->num > 0) st = PR_OK;
    PR_TRY(st);
    *out = own;
    own  = NULL;
done:
    threads_free(own);
    return st;
}

const pri_read_engine pri_read_threads = {
    .name       = "threads",
    .most_depth = MOST_THREADS,
    .open       = threads_open,
    .free       = threads_free,
};
