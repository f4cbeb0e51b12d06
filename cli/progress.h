/* progress.h: what a run says of itself on standard error while it works. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <packrat/pipeline.h>

/* On a terminal one line that is drawn again and again; elsewhere a line per epoch and at most
 * one every two seconds between. */
typedef struct progress {
    const char *command;
    bool        quiet, terminal;
    bool        drawn; /* a bar stands on the terminal's line */
    int64_t     begin_ns, last_ns;
    double      val_accuracy; /* the last one known; NaN */
} progress;

/* Prepare; `command` is a literal. */
void progress_begin(progress *p, const char *command, bool quiet);

/* Give the hooks of a library call: this progress and the stop flag of interrupt.h. */
pr_hooks progress_hooks(progress *p);

/* Give the watch of long work on files: the same, in bytes. */
pr_watch progress_watch(progress *p);

/* Take the bar away, so that results start on a clean line. */
void progress_end(progress *p);

#endif
