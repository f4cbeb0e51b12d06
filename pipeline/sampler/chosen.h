/* chosen.h: which positions of one row were drawn, to tell one that comes again. Few are compared
 * one by one, sixteen at a time, and only where one with the same last six bits was drawn; many go
 * to a hash set of twice the room. */
#ifndef PIPELINE_SAMPLER_CHOSEN_H
#define PIPELINE_SAMPLER_CHOSEN_H

#include <stdint.h>
#include <string.h>

#include "base/check.h"

enum {
    PRI_CHOSEN_GROUP = 16, /* compared at a time */
    PRI_CHOSEN_FEW   = 64  /* most that are compared */
};

typedef struct pri_chosen {
    uint32_t *at; /* in order of drawing; room for `wanted`, few: to the end of the last group */
    uint32_t  num, wanted;
    uint64_t  seen; /* bit p % 64 of each position p */
    uint32_t *set;  /* of many: [2 wanted], position + 1, 0 is free; else NULL */
} pri_chosen;

/* Give the words of scratch behind `set` that rows of `wanted` need. */
static inline uint32_t pri_chosen_scratch(uint32_t wanted)
{
    return wanted <= PRI_CHOSEN_FEW ? 0 : 2 * wanted;
}

/* Start a row. `few` has PRI_CHOSEN_FEW places and is used unless wanted is more; then `at` and
 * `set` are. Positions stay below 2^32 - 1. */
static inline pri_chosen pri_chosen_start(uint32_t wanted, uint32_t *few, uint32_t *at,
                                          uint32_t *set)
{
    if (wanted > PRI_CHOSEN_FEW) {
        memset(set, 0, 2 * (size_t)wanted * sizeof *set);
        return (pri_chosen){ .at = at, .wanted = wanted, .set = set };
    }
    for (uint32_t i = 0; i < wanted; i += PRI_CHOSEN_GROUP)
        memset(few + i, 0xff, PRI_CHOSEN_GROUP * sizeof *few); /* no position */
    return (pri_chosen){ .at = few, .wanted = wanted };
}

/* Give the slot of the set that holds the position, or the free one where it belongs. */
static inline uint32_t pri_chosen_slot(const pri_chosen *chosen, uint32_t position)
{
    const uint32_t slots = 2 * chosen->wanted;
    uint32_t       s     = (uint32_t)(((uint64_t)(position * 0x9e3779b1u) * slots) >> 32);

    while (chosen->set[s] != 0 && chosen->set[s] != position + 1) s = s + 1 == slots ? 0 : s + 1;
    return s;
}

static inline bool pri_chosen_has(const pri_chosen *chosen, uint32_t position)
{
    if (!(chosen->seen >> position % 64 & 1)) return false;
    if (chosen->set) return chosen->set[pri_chosen_slot(chosen, position)] != 0;
    uint32_t has = 0;
    for (uint32_t i = 0; i < chosen->num; i += PRI_CHOSEN_GROUP)
        for (uint32_t j = 0; j < PRI_CHOSEN_GROUP; j++) has |= chosen->at[i + j] == position;
    return has;
}

/* Add a position that is not in yet. */
static inline void pri_chosen_add(pri_chosen *chosen, uint32_t position)
{
    if (chosen->set) chosen->set[pri_chosen_slot(chosen, position)] = position + 1;
    chosen->at[chosen->num++] = position;
    chosen->seen |= UINT64_C(1) << position % 64;
}

#endif
