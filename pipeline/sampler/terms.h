/* terms.h: what one batch is drawn with: seed and fanout of its sampler, or its own. */
#ifndef PIPELINE_SAMPLER_TERMS_H
#define PIPELINE_SAMPLER_TERMS_H

#include "pipeline/sampler/state.h"

typedef struct pri_terms {
    pr_draw          draw;
    uint64_t         stream_key; /* pri_stream_key(seed, PRI_STREAM_SAMPLE) */
    const pr_fanout *fanout;     /* borrowed from the sampler, or from draw.own */
} pri_terms;

/* Give the terms of a draw. PR_E_ARG names the hop, what was found and what is allowed where its
 * own fanout does not fit the sampler, and for an own anything where a cache bias has a say. */
pr_status pri_terms_of(const pr_sampler *sampler, pr_draw draw, pri_terms *out);

/* Give the most neighbours that a row of any draw may keep without keeping all it has: what scratch
 * of rows is sized for. */
uint32_t pri_terms_most_drawn(const pr_sampler *sampler);

#endif
