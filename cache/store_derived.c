/* store_derived.c: rows that are computed from those of another store when they are admitted.
 *
 * Fetching does it all, a piece at a time, so that whatever fails does before a slot is touched:
 *
 *     base --fetch, place--> panel --derive--> staging        then staging --place--> slots
 *
 * The panel has the rows of a piece as dense f32, whatever the base keeps; staging has what became
 * of all rows of the plan, in the plan's order. */
#include <string.h>

#include "cache/slab.h"
#include "cache/store.h"

enum { MOST_ROWS = 256, PANEL_BYTES = 2 << 20 }; /* of a piece */

typedef struct derived_store {
    pr_store        head;
    const pr_store *base;
    pr_derivation   derivation;
} derived_store;

/* What a partition has. The cache and the base only hand on pointers to such things. */
typedef struct derived_fetcher {
    const derived_store *store;
    pri_fetcher         *base;  /* NULL: the base needs none */
    float               *panel; /* [piece, ldx]; NULL: derive is told ids only */
    size_t               ldx, piece, panel_bytes;
    float               *rows; /* [max_rows, ld]; columns behind those of the store are zero */
    pr_vid              *ids;  /* [max_rows] whose they are, since the last fetch */
    size_t               ld, max_rows, rows_bytes, ids_bytes;
} derived_fetcher;

static void derived_free(pr_store *store)
{
    pri_free(store);
}

static void derived_free_fetcher(pri_fetcher *fetcher)
{
    derived_fetcher *f = (derived_fetcher *)fetcher;

    if (!f) return;
    if (f->base) f->store->base->calls->free_fetcher(f->base);
    pri_pages_unmap(f->panel, f->panel_bytes);
    pri_pages_unmap(f->rows, f->rows_bytes);
    pri_pages_unmap(f->ids, f->ids_bytes);
    pri_free(f);
}

/* Give the rows of the base that are brought at a time. */
static size_t piece_of(size_t row_bytes)
{
    const size_t fit = PANEL_BYTES / row_bytes;
    return fit < 1 ? 1 : fit > MOST_ROWS ? MOST_ROWS : fit;
}

static pr_status derived_open_fetcher(const pr_store *store, const pri_fetcher_setup *setup,
                                      pri_fetcher **out)
{
    pr_status              st     = PR_OK;
    const derived_store   *own    = (const derived_store *)store;
    const pri_store_calls *of     = own->base->calls;
    derived_fetcher       *f      = NULL;
    pri_fetcher_setup      pieces = *setup;

    *out = NULL;
    PR_NEW(f, 1);
    f->store    = own;
    f->max_rows = setup->max_rows < store->num_rows ? setup->max_rows : store->num_rows;
    f->ld       = pri_slab_ld(store->num_cols);
    f->ldx      = pri_slab_ld(own->base->num_cols);
    f->piece    = own->derivation.by_id ? MOST_ROWS : piece_of(f->ldx * sizeof *f->panel);
    PR_CHECK(!__builtin_mul_overflow(f->max_rows + 1, f->ld * sizeof *f->rows, &f->rows_bytes),
             PR_E_NOMEM, "%zu rows of %u columns are beyond any memory", f->max_rows,
             store->num_cols);
    f->ids_bytes = (f->max_rows + 1) * sizeof *f->ids;
    f->rows      = pri_pages_map(f->rows_bytes, 1);
    f->ids       = f->rows ? pri_pages_map(f->ids_bytes, 0) : NULL;
    PR_CHECK(f->ids, PR_E_NOMEM, "cannot reserve %zu bytes for %zu derived rows", f->rows_bytes,
             f->max_rows);
    if (!own->derivation.by_id) {
        f->panel_bytes = f->piece * f->ldx * sizeof *f->panel;
        f->panel       = pri_pages_map(f->panel_bytes, 1);
        PR_CHECK(f->panel, PR_E_NOMEM, "cannot take %zu bytes for %zu rows to derive from",
                 f->panel_bytes, f->piece);
        pieces.max_rows = (uint32_t)f->piece;
        if (of->open_fetcher) PR_TRY(of->open_fetcher(own->base, &pieces, &f->base));
    }
    *out = (pri_fetcher *)f;
    f    = NULL;
done:
    derived_free_fetcher((pri_fetcher *)f);
    return st;
}

/* Bring some rows of the base to the panel. */
static pr_status bring(const derived_fetcher *f, const pr_vid *ids, size_t n, pr_fetch_cost *cost)
{
    pr_status       st   = PR_OK;
    const pr_store *base = f->store->base;
    pri_write       write[MOST_ROWS];
    const pri_place place = { .write       = write,
                              .n           = n,
                              .rows        = f->panel,
                              .ld          = f->ldx,
                              .isa         = pri_isa_at_most(PR_ISA_AVX512),
                              .stores      = PRI_STORES_CACHED,
                              .prefetch_to = 1,
                              .row_ahead   = 4,
                              .fetcher     = f->base };

    for (size_t i = 0; i < n; i++) write[i] = (pri_write){ .id = ids[i], .to = (pr_slot)i };
    if (base->calls->fetch) PR_TRY(base->calls->fetch(base, f->base, write, n, cost));
    base->calls->place(base, &place, 0, n);
    if (base->calls->placed) base->calls->placed(f->base, write, n, 0);
done:
    return st;
}

