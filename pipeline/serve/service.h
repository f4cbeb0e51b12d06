/* service.h: the engine behind the server: requests join batches, lanes compute them.
 *
 *     submit -> queue -> batch -> lane: step (sampler, cache, nn) -> rows to each query -> done
 *
 * A batch is drawn as step 0 of phase infer with the server's seed, so that an answer is that of
 * `packrat infer --mode sampled --seed S --fanout F`, whoever shares the batch. Queries with
 * another seed or fanout share batches with equals only.
 *
 * A generation (generation.h) is a checkpoint made ready: model, lanes with sampler and tape, and
 * the rows their caches hold. Lanes of the current generation take batches; a new one takes over
 * between two batches, and no query notices. */
#ifndef PIPELINE_SERVE_SERVICE_H
#define PIPELINE_SERVE_SERVICE_H

#include <packrat/serve.h>

#include "pipeline/serve/queries.h"
#include "pipeline/serve/record.h"

typedef struct pri_service pri_service;

/* What a service is made of; borrowed for as long as it lives. */
typedef struct pri_service_setup {
    const pr_serve_setup *options;
    const pr_dataset     *dataset;
    const pr_topo        *topo;
    const pr_plan        *plan;   /* of lanes and their threads */
    const pr_tuning      *tuning; /* NULL: defaults */
    pri_record           *record; /* may be NULL */
    /* NULL, or gives how many connections are open: with as many queries in the queue nobody else
     * can join, and a batch begins at once */
    uint32_t (*num_clients)(void *context);
    void *context;
} pri_service_setup;

/* Load the checkpoint of the options, open the store, make lanes and start them. PR_E_MISMATCH as
 * eval and infer have it; PR_E_ARG for fanouts that do not fit the model. */
pr_status pri_service_create(const pri_service_setup *setup, pri_service **out);

/* Hand in a query. Any thread. Never waits: PR_OK, and done is called later; or not PR_OK, outcome
 * and reason say why (queue full, draining, a fanout beyond --fanout.max, too many nodes), and done
 * is not called. */
pr_status pri_service_submit(pri_service *service, pri_query *query);

/* Load the checkpoint again, from the same path, and let it take over. Any one thread at a time,
 * not a lane's; takes as long as loading does, while the old one answers. On failure the old one
 * stays, and the error is the caller's. */
pr_status pri_service_reload(pri_service *service, uint64_t *version);

/* What the current generation is. */
typedef struct pri_service_facts {
    uint64_t           version; /* 1, 2, ... */
    pr_model_shape     shape;
    pr_checkpoint_info info;
    pr_fanout          fanout, max_fanout;
    uint64_t           seed;
    uint32_t           num_features, num_lanes;
    pr_vid             num_nodes;
    uint64_t           capacity_rows, resident_rows; /* of all lanes */
    bool               derived;                      /* in all of them */
    uint32_t           queue_depth;
} pri_service_facts;
void pri_service_describe(pri_service *service, pri_service_facts *out); /* any thread */

/* Refuse what is handed in from now on; wait until all that was taken is done. Any thread. */
void pri_service_drain(pri_service *service);

void pri_service_free(pri_service *service); /* drains; NULL is fine */

#endif
