/* tracing.h: which rows every training step of a run wanted, to a file. A trace that cannot be
 * written on is given up with a warning; training goes on, and the run fails at its end. */
#ifndef PIPELINE_TRACING_H
#define PIPELINE_TRACING_H

#include "pipeline/trainer.h"

typedef struct pri_tracing pri_tracing;

/* Create the file that --trace names; *out stays NULL when it names none. */
pr_status pri_tracing_open(const pri_trainer *trainer, pri_tracing **out);

/* Write what the lanes wanted in a step, in lane order. Cannot fail: see pri_tracing_close. One
 * caller; no heap call. Some 10 ns a row. */
void pri_tracing_step(pri_tracing *tracing, uint64_t step, const pr_vids *wanted,
                      uint32_t num_lanes);

/* Close the file of a run that ends with `st`; NULL is fine. Gives `st` back, or PR_E_IO when the
 * run was fine and the trace was not, which *lost says too. */
pr_status pri_tracing_close(pri_tracing *tracing, pr_status st, bool *lost);

#endif
