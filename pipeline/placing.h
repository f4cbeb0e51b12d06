/* placing.h: from what a training run is told and the shape of its data to where everything goes:
 * lanes as far as they pay, who works for which rows, bytes of each node. */
#ifndef PIPELINE_PLACING_H
#define PIPELINE_PLACING_H

#include <packrat/pipeline.h>

#include "base/check.h"

typedef struct pri_placing {
    pr_placement placement; /* placement.plan has the lanes */
    pr_shards    shards;    /* one at least; of a store that is not sharded: by lane alone, nodes -1
                               unless the machine has but one */
    uint8_t *of_row;        /* owned; shards.of_row, NULL for ranges */
    bool     fewer_lanes;   /* than the machine would have, as batches are not worth more */
    char     lanes_why[256]; /* what batches decided about lanes; "" where they had no say */
    char     parts_why[256]; /* how rows are dealt: half a sentence */
} pri_placing;

/* Decide it. Nothing is touched but the options, the graph's row starts and a file of parts.
 *
 *   topo   of this machine, or of another: a plan for it
 *   out    zeroed on failure; close with pri_placing_close. Shards borrow from it.
 *
 * PR_E_ARG for options that contradict each other, and what pri_parts_open says of the file.
 * O(num_nodes). */
pr_status pri_placing_open(const pr_train_setup *setup, const pr_dataset *dataset,
                           const pr_topo *topo, pri_placing *out);
void      pri_placing_close(pri_placing *placing); /* zeroed and closed ones are fine */

#endif
