/* post.c: see post.h. */
#include "pipeline/nn/post.h"

pri_post pri_post_of(const pr_model *model, uint32_t layer)
{
    const pr_model_shape *shape = &model->shape;
    const pri_layer_part  part  = pri_model_layer(model, model->parameters, layer);
    const bool            last  = layer + 1 == shape->num_layers;

    return (pri_post){ .norm_scale = part.at[PRI_ROLE_NORM_SCALE],
                       .norm_shift = part.at[PRI_ROLE_NORM_SHIFT],
                       .activation = last ? -1 : shape->options.activation,
                       .cols       = part.out };
}

pr_status pri_post_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    (void)x;
    (void)times;
    if (layer->is_last && !layer->model->shape.options.residual) return PR_OK;
    return pri_error_set(PR_E_UNSUPPORTED, __FILE__, __LINE__, __func__, "not built");
}

pr_status pri_post_backward(const pri_layer *layer, const pri_input *x, float *dy)
{
    (void)x;
    (void)dy;
    (void)layer;
    return PR_OK;
}

pr_status pri_post_inputs(const pri_layer *layer, const float *du, const pri_input_gradient *dx)
{
    (void)layer;
    (void)du;
    (void)dx;
    return PR_OK;
}
