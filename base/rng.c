/* rng.c: the only file that includes Random123. */
#include "base/rng.h"

#include <Random123/philox.h>

pri_rand4 pri_philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3)
{
    const philox4x32_ctr_t counter = { { c0, c1, c2, c3 } };
    const philox4x32_key_t words   = { { (uint32_t)key, (uint32_t)(key >> 32) } };
    const philox4x32_ctr_t drawn   = philox4x32(counter, words);

    return (pri_rand4){ { drawn.v[0], drawn.v[1], drawn.v[2], drawn.v[3] } };
}

uint64_t pri_stream_key(uint64_t seed, pri_stream stream)
{
    return pri_mix64(pri_mix64(seed) + (uint64_t)stream);
}
