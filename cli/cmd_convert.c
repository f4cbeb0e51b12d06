/* cmd_convert.c: packrat convert. */
#include <stdio.h>

#include <packrat/loaders.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_convert_option_table, setup };
    return 1;
}

static const char *norm_name(int norm)
{
    return norm == PR_NORM_L1 ? "l1" : norm == PR_NORM_L2 ? "l2" : "none";
}

static int print_json(const command_call *call, const pr_converted *c)
{
    const pr_convert_options *options = call->setup;
    results                   out     = results_begin(call);

    results_text(&out, "out", options->out);
    results_text(&out, "format", pr_row_format_name(c->format));
    results_text(&out, "feature_norm", norm_name(c->feature_norm));
    results_count(&out, "nodes", c->num_rows);
    results_count(&out, "features", c->num_cols);
    results_count(&out, "bytes_before", c->bytes_before);
    results_count(&out, "bytes_after", c->bytes_after);
    results_real(&out, "max_error", c->max_error);
    results_real(&out, "rms_error", c->rms_error);
    results_real(&out, "rms_value", c->rms_value);
    return results_end(&out, call, EXIT_DONE);
}

static void print_summary(const char *out, const pr_converted *c)
{
    printf("%s:\n", out);
    printf("  rows      %u of %u columns, %s, feature norm %s\n", c->num_rows, c->num_cols,
           pr_row_format_name(c->format), norm_name(c->feature_norm));
    printf("  bytes     %llu in feature files, %llu before\n", (unsigned long long)c->bytes_after,
           (unsigned long long)c->bytes_before);
    printf("  error     %.3g at most, %.3g in the root mean square; the values' is %.3g\n",
           c->max_error, c->rms_error, c->rms_value);
}

static int run(command_call *call)
{
    const pr_convert_options *options   = call->setup;
    pr_converted              converted = { 0 };
    progress                  bar;

    progress_begin(&bar, "convert", call->common.quiet);
    const pr_watch  watch = progress_watch(&bar);
    const pr_status st    = pr_convert(options, &watch, &converted);
    progress_end(&bar);
    if (st != PR_OK) return command_fail(call, st);
    if (call->common.json) return print_json(call, &converted);
    print_summary(options->out, &converted);
    return EXIT_DONE;
}

const command command_convert = {
    .name        = "convert",
    .summary     = "write a dataset with its feature rows in another format",
    .usage       = "--data DIR --out DIR [options]",
    .about       = "Writes a dataset whose feature rows take half (bf16, f16) or a quarter (int8, "
                   "with a scale for each row) of the bytes, or are scaled (--feature-norm). Rows "
                   "are converted to f32 again as they move into the cache. Sparse rows become "
                   "dense. Rows pass through a small buffer, so features may be larger than "
                   "memory. Says how far values are from what they were. The directory appears "
                   "whole or not at all.",
    .setup_bytes = sizeof(pr_convert_options),
    .groups      = groups,
    .required    = { "data", "out" },
    .interrupted = "nothing was written",
    .run         = run,
};
