/* batcher.c: one lock, and three kinds of threads that wait: lanes for batches, the keeper for
 * deadlines, and whoever drains.
 *
 * Of the lanes that wait one watches the clock, when there is a batch to come that may not begin
 * yet. Who hands in a query wakes a lane where its batch may begin, or where nobody watches; so a
 * batch costs two wake-ups at most, however many queries it has. */
#include "pipeline/serve/batcher.h"

#include "base/thread.h"

struct pri_batcher {
    pri_batcher_setup setup;
    pthread_mutex_t   lock;
    pthread_cond_t    work; /* for lanes */
    pthread_cond_t    late; /* for the keeper */
    pthread_cond_t    quiet;
    pri_waitlist     *waiting;
    uint32_t          num_idle;     /* lanes that wait */
    uint32_t          num_watching; /* of those, who wake by themselves */
    uint32_t          num_open;     /* queries that are not done */
    uint32_t          num_taken;    /* of those, that lanes have */
    bool              closed, ending;
    int64_t           keeper_until; /* the keeper wakes by itself then */
    pthread_t         keeper;
    bool              has_keeper;
};

/* ---- queries that are too late ---- */

/* Answer those that were taken out late; without the lock. Gives how many. */
static uint32_t answer_late(pri_query *first)
{
    uint32_t num = 0;

    for (pri_query *q = first, *next; q; q = next, num++) {
        next        = q->next;
        q->outcome  = PRI_LATE;
        q->queue_ns = pr_now_ns() - q->arrived_ns;
        snprintf(q->reason, sizeof q->reason, "the deadline passed after %.3f ms in the queue",
                 (double)q->queue_ns / 1e6);
        q->done(q->context, q);
    }
    return num;
}

/* With the lock, which is given up meanwhile. */
static void end_late(pri_batcher *b, pri_query *first)
{
    if (!first) return;
    pthread_mutex_unlock(&b->lock);
    const uint32_t num = answer_late(first);
    pthread_mutex_lock(&b->lock);
    b->num_open -= num;
    if (b->num_open == 0) pthread_cond_broadcast(&b->quiet);
}

