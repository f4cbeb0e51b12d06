/* batcher.h: where queries wait until lanes take them, a batch at a time.
 *
 * The next batch is that of the oldest query; its equals (waitlist.h) come along as far as there is
 * room, others wait their turn. It begins when
 *
 *     it is full, or
 *     its oldest query has waited for max_delay_ns, or
 *     as many queries are here as there are clients: nobody else can join, or
 *     nothing more will come.
 *
 * A deadline that passes while a query waits is answered at once, by a thread that keeps them. */
#ifndef PIPELINE_SERVE_BATCHER_H
#define PIPELINE_SERVE_BATCHER_H

#include "pipeline/serve/waitlist.h"

typedef struct pri_batcher pri_batcher;

typedef struct pri_batcher_setup {
    uint32_t max_requests; /* that wait */
    uint32_t max_nodes;    /* of a batch */
    int64_t  max_delay_ns;
    uint32_t (*num_clients)(void *context); /* NULL: not known. Any thread; must not block */
    void *context;
} pri_batcher_setup;

pr_status pri_batcher_create(const pri_batcher_setup *setup, pri_batcher **out);

/* Drain first; no lane may wait. NULL is fine. */
void pri_batcher_free(pri_batcher *batcher);

/* Take a query in; done is called later. PR_E_FULL with outcome and reason where it is full, or
 * nothing more is taken. Any thread; never waits. */
pr_status pri_batcher_submit(pri_batcher *batcher, pri_query *query);

/* What a lane is to do next. */
typedef enum pri_call { PRI_CALL_BATCH, PRI_CALL_ERRAND, PRI_CALL_END } pri_call;

/* Where a lane is called to other things than batches, between two of them; zeroed at first. */
typedef struct pri_desk {
    bool errand, end; /* the batcher's */
} pri_desk;

/* Queries that are answered together. */
typedef struct pri_company {
    pri_query *first;       /* linked by next, oldest first */
    uint32_t   num;         /* of them */
    uint32_t   num_waiting; /* queries that waited when the last were taken, all of it included */
    bool       cut;         /* equals had to stay */
    int64_t    taken_ns;
} pri_company;

/* Wait for the next thing to do; an errand is given once. A company that was taken is to be
 * finished. */
pri_call pri_batcher_next(pri_batcher *batcher, pri_desk *desk, pri_company *out);

/* Have equals join a company, as far as they have no more than max_nodes nodes. Gives the first of
 * them, NULL for none. */
pri_query *pri_batcher_join(pri_batcher *batcher, pri_company *company, uint64_t max_nodes);

/* All of a company were answered: done has returned. */
void pri_batcher_finish(pri_batcher *batcher, uint32_t num);

/* Call a lane; at once if it waits, else after its batch. Any thread. */
void pri_batcher_errand(pri_batcher *batcher, pri_desk *desk);
void pri_batcher_end(pri_batcher *batcher, pri_desk *desk);

uint32_t pri_batcher_depth(pri_batcher *batcher); /* queries that wait; any thread */

/* Refuse what comes from now on. Any thread. */
void pri_batcher_close(pri_batcher *batcher);

/* Wait until all that was taken in is done; after close, while lanes work. Any thread. */
void pri_batcher_wait(pri_batcher *batcher);

#endif
