/* store_read.c: rows by id, for whoever wants the rows themselves and has no cache. Rows that lie
 * in memory as they are are copied; others go through a small panel, as what places rows in slots
 * wants lines to itself. */
#include <string.h>

#include "cache/slab.h"
#include "cache/store.h"

enum { MOST_ROWS = 128, PANEL = 4096 }; /* elements of the panel on the stack: 16 KiB */

static void copy_rows(const pr_features *x, pr_vids ids, float *out, size_t ld)
{
    enum { AHEAD = 8, LINE = 16 };

    for (size_t i = 0; i < ids.n; i++) {
        if (i + AHEAD < ids.n) {
            const float *far = x->rows + ids.at[i + AHEAD] * x->ld;
            for (size_t c = 0; c < x->num_cols; c += LINE) __builtin_prefetch(far + c);
        }
        memcpy(out + i * ld, x->rows + ids.at[i] * x->ld, x->num_cols * sizeof *out);
    }
}

/* Read rows one by one: they are in a file. */
static pr_status read_rows(const pr_store *store, pr_vids ids, float *out, size_t ld)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < ids.n; i++)
        PR_TRY(store->calls->read_row(store, ids.at[i], out + i * ld));
done:
    return st;
}

/* Place rows in a panel of `most` rows, and copy them from there. */
static pr_status place_rows(const pr_store *store, pr_vids ids, float *panel, size_t most,
                            float *out, size_t ld)
{
    pr_status     st   = PR_OK;
    const size_t  cols = store->num_cols, apart = pri_slab_ld(store->num_cols);
    pr_fetch_cost cost = { 0 };
    pri_write     write[MOST_ROWS];
    pri_place     place = { .write       = write,
                            .rows        = panel,
                            .ld          = apart,
                            .stores      = PRI_STORES_CACHED,
                            .prefetch_to = 1,
                            .row_ahead   = 4 };

    place.isa = pri_isa_at_most(PR_ISA_AVX512);
    for (size_t at = 0; at < ids.n; at += most) {
        place.n = ids.n - at < most ? ids.n - at : most;
        for (size_t i = 0; i < place.n; i++)
            write[i] = (pri_write){ .id = ids.at[at + i], .to = (pr_slot)i };
        if (store->calls->fetch) PR_TRY(store->calls->fetch(store, NULL, write, place.n, &cost));
        store->calls->place(store, &place, 0, place.n);
        for (size_t i = 0; i < place.n; i++)
            memcpy(out + (at + i) * ld, panel + i * apart, cols * sizeof *out);
    }
done:
    return st;
}

/* The same with a panel from the stack, or for rows that are too wide from elsewhere. */
static pr_status place_rows_somewhere(const pr_store *store, pr_vids ids, float *out, size_t ld)
{
    pr_status          st = PR_OK;
    _Alignas(64) float panel[PANEL];
    const size_t       apart = pri_slab_ld(store->num_cols);
    const size_t       bytes = apart * sizeof(float), fit = PANEL / apart;
    float             *wide = NULL;

    if (fit > 0) return place_rows(store, ids, panel, fit < MOST_ROWS ? fit : MOST_ROWS, out, ld);
    wide = pri_pages_map(bytes, 1);
    PR_CHECK(wide, PR_E_NOMEM, "cannot take %zu bytes to read a row", bytes);
    PR_TRY(place_rows(store, ids, wide, 1, out, ld));
done:
    pri_pages_unmap(wide, bytes);
    return st;
}

pr_status pr_store_read(const pr_store *store, pr_vids ids, float *out, size_t ld)
{
    pr_status st = PR_OK;

    PR_CHECK(store && (ids.n == 0 || (ids.at && out)), PR_E_ARG, "%s is NULL",
             !store   ? "store"
             : ids.at ? "out"
                      : "ids");
    PR_CHECK(!store->derived, PR_E_UNSUPPORTED,
             "rows of a derived store are computed for its cache only: read those of its base");
    PR_CHECK(ld >= store->num_cols || ids.n <= 1, PR_E_ARG,
             "rows of %u columns do not fit %zu elements apart", store->num_cols, ld);
    for (size_t i = 0; i < ids.n; i++)
        PR_CHECK(ids.at[i] < store->num_rows, PR_E_RANGE, "ids[%zu] is row %u, the store has %u", i,
                 ids.at[i], store->num_rows);
    if (store->calls->read_row) {
        PR_TRY(read_rows(store, ids, out, ld));
        goto done;
    }
    const pr_features *x = store->calls->rows ? store->calls->rows(store) : NULL;
    if (x && !store->calls->fetch)
        copy_rows(x, ids, out, ld);
    else
        PR_TRY(place_rows_somewhere(store, ids, out, ld));
done:
    return st;
}
