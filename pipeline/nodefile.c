/* nodefile.c: see nodefile.h. */
#include "pipeline/nodefile.h"

#include <inttypes.h>

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
