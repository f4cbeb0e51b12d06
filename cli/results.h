/* results.h: what a command found out, as the one line of --json. */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"

/* The results of a command, as one JSON object under construction. The first failure is kept;
 * whatever follows does nothing. */
typedef struct results {
    pr_json  *json; /* NULL: out of memory */
    pr_status st;
} results;

results results_begin(const command_call *call);                       /* holds "command" */
void    results_text(results *r, const char *name, const char *value); /* NULL: null */
void    results_count(results *r, const char *name, uint64_t value);
void    results_known(results *r, const char *name, int64_t value); /* PR_NULL_INT: null */
void    results_real(results *r, const char *name, double value);   /* not finite: null */
void    results_run(results *r, int64_t run, const char *log);      /* "run" and "log", or nulls */

/* Add "options", print the line and free. Gives `exit_status`, or EXIT_WORLD without memory. */
int results_end(results *r, const command_call *call, int exit_status);

/* Is there a log at all? Both "" and "none" mean no. */
bool log_is_kept(const char *log);

#endif
