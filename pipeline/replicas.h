/* replicas.h: what several lanes have twice: inputs of a step that more than one of them wants, and
 * rows that more than one slab holds. Counting looks at every input and every slot, so it is done
 * in every 16th step only. */
#ifndef PIPELINE_REPLICAS_H
#define PIPELINE_REPLICAS_H

#include <packrat/cache.h>

#include "base/check.h"

enum { PRI_REPLICAS_EVERY = 16 }; /* steps */

typedef struct pri_replicas pri_replicas;

/* Create a counter for a graph; takes a bit a vertex. */
pr_status pri_replicas_create(pr_vid num_nodes, pri_replicas **out);
void      pri_replicas_free(pri_replicas *replicas); /* NULL is fine */

/* Whether a step is one that is counted in. */
bool pri_replicas_due(uint64_t step);

/* Count the ids that are in a list and in one before it, over all lists but the first: what the sum
 * of their lengths is more than the number of distinct ids.
 *
 *   lists   [num_lists], each of distinct ids of the graph
 *
 * One caller at a time. O(ids), a random bit each, twice. Cannot fail. */
uint64_t pri_replicas_inputs(pri_replicas *replicas, const pr_vids *lists, uint32_t num_lists);

/* Count the rows of one partition that another one holds too. Lanes may be in it at the same time,
 * while none places rows. */
uint64_t pri_replicas_rows(const pr_cache *const *caches, uint32_t num_caches, uint32_t which);

#endif
