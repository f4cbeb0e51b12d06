/* cache_oracle.h: an oracle for the cache that knows nothing of it. Who is where and who goes is
 * policy_reference.h's; this recounts row writes twice, at the store's door and by comparing every
 * slot before and after; slots that hold no row are scribbled over first, so that no write can
 * hide. */
#ifndef TESTS_CACHE_ORACLE_H
#define TESTS_CACHE_ORACLE_H

#include "support/policy_reference.h"

#include "cache/store.h"

/* A store that counts, over features that are kept a second time as a plain matrix. */
typedef struct cache_oracle {
    pr_store    head; /* first: the cache sees this store */
    pr_store   *inner;
    pr_features features;
    pr_eid     *indptr;
    float      *truth; /* [n, cols] */
    uint32_t    n, cols;
    uint64_t    num_places; /* rows the cache asked for */
    bool        counting;

    pr_cache_options options;
    pr_tuning        tuning; /* of the next cache; the default until changed */
    uint32_t         max_wanted;
    pr_cache        *cache;

    /* The oracle. */
    policy_reference reference;
    uint32_t        *scores; /* [n] */
    uint32_t         num_slots;
    bool             decided; /* the capacity is known */
    bool            *seen;    /* [n] */
    float           *slab;    /* NULL before the first place */
    float           *before;  /* [num_slots, cols] */
    pr_cache_stats   stats;
    uint64_t         steps;
} cache_oracle;

/* Make a store of n random rows that all differ. Give back with oracle_store_close. */
void oracle_store_open(cache_oracle *r, uint32_t n, uint32_t cols, pr_feature_kind kind,
                       test_rng *rng);
void oracle_store_close(cache_oracle *r);

/* Create a cache over the store, and forget what an earlier one held. */
void oracle_cache_open(cache_oracle *r, pr_cache_options options, uint32_t max_wanted);
void oracle_cache_close(cache_oracle *r);

/* Take one batch through the cache and the oracle: figures, slots, writes and every row must agree.
 * Fails the test where they do not. */
void oracle_step(cache_oracle *r, const uint32_t *wanted, size_t n);

/* The same for the oldest list foreseen. The list is borrowed until then. */
void oracle_foresee(cache_oracle *r, const uint32_t *wanted, size_t n);
void oracle_step_next(cache_oracle *r);

#endif
