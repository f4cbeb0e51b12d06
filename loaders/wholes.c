/* wholes.c: see wholes.h. */
#include "loaders/wholes.h"

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
