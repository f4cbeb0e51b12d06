/* nodefile.c: see nodefile.h. */
#include "pipeline/nodefile.h"

#include <inttypes.h>

#include <packrat/loaders.h>

/* Give entry i where it fits into 63 bits; else its value is in *wide and the result negative. */
static int64_t entry_of(const pr_npy *npy, size_t i, uint64_t *wide)
{
    *wide = 0;
    switch (npy->dtype) {
    case PR_I64: return ((const int64_t *)npy->data)[i];
    case PR_U64:
        *wide = ((const uint64_t *)npy->data)[i];
        return *wide <= INT64_MAX ? (int64_t)*wide : -1;
    case PR_I32: return ((const int32_t *)npy->data)[i];
    case PR_U32: return ((const uint32_t *)npy->data)[i];
    case PR_U8: return ((const uint8_t *)npy->data)[i];
    default: return -1;
    }
}

pr_status pri_nodes_read(const char *path, pr_vid num_nodes, pr_vid **out, size_t *n)
{
    pr_status st  = PR_OK;
    pr_npy    npy = { 0 };
    pr_vid   *ids = NULL;

    *out = NULL;
    PR_TRY(pr_npy_open(path, &npy));
    const bool reals = npy.dtype == PR_F32 || npy.dtype == PR_F64;
    PR_CHECK(npy.num_dims == 1 && !reals, PR_E_INPUT,
             "%s: has %u dimension%s of %s, must be one dimension of whole numbers", path,
             npy.num_dims, npy.num_dims == 1 ? "" : "s", reals ? "reals" : "integers");
    *n = (size_t)npy.shape[0];
    PR_NEW(ids, *n);
    for (size_t i = 0; i < *n; i++) {
        uint64_t      wide;
        const int64_t id = entry_of(&npy, i, &wide);
        PR_CHECK(wide <= INT64_MAX, PR_E_INPUT,
                 "%s: entry %zu is %" PRIu64 ", must be a node in 0 .. %u", path, i, wide,
                 num_nodes - 1);
        PR_CHECK(id >= 0 && id < (int64_t)num_nodes, PR_E_INPUT,
                 "%s: entry %zu is %" PRId64 ", must be a node in 0 .. %u", path, i, id,
                 num_nodes - 1);
        ids[i] = (pr_vid)id;
    }
    *out = ids;
    ids  = NULL;
done:
    pr_npy_close(&npy);
    pri_free(ids);
    return st;
}
