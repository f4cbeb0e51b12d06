/* partition.c: packrat partition: from a dataset directory to a file of parts. */
#include <packrat/partition.h>

#include <string.h>

#include "base/outfile.h"

#define MEMBER(member) offsetof(pr_partition_options, member)

static const pr_option options[] = {
    { "data", "dir", "dataset directory to read", "", PR_OPT_TEXT, MEMBER(data), 0, 0, NULL },
    { "out", "file", "file of parts to write, .npy: one a node, which train --shards.file reads",
      "", PR_OPT_TEXT, MEMBER(out), 0, 0, NULL },
    { "parts", "parts",
      "how many: as many as lanes, or a multiple; 8 serve 1, 2, 4 and 8 lanes, in runs", "8",
      PR_OPT_U32, MEMBER(parts), 1, PR_MAX_PARTS, NULL },
    { "method", "",
      "how parts are found: metis, propagation (clusters by labels, packed into parts; smaller), "
      "auto (METIS where it fits into memory)",
      "auto", PR_OPT_CHOICE, MEMBER(method), 0, 0, "auto|metis|propagation" },
    { "balance", "",
      "what parts have as many of, 3 % more or less: nodes, train (nodes and training nodes), "
      "edges (nodes and arcs into them); auto: train where there is a split, else nodes",
      "auto", PR_OPT_CHOICE, MEMBER(balance), 0, 0, "auto|nodes|train|edges" },
    { "split", "", "whose training nodes are balanced", "main", PR_OPT_CHOICE, MEMBER(split), 0, 0,
      "main|alt" },
    { "seed", "number", "seed of the parts", "1", PR_OPT_U64, MEMBER(seed), 0,
      1.8446744073709552e19, NULL },
    { "threads", "threads", "threads; 0: all. The parts do not depend on it", "0", PR_OPT_U32,
      MEMBER(threads), 0, 4096, NULL },
};
const pr_option_table pr_partition_option_table = { "Partition", options,
                                                    sizeof options / sizeof *options };

static pr_status check(const pr_partition_options *o)
{
    pr_status st = PR_OK;

    PR_TRY(pr_options_check(&pr_partition_option_table, o));
    PR_CHECK(o->data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_CHECK(o->out[0], PR_E_ARG, "--out is missing: the file of parts to write");
    const size_t bytes = strlen(o->out);
    PR_CHECK(bytes > 4 && !strcmp(o->out + bytes - 4, ".npy"), PR_E_ARG,
             "--out is '%s', must end in .npy", o->out);
    PR_TRY(pri_outfile_probe(o->out));
done:
    return st;
}

/* Find parts of a dataset that is open. */
static pr_status find(const pr_partition_options *o, const volatile int *stop,
                      const pr_dataset *dataset, pr_parts **out)
{
    pr_status      st    = PR_OK;
    const bool     has   = dataset->has_split[o->split];
    const pr_vids  none  = { 0 };
    const pr_vids  train = has ? dataset->split[o->split].train : none;
    const uint32_t N     = dataset->graph.num_nodes;

    PR_CHECK(o->parts <= N, PR_E_ARG, "--parts is %u, and %s has %u node%s: at most one a node",
             o->parts, o->data, N, N == 1 ? "" : "s");
    PR_CHECK(o->balance != PR_BALANCE_TRAIN || train.n > 0, PR_E_ARG,
             "--balance train: %s has no training nodes in split %s", o->data,
             o->split == PR_SPLIT_ALT ? "alt" : "main");
    PR_CHECK(o->balance != PR_BALANCE_EDGES || dataset->graph.num_edges > 0, PR_E_ARG,
             "--balance edges: %s has no arcs", o->data);
    PR_CHECK(o->method != PR_CLUSTERS_METIS || o->parts == 1 || o->parts <= N / 2, PR_E_ARG,
             "--method metis: %u parts of %u nodes, METIS wants two nodes a part or more", o->parts,
             N);
    const pr_parts_options how = { .parts   = o->parts,
                                   .method  = o->method,
                                   .balance = o->balance,
                                   .seed    = o->seed,
                                   .threads = o->threads,
                                   .stop    = stop };
    PR_TRY(pr_parts_find(&dataset->graph, train, &how, out));
done:
    return st;
}

pr_status pr_partition(const pr_partition_options *given, const volatile int *stop, pr_parts **out)
{
    pr_status          st      = PR_OK;
    pr_dataset_options from    = { .feature_norm = PR_NORM_NONE };
    const pr_dataset  *dataset = NULL;
    pr_parts          *parts   = NULL;
    const int64_t      start   = pr_now_ns();

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_TRY(check(given));
    memcpy(from.data, given->data, sizeof from.data);
    PR_TRY(pr_dataset_open(&from, &dataset));
    PR_TRY(find(given, stop, dataset, &parts));
    const uint64_t shape[] = { parts->num_nodes };
    PR_TRY(pr_npy_write(given->out, PR_U8, 1, shape, parts->of_node));
    parts->elapsed_ns = pr_now_ns() - start;
    *out              = parts;
    parts             = NULL;
done:
    pr_parts_free(parts);
    pr_dataset_close(dataset);
    return st;
}
