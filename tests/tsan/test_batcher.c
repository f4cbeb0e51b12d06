/* test_batcher.c: clients hand in queries, some with deadlines, lanes take batches, are sent on
 * errands and replaced by others, while the queue is small and in the end drained. Every query that
 * was taken is done once, and no batch has queries that are not equal. Nothing may race (the
 * sanitizer looks). */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "support/support.h"

#include "pipeline/serve/batcher.h"

enum { CLIENTS = 4, PER_CLIENT = 6, ROUNDS = 150, LANES = 2, MAX_NODES = 12, MAX_REQUESTS = 15 };

typedef struct rig rig;

typedef struct client {
    rig      *own;
    pri_query query[PER_CLIENT];
    uint32_t  num_done[PER_CLIENT]; /* written by whoever answers, read behind the semaphore */
    sem_t     done;
    uint64_t  taken, refused, late;
    uint64_t  key;
    pthread_t thread;
} client;

typedef struct lane {
    rig      *own;
    pri_desk  desk;
    uint32_t  errands;
    uint64_t  batches;
    sem_t     errand_done;
    pthread_t thread;
} lane;

struct rig {
    pri_batcher     *batcher;
    client           client[CLIENTS];
    lane             lane[LANES];
    _Atomic uint32_t clients; /* that are there */
};

static uint32_t num_clients(void *context)
{
    return atomic_load(&((rig *)context)->clients) * PER_CLIENT;
}

static void done(void *context, pri_query *query)
{
    client *c = context;
    c->num_done[query - c->query]++;
    sem_post(&c->done);
}

static void submit(client *c, uint32_t i, test_rng *rng)
{
    pri_query     *q   = &c->query[i];
    const int64_t  now = pr_now_ns();
    const uint32_t due = test_below(rng, 4);

    *q             = (pri_query){ .kind        = PRI_QUERY_INFER,
                                  .num_nodes   = 1 + test_below(rng, 5),
                                  .seed        = test_below(rng, 2),
                                  .arrived_ns  = now,
                                  .deadline_ns = due == 0 ? now + test_below(rng, 200000) : INT64_MAX,
                                  .done        = done,
                                  .context     = c };
    c->num_done[i] = 0;
    if (pri_batcher_submit(c->own->batcher, q) == PR_OK) {
        c->taken++;
        return;
    }
    c->refused++;
    c->num_done[i] = 1;
    sem_post(&c->done);
}

static void *ask(void *argument)
{
    client  *c   = argument;
    test_rng rng = { .key = c->key };

    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < PER_CLIENT; i++) submit(c, i, &rng);
        for (uint32_t i = 0; i < PER_CLIENT; i++)
            while (sem_wait(&c->done) != 0) continue;
        for (uint32_t i = 0; i < PER_CLIENT; i++) {
            assert_int_equal(c->num_done[i], 1);
            c->late += c->query[i].outcome == PRI_LATE;
        }
    }
    atomic_fetch_sub(&c->own->clients, 1);
    return NULL;
}

static void answer(lane *l, pri_company *company)
{
    uint64_t   nodes = 0;
    uint32_t   num   = 0;
    pri_query *last  = NULL;

    for (pri_query *q = company->first; q; q = q->next, num++) {
        assert_int_equal(q->seed, company->first->seed);
        nodes += q->num_nodes;
        last = q;
    }
    assert_true(nodes <= MAX_NODES);
    last->next = pri_batcher_join(l->own->batcher, company, 3);
    for (const pri_query *q = last->next; q; q = q->next, num++)
        assert_int_equal(q->seed, company->first->seed);
    assert_int_equal(num, company->num);
    assert_true(company->num_waiting >= num);
    for (pri_query *q = company->first, *next; q; q = next) {
        next       = q->next;
        q->outcome = PRI_ANSWERED;
        q->done(q->context, q);
    }
    l->batches++;
    pri_batcher_finish(l->own->batcher, company->num);
}

static void *work(void *argument)
{
    lane       *l = argument;
    pri_company company;

    for (;;) switch (pri_batcher_next(l->own->batcher, &l->desk, &company)) {
        case PRI_CALL_END: return NULL;
        case PRI_CALL_ERRAND:
            l->errands++;
            sem_post(&l->errand_done);
            break;
        case PRI_CALL_BATCH: answer(l, &company); break;
        }
}

static void begin_lane(rig *r, uint32_t i)
{
    lane *l = &r->lane[i];

    l->own  = r;
    l->desk = (pri_desk){ 0 };
    assert_int_equal(pthread_create(&l->thread, NULL, work, l), 0);
}

static void end_lane(rig *r, uint32_t i)
{
    pri_batcher_end(r->batcher, &r->lane[i].desk);
    pthread_join(r->lane[i].thread, NULL);
}

static void every_query_is_done_once_whatever_lanes_do(void **state)
{
    (void)state;
    static rig              r;
    const pri_batcher_setup setup = { .max_requests = MAX_REQUESTS,
                                      .max_nodes    = MAX_NODES,
                                      .max_delay_ns = 50000,
                                      .num_clients  = num_clients,
                                      .context      = &r };

    const uint64_t seed = test_seed();
    assert_ok(pri_batcher_create(&setup, &r.batcher));
    atomic_store(&r.clients, CLIENTS);
    for (uint32_t i = 0; i < LANES; i++) {
        sem_init(&r.lane[i].errand_done, 0, 0);
        begin_lane(&r, i);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        r.client[i].own = &r;
        r.client[i].key = seed + i;
        sem_init(&r.client[i].done, 0, 0);
        assert_int_equal(pthread_create(&r.client[i].thread, NULL, ask, &r.client[i]), 0);
    }
    for (uint32_t i = 0; atomic_load(&r.clients) > 0; i++) { /* lanes come and go meanwhile */
        lane *l = &r.lane[i % LANES];
        pri_batcher_errand(r.batcher, &l->desk);
        while (sem_wait(&l->errand_done) != 0) continue;
        if (i % 7 == 0) {
            end_lane(&r, i % LANES);
            begin_lane(&r, i % LANES);
        }
        assert_true(pri_batcher_depth(r.batcher) <= MAX_REQUESTS);
    }
    uint64_t taken = 0, refused = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        pthread_join(r.client[i].thread, NULL);
        taken += r.client[i].taken;
        refused += r.client[i].refused;
        sem_destroy(&r.client[i].done);
    }
    assert_int_equal(taken + refused, CLIENTS * PER_CLIENT * ROUNDS);
    assert_true(taken > 0);
    pri_batcher_close(r.batcher);
    pri_batcher_wait(r.batcher);
    for (uint32_t i = 0; i < LANES; i++) {
        end_lane(&r, i);
        sem_destroy(&r.lane[i].errand_done);
    }
    pri_batcher_free(r.batcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_is_done_once_whatever_lanes_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
