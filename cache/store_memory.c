/* store_memory.c: a store over features in memory. Dense rows are copied; CSR rows are expanded to
 * dense rows, so that kernels see one kind of slab. */
#include <string.h>

#include "base/check.h"
#include "cache/slab.h"
#include "cache/store.h"

typedef struct memory_store {
    pr_store           head;
    const pr_features *features;
} memory_store;

static void memory_free(pr_store *store)
{
    pri_free(store);
}

static const pr_features *memory_direct(const pr_store *store)
{
    return ((const memory_store *)store)->features;
}

static void place_dense(const pr_store *store, const pri_write *write, size_t n, float *rows,
                        size_t ld)
{
    const pr_features *x     = memory_direct(store);
    const size_t       bytes = x->num_cols * sizeof(float), ahead = pri_slab_ahead(bytes);

#pragma omp parallel for schedule(static) if (pri_slab_is_large(n, bytes))
    for (size_t i = 0; i < n; i++) {
        if (i + ahead < n) pri_slab_prefetch(x->rows + write[i + ahead].id * x->ld, bytes);
        memcpy(rows + write[i].to * ld, x->rows + write[i].id * x->ld, bytes);
    }
}

static void place_csr(const pr_store *store, const pri_write *write, size_t n, float *rows,
                      size_t ld)
{
    enum { AHEAD = 8 };
    const pr_features *x     = memory_direct(store);
    const size_t       bytes = x->num_cols * sizeof(float);

#pragma omp parallel for schedule(static) if (pri_slab_is_large(n, bytes))
    for (size_t i = 0; i < n; i++) {
        if (i + 2 * AHEAD < n) __builtin_prefetch(&x->indptr[write[i + 2 * AHEAD].id]);
        if (i + AHEAD < n) {
            const pr_eid begin = x->indptr[write[i + AHEAD].id];
            __builtin_prefetch(x->indices + begin);
            __builtin_prefetch(x->data + begin);
        }
        float       *row = rows + write[i].to * ld;
        const pr_eid end = x->indptr[write[i].id + 1];
        memset(row, 0, bytes);
        for (pr_eid e = x->indptr[write[i].id]; e < end; e++) row[x->indices[e]] = x->data[e];
    }
}

static const pri_store_calls dense_calls = { .free   = memory_free,
                                             .place  = place_dense,
                                             .direct = memory_direct };

static const pri_store_calls csr_calls = { .free   = memory_free,
                                           .place  = place_csr,
                                           .direct = memory_direct };

/* Check what can be checked without reading the rows; the loader has read them. */
static pr_status check_features(const pr_features *x)
{
    pr_status st = PR_OK;

    PR_CHECK(x->kind == PR_FEATURES_DENSE || x->kind == PR_FEATURES_CSR, PR_E_ARG,
             "features are of kind %d, must be dense (0) or csr (1)", (int)x->kind);
    PR_CHECK(x->num_rows <= PR_MAX_NODES, PR_E_RANGE, "features have %u rows, at most %u allowed",
             x->num_rows, PR_MAX_NODES);
    PR_CHECK(x->num_cols >= 1, PR_E_ARG, "features have 0 columns, must have at least 1");
    if (x->kind == PR_FEATURES_DENSE) {
        PR_CHECK(x->rows || x->num_rows == 0, PR_E_ARG, "dense features have no rows array");
        PR_CHECK(x->ld >= x->num_cols, PR_E_ARG,
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
    PR_TRY(check_features(features));
    PR_NEW(store, 1);
    store->head = (pr_store){
        .calls    = features->kind == PR_FEATURES_DENSE ? &dense_calls : &csr_calls,
        .num_rows = features->num_rows,
        .num_cols = features->num_cols,
    };
    store->features = features;
    *out            = &store->head;
done:
    return st;
}
