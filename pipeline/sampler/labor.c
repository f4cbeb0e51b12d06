/* labor.c: the kind labor; labor.h has the definition. */
#include "pipeline/sampler/labor.h"

#include "base/isa.h"
#include "base/mem.h"
#include "pipeline/sampler/labor_row.h"
#include "pipeline/sampler/terms.h"

pri_labor_keys pri_labor_keys_of(uint64_t stream_key, pr_draw draw, uint32_t kappa)
{
    const uint64_t key   = pri_mix64(stream_key + UINT64_C(0x4c41424f52) + (uint64_t)draw.phase);
    const uint64_t epoch = draw.step / kappa;
    const uint64_t past  = draw.step % kappa;

    /* Later are those with phase_t >= kappa - past, that is a_t >= (kappa - past) 2^32 / kappa;
     * with past = 0 that is 2^32, and none are. */
    const uint64_t later_from = (((kappa - past) << 32) + kappa - 1) / kappa;
    return (pri_labor_keys){
        .of_vertex = (uint32_t)key,
        .old_up_to = (uint32_t)(later_from - 1),
        .epoch     = { (uint32_t)pri_mix64(key + 1 + epoch), (uint32_t)pri_mix64(key + 2 + epoch) },
    };
}

static void free_labor(void *own)
{
    pri_labor *labor = own;

    if (!labor) return;
    for (uint32_t t = 0; labor->sift && t < labor->threads; t++) {
        pri_free(labor->sift[t].id);
        pri_free(labor->sift[t].key);
        pri_free(labor->sift[t].work);
    }
    pri_free(labor->sift);
    pri_labor_recent_clear(&labor->recent);
    pri_free(labor);
}

static void ranges_of(const void *own, pr_ranges *ranges)
{
    const pri_labor *labor = own;

    if (labor->bias > 1) pri_labor_recent_ranges(&labor->recent, ranges);
}

static pr_status create(const pr_sampler *sampler, void **own)
{
    pr_status                 st      = PR_OK;
    const pr_sampler_options *options = &sampler->options;
    const uint32_t            room    = pri_labor_sift_room(pri_terms_most_drawn(sampler));
    pri_labor                *labor   = NULL;

    PR_NEW(labor, 1);
    labor->kappa   = options->kappa;
    labor->bias    = options->cache_bias;
    labor->drifts  = options->kappa_form == PR_KAPPA_DRIFT;
    labor->threads = sampler->threads;
    labor->isa     = pri_labor_isa_of(pri_isa_at_most(options->isa));
    PR_NEW(labor->sift, labor->threads);
    for (uint32_t t = 0; t < labor->threads; t++) {
        PR_NEW(labor->sift[t].id, room);
        PR_NEW(labor->sift[t].key, room);
        PR_NEW(labor->sift[t].work, room);
    }
    if (labor->bias > 1)
        PR_TRY(pri_labor_recent_init(&labor->recent, sampler->graph.num_nodes,
                                     pr_sampler_max_inputs(sampler), options->bias_window));
    *own  = labor;
    labor = NULL;
done:
    free_labor(labor);
    return st;
}

static void begin(void *own, pr_draw draw, uint64_t stream_key)
{
    pri_labor *labor = own;

    labor->keys   = pri_labor_keys_of(stream_key, draw, labor->kappa);
    labor->biased = labor->bias > 1 && draw.phase == PR_PHASE_TRAIN;
    if (labor->drifts) labor->drift = pri_drift_of(draw.step, labor->kappa);
    if (labor->biased) pri_labor_recent_begin(&labor->recent, draw.step);
}

static void end(void *own, pr_draw draw, pr_vids nodes)
{
    pri_labor *labor = own;
    if (labor->biased) pri_labor_recent_add(&labor->recent, draw.step, nodes);
}

static void read_rows(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    const pri_labor *labor = own;

    if (labor->biased || labor->drifts)
        pri_labor_rows(labor, hop, begin, end, &labor->sift[thread]);
    else
        labor->isa->read(labor, hop, begin, end, &labor->sift[thread]);
}

const pri_kind pri_kind_labor = {
    .create = create,
    .free   = free_labor,
    .ranges = ranges_of,
    .begin  = begin,
    .read   = read_rows,
    .end    = end,
};
