/* read_desk.h: where reads begin and end: groups of rows in their queues, reads that are idle, in
 * flight, or nap before they are asked for again. Engines' threads come here for work, and whoever
 * wants rows waits here.
 *
 *     pri_desk_begin     gives an engine reads that are to be asked for now
 *     pri_desk_arrived   takes what the kernel said to one, and copies its rows
 *     pri_desk_settle    takes reads back, several at once
 *
 * Any number of threads may be in these calls at a time, with different reads. */
#ifndef CACHE_READ_DESK_H
#define CACHE_READ_DESK_H

#include <pthread.h>

#include "cache/read_arrival.h"
#include "cache/row_reader.h"

enum { PRI_READ_URGENT, PRI_READ_EARLY, PRI_READ_CLASSES };

typedef struct pri_read_group {
    uint64_t    number;    /* 0: never used */
    size_t      waiting;   /* rows not yet begun */
    uint32_t    num_reads; /* begun and not settled, naps included */
    uint32_t    in_flight; /* of them, now with the kernel */
    bool        told;      /* its costs were given to who waited */
    uint64_t    reads_again;
    int64_t     disk_ns, since_ns; /* since_ns: when in_flight became 1 */
    pri_failure failure;           /* of the lowest row; FINE: none */
    uint32_t    next;              /* group behind it in the queue */
} pri_read_group;

typedef struct pri_read_queue {
    pri_write *ring;        /* [mask + 1] */
    size_t     head, tail;  /* rows begun, rows entered */
    uint32_t   first, last; /* groups; PRI_READER_GROUPS: none */
} pri_read_queue;

/* The caller gives layout, target, mask, groups, the rings and the idle reads; the rest is the
 * desk's. */
typedef struct pri_read_desk {
    pri_read_layout layout;
    pri_read_target target;
    size_t          mask;
    pri_read_group *groups; /* [PRI_READER_GROUPS] group g is at g % PRI_READER_GROUPS */
    pri_read_queue  queue[PRI_READ_CLASSES];
    pri_read       *idle;  /* reads to be had */
    pri_read       *again; /* reads to be asked for again */

    pthread_mutex_t lock;
    pthread_cond_t  work; /* engines: there may be something to begin */
    pthread_cond_t  read; /* waiters: a group is read */
    uint32_t        num_waiting;
    bool            asleep; /* the engine begins nothing before it is woken */
    bool            ending;
    uint64_t        num_groups; /* entered so far */
    pri_failure     forgotten;  /* of a group that nobody waited for */
} pri_read_desk;

/* Make and destroy locks and queues. Cannot fail. */
void pri_desk_init(pri_read_desk *desk);
void pri_desk_clear(pri_read_desk *desk);

/* How an engine's thread is to come back. */
typedef enum pri_begin_mode {
    PRI_BEGIN_AT_ONCE, /* with what there is */
    PRI_BEGIN_WAIT     /* when there is something */
} pri_begin_mode;

/* Give reads whose turn it is: those to be asked for again and due, then new ones.
 *
 *   list      [most] out; the engine's until settled
 *   due_ns    out, may be NULL with PRI_BEGIN_WAIT: when one that naps is due; INT64_MAX: none
 *
 * Gives how many. 0 with PRI_BEGIN_WAIT: the desk is closed. */
size_t pri_desk_begin(pri_read_desk *desk, pri_begin_mode mode, size_t most, pri_read **list,
                      int64_t *due_ns);
void   pri_desk_arrived(pri_read_desk *desk, pri_read *read, int64_t result);
void   pri_desk_settle(pri_read_desk *desk, pri_read *const *list, size_t n);

/* Close it: no more reads are given, what is in flight is to be settled. */
void pri_desk_close(pri_read_desk *desk);
bool pri_desk_is_closed(pri_read_desk *desk);

/* Whether n rows of a class, as one more group, have room; at most max_rows may wait for their
 * turn. */
bool pri_desk_has_room(pri_read_desk *desk, int class_of, size_t n, size_t max_rows);

/* Put sorted rows behind the groups of their class; there is room. Gives the group's number.
 *
 *   wake   out: the engine sleeps and is to be woken */
uint64_t pri_desk_enter(pri_read_desk *desk, int class_of, const pri_write *sorted, size_t n,
                        bool *wake);

/* Wait until a group is read; give why it failed. */
pri_failure pri_desk_wait(pri_read_desk *desk, uint64_t number, pr_fetch_cost *cost);

#endif
