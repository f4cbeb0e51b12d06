/* init_weights.h: the weights that training starts from, where they are not drawn. */
#ifndef PIPELINE_INIT_WEIGHTS_H
#define PIPELINE_INIT_WEIGHTS_H

#include <packrat/nn.h>

#include "base/check.h"

/* Give a model the weights of a .npz (by its ending; packrat weights) or of a checkpoint, of
 * whatever dataset; "" leaves the model as it is. PR_E_MISMATCH tells both models where they
 * differ. */
pr_status pri_init_weights(const char *path, pr_model *model);

#endif
