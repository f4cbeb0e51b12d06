/* runlog.h: beginning and ending a run's log with what is known of run and machine. */
#ifndef PIPELINE_RUNLOG_H
#define PIPELINE_RUNLOG_H

#include <packrat/log.h>
#include <packrat/numa.h>

#include "base/check.h"
#include "pipeline/tuned.h"

/* Open the log at `path` for a run of `command`; *out stays NULL when path is "" or "none".
 *
 *   groups    the run's options, stored as JSON
 *   seed      of the run
 *   tuned     what the copies of the run were tuned with
 */
pr_status pri_runlog_open(const char *path, const char *command, const pr_option_group *groups,
                          size_t num_groups, const pr_topo *topo, uint32_t threads,
                          const char *dataset, uint64_t seed, const pri_tuned *tuned,
                          pr_steplog **out);

/* Close the log of a run that ends with `st`.
 *
 *   stop        the caller's stop flag, or NULL; 130 or 143 become the exit status in the log
 *   rows_lost   out
 *
 * Gives `st` back, or PR_E_IO when the run was fine and the log was not. */
pr_status pri_runlog_close(pr_steplog *log, pr_status st, const volatile int *stop,
                           uint64_t *rows_lost);

#endif
