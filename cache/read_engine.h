/* read_engine.h: what asks the kernel: the two engines, and the desk of the row reader that they
 * come to for work.
 *
 *     pri_reads_begin    gives reads that are to be asked for now
 *     pri_reads_arrived  takes what the kernel said to one, and copies its rows
 *     pri_reads_settle   gives reads back, all at once
 *
 * Any number of an engine's threads may be in these calls at a time, with different reads. */
#ifndef CACHE_READ_ENGINE_H
#define CACHE_READ_ENGINE_H

#include <pthread.h>

#include "cache/read_arrival.h"

typedef struct pri_row_reader pri_row_reader;

/* How an engine's thread is to come back. */
typedef enum pri_begin_mode {
    PRI_BEGIN_AT_ONCE, /* with what there is */
    PRI_BEGIN_WAIT     /* wait until there is something */
} pri_begin_mode;

/* Give reads whose turn it is: those to be asked for again and due, then new ones.
 *
 *   list      [most] out; the engine's until settled
 *   due_ns    out, may be NULL with PRI_BEGIN_WAIT: when one that naps is due; INT64_MAX: none
 *
 * Gives how many. 0 with PRI_BEGIN_WAIT: the reader ends. */
size_t pri_reads_begin(pri_row_reader *reader, pri_begin_mode mode, size_t most, pri_read **list,
                       int64_t *due_ns);

/* Whether the reader ends: what is in flight is to be settled, no more will be given. */
bool pri_reads_ending(pri_row_reader *reader);

void pri_reads_arrived(pri_row_reader *reader, pri_read *read, int64_t result);
void pri_reads_settle(pri_row_reader *reader, pri_read *const *list, size_t n);

typedef struct pri_engine_setup {
    pri_row_reader *reader;
    int             fd;
    uint32_t        depth;
    void (*thread_begins)(void *context); /* may be NULL */
    void *context;
} pri_engine_setup;

typedef struct pri_read_engine {
    const char *name;
    uint32_t    most_depth; /* reads it can have in flight */

    /* Start. PR_E_UNSUPPORTED where the kernel does not have it, or refuses it. */
    pr_status (*open)(const pri_engine_setup *setup, void **out);

    /* There are reads to begin, or the reader ends. NULL: threads wait in pri_reads_begin. */
    void (*wake)(void *engine);

    /* The reader ends (pri_reads_ending): join. NULL is fine. */
    void (*free)(void *engine);
} pri_read_engine;

extern const pri_read_engine pri_read_uring, pri_read_threads;

/* Start a thread with all signals blocked. PR_E_IO when it is refused. */
pr_status pri_engine_thread(void *(*serve)(void *), void *context, pthread_t *out);

#endif
