/* gin.c: the graph isomorphism layer, forward and backward (layer.h). */
#include "pipeline/nn/layer.h"

pr_status pri_gin_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    (void)layer;
    (void)x;
    (void)times;
    return pri_error_set(PR_E_UNSUPPORTED, __FILE__, __LINE__, __func__, "not built");
}

pr_status pri_gin_backward(const pri_layer *layer, const pri_input *x, float *du,
                           const pri_input_gradient *dx)
{
    (void)layer;
    (void)x;
    (void)du;
    (void)dx;
    return pri_error_set(PR_E_UNSUPPORTED, __FILE__, __LINE__, __func__, "not built");
}
