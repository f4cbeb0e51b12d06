/* rounding.h: what the last bits of a run's weights depend on besides its options: choices that
 * were made for it, or that a machine makes. Every one is written into the checkpoint; a run that
 * goes on where all are the same has the bits of one that did not stop. */
#ifndef PIPELINE_ROUNDING_H
#define PIPELINE_ROUNDING_H

#include "base/json.h"
#include "pipeline/trainer.h"

/* Describe them, once lanes are open: an object of texts. Free with pr_json_free. */
pr_status pri_rounding_describe(const pri_trainer *trainer, pr_json **out);

/* Write what differs as "threads: 2,2 was 4; ...", "" where nothing does.
 *
 *   was   NULL: nothing is known of it
 */
void pri_rounding_compare(const pr_json *now, const pr_json *was, char *out, size_t bytes);

#endif
