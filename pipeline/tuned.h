/* tuned.h: the tuning a command works with: loaded once, said, and told to the log. */
#ifndef PIPELINE_TUNED_H
#define PIPELINE_TUNED_H

#include <packrat/pipeline.h>

#include "base/check.h"

enum { PRI_NUM_CONSTANTS = 7 }; /* numbers of a pr_tuning */

/* A tuning and what it is for. */
typedef struct pri_tuned {
    pr_tuning       tuning;
    size_t          row_bytes;
    uint32_t        threads; /* of a lane */
    pr_run_constant constant[PRI_NUM_CONSTANTS];
    pr_run_tuning   log; /* of pr_run_info; points into this struct, which must stay where it is */
} pri_tuned;

/* Load what machine->tuning asks for, for the rows of these features and the threads of the first
 * lane (others may have one less), and say where it came from (PR_DEBUG). Errors are those of
 * pr_tuning_load. */
pr_status pri_tuned_load(const pr_machine_options *machine, const pr_features *features,
                         const pr_plan *plan, pri_tuned *out);

#endif
