/* walk_avx512.c: words of kind walk, with 512-bit words. */
#include "pipeline/sampler/walk.h"

#if PRI_X86
PRI_AVX512 void pri_walk_words_avx512(const pri_draw_hop *hop, uint32_t pair, uint32_t num,
                                      pri_walker *walkers)
{
    pri_walk_words_with(pri_blocks_avx512, hop, pair, num, walkers);
}
#endif
