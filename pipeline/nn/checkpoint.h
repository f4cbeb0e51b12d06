/* checkpoint.h: all that a checkpoint has; packrat/nn.h has the part that is enough to use a model.
 *
 * There may be two sets of weights in it: those to use, which are the best of the run so far, and
 * the latest, from which training goes on. The state of the optimiser belongs to the latest. What
 * training says of itself is a JSON object that this room does not look into (pipeline/course.h).
 */
#ifndef PIPELINE_NN_CHECKPOINT_H
#define PIPELINE_NN_CHECKPOINT_H

#include "base/json.h"
#include "pipeline/nn/model.h"

typedef struct pri_checkpoint {
    pr_checkpoint_info info;
    pr_model          *model;    /* the weights to use */
    pr_model          *latest;   /* where the run stands; NULL: at `model` */
    pr_json           *training; /* how far the run is; NULL: none can go on from here */
    pr_json           *rounding; /* what the bits depend on beside all options; NULL: not known */
    uint32_t          *recent;   /* [num_recent] vertices of recent batches; NULL: none */
    size_t             num_recent;
    uint32_t           version; /* of the file that was read */
} pri_checkpoint;

/* Write it whole or not at all; nothing is taken. */
pr_status pri_checkpoint_save(const char *path, const pri_checkpoint *checkpoint);

/* Read it. On failure `out` is zero; PR_E_INPUT names what is wrong with the file. */
pr_status pri_checkpoint_load(const char *path, pri_checkpoint *out);

/* Free what was read. */
void pri_checkpoint_clear(pri_checkpoint *checkpoint);

#endif
