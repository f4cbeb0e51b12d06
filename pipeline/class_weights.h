/* class_weights.h: what each class, or a label that is set, counts in the loss of training. */
#ifndef PIPELINE_CLASS_WEIGHTS_H
#define PIPELINE_CLASS_WEIGHTS_H

#include <packrat/nouns.h>

#include "base/check.h"

/* Make the weights that --class-weights asks for.
 *
 *   choice    "none", "balanced", or a .npy of f32 or f64 [num_classes], finite and not negative
 *   dataset   has labels
 *   train     nodes that balanced counts, labelled
 *   out       [num_classes], free with pri_free; NULL: all are 1
 *
 * Balanced is n / (C n_c) for class c (n training nodes, n_c of them of class c), as scikit-learn
 * has it; a class that none is of has weight 0, which is said. Of many labels, the ratio of the
 * nodes without a label to those with it, which is what torch's pos_weight is for; a label that
 * none has, or all have, weighs 1. PR_E_INPUT names file, element, and what is allowed;
 * a file whose weights are 0 for every class of the training nodes is refused too. */
pr_status pri_class_weights_open(const char *choice, const pr_dataset *dataset, pr_vids train,
                                 float **out);

#endif
