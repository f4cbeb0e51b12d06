/* walk.h: what the files of kind walk share; walk.c has the chapter. */
#ifndef PIPELINE_SAMPLER_WALK_H
#define PIPELINE_SAMPLER_WALK_H

#include "pipeline/sampler/blocks.h"
#include "pipeline/sampler/kind.h"

enum { PRI_WALK_PAIR_BITS = 5 };                         /* of counter 1: pairs of positions */
enum { PRI_MAX_WALKS = 4096, PRI_MAX_WALK_LENGTH = 64 }; /* as --walk.count and --walk.length */
_Static_assert(PRI_MAX_WALKS <= 1 << 12 && PRI_MAX_WALK_LENGTH <= 2 << PRI_WALK_PAIR_BITS,
               "a walk's number and its pairs of positions fit the counter");

/* A walk on its way. */
typedef struct pri_walker {
    pr_eid   arc;    /* first of the vertex it stands on; then the one it takes */
    uint32_t degree; /* of that vertex; then whether it ends behind the arc */
    pr_vid   at;     /* the vertex it stands on */
    pr_vid   from;   /* the destination */
    uint32_t number; /* of the destination's walks */
    uint32_t trace;  /* where its first visit is noted */
    uint32_t words[4];
} pri_walker;

/* Draw words[] of `num` walks for positions 2 pair and 2 pair + 1. */
typedef void (*pri_walk_words)(const pri_draw_hop *hop, uint32_t pair, uint32_t num,
                               pri_walker *walkers);

void pri_walk_words_portable(const pri_draw_hop *hop, uint32_t pair, uint32_t num,
                             pri_walker *walkers);
#if PRI_X86
void pri_walk_words_avx2(const pri_draw_hop *hop, uint32_t pair, uint32_t num, pri_walker *walkers);
void pri_walk_words_avx512(const pri_draw_hop *hop, uint32_t pair, uint32_t num,
                           pri_walker *walkers);
#endif

/* The body of the three, compiled with each one's blocks. */
PRI_INLINE void pri_walk_words_with(pri_blocks blocks, const pri_draw_hop *hop, uint32_t pair,
                                    uint32_t num, pri_walker *walkers)
{
    const pri_block_key key = { hop->key, hop->step, hop->epoch };

    for (uint32_t first = 0; first < num; first += PRI_LANES) {
        const uint32_t lanes = num - first < PRI_LANES ? num - first : PRI_LANES;
        pri_word_lanes c0 = { { 0 } }, c1 = { { 0 } }, out[4];
        for (uint32_t l = 0; l < lanes; l++) {
            c0.at[l] = walkers[first + l].from;
            c1.at[l] = hop->phase_hop | walkers[first + l].number << PRI_WALK_PAIR_BITS | pair;
        }
        blocks(&key, &c0, &c1, out);
        for (uint32_t l = 0; l < lanes; l++)
            for (uint32_t w = 0; w < 4; w++) walkers[first + l].words[w] = out[w].at[l];
    }
}

#endif
