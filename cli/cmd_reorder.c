/* cmd_reorder.c: packrat reorder. */
#include <math.h>
#include <stdio.h>

#include <packrat/partition.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_reorder_option_table, setup };
    return 1;
}

static int print_json(const command_call *call, const pr_reordered *r)
{
    const pr_reorder_options *options = call->setup;
    results                   out     = results_begin(call);

    results_text(&out, "out", options->out);
    results_count(&out, "nodes", r->made.nodes);
    results_count(&out, "edges", r->made.edges);
    results_count(&out, "features", r->made.features);
    results_count(&out, "classes", r->made.classes);
    results_count(&out, "train", r->made.train);
    results_count(&out, "val", r->made.val);
    results_count(&out, "test", r->made.test);
    results_count(&out, "clusters", r->clusters);
    results_text(&out, "method", r->clusters ? pr_clusters_method_name(r->method) : NULL);
    results_text(&out, "why", r->clusters ? r->why : NULL);
    results_real(&out, "cut_share", r->clusters ? r->cut_share : (double)NAN);
    results_count(&out, "trace_steps", r->trace_steps);
    results_count(&out, "trace_kept", r->trace_kept);
    results_count(&out, "nodes_wanted", r->nodes_wanted);
    results_real(&out, "gap_bits_before", r->before.gap_bits);
    results_real(&out, "gap_bits_after", r->after.gap_bits);
    results_real(&out, "same_page_before", r->before.same_page);
    results_real(&out, "same_page_after", r->after.same_page);
    results_real(&out, "same_huge_page_before", r->before.same_huge_page);
    results_real(&out, "same_huge_page_after", r->after.same_huge_page);
    results_count(&out, "order_ns", (uint64_t)r->order_ns);
    results_count(&out, "elapsed_ns", (uint64_t)r->elapsed_ns);
    results_count(&out, "peak_bytes", r->made.peak_bytes);
    return results_end(&out, call, EXIT_DONE);
}

static void print_summary(const char *out, const pr_reordered *r)
{
    printf("%s:\n", out);
    printf("  graph     %llu nodes, %llu arcs; node_ids.npy has the ids of before\n",
           (unsigned long long)r->made.nodes, (unsigned long long)r->made.edges);
    if (r->clusters)
        printf("  clusters  %u by %s (%s); %.1f %% of the arcs are between them\n", r->clusters,
               pr_clusters_method_name(r->method), r->why, 100 * r->cut_share);
    if (r->trace_steps)
        printf("  trace     %llu steps, %u of them kept; they want %.1f %% of the nodes\n",
               (unsigned long long)r->trace_steps, r->trace_kept,
               100 * (double)r->nodes_wanted / (double)r->made.nodes);
    printf("  gap       %.2f bits between the ends of an arc in the mean, %.2f before\n",
           r->after.gap_bits, r->before.gap_bits);
    printf("  4 KiB     %.2f %% of the arcs join rows of one page, %.2f %% before\n",
           100 * r->after.same_page, 100 * r->before.same_page);
    printf("  2 MiB     %.2f %% of the arcs, %.2f %% before\n", 100 * r->after.same_huge_page,
           100 * r->before.same_huge_page);
    printf("  time      %.1f s, %.1f s of it for the order\n", (double)r->elapsed_ns * 1e-9,
           (double)r->order_ns * 1e-9);
    printf("  memory    %.1f MiB at the peak\n", (double)r->made.peak_bytes / 0x1p20);
}

static int run(command_call *call)
{
    const pr_reorder_options *options   = call->setup;
    pr_reordered              reordered = { 0 };

    const pr_status st = pr_reorder(options, interrupt_flag(), &reordered);
    if (st != PR_OK) return command_fail(call, st);
    if (call->common.json) return print_json(call, &reordered);
    print_summary(options->out, &reordered);
    return EXIT_DONE;
}

const command command_reorder = {
    .name        = "reorder",
    .summary     = "write a dataset in an order in which neighbours lie close",
    .usage       = "--data DIR --out DIR [options]",
    .about       = "Numbers the nodes of a dataset anew, so that nodes that share arcs have "
                   "numbers, and feature rows, near each other, and writes the dataset with "
                   "node_ids.npy: its entry i is the id that node i had. By access, rows that "
                   "training steps wanted together lie side by side, so that one read of a disk has "
                   "more of them. Says how near the ends of "
                   "arcs were before and are after. The directory appears whole or not at all.",
    .setup_bytes = sizeof(pr_reorder_options),
    .groups      = groups,
    .required    = { "data", "out" },
    .interrupted = "nothing was written",
    .run         = run,
};
