/* derive.c: rows of the first layer's products, and that layer on top of them (nn.h says of what).
 *
 * For SAGE both matrices stand side by side, [Ws | W], so that one product gives both halves; its
 * bias comes with the half that only destinations read. */
#include <string.h>

#include "pipeline/nn/layer.h"

uint32_t pri_nn_derived_cols(const pr_model_shape *shape)
{
    const pr_model_options *o   = &shape->options;
    const uint32_t          out = shape->width[1];

    if (o->residual) return 0;
    switch ((pr_model_kind)o->kind) {
    case PR_MODEL_SAGE: return o->aggregator == PR_AGGREGATE_MAX ? 0 : 2 * out;
    case PR_MODEL_GAT: return (uint32_t)pri_model_head_cols(shape, 0);
    default: return out;
    }
}

struct pri_deriver {
    const pr_features *csr; /* NULL: rows are handed in */
    size_t             in, cols;
    const float       *w;      /* [in, cols] */
    float             *packed; /* sage: W's two halves side by side, and bias behind them */
    const float       *bias;   /* [cols], or NULL */
    pri_engine        *engine;
    pri_gemm          *gemm; /* for rows that are so far apart: */
    size_t             ldx, ldo;
};

/* Make the product for rows so far apart. */
static pr_status fit(pri_deriver *d, size_t ldx, size_t ldo)
{
    pr_status            st    = PR_OK;
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = d->in,
                                   .n    = d->cols,
                                   .lda  = ldx,
                                   .ldb  = d->cols,
                                   .ldc  = ldo,
                                   .bias = d->bias != NULL };

    if (d->gemm && d->ldx == ldx && d->ldo == ldo) return PR_OK;
    pri_gemm_free(d->gemm);
    d->gemm = NULL;
    PR_TRY(pri_gemm_create(d->engine, &shape, &d->gemm));
    d->ldx = ldx;
    d->ldo = ldo;
done:
    return st;
}

/* Put the two matrices of SAGE side by side. */
static pr_status pack(pri_deriver *d, const pri_layer_part *part)
{
    pr_status    st  = PR_OK;
    const size_t out = part->out, row = out * sizeof(float);

    PR_NEW(d->packed, (d->in + 1) * d->cols);
    for (size_t r = 0; r < d->in; r++) {
        memcpy(d->packed + r * d->cols, part->at[PRI_ROLE_SELF] + r * out, row);
        memcpy(d->packed + r * d->cols + out, part->at[PRI_ROLE_WEIGHT] + r * out, row);
    }
    memcpy(d->packed + d->in * d->cols, part->at[PRI_ROLE_BIAS], row); /* zero for the rest */
    d->w    = d->packed;
    d->bias = d->packed + d->in * d->cols;
done:
    return st;
}

pr_status pri_deriver_create(const pr_model *model, const pr_features *features, pri_deriver **out)
{
    enum { LINE = 16 };
    pr_status            st   = PR_OK;
    pri_deriver         *d    = NULL;
    const uint32_t       cols = pri_nn_derived_cols(&model->shape);
    const pri_layer_part part = pri_model_layer(model, model->parameters, 0);

    *out = NULL;
    PR_CHECK(cols > 0, PR_E_UNSUPPORTED,
             "the first layer of this model has no rows to derive: sage with max and residuals "
             "need the features themselves");
    PR_CHECK(!features || features->num_cols == part.in, PR_E_MISMATCH,
             "rows have %u columns, the model reads %zu", features->num_cols, part.in);
    PR_NEW(d, 1);
    d->in   = part.in;
    d->cols = cols;
    d->w    = part.at[PRI_ROLE_WEIGHT];
    d->csr  = features && features->kind == PR_FEATURES_CSR ? features : NULL;
    if (model->shape.options.kind == PR_MODEL_SAGE) PR_TRY(pack(d, &part));
    if (!d->csr) { /* as rows of slabs are */
        PR_TRY(pri_engine_create(&d->engine));
        PR_TRY(fit(d, (d->in + LINE - 1) / LINE * LINE, (d->cols + LINE - 1) / LINE * LINE));
    }
    *out = d;
    d    = NULL;
done:
    pri_deriver_free(d);
    return st;
}

void pri_deriver_free(pri_deriver *d)
{
    if (!d) return;
    pri_gemm_free(d->gemm);
    pri_engine_free(d->engine);
    pri_free(d->packed);
    pri_free(d);
}

pr_status pri_derive(void *context, const pr_vid *ids, uint32_t n, const float *x, size_t ldx,
                     float *out, size_t ldo)
{
    pr_status    st = PR_OK;
    pri_deriver *d  = context;

    if (d->csr) {
        const pri_sparse rows = { .x = d->csr, .row = ids, .num = n };
        pri_sparse_multiply(&rows, d->w, d->cols, d->bias, out, ldo, d->cols);
        return PR_OK;
    }
    PR_TRY(fit(d, ldx, ldo));
    PR_TRY(pri_gemm_run(d->gemm, n, x, d->w, d->bias, out));
done:
    return st;
}
