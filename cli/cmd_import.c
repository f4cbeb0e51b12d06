/* cmd_import.c: packrat import. */
#include <stdio.h>

#include <packrat/loaders.h>

#include "cli/command.h"
#include "cli/made.h"
#include "cli/progress.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_import_option_table, setup };
    return 1;
}

static int run(command_call *call)
{
    const pr_import_options *options = call->setup;
    pr_made                  made    = { 0 };

    if (!options->out[0] && !options->dry_run)
        return command_misuse(call, "--out is missing: the directory to make (or --dry-run)");
    progress bar;
    progress_begin(&bar, "import", call->common.quiet);
    const pr_watch  watch = progress_watch(&bar);
    const pr_status st    = pr_import(options, &watch, &made);
    progress_end(&bar);
    if (st != PR_OK) return command_fail(call, st);
    return print_made(call, options->out, &made, options->dry_run);
}

const command command_import = {
    .name        = "import",
    .summary     = "make a dataset directory from files of your own",
    .usage       = "SRC --out DIR [options]",
    .about       = "Reads a directory of .npy arrays, or an edge list (two ids a line, '#' "
                   "comments; or csv; plain, or packed with gzip or zstd) with features and "
                   "labels, checks everything, and writes a dataset directory that packrat train "
                   "opens. The directory appears whole or not at all. An edge list may be larger "
                   "than memory: it is read once into a temporary file beside the output and "
                   "sorted in as many passes as --memory asks for; --dry-run says what it takes.",
    .setup_bytes = sizeof(pr_import_options),
    .groups      = groups,
    .required    = { "source" },
    .positional  = "source",
    .interrupted = "nothing was written",
    .run         = run,
};
