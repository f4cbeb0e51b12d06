/* policy.h: who gives up a slot of a resident slab. A policy knows slots, never rows or ids. A new
 * one is a file that fills a pri_policy, and a line of the table in cache_options.c. */
#ifndef CACHE_POLICY_H
#define CACHE_POLICY_H

#include "base/check.h"

#include <packrat/nouns.h>

typedef struct pri_policy {
    const char *name;

    /* Make a policy of an empty slab. Memory only here; pages for max_slots are committed as slots
     * come into use. */
    pr_status (*create)(uint32_t max_slots, void **out);
    void (*free)(void *policy); /* NULL is fine */

    /* Choose `count` distinct slots that give up their rows, the first to go first, none of them
     * with last_wanted[slot] == now. There are that many. A function of earlier calls alone. */
    void (*choose)(void *policy, const uint32_t *last_wanted, uint32_t now, uint32_t count,
                   pr_slot *victims);

    /* Note that a batch was placed: its rows' slots in wanted order, those not below `capacity`
     * bypassed. Rows that came in have new or chosen slots; slots come into use in ascending order
     * and stay in use. */
    void (*placed)(void *policy, const pr_slot *slot_of, size_t n, uint32_t capacity);

    /* PR_E_BUG unless slots 0 .. num_resident-1 are known, each once. */
    pr_status (*check)(const void *policy, uint32_t num_resident);
} pri_policy;

extern const pri_policy pri_policy_lru;

/* Give the policy of a pr_cache_policy. */
const pri_policy *pri_policy_of(int policy);

#endif
