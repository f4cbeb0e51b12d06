/* session.h: a checkpoint opened against a dataset on this machine: what eval and infer share. */
#ifndef PIPELINE_SESSION_H
#define PIPELINE_SESSION_H

#include <packrat/pipeline.h>

#include "pipeline/lane.h"

typedef struct pri_session {
    pr_topo           *topo;
    pr_plan            plan;
    const pr_dataset  *dataset;
    pr_model          *model;
    pr_checkpoint_info info;
    pri_lane          *lane; /* with a team, without sampler, cache and tape */
} pri_session;

/* Load the checkpoint, open the dataset with the feature norm the model was trained with, check
 * that they fit, and start one lane. On failure everything is closed again. */
pr_status pri_session_open(pri_session *session, const pr_dataset_options *dataset,
                           const pr_machine_options *machine, const char *checkpoint);
void      pri_session_close(pri_session *session); /* a zeroed session is fine */

#endif
