/* weighted_avx512.c: attempts of kind weighted, with 512-bit words. */
#include "pipeline/sampler/weighted.h"

#if PRI_X86
PRI_AVX512 void pri_weighted_draw_avx512(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                                         pri_weighted_stage *stage)
{
    pri_weighted_draw_with(pri_blocks_avx512, alias, hop, begin, stage);
}
#endif
