/* placed.h: is the memory of a run where it was meant to be? Asks the kernel about everything large
 * that lanes and store hold (pri_lane_ranges, pr_store_ranges), adds its answers up by lane, kind
 * and node, logs them, and says so when something is elsewhere.
 *
 * Exception: small blocks of the heap, what `create` functions keep for themselves, are not asked
 * about. Pages that were never touched are nowhere yet, and count for neither side. */
#ifndef PIPELINE_PLACED_H
#define PIPELINE_PLACED_H

#include <packrat/log.h>

#include "pipeline/lane.h"

enum { PRI_PLACED_MAX_PAGES = 65536 }; /* of a range that are asked about; more are sampled */

/* What is to be looked at; borrowed. */
typedef struct pri_placed_setup {
    pri_lane *const *lanes;
    uint32_t         num_lanes;
    const pr_store  *store;
    uint32_t    num_nodes; /* of the machine; 1: verified by definition, but asked all the same */
    bool        strict;    /* --numa strict */
    pr_steplog *log;       /* NULL: none */
} pri_placed_setup;

typedef struct pri_placed pri_placed;

pr_status pri_placed_create(const pri_placed_setup *setup, pri_placed **out);
void      pri_placed_free(pri_placed *placed); /* NULL is fine */

/* Log to `log` from now on, NULL for none; first a row for every lane: which CPUs its threads may
 * run on and what was bound, read back, and a note where the kernel did not grant what was wanted.
 */
void pri_placed_log_lanes(pri_placed *placed, pr_steplog *log);

/* Ask about all memory; `step` training steps were done. Between steps, on the calling thread. What
 * is elsewhere is said once a run, and logged every time. With strict PR_E_UNSUPPORTED when pages
 * are elsewhere, or when a machine of several nodes does not say where they are. Some 0.1 us a page
 * asked about. */
pr_status pri_placed_check(pri_placed *placed, uint64_t step);

/* Pages asked about so far, over all checks; those in memory, and of these those elsewhere. */
uint64_t pri_placed_pages_checked(const pri_placed *placed);
uint64_t pri_placed_pages_present(const pri_placed *placed);
uint64_t pri_placed_pages_elsewhere(const pri_placed *placed);

#endif
