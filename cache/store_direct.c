/* store_direct.c: rows that stay in their file. What a plan needs is read into staging and placed
 * from there; how that is kept in order is fetcher.c. */
#include "cache/fetcher.h"
#include "cache/row_source.h"
#include "cache/store.h"
#include "loaders/row_format.h"

typedef struct direct_store {
    pr_store    head;
    pr_features features; /* of which only the file is used */
} direct_store;

static void direct_free(pr_store *store)
{
    pri_free(store);
}

static pr_status direct_open_fetcher(const pr_store *store, const pri_fetcher_setup *setup,
                                     pri_fetcher **out)
{
    const direct_store *own = (const direct_store *)store;
    return pri_fetcher_open(own->features.file, store->num_rows, store->num_cols, setup, out);
}

static pr_status direct_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                              size_t n, pr_fetch_cost *cost)
{
    (void)store;
    return pri_fetcher_fetch(fetcher, write, n, cost);
}

/* Find the slots of some rows at a time, and of as many behind them as are prefetched, then place
 * them as if those were their ids. */
static void direct_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    enum { CHUNK = 128, MOST_AHEAD = 64 };
    const direct_store  *own     = (const direct_store *)store;
    const pri_staging   *staging = pri_fetcher_staging(place->fetcher);
    const pri_row_source source  = { .format   = own->features.file->format,
                                     .num_cols = store->num_cols,
                                     .rows     = staging->rows,
                                     .bytes    = staging->slot_bytes,
                                     .scale    = own->features.file->scale };
    const size_t         ahead   = place->row_ahead > MOST_AHEAD ? MOST_AHEAD : place->row_ahead;
    pri_write            found[CHUNK + MOST_AHEAD];
    pri_place            part = *place;

    part.write     = found;
    part.row_ahead = ahead;
    for (size_t at = begin; at < end; at += CHUNK) {
        const size_t to    = end - at < CHUNK ? end : at + CHUNK;
        const size_t known = place->n - to < ahead ? place->n : to + ahead;
        for (size_t i = at; i < known; i++)
            found[i - at] = (pri_write){ .id = pri_staging_find(staging, place->write[i].id),
                                         .to = place->write[i].to };
        part.n = known - at;
        pri_row_source_place(&source, &part, place->write + at, 0, to - at);
    }
}

static pr_status direct_read_row(const pr_store *store, pr_vid id, float *row)
{
    const direct_store *own = (const direct_store *)store;
    return pri_rows_read(&own->features, id, 1, row, store->num_cols);
}

static const pri_store_calls direct_calls = {
    .free         = direct_free,
    .fetch        = direct_fetch,
    .open_fetcher = direct_open_fetcher,
    .free_fetcher = pri_fetcher_free,
    .read_early   = pri_fetcher_read_early,
    .placed       = pri_fetcher_placed,
    .describe     = pri_fetcher_describe,
    .staging      = pri_fetcher_ranges,
    .place        = direct_place,
    .read_row     = direct_read_row,
    .no_direct    = "rows of a direct store are read from their file as they are needed: use "
                    "--cache.mode resident or packed, or --cache.store in-place"
};

pr_status pri_store_check_direct(const pr_features *features)
{
    pr_status st = PR_OK;

    PR_CHECK(features->kind == PR_FEATURES_DENSE, PR_E_UNSUPPORTED,
             "only dense rows can be read from their file as they are needed, these are csr");
    PR_CHECK(features->file, PR_E_UNSUPPORTED,
             "these rows are in memory, no file has them as they are: they cannot be read direct");
done:
    return st;
}

pr_status pr_store_direct(const pr_features *features, pr_store **out)
{
    pr_status     st    = PR_OK;
    direct_store *store = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_direct(features));
    PR_TRY(pri_store_check_features(features));
    PR_NEW(store, 1);
    store->features      = *features;
    store->features.rows = NULL; /* not to be touched: the mapping would count as our memory */
    store->head          = (pr_store){ .calls     = &direct_calls,
                                       .num_rows  = features->num_rows,
                                       .num_cols  = features->num_cols,
                                       .all_local = true }; /* staging is on the lane's node */
    *out                 = &store->head;
done:
    return st;
}
