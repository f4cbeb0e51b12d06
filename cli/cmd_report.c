/* cmd_report.c: packrat report. */
#include <stdio.h>

#include <packrat/log.h>

#include "cli/command.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_report_option_table, setup };
    return 1;
}

static int run(command_call *call)
{
    static const char *const usual[] = { "packrat.db" };
    const pr_report_options *options = call->setup;
    const char *const       *paths   = call->num_positional ? call->positional : usual;
    const size_t             num     = call->num_positional ? call->num_positional : 1;

    if (!call->common.json) {
        const pr_status st = pr_report(options, paths, num, stdout, NULL);
        if (st != PR_OK) return command_fail(call, st);
        if (options->out[0]) printf("%s: the report, for a browser\n", options->out);
        return EXIT_DONE;
    }
    pr_json  *json = NULL;
    pr_status st   = pr_report(options, paths, num, NULL, &json);
    if (st == PR_OK) {
        st = pr_json_write(json, stdout);
        fputc('\n', stdout);
    }
    pr_json_free(json);
    return st == PR_OK ? EXIT_DONE : command_fail(call, st);
}

const command command_report = {
    .name           = "report",
    .summary        = "print what the step log of one or more runs says",
    .usage          = "[LOG.db ...] [options]",
    .about          = "Prints accuracy per epoch, where the time of a step went, bytes moved "
                      "against the bound and against a gather, hit rate and the slowest steps; "
                      "with several runs a comparison. Without a name it reads packrat.db.",
    .setup_bytes    = sizeof(pr_report_options),
    .groups         = groups,
    .max_positional = 1024,
    .run            = run,
};
