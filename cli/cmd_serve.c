/* cmd_serve.c: packrat serve. */
#include <stdio.h>

#include <packrat/serve.h>

#include "cli/command.h"
#include "cli/interrupt.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_serve_groups(setup, out);
    return PR_SERVE_GROUPS;
}

static void defaults(void *setup)
{
    pr_serve_defaults(setup);
}

static void ready(void *context, const char *url, const char *model)
{
    (void)context;
    printf("serving %s at %s\n", model, url);
    fflush(stdout);
}

static int run(command_call *call)
{
    const pr_serve_setup *setup  = call->setup;
    pr_serve_result       result = { 0 };
    const pr_serve_hooks  hooks  = { .ready = ready, .stop = interrupt_flag() };
    const pr_status       st     = pr_serve(setup, &hooks, &result);

    return st == PR_OK ? EXIT_DONE : command_fail(call, st);
}

const command command_serve = {
    .name        = "serve",
    .summary     = "answer for nodes over HTTP, from a checkpoint",
    .usage       = "--data DIR --checkpoint FILE [options]",
    .about       = "Answers requests of the Open Inference Protocol v2 with the sampler, the cache "
                   "and the kernels that train.",
    .setup_bytes = sizeof(pr_serve_setup),
    .groups      = groups,
    .defaults    = defaults,
    .required    = { "data", "checkpoint" },
    .interrupted = "requests that were taken are answered",
    .reloads     = true,
    .run         = run,
};
