/* draw_lanes.c: the functions of draw_lanes.h row by row, and which of them a host has. */
#include "pipeline/sampler/draw_lanes.h"

#include "base/isa.h"

void pri_draw_lanes_again(const pri_hop *hop, uint32_t d, bool distinct)
{
    const pri_row  row   = hop->rows[d];
    const uint32_t count = hop->indptr[d + 1] - hop->indptr[d];
    const uint32_t start = hop->arcs ? (uint32_t)row.first : 0;
    uint32_t      *at    = hop->indices + hop->indptr[d];

    if (count == 0) return;
    if (!distinct)
        pri_draw_repeated(&hop->words, row.v, row.degree, count, at);
    else if (count < row.degree)
        pri_draw_positions(&hop->words, row.v, row.degree, count, NULL, at);
    else
        for (uint32_t i = 0; i < count; i++) at[i] = i;
    for (uint32_t i = 0; i < count; i++) at[i] += start;
}

static void choose_distinct(const pri_hop *hop, uint32_t begin, uint32_t end)
{
    for (uint32_t d = begin; d < end; d++) pri_draw_lanes_again(hop, d, true);
}

static void choose_repeated(const pri_hop *hop, uint32_t begin, uint32_t end)
{
    for (uint32_t d = begin; d < end; d++) pri_draw_lanes_again(hop, d, false);
}

const pri_draw_lanes pri_draw_lanes_portable = { choose_distinct, choose_repeated };

const pri_draw_lanes *pri_draw_lanes_of(int isa)
{
    switch (pri_isa_at_most(isa)) {
#if PRI_X86
    case PR_ISA_AVX512: return &pri_draw_lanes_avx512;
    case PR_ISA_AVX2: return &pri_draw_lanes_avx2;
#endif
    default: return &pri_draw_lanes_portable;
    }
}
