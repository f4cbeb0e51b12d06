/* spread.h: one mapping whose parts lie on NUMA nodes of their own.
 *
 *     byte   0          cut[1]      cut[2]            bytes
 *            | part 0   | part 1    | part 2          |
 *
 * Parts begin on pages. Huge pages are used wherever they lie within one part: the 2 MiB around a
 * border that is not a multiple of them stay on small ones, as a huge page there would belong to
 * whoever touches it first. */
#ifndef CACHE_SPREAD_H
#define CACHE_SPREAD_H

#include "base/check.h"

#include <packrat/nouns.h>
#include <packrat/numa.h>

/* Where parts go, and whether a refusal was met. */
typedef struct pri_spreader {
    const pr_shards *shards; /* part s is for shards->node[s] */
    const pr_topo   *topo;   /* NULL: nothing is bound */
    pr_numa_mode     mode;
    bool             refused; /* out, with mode auto: some part was not bound */
} pri_spreader;

typedef struct pri_spread {
    char  *at;
    size_t bytes;
    size_t cut[PR_MAX_SHARDS + 1]; /* [num_shards + 1] */
} pri_spread;

/* Map zeroed pages and bind each part before it is touched.
 *
 *   cut   [num_shards + 1] ascending, whole pages but for the last, which is the bytes to map (at
 *         least 1)
 *
 * PR_E_NOMEM; PR_E_UNSUPPORTED when a part cannot be bound and the mode is strict. */
pr_status pri_spread_map(pri_spreader *how, const size_t *cut, pri_spread *out);
void      pri_spread_unmap(pri_spread *spread); /* zeroed is fine */

/* Append every part, with the node and the lane of its shard. */
void pri_spread_ranges(const pri_spread *spread, const pr_shards *shards, pr_ranges *ranges);

/* Round bytes up to whole pages. */
size_t pri_spread_page_up(size_t bytes);

#endif
