/* derive.c: rows of the first layer that can be kept as long as its weights do not change. */
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

struct pri_deriver {
    const pr_model *model;
};

uint32_t pri_nn_derived_cols(const pr_model_shape *shape)
{
    (void)shape;
    return 0;
}

pr_status pri_deriver_create(const pr_model *model, const pr_features *features, pri_deriver **out)
{
    pr_status st = PR_OK;

    (void)model, (void)features;
    *out = NULL;
    PR_CHECK(false, PR_E_UNSUPPORTED, "derived rows");
done:
    return st;
}

void pri_deriver_free(pri_deriver *deriver)
{
    pri_free(deriver);
}

pr_status pri_derive(void *context, const pr_vid *ids, uint32_t n, const float *x, size_t ldx,
                     float *out, size_t ldo)
{
    (void)context, (void)ids, (void)n, (void)x, (void)ldx, (void)out, (void)ldo;
    return PR_OK;
}
