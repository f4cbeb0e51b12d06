/* room.h: where one batch lives: its node list, row starts and neighbours. Several rooms let
 * several batches of one sampler be read at the same time. */
#ifndef PIPELINE_SAMPLER_ROOM_H
#define PIPELINE_SAMPLER_ROOM_H

#include <packrat/sampler.h>

#include "base/arena.h"

struct pr_batch_room {
    pri_arena arena;
    pr_block  block[PR_MAX_LAYERS];
};

/* Give the bytes of the worst batch the sampler can draw. Cannot fail. */
size_t pri_room_bytes(const pr_sampler *sampler);

#endif
