/* store_copied.c: stores that hold their rows themselves, on huge pages: random rows of a large
 * table cost a page walk each on small ones. Rows of a file are kept in its format, and converted
 * as they move; they are read from the file, not through its mapping, which would be counted as
 * memory of this process as long as it lasts. */
#include "cache/store.h"

#include <string.h>

#include "cache/row_source.h"
#include "cache/slab.h"
#include "loaders/row_format.h"

typedef struct copied_store {
    pr_store       head;
    pr_features    features; /* over our own rows, if they are f32 */
    pri_row_source source;   /* the same, in any format */
    char          *rows;
    size_t         bytes;
    float         *scale; /* int8: our own */
} copied_store;

static void copied_free(pr_store *store)
{
    copied_store *own = (copied_store *)store;
    pri_pages_unmap(own->rows, own->bytes);
    pri_free(own->scale);
    pri_free(own);
}

static const pr_features *copied_direct(const pr_store *store)
{
    return &((const copied_store *)store)->features;
}

static void copied_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_row_source_place(&((const copied_store *)store)->source, place, NULL, begin, end);
}

static void copied_ranges(const pr_store *store, pr_ranges *ranges)
{
    const copied_store *own = (const copied_store *)store;
    pri_store_ranges_of_rows(store, own->rows, own->bytes, ranges);
}

static const pri_store_calls copied_calls = { .free   = copied_free,
                                              .place  = copied_place,
                                              .rows   = copied_direct,
                                              .direct = copied_direct,
                                              .ranges = copied_ranges };

static const pri_store_calls converted_calls = {
    .free   = copied_free,
    .place  = copied_place,
    .ranges = copied_ranges,
    .no_direct =
        "they are not f32 and are converted as they move: use --cache.mode resident or packed"
};

/* Make a store of zeroed rows, some bytes apart: a multiple of 64. */
static pr_status create(pr_vid num_rows, uint32_t num_cols, int format, copied_store **out)
{
    pr_status     st    = PR_OK;
    copied_store *store = NULL;
    const bool    f32   = format == PR_ROWS_F32;
    const size_t  apart = pri_row_slot_bytes(pri_row_bytes(format, num_cols));
    size_t        bytes = 0;

    *out = NULL;
    PR_NEW(store, 1);
    store->head = (pr_store){ .calls    = f32 ? &copied_calls : &converted_calls,
                              .num_rows = num_rows,
                              .num_cols = num_cols };
    PR_CHECK(!__builtin_mul_overflow((size_t)num_rows + 1, apart, &bytes), PR_E_NOMEM,
             "%u rows of %u columns are beyond any memory", num_rows, num_cols);
    store->rows = pri_pages_map(bytes, 1);
    PR_CHECK(store->rows, PR_E_NOMEM, "cannot take %zu bytes for a copy of %u rows of %u columns",
             bytes, num_rows, num_cols);
    store->bytes  = bytes;
    store->source = (pri_row_source){
        .format = format, .num_cols = num_cols, .rows = store->rows, .bytes = apart
    };
    if (f32)
        store->features = (pr_features){ .num_rows = num_rows,
                                         .num_cols = num_cols,
                                         .rows     = (const float *)(const void *)store->rows,
                                         .ld       = apart / sizeof(float) };
    *out  = store;
    store = NULL;
done:
    if (store) copied_free(&store->head);
    return st;
}

static void copy_rows(copied_store *own, const pr_features *x)
{
    const size_t apart = own->source.bytes, bytes = x->num_cols * sizeof(float);

#pragma omp parallel for schedule(static)
    for (pr_vid v = 0; v < x->num_rows; v++)
        memcpy(own->rows + v * apart, x->rows + v * x->ld, bytes);
}

/* Rows that came packed move to where they belong, zeros between them; the last one first. */
static void unpack(char *rows, pr_vid n, size_t row_bytes, size_t apart)
{
    for (pr_vid v = n; v-- > 0;) {
        memmove(rows + v * apart, rows + v * row_bytes, row_bytes);
        memset(rows + v * apart + row_bytes, 0, apart - row_bytes);
    }
}

