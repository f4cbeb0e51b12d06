/* cmd_topo.c: packrat topo. */
#include <stdio.h>
#include <string.h>

#include <packrat/numa.h>
#include <packrat/pipeline.h>

#include "cli/command.h"

/* Which machine, and whether a training run is planned on it. */
typedef struct topo_options {
    char   synthetic[PR_TEXT_BYTES], xml[PR_TEXT_BYTES], cpus[PR_TEXT_BYTES];
    double cpu_quota;
    bool   plan;
} topo_options;

typedef struct topo_setup {
    topo_options   topo;
    pr_train_setup train;
    pr_placement   placement; /* the result: too large for a stack */
} topo_setup;

#define TOPO(member) offsetof(topo_options, member)

static const pr_option topo_options_list[] = {
    { "synthetic", "machine",
      "plan for a made-up machine, in hwloc's notation: \"numa:4 core:8 pu:1\"", "", PR_OPT_TEXT,
      TOPO(synthetic), 0, 0, NULL },
    { "xml", "file", "plan for the machine that lstopo or hwloc wrote to this file", "",
      PR_OPT_TEXT, TOPO(xml), 0, 0, NULL },
    { "cpus", "list", "as if only these logical CPUs could be used, such as 0-3,8", "", PR_OPT_TEXT,
      TOPO(cpus), 0, 0, NULL },
    { "cpu-quota", "CPUs",
      "as if a cgroup granted so much CPU time; 0: what one does grant, on this machine", "0",
      PR_OPT_REAL, TOPO(cpu_quota), 0, 4096, NULL },
    { "plan", "", "draw where training on --data DIR, with train's options, would put everything",
      "false", PR_OPT_FLAG, TOPO(plan), 0, 1, NULL },
};
static const pr_option_table topo_option_table = {
    "Topology", topo_options_list, sizeof topo_options_list / sizeof *topo_options_list
};

static size_t groups(void *setup, pr_option_group *out)
{
    topo_setup *own = setup;

    out[0] = (pr_option_group){ &topo_option_table, &own->topo };
    pr_train_groups(&own->train, out + 1);
    return 1 + PR_TRAIN_GROUPS;
}

/* Plan the lanes alone, or with --plan everything that training puts anywhere. */
static pr_status make_plan(topo_setup *setup, const pr_topo *topo)
{
    pr_placement     *out     = &setup->placement;
    const pr_dataset *data    = NULL;
    pr_status         st      = PR_OK;
    pr_plan_options   options = { .threads = setup->train.machine.threads,
                                  .lanes   = setup->train.placement.lanes,
                                  .numa    = setup->train.machine.numa };

    if (!setup->topo.plan) return pr_topo_plan(topo, &options, &out->plan);
    st = pr_dataset_open(&setup->train.dataset, &data);
    if (st == PR_OK) st = pr_train_place(&setup->train, data, topo, out);
    pr_dataset_close(data);
    return st;
}

/* Print one object; a placement is a member of it. */
static pr_status print_json(const pr_topo *topo, const pr_placement *placement, bool planned)
{
    pr_json  *json = pr_topo_json(topo, &placement->plan);
    pr_status st   = json ? pr_json_set_string(json, "command", "topo") : PR_E_NOMEM;

    if (st == PR_OK && planned) {
        pr_json *member = pr_placement_json(placement);
        st              = pr_json_set_int(json, "shards", placement->num_shards);
        if (st == PR_OK)
            st = member ? pr_json_set(json, "placement", member) : PR_E_NOMEM;
        else
            pr_json_free(member);
    }
    if (st == PR_OK) {
        st = pr_json_write(json, stdout);
        fputc('\n', stdout);
    }
    pr_json_free(json);
    return st;
}

static int run(command_call *call)
{
    topo_setup          *setup  = call->setup;
    const topo_options  *own    = &setup->topo;
    pr_topo             *topo   = NULL;
    const pr_topo_source source = { .synthetic = own->synthetic[0] ? own->synthetic : NULL,
                                    .xml       = own->xml[0] ? own->xml : NULL,
                                    .cpus      = own->cpus,
                                    .cpu_quota = own->cpu_quota };

    const bool has_data = setup->train.dataset.data[0] != '\0';
    if (own->plan && !has_data)
        return command_misuse(call, "--plan needs --data DIR: what is planned is a training run "
                                    "on a dataset");
    if (has_data && !own->plan)
        return command_misuse(call, "--data goes with --plan: the machine alone needs no dataset");
    pr_status st = pr_topo_open(&source, &topo);
    if (st == PR_OK) st = make_plan(setup, topo);
    if (st == PR_OK && call->common.json) {
        st = print_json(topo, &setup->placement, own->plan);
    } else if (st == PR_OK) {
        pr_topo_print(topo, &setup->placement.plan, stdout);
        if (own->plan) pr_placement_print(&setup->placement, stdout);
    }
    pr_topo_free(topo);
    return st == PR_OK ? EXIT_DONE : command_fail(call, st);
}

const command command_topo = {
    .name        = "topo",
    .summary     = "show a machine and how packrat would use it",
    .usage       = "[--synthetic MACHINE | --xml FILE] [--plan --data DIR] [options]",
    .about       = "Shows processors, memory nodes and limits (cpusets, CPU quotas) as packrat "
                   "sees them, and the lanes it would make: one for each memory node with cores. "
                   "With --plan it draws where a training run would put shards, partitions and "
                   "bytes, and says what does not fit. Another machine than this one is planned "
                   "for and never bound to; whether a run's threads and pages are where they were "
                   "planned, the run asks the kernel.",
    .setup_bytes = sizeof(topo_setup),
    .groups      = groups,
    .run         = run,
};
