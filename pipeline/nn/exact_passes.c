/* exact_passes.c: exact inference a whole layer at a time, where what is read at random is in
 * memory as a whole (a layer's outputs may go to a file, or be handed out). */
#include <string.h>

#include "pipeline/nn/exact.h"

/* Z = X W. */
pr_status pri_exact_pass_z(const pri_exact_work *w)
{
    pr_status               st       = PR_OK;
    const pri_exact_rows_at z        = pri_exact_in_pool(w->in, w->layer->z);
    const size_t            cols     = w->layer->out * w->layer->kind.heads;
    pri_exact_product       products = { 0 }, scores = { 0 };
    const float            *x;

    PR_TRY(pri_exact_product_make(w, PRI_ROLE_WEIGHT, 0, cols, z.ld, &products));
    PR_TRY(pri_exact_scores_make(w, &scores));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &products, v, x, z.at + v * z.ld));
        PR_TRY(pri_exact_scores(w, &scores, v, x));
    }
done:
    pri_gemm_free(products.gemm);
    pri_gemm_free(scores.gemm);
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

/* Y = end(S + sum Z), S = X Ws + b of sage, to the pool or handed out. Y may lie over X. */
pr_status pri_exact_pass_y_of_z(const pri_exact_work *w)
{
    pr_status              st   = PR_OK;
    const pri_exact_layer *l    = w->layer;
    const size_t           ld   = pri_line_floats(l->out);
    float *const           made = w->own->scratch + (size_t)l->num_rows * l->scratch_x;
    const pri_exact_panel  all  = { .num = l->out, .z = pri_exact_in_pool(w->in, l->z) };
    pri_exact_product      self = { 0 };
    pri_exact_end          end  = { 0 };
    const float           *x    = NULL;

    if (l->kind.own) PR_TRY(pri_exact_product_make(w, PRI_ROLE_SELF, 0, l->out, ld, &self));
    PR_TRY(pri_exact_end_make(w, ld, &end));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_check_stop(w));
        if (l->kind.own || l->kind.residual) PR_TRY(pri_exact_bring(w, v, &x));
        if (l->kind.own) PR_TRY(pri_exact_multiply(w, &self, v, x, made));
        pri_exact_sum_products(w, v, &all, made, ld);
        PR_TRY(pri_exact_end_run(w, &end, v, made, x));
        if (l->target == PRI_Y_POOL) put(w, v, made, ld);
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, made, ld);
    }
done:
    pri_gemm_free(self.gemm);
    pri_exact_end_free(&end);
    return st;
}

/* Make the product of what is summed with W, or with [ Ws ; W ]. */
static pr_status product_of_sums(const pri_exact_work *w, size_t lda, size_t ldy, pri_gemm **out)
{
    const pri_exact_layer *l     = w->layer;
    const pri_gemm_shape   shape = { .form = PRI_GEMM_AB,
                                     .k    = pri_exact_sum_cols(l),
                                     .n    = l->out,
                                     .lda  = lda,
                                     .ldb  = l->out,
                                     .ldc  = ldy,
                                     .bias = true,
                                     .relu = pri_exact_product_relu(l) };

    return pri_gemm_create(w->own->engine, &shape, out);
}

/* Y = end(sum X W + b), or end([ X | mean X ] W + b). */
pr_status pri_exact_pass_y(const pri_exact_work *w)
{
    pr_status              st      = PR_OK;
    const pri_exact_layer *l       = w->layer;
    const bool             stays   = l->target == PRI_Y_POOL;
    float                 *scratch = w->own->scratch;
    const size_t           lda     = pri_line_floats(pri_exact_sum_cols(l));
    const size_t           counts  = l->source == PRI_X_SPARSE ? pri_line_floats(l->in) : 0;
    const float *const     matrix  = w->weights.at[l->kind.own ? PRI_ROLE_SELF : PRI_ROLE_WEIGHT];
    pri_gemm              *gemm    = NULL;
    pri_exact_end          end     = { 0 };
    /* Of a range, behind its inputs, unless they stay. */
    pri_exact_rows_at y = { scratch + l->num_rows * (lda + counts), l->out };

    if (stays) y = pri_exact_outputs(w);
    PR_TRY(product_of_sums(w, lda, y.ld, &gemm));
    PR_TRY(pri_exact_end_make(w, y.ld, &end));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t n     = pri_exact_range(w, v);
        const int64_t  begin = pr_now_ns();
        PR_TRY(pri_exact_check_stop(w));
        pri_exact_sum_inputs(w, v, scratch, lda);
        const int64_t middle = pr_now_ns();
        float *const  to     = stays ? y.at + v * y.ld : y.at;
        PR_TRY(pri_gemm_run(gemm, n, scratch, matrix, w->weights.at[PRI_ROLE_BIAS], to));
        w->times->aggregate_ns += middle - begin;
        w->times->gemm_ns += pr_now_ns() - middle;
        PR_TRY(pri_exact_end_run(w, &end, v, to, NULL));
        const pri_exact_piece piece = {
            .file = w->index % 2, .num = l->out, .row = v, .num_rows = n
        };
        if (l->target == PRI_Y_SPILL) PR_TRY(pri_exact_write(w, &piece, to));
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, to, y.ld);
    }
done:
    pri_gemm_free(gemm);
    pri_exact_end_free(&end);
    return st;
}
