/* store_memory.c: a store over features in memory, or in a file that is mapped. Dense rows are
 * copied, or converted to f32; CSR rows are expanded to dense rows, so that kernels see one kind of
 * slab.
 *
 * A file whose values were not looked at when it was opened has its rows looked at in fetch, each
 * as it is wanted: nothing that is not finite comes into a slot. */
#include <string.h>

#include "cache/row_source.h"
#include "cache/store.h"

typedef struct memory_store {
    pr_store           head;
    const pr_features *features;
    pri_row_source     source; /* dense */
} memory_store;

static void memory_free(pr_store *store)
{
    pri_free(store);
}

static const pr_features *memory_direct(const pr_store *store)
{
    return ((const memory_store *)store)->features;
}

void pri_store_place_dense(const pr_features *x, const pri_place *place, size_t begin, size_t end)
{
    const pri_row_source source = pri_row_source_of(x);
    pri_row_source_place(&source, place, NULL, begin, end);
}

static void place_dense(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_row_source_place(&((const memory_store *)store)->source, place, NULL, begin, end);
}

/* Look at the rows of a plan. */
static pr_status look_at_rows(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                              size_t n, pr_fetch_cost *cost)
{
    enum { LINE = 64, AHEAD = 4 };
    pr_status             st     = PR_OK;
    const memory_store   *own    = (const memory_store *)store;
    const pri_row_source *source = &own->source;

    (void)fetcher;
    (void)cost; /* whether a page was read, the kernel knows */
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            const char *far = source->rows + write[i + AHEAD].id * source->bytes;
            for (size_t k = 0; k < own->features->file->row_bytes; k += LINE)
                __builtin_prefetch(far + k);
        }
        if (pri_row_source_find_bad(source, write[i].id, write[i].id + 1) == write[i].id)
            PR_TRY(pri_row_source_raise_bad(source, own->features->file, write[i].id));
    }
done:
    return st;
}

void pri_store_place_csr(const pr_features *x, const pri_place *place, size_t begin, size_t end)
{
    enum { AHEAD = 8 };
    const pri_write *const write = place->write;
    const size_t           bytes = x->num_cols * sizeof(float);

    for (size_t i = begin; i < end; i++) {
        if (i + 2 * AHEAD < place->n) __builtin_prefetch(&x->indptr[write[i + 2 * AHEAD].id]);
        if (i + AHEAD < place->n) {
            const pr_eid first = x->indptr[write[i + AHEAD].id];
            __builtin_prefetch(x->indices + first);
            __builtin_prefetch(x->data + first);
        }
        float       *row  = place->rows + write[i].to * place->ld;
        const pr_eid last = x->indptr[write[i].id + 1];
        memset(row, 0, bytes);
        for (pr_eid e = x->indptr[write[i].id]; e < last; e++) row[x->indices[e]] = x->data[e];
    }
}

static void place_csr(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_store_place_csr(memory_direct(store), place, begin, end);
}

static void memory_ranges(const pr_store *store, pr_ranges *ranges)
{
    pri_store_ranges_of(store, memory_direct(store), ranges);
}

static const pri_store_calls dense_calls = { .free   = memory_free,
                                             .place  = place_dense,
                                             .rows   = memory_direct,
                                             .direct = memory_direct,
                                             .ranges = memory_ranges };

static const pri_store_calls csr_calls = {
    .free = memory_free, .place = place_csr, .direct = memory_direct, .ranges = memory_ranges
};

/* f32 rows of a file nobody looked at: kernels may not read them in place. */
static const pri_store_calls unchecked_calls = {
    .free   = memory_free,
    .fetch  = look_at_rows,
    .place  = place_dense,
    .rows   = memory_direct,
    .ranges = memory_ranges,
    .no_direct =
        "nobody looked at the values of their file when it was opened: use --feature-check open"
};

#define CONVERTED                                                                                  \
    "they are not f32 and are converted as they move: use --cache.mode resident or packed"

static const pri_store_calls converted_calls = {
    .free = memory_free, .place = place_dense, .ranges = memory_ranges, .no_direct = CONVERTED
};

static const pri_store_calls converted_unchecked_calls = { .free      = memory_free,
                                                           .fetch     = look_at_rows,
                                                           .place     = place_dense,
                                                           .ranges    = memory_ranges,
                                                           .no_direct = CONVERTED };

static const pri_store_calls *calls_of(const pr_features *x)
{
    const bool unchecked = x->file && !x->file->checked;

    if (x->kind == PR_FEATURES_CSR) return &csr_calls;
    if (x->rows) return unchecked ? &unchecked_calls : &dense_calls;
    return unchecked ? &converted_unchecked_calls : &converted_calls;
}

pr_status pri_store_check_features(const pr_features *x)
{
    pr_status st = PR_OK;

    PR_CHECK(x->kind == PR_FEATURES_DENSE || x->kind == PR_FEATURES_CSR, PR_E_ARG,
             "features are of kind %d, must be dense (0) or csr (1)", (int)x->kind);
    PR_CHECK(x->num_rows <= PR_MAX_NODES, PR_E_RANGE, "features have %u rows, at most %u allowed",
             x->num_rows, PR_MAX_NODES);
    PR_CHECK(x->num_cols >= 1, PR_E_ARG, "features have 0 columns, must have at least 1");
    if (x->kind == PR_FEATURES_DENSE) {
        PR_CHECK(x->rows || x->file || x->num_rows == 0, PR_E_ARG,
                 "dense features have no rows array, and no file");
        PR_CHECK(!x->rows || x->ld >= x->num_cols, PR_E_ARG,
                 "features have %u columns but rows %zu elements apart", x->num_cols, x->ld);
    } else {
        PR_CHECK(x->indptr, PR_E_ARG, "csr features have no indptr array");
        const pr_eid nnz = x->indptr[x->num_rows];
        PR_CHECK((x->indices && x->data) || nnz == 0, PR_E_ARG,
                 "csr features of %llu elements have no indices or no data array",
                 (unsigned long long)nnz);
    }
done:
    return st;
}

pr_status pr_store_memory(const pr_features *features, pr_store **out)
{
    pr_status     st    = PR_OK;
    memory_store *store = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(features));
    const pri_row_source source = pri_row_source_of(features);
    PR_CHECK(features->kind == PR_FEATURES_CSR || source.rows || features->num_rows == 0,
             PR_E_UNSUPPORTED, "%s is not mapped: its rows can be read direct only",
             features->file->path);
    PR_NEW(store, 1);
    store->head     = (pr_store){ .calls    = calls_of(features),
                                  .num_rows = features->num_rows,
                                  .num_cols = features->num_cols };
    store->features = features;
    store->source   = source;
    *out            = &store->head;
done:
    return st;
}
