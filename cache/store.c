/* store.c: what every store can do. */
#include "cache/store.h"

#include "cache/row_source.h"
#include "loaders/row_format.h"

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

/* Where what a store in one piece adds is. */
static void say_where(const pr_store *store, pr_ranges *ranges)
{
    ranges->numa_node = store->shards ? store->shards->node[0] : -1;
    if (store->shards) ranges->lane = store->shards->lane[0];
}

void pri_store_ranges_of_rows(const pr_store *store, const void *rows, size_t bytes,
                              pr_ranges *ranges)
{
    const int32_t  node = ranges->numa_node;
    const uint32_t lane = ranges->lane;

    say_where(store, ranges);
    pr_ranges_add(ranges, "store", rows, bytes);
    ranges->numa_node = node;
    ranges->lane      = lane;
}

void pri_store_ranges_of(const pr_store *store, const pr_features *x, pr_ranges *ranges)
{
    const size_t n = x->num_rows;

    if (x->kind == PR_FEATURES_DENSE) {
        const pri_row_source s = pri_row_source_of(x);
        if (n > 0)
            pri_store_ranges_of_rows(
                store, s.rows, (n - 1) * s.bytes + pri_row_bytes(s.format, s.num_cols), ranges);
        return;
    }
    pri_store_ranges_of_rows(store, x->indptr, (n + 1) * sizeof *x->indptr, ranges);
    pri_store_ranges_of_rows(store, x->indices, x->indptr[n] * sizeof *x->indices, ranges);
    pri_store_ranges_of_rows(store, x->data, x->indptr[n] * sizeof *x->data, ranges);
}
