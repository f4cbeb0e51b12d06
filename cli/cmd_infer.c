/* cmd_infer.c: packrat infer. */
#include <stdio.h>
#include <string.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_infer_setup *s = setup;

    out[0] = (pr_option_group){ &pr_dataset_option_table, &s->dataset };
    out[1] = (pr_option_group){ &pr_infer_option_table, &s->infer };
    out[2] = (pr_option_group){ &pr_sampler_option_table, &s->sampler };
    out[3] = (pr_option_group){ &pr_cache_option_table, &s->cache };
    out[4] = (pr_option_group){ &pr_machine_option_table, &s->machine };
    out[5] = (pr_option_group){ &pr_io_option_table, &s->io };
    return 6;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* Say what a run would take. */
static void print_plan(const pr_infer_setup *setup, const pr_infer_result *r)
{
    printf("%s: %llu nodes, %llu column%s, %.1f MiB%s; nothing was written\n", setup->infer.out,
           (unsigned long long)r->num_nodes, (unsigned long long)r->num_columns,
           r->num_columns == 1 ? "" : "s", mib(r->file_bytes),
           strstr(setup->infer.out, ".csv") ? " at least" : "");
    printf("passes     %u over all nodes\n", r->passes);
    printf("memory     %.1f MiB at most\n", mib(r->memory_bytes));
    printf("temporary  %.1f MiB of layer outputs that do not fit\n", mib(r->spill_bytes));
    if (setup->infer.resume) printf("work       %.1f MiB of finished layers\n", mib(r->work_bytes));
}

/* Say what was done. */
static void print_summary(const pr_infer_setup *setup, const pr_infer_result *r)
{
    printf("%s: %llu nodes, %llu column%s, %.1f s, peak memory %.1f MiB", setup->infer.out,
           (unsigned long long)r->num_nodes, (unsigned long long)r->num_columns,
           r->num_columns == 1 ? "" : "s", (double)r->elapsed_ns * 1e-9, mib(r->peak_rss_bytes));
    if (r->memory_bytes) printf(" of %.1f planned", mib(r->memory_bytes));
    printf("\n");
}

static int print_json(command_call *call, const pr_infer_result *r, int exit_status)
{
    const pr_infer_setup *setup = call->setup;
    results               out   = results_begin(call);

    results_run(&out, r->run, setup->infer.log);
    results_text(&out, "out", setup->infer.out);
    results_count(&out, "num_nodes", r->num_nodes);
    results_count(&out, "num_columns", r->num_columns);
    results_count(&out, "layers_found", r->layers_found);
    results_count(&out, "passes", r->passes);
    results_count(&out, "steps", r->steps);
    results_count(&out, "memory_bytes", r->memory_bytes);
    results_count(&out, "peak_rss_bytes", r->peak_rss_bytes);
    results_count(&out, "spill_bytes", r->spill_bytes);
    results_count(&out, "work_bytes", r->work_bytes);
    results_count(&out, "file_bytes", r->file_bytes);
    results_count(&out, "rows_lost", r->rows_lost);
    results_count(&out, "elapsed_ns", (uint64_t)r->elapsed_ns);
    return results_end(&out, call, exit_status);
}

static int run(command_call *call)
{
    const pr_infer_setup *setup  = call->setup;
    pr_infer_result       result = { 0 };
    progress              shown;

    progress_begin(&shown, call->command->name, call->common.quiet);
    const pr_hooks  hooks = progress_hooks(&shown);
    const pr_status st    = pr_infer(setup, &hooks, &result);
    progress_end(&shown);

    const bool filled = st == PR_OK || result.rows_lost > 0;
    if (filled && !call->common.json)
        (setup->infer.dry_run ? print_plan : print_summary)(setup, &result);
    const int status = st == PR_OK ? EXIT_DONE : command_fail(call, st);
    return filled && call->common.json ? print_json(call, &result, status) : status;
}

const command command_infer = {
    .name        = "infer",
    .summary     = "write the predictions of a checkpoint to a file",
    .usage       = "--data DIR --checkpoint FILE --out FILE.npy|FILE.csv [options]",
    .about       = "Computes every layer over all nodes with every neighbour (--mode sampled: with "
                   "neighbours drawn as in training) and writes the class of each node asked for, "
                   "its logits, probabilities or embeddings. The file appears whole or not at all; "
                   "answers for all nodes are written as they are made. With --resume a run that "
                   "was ended goes on behind the last finished layer.",
    .setup_bytes = sizeof(pr_infer_setup),
    .groups      = groups,
    .required    = { "data", "checkpoint", "out" },
    .interrupted = "no answers were written; with --resume, finished layers are kept",
    .run         = run,
};
