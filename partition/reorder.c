/* reorder.c: packrat reorder: from a dataset directory to the same one in another order. */
#include <packrat/partition.h>

#include <string.h>

#include "loaders/original_ids.h"
#include "loaders/permute.h"
#include "partition/node_order.h"
#include "partition/order_access.h"

enum { WRITE_BYTES = 4 << 20 }; /* of pri_dataset_write */

#define MEMBER(member) offsetof(pr_reorder_options, member)

static const pr_option options[] = {
    { "data", "dir", "dataset directory to read", "", PR_OPT_TEXT, MEMBER(data), 0, 0, NULL },
    { "out", "dir", "dataset directory to make; must not exist, or be empty", "", PR_OPT_TEXT,
      MEMBER(out), 0, 0, NULL },
    { "by", "",
      "which order: community (cluster after cluster, breadth first within), degree (most "
      "in-neighbours first), bfs (breadth first), access (rows that steps of a trace wanted "
      "together)",
      "community", PR_OPT_CHOICE, MEMBER(by), 0, 0, "community|degree|bfs|access" },
    { "trace", "file", "access: of a run on this dataset (packrat train --trace)", "", PR_OPT_TEXT,
      MEMBER(trace), 0, 0, NULL },
    { "order.clusters", "clusters", "community: about so many; 0: one for 512 nodes, 2 .. 20000",
      "0", PR_OPT_U32, MEMBER(clusters), 0, PR_MAX_CLUSTERS, NULL },
    { "order.method", "",
      "community: how clusters are found: metis, propagation (of labels; faster and smaller), auto "
      "(METIS where it fits into memory)",
      "auto", PR_OPT_CHOICE, MEMBER(method), 0, 0, "auto|metis|propagation" },
    { "seed", "number", "seed of the clusters", "1", PR_OPT_U64, MEMBER(seed), 0,
      1.8446744073709552e19, NULL },
    { "threads", "threads", "threads; 0: all. The order does not depend on it", "0", PR_OPT_U32,
      MEMBER(threads), 0, 4096, NULL },
};
const pr_option_table pr_reorder_option_table = { "Reorder", options,
                                                  sizeof options / sizeof *options };

/* One call and everything it holds. */
typedef struct reordering {
    const pr_reorder_options *options;
    const volatile int       *stop;
    pr_reordered             *result;
    const pr_dataset         *dataset;
    pr_npy                    ids;
    const int64_t            *original_ids;
    pr_clusters              *clusters;
    pr_vid                   *old_of_new;
    pri_permuted              permuted;
} reordering;

static void note_bytes(reordering *r, uint64_t bytes)
{
    if (bytes > r->result->made.peak_bytes) r->result->made.peak_bytes = bytes;
}

