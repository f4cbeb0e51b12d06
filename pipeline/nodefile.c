/* nodefile.c: see nodefile.h. */
#include "pipeline/nodefile.h"

#include <inttypes.h>

pr_status pri_wholes_open(const char *path, pr_npy *out)
{
    pr_status st = PR_OK;

    *out = (pr_npy){ 0 };
    PR_TRY(pr_npy_open(path, out));
    const bool reals = out->dtype == PR_F32 || out->dtype == PR_F64;
    PR_CHECK(out->num_dims == 1 && !reals, PR_E_INPUT,
             "%s: has %u dimension%s of %s, must be one dimension of whole numbers", path,
             out->num_dims, out->num_dims == 1 ? "" : "s", reals ? "reals" : "integers");
done:
    if (st != PR_OK) {
        pr_npy_close(out);
        *out = (pr_npy){ 0 };
    }
    return st;
}

int64_t pri_wholes_at(const pr_npy *npy, size_t i, uint64_t *wide)
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
    PR_TRY(pri_wholes_open(path, &npy));
    *n = (size_t)npy.shape[0];
    PR_NEW(ids, *n);
    for (size_t i = 0; i < *n; i++) {
        uint64_t      wide;
        const int64_t id = pri_wholes_at(&npy, i, &wide);
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
