/* whole_net.h: layers of any kind over all vertices of a graph in double precision, with plain
 * loops after the formulas of layer.h and post.h. */
#ifndef TESTS_WHOLE_NET_H
#define TESTS_WHOLE_NET_H

#include "support/whole.h"

/* Make a model with these options, every parameter moved from where it begins. */
pr_model *whole_net_model(const whole *w, const pr_model_options *options, uint32_t layers,
                          uint32_t outputs);

/* Give outputs of layers [0, end), [num_nodes, width[end]]; free(). */
double *whole_net_run(const whole *w, const pr_model *model, uint32_t end);

#endif
