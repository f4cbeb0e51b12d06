/* echo.c: see echo.h. */
#include "pipeline/echo.h"

#include "base/check.h"
#include "pipeline/shuffle.h"

uint64_t pri_echo_steps(pri_echo echo, uint64_t num_seeds, uint32_t batch_size)
{
    return (num_seeds + batch_size - 1) / batch_size * echo.times;
}

pri_echo_place pri_echo_find(pri_echo echo, uint64_t num_seeds, uint32_t batch_size, uint64_t step)
{
    const uint64_t batches = (num_seeds + batch_size - 1) / batch_size;
    const uint64_t block   = step / ((uint64_t)echo.times * echo.pool);
    const uint64_t within  = step - block * echo.times * echo.pool;
    const uint64_t left    = batches - block * echo.pool;
    const uint64_t pool    = left < echo.pool ? left : echo.pool; /* of the last block */
    const uint64_t begin   = block * echo.pool * batch_size;
    const uint64_t end     = begin + pool * batch_size;

    PR_ASSERT(step < batches * echo.times);
    pri_echo_place place = { .block = (uint32_t)block,
                             .round = (uint32_t)(within / pool),
                             .begin = begin,
                             .size  = (end < num_seeds ? end : num_seeds) - begin,
                             .at    = within % pool * batch_size };
    const uint64_t rest  = place.size - place.at;
    place.n              = rest < batch_size ? (uint32_t)rest : batch_size;
    return place;
}

void pri_echo_arrange(uint64_t seed, uint32_t epoch, const pri_echo_place *place, pr_vid *ids)
{
    if (place->round == 0) return;
    pri_words words = pri_shuffle_words(seed, PRI_SHUFFLE_ECHO + place->round, place->block, epoch);
    pri_shuffle(&words, ids, (uint32_t)place->size);
}
