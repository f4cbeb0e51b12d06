/* cmd_gen.c: packrat gen. */
#include <stdio.h>

#include <packrat/loaders.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/made.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_gen_option_table, setup };
    return 1;
}

static int run(command_call *call)
{
    const pr_gen_options *options = call->setup;
    pr_made               made    = { 0 };

    const pr_status st = pr_generate(options, interrupt_flag(), &made);
    if (st != PR_OK) return command_fail(call, st);
    return print_made(call, options->out, &made, false);
}

const command command_gen = {
    .name        = "gen",
    .summary     = "make a synthetic dataset",
    .usage       = "--out DIR [options]",
    .about       = "Makes a graph with features, labels and a split whose bytes depend on the "
                   "options only, never on the threads: planted communities that a good model "
                   "can learn, or R-MAT.",
    .setup_bytes = sizeof(pr_gen_options),
    .groups      = groups,
    .required    = { "out" },
    .interrupted = "nothing was written",
    .run         = run,
};
