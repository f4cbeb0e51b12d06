/* store.c: what every store can do. */
#include "cache/store.h"

void pr_store_free(pr_store *store)
{
    if (!store) return;
    pri_free(store->shards);
    store->calls->free(store);
}

bool pr_store_fetches(const pr_store *store)
{
    return store && store->calls->fetch != NULL;
}

size_t pr_store_row_bytes(const pr_store *store)
{
    return store ? store->num_cols * sizeof(float) : 0;
}

const pr_shards *pr_store_shards(const pr_store *store)
{
    return store ? store->shards : NULL;
}

void pr_store_fill(pr_store *store, uint32_t lane)
{
    if (store && store->calls->fill) store->calls->fill(store, lane);
}

void pr_store_ranges(const pr_store *store, pr_ranges *ranges)
{
    if (store && ranges && store->calls->ranges) store->calls->ranges(store, ranges);
}

pr_status pri_store_keep_shards(pr_store **store, const pr_shards *shards)
{
    pr_status st = PR_OK;

    PR_NEW((*store)->shards, 1);
    *(*store)->shards = *shards;
done:
    if (st != PR_OK) {
        pr_store_free(*store);
        *store = NULL;
    }
    return st;
}

void pri_store_ranges_of(const pr_store *store, const pr_features *x, pr_ranges *ranges)
{
    const int32_t  node = ranges->numa_node;
    const uint32_t lane = ranges->lane;
    const size_t   n    = x->num_rows;

    ranges->numa_node = store->shards ? store->shards->node[0] : -1;
    ranges->lane      = store->shards ? store->shards->lane[0] : lane;
    if (x->kind == PR_FEATURES_DENSE) {
        if (n > 0)
            pr_ranges_add(ranges, "store", x->rows,
                          ((n - 1) * x->ld + x->num_cols) * sizeof(float));
    } else {
        pr_ranges_add(ranges, "store", x->indptr, (n + 1) * sizeof *x->indptr);
        pr_ranges_add(ranges, "store", x->indices, x->indptr[n] * sizeof *x->indices);
        pr_ranges_add(ranges, "store", x->data, x->indptr[n] * sizeof *x->data);
    }
    ranges->numa_node = node;
    ranges->lane      = lane;
}
