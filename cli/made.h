/* made.h: what import and gen say of the dataset they made. */
#ifndef CLI_MADE_H
#define CLI_MADE_H

#include <packrat/loaders.h>

#include "cli/command.h"

/* Print the counts for people or as JSON; give the exit status. */
int print_made(const command_call *call, const char *out, const pr_made *made, bool dry_run);

#endif
