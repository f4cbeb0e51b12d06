/* cmd_partition.c: packrat partition. */
#include <stdio.h>

#include <packrat/partition.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_partition_option_table, setup };
    return 1;
}

static int print_json(const command_call *call, const pr_parts *p)
{
    const pr_partition_options *options = call->setup;
    results                     out     = results_begin(call);

    results_text(&out, "out", options->out);
    results_count(&out, "nodes", p->num_nodes);
    results_count(&out, "parts", p->num_parts);
    results_text(&out, "method", pr_clusters_method_name(p->method));
    results_text(&out, "why", p->why);
    results_text(&out, "balance", pr_part_balance_name(p->balance));
    results_count(&out, "min_nodes", p->min_nodes);
    results_count(&out, "max_nodes", p->max_nodes);
    results_count(&out, "min_train", p->min_train);
    results_count(&out, "max_train", p->max_train);
    results_count(&out, "min_arcs", p->min_arcs);
    results_count(&out, "max_arcs", p->max_arcs);
    results_real(&out, "cut_share", p->cut_share);
    results_real(&out, "within_share", 1 - p->cut_share);
    results_real(&out, "within_share_hash", p->hash_share);
    results_real(&out, "within_share_range", p->range_share);
    results_count(&out, "elapsed_ns", (uint64_t)p->elapsed_ns);
    results_count(&out, "peak_bytes", p->peak_bytes);
    return results_end(&out, call, EXIT_DONE);
}

static void print_summary(const char *out, const pr_parts *p)
{
    printf("%s:\n", out);
    printf("  parts     %u by %s (%s)\n", p->num_parts, pr_clusters_method_name(p->method), p->why);
    printf("  nodes     %u .. %u a part\n", p->min_nodes, p->max_nodes);
    if (p->max_train)
        printf("  training  %llu .. %llu nodes a part\n", (unsigned long long)p->min_train,
               (unsigned long long)p->max_train);
    printf("  arcs      %llu .. %llu into a part\n", (unsigned long long)p->min_arcs,
           (unsigned long long)p->max_arcs);
    if (p->max_arcs / 2 > p->min_arcs && p->balance != PR_BALANCE_EDGES)
        printf("            so lanes may have unequal work; --balance edges makes them even\n");
    printf("  within    %.1f %% of the arcs stay in their part; %.1f %% would by hashing, %.1f %% "
           "with runs of ids\n",
           100 * (1 - p->cut_share), 100 * p->hash_share, 100 * p->range_share);
    printf("  time      %.1f s\n", (double)p->elapsed_ns * 1e-9);
    printf("  memory    %.1f MiB at the peak\n", (double)p->peak_bytes / 0x1p20);
}

static int run(command_call *call)
{
    const pr_partition_options *options = call->setup;
    pr_parts                   *parts   = NULL;

    const pr_status st = pr_partition(options, interrupt_flag(), &parts);
    if (st != PR_OK) return command_fail(call, st);
    int status = EXIT_DONE;
    if (call->common.json)
        status = print_json(call, parts);
    else
        print_summary(options->out, parts);
    pr_parts_free(parts);
    return status;
}

const command command_partition = {
    .name        = "partition",
    .summary     = "divide the nodes into parts, for lanes that share a training run",
    .usage       = "--data DIR --out FILE.npy [--parts N] [options]",
    .about       = "Divides the nodes of a dataset into parts of equal size with few arcs between "
                   "them, and writes the part of every node to a file. Training with --shards.file "
                   "deals the parts to lanes, each on its NUMA node. The other way to the same end "
                   "is packrat reorder --by community, after which runs of ids will do and no file "
                   "is needed. The file appears whole or not at all.",
    .setup_bytes = sizeof(pr_partition_options),
    .groups      = groups,
    .required    = { "data", "out" },
    .interrupted = "nothing was written",
    .run         = run,
};
