/* shards.h: is a deal of rows to shards one that a store can follow? And the rows between which a
 * matrix may be cut. */
#ifndef CACHE_SHARDS_H
#define CACHE_SHARDS_H

#include "base/check.h"

#include <packrat/nouns.h>

/* PR_E_ARG, or PR_E_RANGE, unless every one of num_rows rows is in one shard, nodes and lanes are
 * such as can be, and ranges begin at multiples of `unit` rows. O(num_rows) with of_row. */
pr_status pri_shards_check(const pr_shards *shards, pr_vid num_rows, uint64_t unit);

/* Give the least rows of that many bytes that fill whole pages. */
uint64_t pri_shards_unit(size_t row_bytes, size_t page_bytes);

#endif
