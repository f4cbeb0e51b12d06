/* policy.h: who gives up a slot of a resident slab. A new policy is a file that fills a pri_policy,
 * and a line of the table in cache_options.c. Whatever a policy decides is a function of earlier
 * calls alone. */
#ifndef CACHE_POLICY_H
#define CACHE_POLICY_H

#include <packrat/numa.h>

#include "base/check.h"
#include "cache/index.h"

/* What a policy is made for. */
typedef struct pri_policy_setup {
    uint32_t        max_slots; /* memory only; pages are committed as slots come into use */
    uint32_t        max_wanted;
    pr_vid          num_rows;
    const uint32_t *scores; /* [num_rows] or NULL; read by create only */
} pri_policy_setup;

/* A batch that was placed. Index and marks are as after, and before, it. */
typedef struct pri_placed {
    const pri_index *index;
    pr_vids          wanted;
    const pr_slot   *slot_of; /* [wanted.n] slots not below capacity are bypassed rows */
    const pri_write *write;   /* [num_added] the rows that came in */
    uint32_t         num_added;
    const uint8_t   *mark; /* [rows_before] 1: a hit; NULL when the policy looked up itself */
    uint32_t         rows_before, rows_after, capacity;
} pri_placed;

typedef struct pri_policy {
    const char *name;
    uint32_t    stride; /* words an index entry must have */
    bool        scored; /* wants pri_policy_setup.scores */

    pr_status (*create)(const pri_policy_setup *setup, void **out);
    void (*free)(void *policy); /* NULL is fine */

    /* List `count` distinct slots below index->num_resident that give up their rows, none of them a
     * hit; there are that many. Changes nothing that a later call could see, for the batch may yet
     * be dropped. mark NULL: the policy's own take() has looked the batch up. */
    void (*choose)(void *policy, const pri_index *index, const uint8_t *mark, uint32_t count,
                   pr_slot *victims);

    /* Note that a batch was placed. */
    void (*placed)(void *policy, const pri_placed *placed);

    /* For policies that look ahead, else NULL. enter: a list will be wanted after those entered
     * before; PR_E_RANGE or PR_E_ARG leave no trace. take: look up the oldest list, as
     * pri_index_find would, but without marks; PR_E_ARG when it is not what was entered.
     * drop: take it back. */
    pr_status (*enter)(void *policy, pri_index *index, pr_vids wanted);
    pr_status (*take)(void *policy, pri_index *index, pri_lookup *look);
    void (*drop)(void *policy, pri_index *index, const pri_lookup *look);

    /* Append the memory it takes. */
    void (*ranges)(const void *policy, pr_ranges *ranges);

    /* PR_E_BUG unless the policy and the index agree. */
    pr_status (*check)(const void *policy, const pri_index *index);
} pri_policy;

extern const pri_policy pri_policy_lru, pri_policy_sieve, pri_policy_static, pri_policy_lookahead;

/* Give the policy of a pr_cache_policy. */
const pri_policy *pri_policy_of(int policy);

#endif
