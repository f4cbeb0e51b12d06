/* sweep.h: passes over one small number a slot, 64 slots at a time: marks (a byte, 0 or 1) and keys
 * (16 bits). Every pass gives the same on every instruction set.
 *
 * Arrays are readable up to PRI_SWEEP_SLACK elements behind their end, and `out` writable. */
#ifndef CACHE_SWEEP_H
#define CACHE_SWEEP_H

#include <packrat/nouns.h>

enum { PRI_SWEEP_SLACK = 64 };

/* What a pass over keys counts, unmarked slots only. */
typedef struct pri_tally {
    uint32_t below, equal;  /* keys below the threshold, and equal to it */
    uint16_t highest_below; /* 0 when there is none */
    uint16_t lowest_above;  /* 65535 when there is none (or that is it) */
} pri_tally;

typedef struct pri_sweeps {
    /* Count the marks of slots 0 .. n-1. */
    uint32_t (*count)(const uint8_t *mark, uint32_t n);

    /* List the unmarked slots of begin .. end-1, ascending; gives how many. */
    uint32_t (*unmarked)(const uint8_t *mark, uint32_t begin, uint32_t end, pr_slot *out);

    /* Count keys against a threshold; mark NULL: no slot is marked. */
    pri_tally (*tally)(const uint16_t *key, const uint8_t *mark, uint32_t n, uint16_t threshold);

    /* List unmarked slots, ascending: all with keys below the threshold, and the first `num_equal`
     * with keys equal to it; gives how many. */
    uint32_t (*pick)(const uint16_t *key, const uint8_t *mark, uint32_t n, uint16_t threshold,
                     uint32_t num_equal, pr_slot *out);

    /* Set the keys of marked slots; in the slack too, where marks are set there. */
    void (*stamp)(uint16_t *key, const uint8_t *mark, uint32_t n, uint16_t stamp);
} pri_sweeps;

/* Give the passes for an instruction set the host has. */
const pri_sweeps *pri_sweeps_of(int isa);

/* The best this host has. */
const pri_sweeps *pri_sweeps_best(void);

static inline uint32_t pri_sweep_unmarked(const uint8_t *mark, uint32_t begin, uint32_t end,
                                          pr_slot *out)
{
    return pri_sweeps_best()->unmarked(mark, begin, end, out);
}

#endif
