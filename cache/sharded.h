/* sharded.h: a store whose rows lie in shards, behind the store's calls. Rows are kept in *places*:
 * those of a shard side by side, in the order of their ids. With ranges a row's place is its id;
 * else a table says it, and the rest is the same.
 *
 *   dense   one matrix of a row a place; shards begin on pages, so a table leaves places between
 *           shards that no row has
 *   csr     three arrays; a page that two shards share belongs to the first of them */
#ifndef CACHE_SHARDED_H
#define CACHE_SHARDED_H

#include "cache/spread.h"
#include "cache/store.h"

typedef struct pri_sharded {
    pr_store           head;
    const pr_features *from;     /* what pr_store_fill copies; NULL: it has */
    pr_features        own;      /* over our memory; a row a place */
    uint32_t          *place_of; /* [num_rows], read by every lane: its pages are spread over all
                                    nodes; NULL: ranges */
    size_t     place_bytes;
    uint64_t   first_place[PR_MAX_SHARDS + 1]; /* [num_shards + 1] */
    pr_eid     first_element[PR_MAX_SHARDS + 1];
    pri_spread rows;                  /* dense */
    pri_spread indptr, indices, data; /* csr */
} pri_sharded;

void pri_sharded_fill(pr_store *store, uint32_t lane);

#endif
