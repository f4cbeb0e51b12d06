/* original_ids.c: see original_ids.h. */
#include "loaders/original_ids.h"

#include <sys/stat.h>

pr_status pri_original_ids_open(const char *dir, pr_vid num_nodes, pr_npy *npy, const int64_t **ids)
{
    pr_status   st = PR_OK;
    struct stat info;
    char        path[PR_TEXT_BYTES + 16];

    *npy = (pr_npy){ 0 };
    *ids = NULL;
    snprintf(path, sizeof path, "%s/ids.npy", dir);
    if (stat(path, &info) != 0) return PR_OK;
    PR_TRY(pr_npy_open(path, npy));
    PR_CHECK(npy->dtype == PR_I64 && npy->num_dims == 1 && npy->shape[0] == num_nodes, PR_E_INPUT,
             "%s: must hold one <i8 for each of the %u nodes", path, num_nodes);
    *ids = npy->data;
done:
    return st;
}
