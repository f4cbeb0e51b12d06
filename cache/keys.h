/* keys.h: a key a slot, and who has the smallest. What lru, static and lookahead share: each says
 * what a slot's key is, the smallest key goes first, and of equal keys the lower slot. */
#ifndef CACHE_KEYS_H
#define CACHE_KEYS_H

#include <packrat/numa.h>

#include "base/check.h"
#include "cache/sweep.h"

typedef struct pri_keys {
    uint32_t          max_slots;
    uint16_t         *key;    /* [max_slots + 1] the last takes what belongs to no slot */
    uint32_t         *counts; /* [65536] counts of keys, for the rare exact search */
    uint16_t          guess;  /* where the last choice ended */
    const pri_sweeps *sweeps;
    size_t            bytes;
} pri_keys;

#define PRI_KEYS_COUNTS_BYTES (((size_t)UINT16_MAX + 1) * sizeof(uint32_t))

/* Memory for all slots; pages are committed as slots come into use. */
pr_status pri_keys_init(pri_keys *keys, uint32_t max_slots);
void      pri_keys_clear(pri_keys *keys); /* zeroed is fine */

/* Append the memory they take. */
void pri_keys_ranges(const pri_keys *keys, pr_ranges *ranges);

/* List `count` unmarked slots of 0 .. n-1, those that go first, in ascending order of slots. There
 * are that many. mark NULL: none is marked. `victims` has PRI_SWEEP_SLACK elements more. Nothing
 * else changes. O(n / 32 + count); O(n) when keys are spread thin. */
void pri_keys_choose(pri_keys *keys, const uint8_t *mark, uint32_t n, uint32_t count,
                     pr_slot *victims);

/* The time of a cache in 15 bits: 1, 2, ... one a batch. Keys up to PRI_STAMP_LAST are stamps. */
enum { PRI_STAMP_LAST = 32767, PRI_STAMP_KEPT = 16384 };

/* Step the clock. Where it would leave its range the stamps of slots 0 .. n-1 are numbered anew, in
 * their order; of more than PRI_STAMP_KEPT different ones the oldest become one. */
void pri_keys_tick(pri_keys *keys, uint16_t *clock, uint32_t n);

#endif
