/* pair_set.h: which unordered pairs of vertices were seen. */
#ifndef LOADERS_PAIR_SET_H
#define LOADERS_PAIR_SET_H

#include <packrat/nouns.h>

#include "base/check.h"

/* Open addressing over keys of two ids; two places in three are taken at most. */
typedef struct pri_pair_set {
    uint64_t *key; /* [capacity] 0: free, which only a loop at vertex 0 would be */
    uint64_t  capacity;
} pri_pair_set;

/* Make room for so many pairs; clear with pri_pair_set_clear, on failure too. */
pr_status pri_pair_set_init(pri_pair_set *set, uint64_t num_pairs);
void      pri_pair_set_clear(pri_pair_set *set);
uint64_t  pri_pair_set_bytes(uint64_t num_pairs);

/* Give whether the pair is new, and remember it. a and b differ; at most num_pairs are added. */
bool pri_pair_set_add(pri_pair_set *set, pr_vid a, pr_vid b);

/* Whether a pair was added. */
bool pri_pair_set_has(const pri_pair_set *set, pr_vid a, pr_vid b);

/* Bring near what an add of the pair will look at first. */
void pri_pair_set_prefetch(const pri_pair_set *set, pr_vid a, pr_vid b);

#endif
