/* weighted.h: what the files of kind weighted share; weighted.c has the chapter. */
#ifndef PIPELINE_SAMPLER_WEIGHTED_H
#define PIPELINE_SAMPLER_WEIGHTED_H

#include "pipeline/sampler/alias.h"
#include "pipeline/sampler/blocks.h"
#include "pipeline/sampler/kind.h"

enum {
    PRI_WEIGHTED_STAGED = 32, /* most attempts of a row that are drawn ahead; even */
    PRI_WEIGHTED_GROUPS = PRI_TILE / PRI_LANES,
    PRI_WEIGHTED_MISSES = 16 /* attempts in a row that fail before the rest is drawn by reading */
};

/* The attempts of a tile. Attempt a of the l-th row of group g that draws is slot slot[g][a].at[l]
 * of its row, and unit[g][a].at[l] of that slot. */
typedef struct pri_weighted_stage {
    uint64_t       serial;        /* which batch, hop and tile they are of; 0: none */
    uint8_t        row[PRI_TILE]; /* [num_drawn] rows of the tile that draw */
    uint32_t       num_drawn;
    uint32_t       attempts; /* drawn ahead of each, even */
    pri_word_lanes slot[PRI_WEIGHTED_GROUPS][PRI_WEIGHTED_STAGED];
    pri_word_lanes unit[PRI_WEIGHTED_GROUPS][PRI_WEIGHTED_STAGED];
} pri_weighted_stage;

/* Draw the attempts of the stage's rows and prefetch their slots; rows start at `begin`. */
typedef void (*pri_weighted_draw)(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                                  pri_weighted_stage *stage);

void pri_weighted_draw_portable(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                                pri_weighted_stage *stage);
#if PRI_X86
void pri_weighted_draw_avx2(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                            pri_weighted_stage *stage);
void pri_weighted_draw_avx512(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                              pri_weighted_stage *stage);
#endif

/* Split a slot from a unit of it: floor(x n / 2^64) and the next 32 bits, x being high 2^32 + low.
 * Each slot is chosen with probability 1 / n but for 2^-64, each unit of it alike. */
PRI_INLINE void pri_weighted_place(uint32_t high, uint32_t low, uint32_t n, uint32_t *slot,
                                   uint32_t *unit)
{
    const uint64_t product = (uint64_t)high * n + ((uint64_t)low * n >> 32);
    *slot                  = (uint32_t)(product >> 32);
    *unit                  = (uint32_t)product;
}

/* The body of the three, compiled with each one's blocks. */
PRI_INLINE void pri_weighted_draw_with(pri_blocks blocks, const pri_alias *alias,
                                       const pri_hop *hop, uint32_t begin,
                                       pri_weighted_stage *stage)
{
    const pri_block_key key = { hop->words.key, hop->words.step, hop->words.epoch };

    for (uint32_t first = 0; first < stage->num_drawn; first += PRI_LANES) {
        const uint32_t         g = first / PRI_LANES;
        const pri_alias_entry *entry[PRI_LANES];
        pri_word_lanes         v, n, c1, w[4];
        for (uint32_t l = 0; l < PRI_LANES; l++) { /* lanes too many repeat the last row */
            const uint32_t at  = first + l < stage->num_drawn ? first + l : stage->num_drawn - 1;
            const pri_row *row = &hop->rows[begin + stage->row[at]];
            v.at[l]            = row->v;
            n.at[l]            = row->degree;
            entry[l]           = alias->entry + row->first;
        }
        for (uint32_t a = 0; a < stage->attempts; a += 2) {
            for (int l = 0; l < PRI_LANES; l++) c1.at[l] = hop->words.phase_hop + a / 2;
            blocks(&key, &v, &c1, w);
            for (uint32_t half = 0; half < 2; half++) {
                pri_word_lanes *slot = &stage->slot[g][a + half], *unit = &stage->unit[g][a + half];
                for (int l = 0; l < PRI_LANES; l++)
                    pri_weighted_place(w[2 * half].at[l], w[2 * half + 1].at[l], n.at[l],
                                       &slot->at[l], &unit->at[l]);
                for (int l = 0; l < PRI_LANES; l++)
                    __builtin_prefetch(&entry[l][slot->at[l]], 0, 2);
            }
        }
    }
}

#endif
