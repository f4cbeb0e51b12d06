/* cmd_topo.c: packrat topo. */
#include <stdio.h>

#include <packrat/numa.h>
#include <packrat/pipeline.h>

#include "cli/command.h"

static size_t groups(void *setup, pr_option_group *out)
{
    out[0] = (pr_option_group){ &pr_machine_option_table, setup };
    return 1;
}

/* Print the object with the command's name in it. */
static pr_status print_json(const pr_topo *topo, const pr_plan *plan)
{
    pr_json  *json = pr_topo_json(topo, plan);
    pr_status st   = json ? pr_json_set_string(json, "command", "topo") : PR_E_NOMEM;

    if (st == PR_OK) {
        st = pr_json_write(json, stdout);
        fputc('\n', stdout);
    }
    pr_json_free(json);
    return st;
}

static int run(command_call *call)
{
    const pr_machine_options *machine = call->setup;
    pr_topo                  *topo    = NULL;
    pr_plan                   plan;

    pr_status st = pr_topo_discover(&topo);
    if (st == PR_OK)
        st = pr_topo_plan(
            topo, &(pr_plan_options){ machine->threads, 0, (pr_numa_mode)machine->numa }, &plan);
    if (st == PR_OK) {
        if (call->common.json)
            st = print_json(topo, &plan);
        else
            pr_topo_print(topo, &plan, stdout);
    }
    pr_topo_free(topo);
    return st == PR_OK ? EXIT_DONE : command_fail(call, st);
}

const command command_topo = {
    .name        = "topo",
    .summary     = "show the machine and how packrat would use it",
    .usage       = "[options]",
    .about       = "Shows processors, memory nodes and limits (cpusets, CPU quotas) as packrat "
                   "sees them, and the lanes it would make: one for each memory node with cores.",
    .setup_bytes = sizeof(pr_machine_options),
    .groups      = groups,
    .run         = run,
};
