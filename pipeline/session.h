/* session.h: a checkpoint opened against a dataset on this machine: what eval, infer and serve
 * share. */
#ifndef PIPELINE_SESSION_H
#define PIPELINE_SESSION_H

#include <packrat/pipeline.h>

#include "pipeline/lane.h"
#include "pipeline/tuned.h"

typedef struct pri_session {
    pr_topo                  *topo;
    pr_plan                   plan;
    const pr_dataset         *dataset;
    pr_model                 *model;
    pr_checkpoint_info        info;
    bool                      is_link; /* trained on edges: outputs are an embedding */
    pri_tuned                 tuned;
    pri_lane                 *lane;            /* with a team, without sampler, cache and tape */
    const pr_dataset_options *dataset_options; /* borrowed, as given */
    const pr_machine_options *machine_options;
} pri_session;

/* Open a dataset with the feature norm that a checkpoint was trained with, unless another is asked
 * for, which is said. */
pr_status pri_session_dataset(const pr_dataset_options *dataset, const char *checkpoint,
                              const pr_checkpoint_info *info, const pr_dataset **out);

/* See that a model can be used on a dataset: features, classes, kind of labels; say where it was
 * trained on another graph. PR_E_MISMATCH. */
pr_status pri_session_fits(const char *checkpoint, const pr_model *model,
                           const pr_checkpoint_info *info, const pr_dataset *dataset);

/* Load the checkpoint, open the dataset with the feature norm the model was trained with, check
 * that they fit, and start one lane. On failure everything is closed again. */
pr_status pri_session_open(pri_session *session, const pr_dataset_options *dataset,
                           const pr_machine_options *machine, const char *checkpoint);

/* Open the log of the command that the session serves; *out stays NULL for "" and "none".
 *
 *   own   the command's own options, logged behind those of dataset and machine
 */
pr_status pri_session_log(const pri_session *session, const char *command, const char *path,
                          pr_option_group own, pr_steplog **out);

void pri_session_close(pri_session *session); /* a zeroed session is fine */

#endif
