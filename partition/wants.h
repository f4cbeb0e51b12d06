/* wants.h: which steps of a trace wanted each node. */
#ifndef PARTITION_WANTS_H
#define PARTITION_WANTS_H

#include <packrat/loaders.h>

#include "base/check.h"

/* At most so many steps are kept: of a longer trace every second, or third, and so on. */
enum { PRI_WANTS_STEPS = 512 };

/* Steps are counted for each lane on its own: a lane reads for itself. */
typedef struct pri_wants {
    pr_vid    num_nodes;
    uint64_t *steps;     /* [num_nodes * num_words] a bit for each step kept */
    uint32_t  num_words; /* of a node */
    uint64_t  num_steps; /* of the trace */
    uint32_t  num_kept;
    pr_vid    num_wanted; /* nodes that were wanted in a step kept */
    uint64_t  bytes;      /* of these arrays */
} pri_wants;

/* Read a trace of training on a dataset, twice: its steps are counted, then kept. Takes a bit for
 * each node and step kept, 64 bytes a node at most; beside that what a reader takes.
 *
 *   stop   may be NULL
 *   out    clear with pri_wants_clear; zeroed on failure
 *
 * PR_E_MISMATCH for the trace of another dataset, PR_E_INPUT for one without a training step. */
pr_status pri_wants_read(const char *path, const pr_dataset *dataset, const volatile int *stop,
                         pri_wants *out);
void      pri_wants_clear(pri_wants *wants); /* zeroed ones are fine */

/* Give how much a node and each of some others are wanted together: of the steps that want either,
 * the share that wants both; as if they had been wanted together in a tenth of a step more, so that
 * nodes no step wanted are near to those they share arcs with, too: (both + 0.1) / (either + 1).
 *
 *   others     [n]
 *   together   out [n] */
void pri_wants_together(const pri_wants *wants, pr_vid node, const pr_vid *others, size_t n,
                        float *together);

#endif
