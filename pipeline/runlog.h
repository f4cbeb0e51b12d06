/* runlog.h: beginning and ending a run's log with what is known of run and machine. */
#ifndef PIPELINE_RUNLOG_H
#define PIPELINE_RUNLOG_H

#include <packrat/log.h>
#include <packrat/numa.h>

#include "base/check.h"
#include "pipeline/tuned.h"

/* A run whose log is opened. */
typedef struct pri_runlog_run {
    const char            *path;    /* "" or "none": no log */
    const char            *command; /* "train" */
    const pr_option_group *groups;  /* [num_groups] the run's options, stored as JSON */
    size_t                 num_groups;
    const pr_topo         *topo;
    uint32_t               threads;
    const char            *dataset;
    uint64_t               seed;
    const pri_tuned       *tuned;       /* what the copies of the run were tuned with */
    const char            *http;        /* version of the HTTP library; NULL: none is used */
    bool                   never_waits; /* these three as in pr_run_info */
    int64_t                keep_ns;
    uint64_t               max_bytes;
} pri_runlog_run;

/* Open the log of a run; *out stays NULL where there is to be none. */
pr_status pri_runlog_open(const pri_runlog_run *run, pr_steplog **out);

/* Close the log of a run that ends with `st`.
 *
 *   stop        the caller's stop flag, or NULL; 130 or 143 become the exit status in the log
 *   rows_lost   out
 *
 * Gives `st` back, or PR_E_IO when the run was fine and the log was not. */
pr_status pri_runlog_close(pr_steplog *log, pr_status st, const volatile int *stop,
                           uint64_t *rows_lost);

#endif
