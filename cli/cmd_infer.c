/* cmd_infer.c: packrat infer. */
#include <stdio.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_infer_setup *s = setup;

    out[0] = (pr_option_group){ &pr_dataset_option_table, &s->dataset };
    out[1] = (pr_option_group){ &pr_infer_option_table, &s->infer };
    out[2] = (pr_option_group){ &pr_machine_option_table, &s->machine };
    return 3;
}

static int print_json(command_call *call, const pr_infer_result *r, int exit_status)
{
    const pr_infer_setup *setup = call->setup;
    results               out   = results_begin(call);

    results_run(&out, r->run, setup->infer.log);
    results_text(&out, "out", setup->infer.out);
    results_count(&out, "num_nodes", r->num_nodes);
    results_count(&out, "num_columns", r->num_columns);
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
        printf("%s: %llu nodes, %llu column%s, %.1f s\n", setup->infer.out,
               (unsigned long long)result.num_nodes, (unsigned long long)result.num_columns,
               result.num_columns == 1 ? "" : "s", (double)result.elapsed_ns * 1e-9);
    const int status = st == PR_OK ? EXIT_DONE : command_fail(call, st);
    return filled && call->common.json ? print_json(call, &result, status) : status;
}

const command command_infer = {
    .name        = "infer",
    .summary     = "write the predictions of a checkpoint to a file",
    .usage       = "--data DIR --checkpoint FILE --out FILE.npy|FILE.csv [options]",
    .about       = "Computes every layer exactly over all nodes and writes the class of each node "
                   "asked for, or its logits or probabilities. The file appears whole or not at "
                   "all.",
    .setup_bytes = sizeof(pr_infer_setup),
    .groups      = groups,
    .required    = { "data", "checkpoint", "out" },
    .interrupted = "nothing was written",
    .run         = run,
};
