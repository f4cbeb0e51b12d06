/* exact_passes.c: exact inference a whole layer at a time, where what is read at random is in
 * memory as a whole (a layer's outputs may go to a file, or be handed out). */
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

/* Copy outputs of a range into the pool. */
static void put(const pri_exact_work *w, pr_vid first, const float *from, size_t ld)
{
    const pri_exact_rows_at y = pri_exact_outputs(w);
    const uint32_t          n = pri_exact_range(w, first);

    for (size_t i = 0; i < n; i++)
        memcpy(y.at + (first + i) * y.ld, from + i * ld, w->layer->out * sizeof *y.at);
}

/* Y = act(X Ws + b + mean Z), to the pool or handed out. Y may lie over X. */
pr_status pri_exact_pass_y_of_z(const pri_exact_work *w)
{
    pr_status               st     = PR_OK;
    const pri_exact_layer  *l      = w->layer;
    const pri_exact_rows_at z      = pri_exact_in_pool(w->in, l->z);
    const pri_rows          rows_z = { .at = z.at, .ld = z.ld, .cols = l->out };
    const size_t            ld     = pri_line_floats(l->out);
    float *const            made   = w->own->scratch + l->num_rows * l->scratch_x;
    pri_exact_product       self   = { 0 };
    const float            *x;

    PR_TRY(pri_exact_product_make(w, true, 0, l->out, ld, &self));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t  n     = pri_exact_range(w, v);
        const pri_lists lists = pri_lists_of_graph(w->in->graph, v, n);
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &self, v, x, made));
        const int64_t middle = pr_now_ns();
        pri_aggregate_add(&lists, &rows_z, made, ld, l->relu);
        if (l->target == PRI_Y_POOL) put(w, v, made, ld);
        w->times->aggregate_ns += pr_now_ns() - middle;
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, made, ld);
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
    const bool             stays   = l->target == PRI_Y_POOL;
    const pri_rows         rows_x  = pri_exact_inputs(w);
    float                 *scratch = w->own->scratch;
    const size_t           lda     = pri_line_floats(2 * l->in);
    pri_gemm              *gemm    = NULL;
    /* Of a range, behind its inputs, unless they stay. */
    pri_exact_rows_at y = { scratch + l->num_rows * lda, l->out };

    if (stays) y = pri_exact_outputs(w);
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
        float *const  to     = stays ? y.at + v * y.ld : y.at;
        PR_TRY(pri_gemm_run(gemm, n, scratch, w->weights.at[PRI_ROLE_SELF],
                            w->weights.at[PRI_ROLE_BIAS], to));
        w->times->aggregate_ns += middle - begin;
        w->times->gemm_ns += pr_now_ns() - middle;
        const pri_exact_piece piece = {
            .file = w->index % 2, .num = l->out, .row = v, .num_rows = n
        };
        if (l->target == PRI_Y_SPILL) PR_TRY(pri_exact_write(w, &piece, to));
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, to, y.ld);
    }
done:
    pri_gemm_free(gemm);
    return st;
}
