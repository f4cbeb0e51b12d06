/* runlog.c: what the run table is told. */
#include "pipeline/runlog.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numa/team.h"
#include "pipeline/log/sqlite_version.h"
#include "pipeline/nn/engine.h"

/* Give the versions of everything a result may depend on; NULL when out of memory. */
static char *versions_text(const char *http)
{
    char    *text = NULL;
    pr_json *json = pr_json_object();
    char     onednn[32], hwloc[32];

    pri_engine_version(onednn, sizeof onednn);
    pri_numa_version(hwloc, sizeof hwloc);
    if (json && pr_json_set_string(json, "packrat", PR_VERSION) == PR_OK &&
        pr_json_set_string(json, "onednn", onednn) == PR_OK &&
        pr_json_set_string(json, "sqlite", pri_sqlite_version()) == PR_OK &&
        pr_json_set_string(json, "hwloc", hwloc) == PR_OK &&
        (!http || pr_json_set_string(json, "libmicrohttpd", http) == PR_OK) &&
        pr_json_set_string(json, "compiler", __VERSION__) == PR_OK)
        text = pr_json_text(json);
    pr_json_free(json);
    return text;
}

pr_status pri_runlog_open(const pri_runlog_run *run, pr_steplog **out)
{
    pr_status st        = PR_OK;
    pr_json  *options   = NULL;
    char     *text      = NULL;
    char     *versions  = NULL;
    char      host[256] = "";

    *out = NULL;
    if (!run->path[0] || !strcmp(run->path, "none")) return PR_OK;
    options  = pr_options_json(run->groups, run->num_groups);
    text     = options ? pr_json_text(options) : NULL;
    versions = versions_text(run->http);
    PR_CHECK(text && versions, PR_E_NOMEM, "cannot print the run's options");
    (void)gethostname(host, sizeof host - 1);
    const pr_run_info info = { .command       = run->command,
                               .options_json  = text,
                               .versions_json = versions,
                               .host          = host,
                               .cpu           = pr_topo_cpu_model(run->topo),
                               .numa_nodes    = pr_topo_num_nodes(run->topo),
                               .threads       = run->threads,
                               .dataset       = run->dataset,
                               .seed          = run->seed,
                               .tuning        = &run->tuned->log,
                               .never_waits   = run->never_waits,
                               .keep_ns       = run->keep_ns,
                               .max_bytes     = run->max_bytes };
    PR_TRY(pr_steplog_open(run->path, &info, out));
done:
    free(versions);
    free(text);
    pr_json_free(options);
    return st;
}

pr_status pri_runlog_close(pr_steplog *log, pr_status st, const volatile int *stop,
                           uint64_t *rows_lost)
{
    int       exit_status = pr_status_exit(st);
    pri_error error;

    if (!log) return st;
    if (st == PR_E_INTERRUPTED && stop && *stop >= 128 && *stop < 256) exit_status = *stop;
    pri_error_save(&error, st);
    const pr_status closed = pr_steplog_close(log, exit_status, rows_lost);
    if (st == PR_OK) return closed;
    return pri_error_restore(&error);
}
