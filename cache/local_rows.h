/* local_rows.h: how many rows of a list lie on the node of the partition that reads them. */
#ifndef CACHE_LOCAL_ROWS_H
#define CACHE_LOCAL_ROWS_H

#include "cache/plan.h"
#include "cache/store.h"

typedef enum pri_local_kind {
    PRI_LOCAL_UNKNOWN, /* the store does not say, or the partition is on no node */
    PRI_LOCAL_ALL,     /* every row is local: one node, as a rule */
    PRI_LOCAL_RANGES,
    PRI_LOCAL_TABLE
} pri_local_kind;

/* Which rows of one store are local to one node. */
typedef struct pri_local_rows {
    pri_local_kind kind;
    uint32_t       num_ranges;
    pr_vid         first[PR_MAX_SHARDS], rows[PR_MAX_SHARDS]; /* [num_ranges], not empty */
    const uint8_t *of_row;
    uint8_t        is_local[PR_MAX_SHARDS]; /* by shard */
} pri_local_rows;

/* Prepare to count. Cannot fail.
 *
 *   numa_node   of the partition; -1: none */
void pri_local_rows_init(pri_local_rows *local, const pr_store *store, int32_t numa_node);

/* Count the local rows of a list, of kinds RANGES and TABLE. The same for ids alone. */
uint64_t pri_local_rows_count_writes(const pri_local_rows *local, const pri_write *write, size_t n);
uint64_t pri_local_rows_count_ids(const pri_local_rows *local, const pr_vid *ids, size_t n);

#endif
