/* man.h: the manual page. */
#ifndef CLI_MAN_H
#define CLI_MAN_H

#include <stdio.h>

/* Print packrat.1 in roff, from the commands and their option tables. Gives the exit status. */
int print_man(FILE *out);

#endif
