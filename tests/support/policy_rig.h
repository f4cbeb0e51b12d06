/* policy_rig.h: a cache of mode resident beside the reference of its policy, over a store of small
 * rows that can be told to fail. Every step compares figures, victims, slots and rows. */
#ifndef TESTS_POLICY_RIG_H
#define TESTS_POLICY_RIG_H

#include "support/policy_reference.h"
#include "support/traces.h"

#include "cache/store.h"

enum { RIG_COLS = 2 };

typedef struct policy_rig {
    pr_store    head; /* first: the cache sees this store */
    pr_store   *inner;
    pr_features features;
    float      *rows; /* [n, RIG_COLS] */
    uint32_t   *scores;
    int64_t     rows_left; /* rows that can be fetched before one fails; negative: all */

    pr_cache        *cache;
    policy_reference reference;
    uint64_t         rows_missed; /* added and bypassed */
    bool             quick;       /* no pr_cache_check after a step */
} policy_rig;

void rig_open(policy_rig *x, int policy, uint32_t n, uint64_t capacity, uint32_t max_wanted);
void rig_close(policy_rig *x);

/* Take a list through cache and reference. */
void rig_step(policy_rig *x, pr_vids wanted);
void rig_foresee(policy_rig *x, pr_vids wanted);
void rig_step_next(policy_rig *x);

/* Take a whole trace, with up to `window` lists foreseen behind the one that is taken. */
void rig_run(policy_rig *x, const trace *t, uint32_t window);

#endif
