/* read_engine.h: who asks the kernel: two engines, which come to the desk for work and give the
 * same rows. */
#ifndef CACHE_READ_ENGINE_H
#define CACHE_READ_ENGINE_H

#include "cache/read_desk.h"

typedef struct pri_engine_setup {
    pri_read_desk *desk;
    int            fd;
    uint32_t       depth;
    void (*thread_begins)(void *context); /* may be NULL */
    void *context;
} pri_engine_setup;

typedef struct pri_read_engine {
    const char *name;
    uint32_t    most_depth; /* reads it can have in flight */

    /* Start. PR_E_UNSUPPORTED where the kernel does not have it, or refuses it. */
    pr_status (*open)(const pri_engine_setup *setup, void **out);

    /* There are reads to begin, or the desk is closed. NULL: threads wait at the desk. */
    void (*wake)(void *engine);

    /* The desk is closed: join. NULL is fine. */
    void (*free)(void *engine);
} pri_read_engine;

extern const pri_read_engine pri_read_uring, pri_read_threads;

#endif
