/* order_options.c: the options of `packrat train` that say in which order seeds are used. */
#include <packrat/pipeline.h>

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define ORDER(member) offsetof(pr_order_options, member)

static const pr_option options[] = {
    { "order", "",
      "order of the seeds: random (a new permutation each epoch), community (nodes of a cluster "
      "after each other, through a shuffle buffer), file (as listed in --order.file). All but "
      "random can cost accuracy; see docs/stickiness.md",
      "random", PR_OPT_CHOICE, ORDER(kind), 0, 0, "random|community|file" },
    { "order.file", "file",
      "file: a .npy of training nodes, each at most once; used in this order "
      "in every epoch",
      "", PR_OPT_TEXT, ORDER(file), 0, 0, NULL },
    { "order.buffer", "batches",
      "community: seeds of so many batches wait in the shuffle buffer; 0: none", "16", PR_OPT_U32,
      ORDER(buffer), 0, 65536, NULL },
    { "order.mix", "share", "community: share of each batch's seeds that are in random order",
      "0.5", PR_OPT_REAL, ORDER(mix), 0, 1, NULL },
    { "order.clusters", "clusters", "community: about so many; 0: one for 512 nodes, 2 .. 20000",
      "0", PR_OPT_U32, ORDER(clusters), 0, PR_MAX_CLUSTERS, NULL },
    { "order.method", "",
      "community: how clusters are found: metis, propagation (of labels; faster and smaller), auto "
      "(METIS where it fits into memory)",
      "auto", PR_OPT_CHOICE, ORDER(method), 0, 0, "auto|metis|propagation" },
    { "echo", "times",
      "use each seed so often an epoch, in as many steps; the epoch has so many times the steps. "
      "Moves fewer rows and costs accuracy per step; see docs/stickiness.md",
      "1", PR_OPT_U32, ORDER(echo), 1, 1024, NULL },
    { "echo.pool", "batches", "with --echo: batches whose seeds are used again together", "1",
      PR_OPT_U32, ORDER(pool), 1, 65536, NULL },
};
const pr_option_table pr_order_option_table = { "Order of the seeds", options, COUNT(options) };
