/* trained_fanout.h: the fanout of a model that is used, where nobody names one. */
#ifndef PIPELINE_TRAINED_FANOUT_H
#define PIPELINE_TRAINED_FANOUT_H

#include <packrat/nn.h>
#include <packrat/sampler.h>

#include "base/check.h"

/* Give the fanout that `text` asks for, or where it is "" that of training.
 *
 *   checkpoint   its file, for words
 *   layers       of the model */
pr_status pri_trained_fanout(const char *checkpoint, const pr_checkpoint_info *info,
                             const char *text, uint32_t layers, pr_fanout *out);

#endif
