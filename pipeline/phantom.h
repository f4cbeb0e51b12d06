/* phantom.h: a store whose rows are not there. A cache over it decides all it would decide over the
 * rows, and nothing is read or written: what a run will move, and read, is found out beforehand. */
#ifndef PIPELINE_PHANTOM_H
#define PIPELINE_PHANTOM_H

#include <packrat/cache.h>

#include "cache/store.h"

typedef struct pri_phantom pri_phantom;

/* Create one of num_rows rows; rows of a slab over it take 64 bytes, which nobody touches but where
 * rows move within the slab.
 *
 *   max_rows   most rows one plan brings
 *
 * Free with pr_store_free. */
pr_status pri_phantom_create(pr_vid num_rows, uint32_t max_rows, pri_phantom **out);

/* The store; borrowed. */
const pr_store *pri_phantom_store(const pri_phantom *phantom);

/* The rows the last fetch asked for, [*n]; borrowed until the next one. */
const pri_write *pri_phantom_fetched(const pri_phantom *phantom, size_t *n);

void pri_phantom_free(pri_phantom *phantom); /* NULL is fine */

#endif
