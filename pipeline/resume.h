/* resume.h: `--resume`: the checkpoint that a run goes on from, and whether it may. */
#ifndef PIPELINE_RESUME_H
#define PIPELINE_RESUME_H

#include "base/json.h"
#include "pipeline/trainer.h"

/* Read the checkpoint if the run is to go on from it, and if it is there; sets trainer->resumes,
 * from and first_step. The dataset is open.
 *
 * PR_E_MISMATCH lists all that differs of dataset and options that decide about batches or numbers,
 * with both values. PR_E_INPUT for a file that no run can go on from. */
pr_status pri_resume_open(pri_trainer *trainer);

/* Check that seeds come from the same nodes in the same order, and that the run is not over before
 * it stands there. Order and length are known. */
pr_status pri_resume_check(const pri_trainer *trainer);

/* Take the models of the checkpoint as the run's; false: the caller makes them. PR_E_MISMATCH when
 * they are not what the options ask for.
 *
 *   num_outputs   that the run's model has
 */
pr_status pri_resume_models(pri_trainer *trainer, uint32_t num_outputs, bool *taken);

/* Once lanes are equipped: give samplers their memory back, and warn where bits may differ. */
pr_status pri_resume_lanes(pri_trainer *trainer);

/* Write down the options that decide about batches and numbers, by name. Free with pr_json_free. */
pr_status pri_resume_options(const pri_trainer *trainer, pr_json **out);

/* Give a checksum of the nodes and clusters, or edges, that seeds are taken from. */
uint64_t pri_resume_order(const pri_trainer *trainer);

#endif