static void *keep(void *argument)
{
    pri_batcher *b = argument;

    pthread_mutex_lock(&b->lock);
    while (!b->ending) {
        const int64_t deadline = pri_waitlist_deadline(b->waiting);
        const int64_t now      = deadline == INT64_MAX ? 0 : pr_now_ns();
        if (deadline <= now) {
            end_late(b, pri_waitlist_take_late(b->waiting, now));
            continue;
        }
        b->keeper_until = deadline;
        pri_cond_wait_until(&b->late, &b->lock, deadline);
        b->keeper_until = 0; /* awake: it looks by itself */
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* ---- batches ---- */

/* Tell whether the next batch is as large as it will be; whoever has the lock. */
static bool is_complete(const pri_batcher *b)
{
    const pri_batcher_setup *s = &b->setup;

    if (b->closed || pri_waitlist_nodes(b->waiting) >= s->max_nodes) return true;
    return s->num_clients &&
           pri_waitlist_num(b->waiting) + b->num_taken >= s->num_clients(s->context);
}

/* Give when the next batch begins at the latest; there is one. */
static int64_t begins_ns(const pri_batcher *b)
{
    return pri_waitlist_oldest(b->waiting)->arrived_ns + b->setup.max_delay_ns;
}

/* Wake a lane where one is needed. */
static void wake(pri_batcher *b)
{
    if (b->num_idle > 0 && (b->num_watching == 0 || is_complete(b))) pthread_cond_signal(&b->work);
}

static void idle(pri_batcher *b, int64_t until_ns)
{
    const bool watching = until_ns != INT64_MAX;

    b->num_idle++;
    b->num_watching += watching;
    pri_cond_wait_until(&b->work, &b->lock, until_ns);
    b->num_watching -= watching;
    b->num_idle--;
}

static void take(pri_batcher *b, int64_t now, pri_company *out)
{
    out->num_waiting = pri_waitlist_num(b->waiting);
    out->taken_ns    = now;
    out->first       = pri_waitlist_take(b->waiting, b->setup.max_nodes, &out->num, &out->cut);
    b->num_taken += out->num;
    if (pri_waitlist_num(b->waiting) > 0) wake(b); /* for the batch behind */
}

pri_call pri_batcher_next(pri_batcher *b, pri_desk *desk, pri_company *out)
{
    pri_call call = PRI_CALL_END;

    pthread_mutex_lock(&b->lock);
    while (!desk->end) {
        if (desk->errand) {
            desk->errand = false;
            call         = PRI_CALL_ERRAND;
            break;
        }
        if (!pri_waitlist_oldest(b->waiting)) {
            idle(b, INT64_MAX);
            continue;
        }
        const int64_t now = pr_now_ns();
        if (pri_waitlist_deadline(b->waiting) <= now) {
            end_late(b, pri_waitlist_take_late(b->waiting, now));
        } else if (now >= begins_ns(b) || is_complete(b)) {
            take(b, now, out);
            call = PRI_CALL_BATCH;
            break;
        } else {
            idle(b, begins_ns(b));
        }
    }
    /* a wake-up that came with a query is not lost with a lane that goes */
    if (call != PRI_CALL_BATCH && pri_waitlist_oldest(b->waiting)) wake(b);
    pthread_mutex_unlock(&b->lock);
    return call;
}

pri_query *pri_batcher_join(pri_batcher *b, pri_company *company, uint64_t max_nodes)
{
    uint32_t num;

    pthread_mutex_lock(&b->lock);
    company->num_waiting = company->num + pri_waitlist_num(b->waiting);
    pri_query *more = pri_waitlist_join(b->waiting, company->first, max_nodes, &num, &company->cut);
    b->num_taken += num;
    pthread_mutex_unlock(&b->lock);
    company->num += num;
    return more;
}

void pri_batcher_finish(pri_batcher *b, uint32_t num)
{
    pthread_mutex_lock(&b->lock);
    b->num_taken -= num;
    b->num_open -= num;
    if (b->num_open == 0) pthread_cond_broadcast(&b->quiet);
    pthread_mutex_unlock(&b->lock);
}

/* ---- from outside ---- */

pr_status pri_batcher_create(const pri_batcher_setup *setup, pri_batcher **out)
{
    pr_status    st = PR_OK;
    pri_batcher *b  = NULL;

    *out = NULL;
    PR_NEW(b, 1);
    b->setup = *setup;
    pthread_mutex_init(&b->lock, NULL);
    (void)pri_cond_init(&b->work);
    (void)pri_cond_init(&b->late);
    (void)pri_cond_init(&b->quiet);
    PR_TRY(pri_waitlist_create(setup->max_requests, &b->waiting));
    PR_TRY(pri_thread_start(keep, b, "the keeper of deadlines", &b->keeper));
    b->has_keeper = true;
    *out          = b;
    b             = NULL;
done:
    pri_batcher_free(b);
    return st;
}

void pri_batcher_free(pri_batcher *b)
{
    if (!b) return;
    if (b->has_keeper) {
        pthread_mutex_lock(&b->lock);
        b->ending = true;
        pthread_cond_signal(&b->late);
        pthread_mutex_unlock(&b->lock);
        pthread_join(b->keeper, NULL);
    }
    pri_waitlist_free(b->waiting);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->late);
    pthread_cond_destroy(&b->quiet);
    pthread_mutex_destroy(&b->lock);
    pri_free(b);
}

static pr_status refuse(const pri_batcher *b, pri_query *query, bool closed)
{
    pr_status st = PR_OK;

    query->outcome = closed ? PRI_DRAINING : PRI_QUEUE_FULL;
    if (closed)
        snprintf(query->reason, sizeof query->reason,
                 "the server is about to end, and takes no more requests");
    else
        snprintf(query->reason, sizeof query->reason,
                 "%u requests wait, the most that may (--queue.max-requests)",
                 b->setup.max_requests);
    PR_RAISE(PR_E_FULL, "%s", query->reason);
done:
    return st;
}

pr_status pri_batcher_submit(pri_batcher *b, pri_query *query)
{
    pthread_mutex_lock(&b->lock);
    const bool closed = b->closed;
    const bool taken  = !closed && pri_waitlist_put(b->waiting, query);
    if (taken) {
        b->num_open++;
        wake(b);
        if (query->deadline_ns < b->keeper_until) pthread_cond_signal(&b->late);
    }
    pthread_mutex_unlock(&b->lock);
    return taken ? PR_OK : refuse(b, query, closed);
}

void pri_batcher_errand(pri_batcher *b, pri_desk *desk)
{
    pthread_mutex_lock(&b->lock);
    desk->errand = true;
    pthread_cond_broadcast(&b->work);
    pthread_mutex_unlock(&b->lock);
}

void pri_batcher_end(pri_batcher *b, pri_desk *desk)
{
    pthread_mutex_lock(&b->lock);
    desk->end = true;
    pthread_cond_broadcast(&b->work);
    pthread_mutex_unlock(&b->lock);
}

uint32_t pri_batcher_depth(pri_batcher *b)
{
    pthread_mutex_lock(&b->lock);
    const uint32_t depth = pri_waitlist_num(b->waiting);
    pthread_mutex_unlock(&b->lock);
    return depth;
}

void pri_batcher_close(pri_batcher *b)
{
    pthread_mutex_lock(&b->lock);
    b->closed = true;
    pthread_cond_broadcast(&b->work);
    pthread_mutex_unlock(&b->lock);
}

void pri_batcher_wait(pri_batcher *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->num_open > 0) pthread_cond_wait(&b->quiet, &b->lock);
    pthread_mutex_unlock(&b->lock);
}
