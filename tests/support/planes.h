/* planes.h: several stores of different widths whose every float is known, and a cache over them.
 * The stores can be moved away, so that rows must be fetched and may fail to be. */
#ifndef TESTS_PLANES_H
#define TESTS_PLANES_H

#include "support/policy_reference.h"

#include "cache/store.h"

typedef struct planes planes;

typedef struct planes_store {
    pr_store    head; /* first: the cache sees this store */
    pr_store   *inner;
    planes     *owner;
    pr_features features;
} planes_store;

struct planes {
    uint32_t     n, num_planes;
    planes_store store[PR_MAX_PLANES];
    int64_t rows_left; /* rows that can be fetched, over all planes, before one fails; negative:
                          all */
    pr_cache *cache;
    uint32_t  num_slots;             /* slots the cache may use */
    float    *before[PR_MAX_PLANES]; /* [num_slots, ld] as planes_remember found them */
};

/* The float in row v, column f of a plane; rows differ in every column. */
float planes_value(uint32_t plane, uint32_t v, uint32_t f);

/* Make num_planes dense stores of n rows; cols [num_planes]. */
void planes_open(planes *x, uint32_t n, uint32_t num_planes, const uint32_t *cols);
void planes_close(planes *x); /* its cache too */

/* From the next cache on the stores are slow: rows are fetched, and rows_left counts. */
void planes_move_away(planes *x);

/* Create the cache; an earlier one is freed. */
void planes_cache(planes *x, const pr_cache_options *options, uint32_t max_wanted,
                  const pr_tuning *tuning);

/* Check that slots 0 .. n-1 of every plane hold these rows, and their padding zeros. */
void planes_check_packed(const planes *x, const pr_vid *ids, uint32_t n);

/* Check every plane of the live view. */
void planes_check_view(const planes *x, pr_vids wanted);

/* Packed caches: scribble over every slot that holds no row, then keep a copy of all. */
void planes_remember(planes *x);

/* Give the slots of a plane that differ from that copy. */
uint32_t planes_changed(const planes *x, uint32_t plane);

#endif
