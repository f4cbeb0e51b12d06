/* store_copied.c: stores that hold their rows themselves, on huge pages: random rows of a large
 * table cost a page walk each on small ones. */
#include "cache/store.h"

#include <string.h>

#include "cache/slab.h"

typedef struct copied_store {
    pr_store    head;
    pr_features features; /* over our own rows */
    float      *rows;
    size_t      bytes;
} copied_store;

static void copied_free(pr_store *store)
{
    copied_store *own = (copied_store *)store;
    pri_pages_unmap(own->rows, own->bytes);
    pri_free(own);
}

static const pr_features *copied_direct(const pr_store *store)
{
    return &((const copied_store *)store)->features;
}

static void copied_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    pri_store_place_dense(copied_direct(store), place, begin, end);
}

static void copied_ranges(const pr_store *store, pr_ranges *ranges)
{
    pri_store_ranges_of(store, copied_direct(store), ranges);
}

static const pri_store_calls copied_calls = { .free   = copied_free,
                                              .place  = copied_place,
                                              .rows   = copied_direct,
                                              .direct = copied_direct,
                                              .ranges = copied_ranges };

/* Make a store of zeroed rows, a slot's width apart. */
static pr_status create(pr_vid num_rows, uint32_t num_cols, copied_store **out)
{
    pr_status     st    = PR_OK;
    copied_store *store = NULL;
    const size_t  ld    = pri_slab_ld(num_cols);
    size_t        bytes = 0;

    *out = NULL;
    PR_NEW(store, 1);
    store->head = (pr_store){ .calls = &copied_calls, .num_rows = num_rows, .num_cols = num_cols };
    PR_CHECK(!__builtin_mul_overflow((size_t)num_rows + 1, ld * sizeof(float), &bytes), PR_E_NOMEM,
             "%u rows of %u columns are beyond any memory", num_rows, num_cols);
    store->rows = pri_pages_map(bytes, 1);
    PR_CHECK(store->rows, PR_E_NOMEM, "cannot take %zu bytes for a copy of %u rows of %u columns",
             bytes, num_rows, num_cols);
    store->bytes = bytes;
    store->features =
        (pr_features){ .num_rows = num_rows, .num_cols = num_cols, .rows = store->rows, .ld = ld };
    *out  = store;
    store = NULL;
done:
    if (store) copied_free(&store->head);
    return st;
}

pr_status pr_store_copied(const pr_features *features, pr_store **out)
{
    pr_status     st    = PR_OK;
    copied_store *store = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(features));
    PR_CHECK(features->kind == PR_FEATURES_DENSE, PR_E_ARG,
             "only dense features can be copied, these are csr");
    PR_TRY(create(features->num_rows, features->num_cols, &store));
    const size_t ld = store->features.ld, bytes = features->num_cols * sizeof(float);
#pragma omp parallel for schedule(static)
    for (pr_vid v = 0; v < features->num_rows; v++)
        memcpy(store->rows + v * ld, features->rows + v * features->ld, bytes);
    *out = &store->head;
done:
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
    PR_TRY(create(num_cols, num_rows, &store));
    const size_t own = store->features.ld;
#pragma omp parallel for schedule(static)
    for (size_t tile = 0; tile < num_cols / TILE + 1; tile++)
        for (uint32_t r = 0; r < num_rows; r++)
            for (size_t c = tile * TILE; c < num_cols && c < (tile + 1) * TILE; c++)
                store->rows[c * own + r] = matrix[r * ld + c];
    *out = &store->head;
done:
    return st;
}
