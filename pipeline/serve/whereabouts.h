/* whereabouts.h: rows lane and placement of a server's run: which CPUs its lanes may use, and what
 * the kernel says of where their memory is. */
#ifndef PIPELINE_SERVE_WHEREABOUTS_H
#define PIPELINE_SERVE_WHEREABOUTS_H

#include "pipeline/lane.h"
#include "pipeline/serve/record.h"

/* Whose; borrowed until return. */
typedef struct pri_whereabouts {
    pri_lane *const *lanes; /* equipped, their threads without a job */
    uint32_t         num_lanes;
    const pr_store  *store;
    uint32_t         num_nodes; /* of the machine: pr_topo_num_nodes */
    bool             strict;    /* --numa strict */
    pri_record      *record;    /* NULL, or without a log: nothing is logged */
    uint64_t         batches;   /* answered so far; the lanes' rows are logged at 0 only */
} pri_whereabouts;

/* Log where everything is: before the first batch, and again behind the last, when all that batches
 * touch has its pages. Says in a line what is elsewhere. With strict PR_E_UNSUPPORTED for pages
 * that are, or that the kernel does not tell of. Any thread but the lanes'. */
pr_status pri_whereabouts_log(const pri_whereabouts *where);

#endif
