/* weighted_avx2.c: attempts of kind weighted, with 256-bit words. */
#include "pipeline/sampler/weighted.h"

#if PRI_X86
PRI_AVX2 void pri_weighted_draw_avx2(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                                     pri_weighted_stage *stage)
{
    pri_weighted_draw_with(pri_blocks_avx2, alias, hop, begin, stage);
}
#endif
