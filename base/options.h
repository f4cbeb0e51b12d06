/* options.h: what options.c shares with options_print.c. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <packrat/base.h>

/* Print one option's present value as a user would write it. */
void pri_option_text(const pr_option *option, const void *target, char *out, size_t bytes);

/* Print what is allowed: "1 .. 100", "resident|packed|off". */
void pri_option_allowed(const pr_option *option, char *out, size_t bytes);

/* Print the default: what the table has, or what `target` holds where that is something else.
 *
 *   target   as it is before options are read; NULL: the table's is meant */
void pri_option_default(const pr_option *option, const void *target, char *out, size_t bytes);

#endif
