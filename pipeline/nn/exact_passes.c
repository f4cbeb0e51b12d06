/* exact_passes.c: exact inference where inputs and outputs are in memory (a layer's outputs may go
 * to a file). */
#include <string.h>

#include "pipeline/nn/exact.h"

/* Z = X Wn. */
pr_status pri_exact_pass_z(const pri_exact_work *w)
{
    pr_status               st   = PR_OK;
    const pri_exact_rows_at z    = pri_exact_in_pool(w->in, w->layer->z);
    pri_exact_product       mean = { 0 };
    const float            *x;

    PR_TRY(pri_exact_product_make(w, false, 0, w->layer->out, z.ld, &mean));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &mean, v, x, z.at + v * z.ld));
    }
done:
    pri_gemm_free(mean.gemm);
    return st;
}

/* Y = act(X Ws + b + mean Z). Y may lie over X. */
pr_status pri_exact_pass_y_of_z(const pri_exact_work *w)
{
    pr_status               st = PR_OK;
    const pri_exact_layer  *l  = w->layer;
    const pri_exact_rows_at y = pri_exact_outputs(w), z = pri_exact_in_pool(w->in, l->z);
    const pri_rows          rows_z  = { .at = z.at, .ld = z.ld, .cols = l->out };
    float                  *scratch = w->own->scratch;
    pri_exact_product       self    = { 0 };
    const float            *x;

    PR_TRY(pri_exact_product_make(w, true, 0, l->out, l->scratch, &self));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t  n     = pri_exact_range(w, v);
        const pri_lists lists = pri_lists_of_graph(w->in->graph, v, n);
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &self, v, x, scratch));
        const int64_t middle = pr_now_ns();
        pri_aggregate_add(&lists, &rows_z, scratch, l->scratch, l->relu);
        for (uint32_t i = 0; i < n; i++)
            memcpy(y.at + (v + (size_t)i) * y.ld, scratch + i * l->scratch, l->out * sizeof *y.at);
        w->times->aggregate_ns += pr_now_ns() - middle;
    }
done:
    pri_gemm_free(self.gemm);
    return st;
}

/* Y = act([ X | mean X ] W + b). */
pr_status pri_exact_pass_y(const pri_exact_work *w)
{
    pr_status              st      = PR_OK;
    const pri_exact_layer *l       = w->layer;
    const bool             spills  = l->target == PRI_Y_SPILL;
    const pri_rows         rows_x  = pri_exact_inputs(w);
    float                 *scratch = w->own->scratch;
    pri_gemm              *gemm    = NULL;
    pri_exact_rows_at      y       = { NULL, l->out };
    size_t                 lda     = l->scratch;

    if (spills) { /* a range of them lies behind its inputs */
        lda  = 2 * l->in;
        y.at = scratch + (size_t)l->num_rows * lda;
    } else {
        y = pri_exact_outputs(w);
    }
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = 2 * l->in,
                                   .n    = l->out,
                                   .lda  = lda,
                                   .ldb  = l->out,
                                   .ldc  = y.ld,
                                   .bias = true,
                                   .relu = l->relu };

    PR_TRY(pri_gemm_create(w->own->engine, &shape, &gemm));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t  n     = pri_exact_range(w, v);
        const pri_lists lists = pri_lists_of_graph(w->in->graph, v, n);
        const int64_t   begin = pr_now_ns();
        PR_TRY(pri_exact_check_stop(w));
        pri_aggregate_concat(&lists, &rows_x, scratch, lda);
        const int64_t middle = pr_now_ns();
        float *const  to     = spills ? y.at : y.at + v * y.ld;
        PR_TRY(pri_gemm_run(gemm, n, scratch, w->weights.w, w->weights.b, to));
        w->times->aggregate_ns += middle - begin;
        w->times->gemm_ns += pr_now_ns() - middle;
        const pri_exact_piece piece = {
            .file = w->index % 2, .num = l->out, .row = v, .num_rows = n
        };
        if (spills) PR_TRY(pri_exact_write(w, &piece, to));
    }
done:
    pri_gemm_free(gemm);
    return st;
}
