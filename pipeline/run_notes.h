/* run_notes.h: sentences that a training run leaves in its log: what was decided about the machine,
 * and what that means for its figures. */
#ifndef PIPELINE_RUN_NOTES_H
#define PIPELINE_RUN_NOTES_H

#include "pipeline/trainer.h"

/* Write the notes of a run that is open. Nothing happens without a log. Cannot fail. */
void pri_run_notes(const pri_trainer *trainer);

#endif
