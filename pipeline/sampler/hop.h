/* hop.h: one hop of a batch, from the vertices known so far to a block. */
#ifndef PIPELINE_SAMPLER_HOP_H
#define PIPELINE_SAMPLER_HOP_H

#include "pipeline/sampler/room.h"
#include "pipeline/sampler/state.h"
#include "pipeline/sampler/terms.h"

/* Give the kind that draws a hop of this fanout, and its state. */
const pri_kind *pri_hop_kind(const pr_sampler *sampler, uint32_t fanout, void **own);

/* Give the most neighbours one row of such a hop keeps. */
uint32_t pri_hop_most(const pr_sampler *sampler, uint32_t fanout);

/* Give the bytes of sampler->arena that drawing the worst hop takes. */
size_t pri_hop_scratch(const pr_sampler *sampler);

/* Build block `index` in the room: the vertices known so far are its destinations, and their
 * neighbours are appended to the list. PR_E_FULL when there are more than 2^32 - 1 edges, or
 * may be where a loose kind draws them. */
pr_status pri_hop_draw(pr_sampler *sampler, pr_batch_room *room, const pri_terms *terms,
                       uint32_t index);

#endif