static pr_status open_source(reordering *r)
{
    pr_status          st   = PR_OK;
    pr_dataset_options from = { .feature_norm = PR_NORM_NONE, .feature_check = PR_CHECK_READ };

    PR_TRY(pr_options_check(&pr_reorder_option_table, r->options));
    PR_CHECK(r->options->data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_CHECK(r->options->out[0], PR_E_ARG, "--out is missing: the directory to make");
    if (r->options->by == PR_REORDER_ACCESS)
        PR_CHECK(r->options->trace[0], PR_E_ARG,
                 "--by access needs --trace: a file that packrat train --trace wrote");
    else
        PR_CHECK(!r->options->trace[0], PR_E_ARG, "--trace goes with --by access only");
    PR_TRY(pri_dataset_target_check(r->options->out));
    memcpy(from.data, r->options->data, sizeof from.data);
    PR_TRY(pr_dataset_open(&from, &r->dataset));
    PR_TRY(pri_original_ids_open(r->options->data, r->dataset->graph.num_nodes, &r->ids,
                                 &r->original_ids));
done:
    return st;
}

static pr_status find_clusters(reordering *r)
{
    pr_status                st         = PR_OK;
    const pr_cluster_options options_of = { .clusters = r->options->clusters,
                                            .method   = r->options->method,
                                            .seed     = r->options->seed,
                                            .threads  = r->options->threads,
                                            .stop     = r->stop };

    PR_TRY(pr_clusters_find(&r->dataset->graph, &options_of, &r->clusters));
    r->result->clusters  = r->clusters->num_clusters;
    r->result->method    = r->clusters->method;
    r->result->cut_share = r->clusters->cut_share;
    memcpy(r->result->why, r->clusters->why, sizeof r->result->why);
    note_bytes(r, r->clusters->peak_bytes);
done:
    return st;
}

static pr_status find_access_order(reordering *r, uint64_t *bytes)
{
    pr_status st    = PR_OK;
    pri_wants wants = { 0 };

    PR_TRY(pri_wants_read(r->options->trace, r->dataset, r->stop, &wants));
    r->result->trace_steps  = wants.num_steps;
    r->result->trace_kept   = wants.num_kept;
    r->result->nodes_wanted = wants.num_wanted;
    PR_TRY(pri_order_access(&r->dataset->graph, &wants, r->options->threads, r->stop, r->old_of_new,
                            bytes));
    *bytes += wants.bytes;
done:
    pri_wants_clear(&wants);
    return st;
}

static pr_status find_order(reordering *r)
{
    pr_status      st    = PR_OK;
    const uint64_t N     = r->dataset->graph.num_nodes;
    const int64_t  start = pr_now_ns();
    uint64_t       bytes = 0;

    if (r->options->by == PR_REORDER_COMMUNITY) PR_TRY(find_clusters(r));
    PR_NEW(r->old_of_new, N);
    if (r->options->by == PR_REORDER_ACCESS)
        PR_TRY(find_access_order(r, &bytes));
    else
        PR_TRY(pri_node_order(&r->dataset->graph, (pr_reorder_kind)r->options->by, r->clusters,
                              r->options->threads, r->stop, r->old_of_new, &bytes));
    note_bytes(r, bytes + N * (r->clusters ? 8 : 4));
    r->result->order_ns = pr_now_ns() - start;
done:
    pr_clusters_free(r->clusters);
    r->clusters = NULL;
    return st;
}

static pr_status write_out(reordering *r)
{
    pr_status         st = PR_OK;
    const pr_dataset *d  = r->dataset;
    const uint64_t    N  = d->graph.num_nodes;
    const uint64_t    row_bytes =
        d->features.file ? d->features.file->row_bytes : d->features.num_cols * sizeof(float);

    PR_TRY(pri_dataset_permute(d, r->old_of_new, r->original_ids, r->options->threads, r->stop,
                               &r->permuted));
    note_bytes(r, r->permuted.bytes + N * (sizeof *r->old_of_new + 8) + WRITE_BYTES);
    r->result->before = pr_locality_measure(&d->graph, row_bytes, r->options->threads);
    r->result->after =
        pr_locality_measure(&r->permuted.arrays.graph, row_bytes, r->options->threads);
    PR_TRY(pri_dataset_write(r->options->out, &r->permuted.arrays, r->stop, &r->result->made));
done:
    return st;
}

pr_status pr_reorder(const pr_reorder_options *given, const volatile int *stop,
                     pr_reordered *reordered)
{
    pr_status     st    = PR_OK;
    reordering   *r     = NULL;
    const int64_t start = pr_now_ns();

    PR_CHECK(reordered, PR_E_ARG, "reordered is NULL");
    *reordered = (pr_reordered){ 0 };
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_NEW(r, 1);
    *r = (reordering){ .options = given, .stop = stop, .result = reordered };
    PR_TRY(open_source(r));
    PR_TRY(find_order(r));
    PR_TRY(write_out(r));
    reordered->elapsed_ns = pr_now_ns() - start;
done:
    if (r) {
        pri_permuted_clear(&r->permuted);
        pri_free(r->old_of_new);
        pr_clusters_free(r->clusters);
        pr_npy_close(&r->ids);
        pr_dataset_close(r->dataset);
        pri_free(r);
    }
    return st;
}
