/* service.c: queue, batches and lanes put together. Who hands in a query sees the batcher; what
 * happens then is company.c's. Here are what a query may be, and the passage from one generation to
 * the next. */
#include "pipeline/serve/service.h"

#include <pthread.h>

#include "pipeline/sampler/timeless.h"
#include "pipeline/serve/commons.h"

struct pri_service {
    pri_commons     commons;
    pthread_mutex_t lock; /* of what `current` points to, for those that are not its lanes */
    pri_generation *current;
};

/* ---- made and freed ---- */

static pr_status check_setup(const pri_service_setup *setup)
{
    pr_status st = PR_OK;

    PR_TRY(pr_options_check(&pr_serve_option_table, &setup->options->serve));
    PR_TRY(pr_options_check(&pr_sampler_option_table, &setup->options->sampler));
    PR_CHECK(setup->options->serve.checkpoint[0], PR_E_ARG,
             "--checkpoint is missing: the file that training wrote");
    PR_CHECK(setup->plan->num_lanes >= 1 && setup->plan->num_lanes <= PR_MAX_LANES, PR_E_ARG,
             "the plan has %u lanes, must have 1..%u", setup->plan->num_lanes, PR_MAX_LANES);
done:
    return st;
}

static pr_status open_first(pri_service *service)
{
    pr_status    st      = PR_OK;
    pri_commons *commons = &service->commons;

    PR_TRY(pri_generation_load(commons, 1, &service->current));
    const pr_model_shape *shape   = &service->current->shape;
    const int             derived = commons->setup.options->serve.derived;
    pri_commons_size(commons, derived == PR_DERIVED_OFF ? 0 : pri_nn_derived_cols(shape));
    PR_TRY(pri_commons_open_store(commons, service->current->clerk[0].lane));
    PR_TRY(pri_generation_equip(service->current, NULL));
    PR_TRY(pri_generation_say_where(service->current));
    pri_generation_start(service->current);
done:
    return st;
}

pr_status pri_service_create(const pri_service_setup *setup, pri_service **out)
{
    pr_status    st      = PR_OK;
    pri_service *service = NULL;

    *out = NULL;
    PR_TRY(check_setup(setup));
    const pr_serve_options *options = &setup->options->serve;
    const pri_batcher_setup batches = { .max_requests = options->queue_max_requests,
                                        .max_nodes    = options->batch_max_nodes,
                                        .max_delay_ns = 1000 * (int64_t)options->batch_max_delay_us,
                                        .num_clients  = setup->num_clients,
                                        .context      = setup->context };
    PR_NEW(service, 1);
    service->commons.setup    = *setup;
    service->commons.sampling = setup->options->sampler;
    pri_sampler_timeless(&service->commons.sampling);
    pthread_mutex_init(&service->lock, NULL);
    PR_TRY(pri_batcher_create(&batches, &service->commons.batcher));
    PR_TRY(open_first(service));
    *out    = service;
    service = NULL;
done:
    pri_service_free(service);
    return st;
}

void pri_service_drain(pri_service *service)
{
    pri_batcher_close(service->commons.batcher);
    pri_batcher_wait(service->commons.batcher);
}

void pri_service_free(pri_service *service)
{
    if (!service) return;
    pri_generation *last = service->current;
    if (last && last->clerk[0].works) {
        pri_service_drain(service);
        pri_generation_stop(last);
        (void)pri_generation_say_where(last);
    }
    pri_generation_free(last);
    pr_store_free(service->commons.store);
    pri_batcher_free(service->commons.batcher);
    pthread_mutex_destroy(&service->lock);
    pri_free(service);
}

/* ---- queries ---- */

static pri_widest widest_of(pri_service *service)
{
    pthread_mutex_lock(&service->lock);
    const pri_widest widest = service->current->widest;
    pthread_mutex_unlock(&service->lock);
    return widest;
}

static pr_status check_query(pri_service *service, const pri_query *query)
{
    pr_status      st        = PR_OK;
    const uint32_t most      = service->commons.setup.options->serve.batch_max_nodes;
    const pr_vid   num_nodes = service->commons.setup.dataset->graph.num_nodes;

    PR_CHECK(query->num_nodes >= 1 && query->num_nodes <= most, PR_E_ARG,
             "a request has 1..%u nodes (--batch.max-nodes), this one %u", most, query->num_nodes);
    for (uint32_t i = 0; i < query->num_nodes; i++)
        PR_CHECK(query->nodes[i] < num_nodes, PR_E_ARG, "node %u is %u, must be below %u", i,
                 query->nodes[i], num_nodes);
    if (query->kind == PRI_QUERY_INFER && query->own_fanout) {
        const pri_widest widest = widest_of(service);
        PR_TRY(pri_widest_check(&widest, "fanout", &query->fanout));
    }
done:
    return st;
}

pr_status pri_service_submit(pri_service *service, pri_query *query)
{
    query->reason[0]     = '\0';
    query->shed          = false;
    query->model_version = 0;
    query->used_fanout   = (pr_fanout){ 0 };
    query->queue_ns = query->compute_ns = query->batch_step = PR_NULL_INT;
    query->logits.cols = query->hidden.cols = 0;
    if (!query->own_seed) query->seed = service->commons.setup.options->serve.seed;
    const pr_status st = check_query(service, query);
    if (st == PR_OK) return pri_batcher_submit(service->commons.batcher, query);
    query->outcome = PRI_REFUSED;
    snprintf(query->reason, sizeof query->reason, "%s", pr_error_message());
    return st;
}

/* ---- the next generation ---- */

pr_status pri_service_reload(pri_service *service, uint64_t *version)
{
    pr_status             st   = PR_OK;
    pri_generation       *next = NULL;
    pri_generation *const old  = service->current; /* nobody else changes it */

    *version = old->version;
    PR_TRY(pri_generation_load(&service->commons, old->version + 1, &next));
    PR_TRY(pri_generation_equip(next, old));
    pri_generation_warm(next, old);
    /* from here nothing fails */
    pri_generation_stop(old);
    pri_generation_inherit(next, old);
    pthread_mutex_lock(&service->lock);
    service->current = next;
    pthread_mutex_unlock(&service->lock);
    pri_generation_start(next);
    *version = next->version;
    next     = old;
done:
    pri_generation_free(next);
    return st;
}

void pri_service_describe(pri_service *service, pri_service_facts *out)
{
    const pri_service_setup *setup = &service->commons.setup;

    pthread_mutex_lock(&service->lock);
    pri_generation *g = service->current;
    *out              = (pri_service_facts){ .version      = g->version,
                                             .shape        = g->shape,
                                             .info         = g->info,
                                             .fanout       = g->fanout,
                                             .max_fanout   = g->widest.fanout,
                                             .seed         = setup->options->serve.seed,
                                             .num_features = setup->dataset->features.num_cols,
                                             .num_lanes    = g->num_clerks,
                                             .num_nodes    = setup->dataset->graph.num_nodes,
                                             .derived      = true };
    for (uint32_t i = 0; i < g->num_clerks; i++) {
        out->capacity_rows += atomic_load(&g->clerk[i].capacity_rows);
        out->resident_rows += atomic_load(&g->clerk[i].resident_rows);
        out->derived = out->derived && atomic_load(&g->clerk[i].derived);
    }
    pthread_mutex_unlock(&service->lock);
    out->queue_depth = pri_batcher_depth(service->commons.batcher);
}