/* Read and look at rows begin .. end-1. */
static pr_status load_rows(copied_store *own, const pr_row_file *file, pr_vid begin, pr_vid end)
{
    pr_status    st    = PR_OK;
    const size_t apart = own->source.bytes, row_bytes = file->row_bytes;
    char *const  rows = own->rows + begin * apart;

    PR_TRY(pri_row_file_read(file, begin * (uint64_t)row_bytes, (end - begin) * row_bytes, rows));
    if (apart > row_bytes) unpack(rows, end - begin, row_bytes, apart);
    if (file->checked) goto done;
    pri_row_file_forget(file, begin, end - begin);
    const pr_vid bad = pri_row_source_find_bad(&own->source, begin, end);
    if (bad < end) PR_TRY(pri_row_source_raise_bad(&own->source, file, bad));
done:
    return st;
}

/* Load all rows of a file, with the caller's threads; of several errors the first row's is told. */
static pr_status load_file(copied_store *own, const pr_row_file *file)
{
    enum { PIECE = 1 << 20 };
    const pr_vid   n    = own->head.num_rows;
    const pr_vid   unit = file->row_bytes < PIECE ? (pr_vid)(PIECE / file->row_bytes) : 1;
    const uint64_t num  = ((uint64_t)n + unit - 1) / unit;
    uint64_t       bad  = UINT64_MAX;
    pri_error      error;

#pragma omp parallel for schedule(dynamic, 1)
    for (uint64_t i = 0; i < num; i++) {
        const pr_vid    begin = (pr_vid)(i * unit), end = n - begin < unit ? n : begin + unit;
        const pr_status st = load_rows(own, file, begin, end);
        if (st == PR_OK) continue;
#pragma omp critical(pri_load_file)
        if (i < bad) {
            bad = i;
            pri_error_save(&error, st);
        }
    }
    return bad == UINT64_MAX ? PR_OK : pri_error_restore(&error);
}

/* Keep the scales of int8 rows: the store outlives the features. */
static pr_status copy_scales(copied_store *own, const pr_row_file *file)
{
    pr_status st = PR_OK;

    if (!file->scale) goto done;
    PR_NEW(own->scale, own->head.num_rows);
    memcpy(own->scale, file->scale, own->head.num_rows * sizeof *own->scale);
    own->source.scale = own->scale;
done:
    return st;
}

pr_status pr_store_copied(const pr_features *features, pr_store **out)
{
    pr_status          st    = PR_OK;
    copied_store      *store = NULL;
    const pr_row_file *file;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(features));
    PR_CHECK(features->kind == PR_FEATURES_DENSE, PR_E_ARG,
             "only dense features can be copied, these are csr");
    file = features->file;
    PR_TRY(
        create(features->num_rows, features->num_cols, file ? file->format : PR_ROWS_F32, &store));
    if (file) {
        PR_TRY(copy_scales(store, file));
        PR_TRY(load_file(store, file));
    } else {
        copy_rows(store, features);
    }
    *out  = &store->head;
    store = NULL;
done:
    if (store) copied_free(&store->head);
    return st;
}

pr_status pr_store_transposed(const float *matrix, uint32_t num_rows, pr_vid num_cols, size_t ld,
                              pr_store **out)
{
    enum { TILE = 16 };
    pr_status     st    = PR_OK;
    copied_store *store = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(matrix || num_cols == 0, PR_E_ARG, "matrix is NULL");
    PR_CHECK(num_rows >= 1, PR_E_ARG, "the matrix has 0 rows, must have at least 1");
    PR_CHECK(num_cols <= PR_MAX_NODES, PR_E_RANGE, "the matrix has %u columns, at most %u allowed",
             num_cols, PR_MAX_NODES);
    PR_CHECK(ld >= num_cols, PR_E_ARG, "the matrix has %u columns but rows %zu elements apart",
             num_cols, ld);
    PR_TRY(create(num_cols, num_rows, PR_ROWS_F32, &store));
    const size_t own  = store->features.ld;
    float *const rows = (float *)(void *)store->rows;
#pragma omp parallel for schedule(static)
    for (size_t tile = 0; tile < num_cols / TILE + 1; tile++)
        for (uint32_t r = 0; r < num_rows; r++)
            for (size_t c = tile * TILE; c < num_cols && c < (tile + 1) * TILE; c++)
                rows[c * own + r] = matrix[r * ld + c];
    *out = &store->head;
done:
    return st;
}
