/* deal.h: features whose every element is known, dense or sparse, and ways to deal their rows to
 * shards. */
#ifndef TESTS_DEAL_H
#define TESTS_DEAL_H

#include "support/support.h"

typedef struct dealt {
    pr_features x;
    float      *rows, *data;
    pr_eid     *indptr;
    uint32_t   *indices;
    uint8_t    *of_row;
    pr_shards   shards;
} dealt;

/* Make n rows; dense ones lie `cols` and a few elements apart. Some sparse rows are empty. */
void dealt_open(dealt *d, pr_feature_kind kind, pr_vid n, uint32_t cols, test_rng *rng);
void dealt_close(dealt *d);

/* Deal the rows to ranges, some of them empty, or row by row; shard s is on node s % num_nodes and
 * lane s % num_lanes. */
void dealt_ranges(dealt *d, uint32_t num_shards, uint32_t num_nodes, uint32_t num_lanes,
                  test_rng *rng);
void dealt_table(dealt *d, uint32_t num_shards, uint32_t num_nodes, uint32_t num_lanes,
                 test_rng *rng);

/* The shard a row is in. */
uint32_t dealt_shard(const dealt *d, pr_vid row);

/* Write the row as the slab should have it, [cols]. */
void dealt_row(const dealt *d, pr_vid row, float *out);

/* Make the store and fill it, the last lane first. */
pr_store *dealt_store(const dealt *d);

#endif
