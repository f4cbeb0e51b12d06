/* edge_lists.c: see edge_lists.h. */
#include "loaders/edge_lists.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "loaders/npy.h"
#include "loaders/wholes.h"

const char *const pri_edge_list_name[PRI_NUM_EDGE_LISTS] = { "train_edges.npy", "val_edges.npy",
                                                             "test_edges.npy" };

static pr_status check_form(const char *path, const pr_npy *npy)
{
    pr_status st = PR_OK;
    char      shape[PRI_SHAPE_BYTES];

    pri_npy_shape_text(npy->num_dims, npy->shape, shape);
    PR_CHECK(npy->num_dims == 2 && npy->shape[1] == 2, PR_E_INPUT,
             "%s: has shape %s, must have two columns: the ends of each edge", path, shape);
    const bool whole = npy->dtype == PR_I64 || npy->dtype == PR_U64 || npy->dtype == PR_I32 ||
                       npy->dtype == PR_U32 || npy->dtype == PR_U8;
    PR_CHECK(whole, PR_E_INPUT, "%s: has type %s, must be whole numbers of 32 or 64 bits", path,
             pri_dtype_name(npy->dtype));
    PR_CHECK(npy->shape[0] < UINT32_MAX, PR_E_INPUT, "%s: has %" PRIu64 " edges, at most %u", path,
             npy->shape[0], UINT32_MAX - 1);
done:
    return st;
}

static pr_status read_ends(const char *path, const pr_npy *npy, pr_vid num_nodes, pr_vid *ends)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < 2 * npy->shape[0]; i++) {
        uint64_t      wide;
        const int64_t id = pri_wholes_at(npy, i, &wide);
        PR_CHECK(wide <= INT64_MAX, PR_E_INPUT,
                 "%s: edge %zu has an end %" PRIu64 ", must be a node in 0 .. %u", path, i / 2,
                 wide, num_nodes - 1);
        PR_CHECK(id >= 0 && id < (int64_t)num_nodes, PR_E_INPUT,
                 "%s: edge %zu has an end %" PRId64 ", must be a node in 0 .. %u", path, i / 2, id,
                 num_nodes - 1);
        ends[i] = (pr_vid)id;
        PR_CHECK(i % 2 == 0 || ends[i] != ends[i - 1], PR_E_INPUT,
                 "%s: edge %zu joins node %u with itself, ends must differ", path, i / 2, ends[i]);
    }
done:
    return st;
}

static pr_status read_list(const char *path, pr_vid num_nodes, pri_edge_list *out)
{
    pr_status st   = PR_OK;
    pr_npy    npy  = { 0 };
    pr_vid   *ends = NULL;

    PR_TRY(pr_npy_open(path, &npy));
    PR_TRY(check_form(path, &npy));
    PR_NEW(ends, 2 * (size_t)npy.shape[0]);
    PR_TRY(read_ends(path, &npy, num_nodes, ends));
    *out = (pri_edge_list){ ends, (size_t)npy.shape[0] };
    ends = NULL;
done:
    pri_free(ends);
    pr_npy_close(&npy);
    return st;
}

pr_status pri_edge_lists_read(const char *directory, pr_vid num_nodes,
                              pri_edge_list out[PRI_NUM_EDGE_LISTS])
{
    pr_status   st = PR_OK;
    char        path[2 * PR_TEXT_BYTES];
    struct stat file;

    memset(out, 0, PRI_NUM_EDGE_LISTS * sizeof *out);
    for (int i = 0; i < PRI_NUM_EDGE_LISTS; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, pri_edge_list_name[i]);
        if (stat(path, &file) != 0 && errno == ENOENT) continue;
        PR_TRY(read_list(path, num_nodes, &out[i]));
    }
done:
    if (st != PR_OK) pri_edge_lists_clear(out);
    return st;
}

void pri_edge_lists_clear(pri_edge_list lists[PRI_NUM_EDGE_LISTS])
{
    for (int i = 0; i < PRI_NUM_EDGE_LISTS; i++) {
        pri_free(lists[i].ends);
        lists[i] = (pri_edge_list){ 0 };
    }
}