static pr_status derived_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                               size_t n, pr_fetch_cost *cost)
{
    pr_status            st  = PR_OK;
    derived_fetcher     *f   = (derived_fetcher *)fetcher;
    const pr_derivation *how = &f->store->derivation;

    (void)store;
    PR_ASSERT(n <= f->max_rows);
    for (size_t i = 0; i < n; i++) f->ids[i] = write[i].id;
    for (size_t at = 0; at < n; at += f->piece) {
        const size_t num = n - at < f->piece ? n - at : f->piece;
        if (!how->by_id) PR_TRY(bring(f, f->ids + at, num, cost));
        PR_TRY(how->derive(how->context, f->ids + at, (uint32_t)num, f->panel, f->ldx,
                           f->rows + at * f->ld, f->ld));
    }
done:
    return st;
}

/* Copy what was derived: row i of the plan is the i-th in staging. */
static void derived_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    enum { CHUNK = 128 };
    const derived_fetcher *f    = (const derived_fetcher *)place->fetcher;
    const pri_copy_rows    copy = pri_copy_of(place->isa, place->stores, place->prefetch_to);
    pri_write              write[CHUNK];
    pri_copy               rows = { .from_bytes = f->ld * sizeof(float),
                                    .to         = (char *)place->rows,
                                    .to_bytes   = place->ld * sizeof(float),
                                    .row_bytes  = store->num_cols * sizeof(float),
                                    .write      = write,
                                    .ahead      = place->row_ahead };

    for (size_t at = begin; at < end; at += CHUNK) {
        rows.n    = end - at < CHUNK ? end - at : CHUNK;
        rows.from = (const char *)(f->rows + at * f->ld);
        for (size_t i = 0; i < rows.n; i++) {
            PR_ASSERT(f->ids[at + i] == place->write[at + i].id);
            write[i] = (pri_write){ .id = (pr_vid)i, .to = place->write[at + i].to };
        }
        copy(&rows, 0, rows.n);
    }
}

static const char *derived_describe(const pri_fetcher *fetcher)
{
    const derived_fetcher *f = (const derived_fetcher *)fetcher;
    return f->base ? f->store->base->calls->describe(f->base) : "";
}

static void derived_staging(const pri_fetcher *fetcher, pr_ranges *ranges)
{
    const derived_fetcher *f = (const derived_fetcher *)fetcher;

    pr_ranges_add(ranges, "staging", f->rows, f->rows_bytes);
    pr_ranges_add(ranges, "staging", f->panel, f->panel_bytes);
    pr_ranges_add(ranges, "index", f->ids, f->ids_bytes);
    if (f->base && f->store->base->calls->staging) f->store->base->calls->staging(f->base, ranges);
}

/* Compute a row once more. By the cache's thread, as all that derives for it. */
static pr_status derived_read_row(const pr_store *store, pr_vid id, float *row)
{
    pr_status            st    = PR_OK;
    const derived_store *own   = (const derived_store *)store;
    const pr_derivation *how   = &own->derivation;
    const size_t         ldx   = pri_slab_ld(own->base->num_cols);
    const size_t         bytes = ldx * sizeof(float);
    float               *x     = NULL;

    if (!how->by_id) {
        x = pri_pages_map(bytes, 0);
        PR_CHECK(x, PR_E_NOMEM, "cannot take %zu bytes for a row to derive from", bytes);
        PR_TRY(pr_store_read(own->base, (pr_vids){ &id, 1 }, x, ldx));
    }
    PR_TRY(how->derive(how->context, &id, 1, x, ldx, row, pri_slab_ld(store->num_cols)));
done:
    pri_pages_unmap(x, bytes);
    return st;
}

static const pri_store_calls derived_calls = {
    .free         = derived_free,
    .fetch        = derived_fetch,
    .open_fetcher = derived_open_fetcher,
    .free_fetcher = derived_free_fetcher,
    .describe     = derived_describe,
    .staging      = derived_staging,
    .place        = derived_place,
    .read_row     = derived_read_row,
    .no_direct    = "derived rows are computed as they come into a slab: use --cache.mode resident "
                    "or packed",
};

pr_status pr_store_derived(const pr_store *base, const pr_derivation *derivation, pr_store **out)
{
    pr_status      st  = PR_OK;
    derived_store *own = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(base && derivation && derivation->derive, PR_E_ARG, "%s is NULL",
             !base         ? "base"
             : !derivation ? "derivation"
                           : "derive");
    PR_CHECK(derivation->num_cols >= 1, PR_E_ARG,
             "derived rows have 0 columns, must have at least 1");
    PR_CHECK(!base->derived, PR_E_UNSUPPORTED, "derived rows are not derived from derived ones");
    PR_NEW(own, 1);
    own->head       = (pr_store){ .calls     = &derived_calls,
                                  .num_rows  = base->num_rows,
                                  .num_cols  = derivation->num_cols,
                                  .all_local = base->all_local,
                                  .derived   = true };
    own->base       = base;
    own->derivation = *derivation;
    *out            = &own->head;
    if (base->shards) PR_TRY(pri_store_keep_shards(out, base->shards));
done:
    return st;
}
