/* terms.c: whether a batch's own fanout fits what its sampler has room for.
 *
 * Rooms, scratch and everything that comes behind a sampler are sized for the worst batch of its
 * fanouts. A smaller fanout at a hop never makes a larger batch: fewer neighbours are fewer
 * destinations of the next hop. The exception is kind replace, which may draw more neighbours than
 * there are: its hops of fanout all have room for all there are, and no more. */
#include "pipeline/sampler/terms.h"

#include "base/rng.h"

/* Write what a hop of this fanout allows, or what it is. */
static const char *in_words(uint32_t fanout, const char *before, char text[24])
{
    if (fanout == PR_FANOUT_ALL)
        snprintf(text, 24, "%s", before[0] ? "1..65535 or all" : "all");
    else
        snprintf(text, 24, "%s%u", before, fanout);
    return text;
}
_Static_assert(PR_FANOUT_MAX == 65535, "as written above");

static pr_status check_fanout(const pr_sampler *sampler, const pr_fanout *own)
{
    pr_status        st  = PR_OK;
    const pr_fanout *has = &sampler->fanout;
    char             found[24], allowed[24];

    PR_CHECK(own->num_layers == has->num_layers, PR_E_ARG,
             "the batch's own fanout has %u hops, must have the sampler's %u", own->num_layers,
             has->num_layers);
    for (uint32_t h = 0; h < own->num_layers; h++) {
        const uint32_t value = own->hop[h], most = has->hop[h];
        const bool     legal = value == PR_FANOUT_ALL || (value >= 1 && value <= PR_FANOUT_MAX);
        PR_CHECK(legal && value <= most, PR_E_ARG,
                 "the batch's own fanout of hop %u is %s, must be %s", h,
                 in_words(value, "", found), in_words(most, "1..", allowed));
        PR_CHECK(value == most || most != PR_FANOUT_ALL ||
                     sampler->options.kind != PR_SAMPLER_REPLACE,
                 PR_E_ARG,
                 "the batch's own fanout of hop %u is %u, must be all: --sampler replace may draw "
                 "more neighbours than there are, and the sampler has room for all",
                 h, value);
    }
done:
    return st;
}

pr_status pri_terms_of(const pr_sampler *sampler, pr_draw draw, pri_terms *out)
{
    pr_status          st  = PR_OK;
    const pr_draw_own *own = draw.own;

    *out = (pri_terms){ draw, sampler->stream_key, &sampler->fanout };
    if (!own) goto done;
    PR_CHECK(sampler->options.cache_bias <= 1 || draw.phase != PR_PHASE_TRAIN, PR_E_ARG,
             "a training batch with a seed or fanout of its own where --cache-bias is %u, must be "
             "1: what it remembers are batches of the sampler's",
             sampler->options.cache_bias);
    if (own->has_seed) out->stream_key = pri_stream_key(own->seed, PRI_STREAM_SAMPLE);
    if (own->fanout) {
        PR_TRY(check_fanout(sampler, own->fanout));
        out->fanout = own->fanout;
    }
done:
    return st;
}

uint32_t pri_terms_most_drawn(const pr_sampler *sampler)
{
    const uint32_t longest = sampler->longest > 0 ? sampler->longest - 1 : 0;
    const uint32_t bound   = longest < PR_FANOUT_MAX ? longest : PR_FANOUT_MAX;
    uint32_t       most    = 0;

    for (uint32_t h = 0; h < sampler->fanout.num_layers; h++) {
        const uint32_t value = sampler->fanout.hop[h] < bound ? sampler->fanout.hop[h] : bound;
        if (value > most) most = value;
    }
    return most;
}
