/* results.c: what a command found out, as the one line of --json. */
#include "cli/results.h"

#include <string.h>

#include <packrat/nouns.h>

/* Keep the first failure. */
static void keep(results *r, pr_status st)
{
    if (r->st == PR_OK) r->st = st;
}

results results_begin(const command_call *call)
{
    results r = { .json = pr_json_object(), .st = PR_OK };

    if (!r.json) r.st = PR_E_NOMEM;
    results_text(&r, "command", call->command->name);
    return r;
}

void results_text(results *r, const char *name, const char *value)
{
    if (r->st == PR_OK) keep(r, pr_json_set_string(r->json, name, value));
}

void results_count(results *r, const char *name, uint64_t value)
{
    if (r->st == PR_OK) keep(r, pr_json_set_int(r->json, name, (int64_t)value));
}

void results_known(results *r, const char *name, int64_t value)
{
    if (r->st != PR_OK) return;
    keep(r, value == PR_NULL_INT ? pr_json_set_null(r->json, name)
                                 : pr_json_set_int(r->json, name, value));
}

void results_real(results *r, const char *name, double value)
{
    if (r->st == PR_OK) keep(r, pr_json_set_real(r->json, name, value));
}

void results_run(results *r, int64_t run, const char *log)
{
    const bool kept = log_is_kept(log) && run; /* 0: ended before there was a log */

    if (kept)
        results_count(r, "run", (uint64_t)run);
    else if (r->st == PR_OK)
        keep(r, pr_json_set_null(r->json, "run"));
    results_text(r, "log", kept ? log : NULL);
}

int results_end(results *r, const command_call *call, int exit_status)
{
    if (r->st == PR_OK) /* the common options are not part of a result */
        keep(r,
             pr_json_set(r->json, "options", pr_options_json(call->groups, call->num_groups - 1)));
    if (r->st == PR_OK) {
        keep(r, pr_json_write(r->json, stdout));
        fputc('\n', stdout);
    }
    pr_json_free(r->json);
    r->json = NULL;
    if (r->st == PR_OK || r->st == PR_E_IO) return exit_status; /* main says what stdout refused */
    return command_fail(call, r->st);
}

bool log_is_kept(const char *log)
{
    return log[0] != '\0' && strcmp(log, "none") != 0;
}
