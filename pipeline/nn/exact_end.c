/* exact_end.c: what comes behind the convolution of a layer, in place, to a range of rows: the
 * second product of gin, residual, norm and activation (layer.h, post.h). */
#include <string.h>

#include "pipeline/nn/exact.h"

pri_post pri_exact_post(const pri_exact_work *w)
{
    const pri_exact_layer *l    = w->layer;
    pri_post               post = pri_post_of(w->in->model, l->index);

    if (l->relu && !l->kind.second) post.activation = -1; /* the convolution did it */
    return post;
}

pr_status pri_exact_end_make(const pri_exact_work *w, size_t ld, pri_exact_end *out)
{
    pr_status              st    = PR_OK;
    const pri_exact_layer *l     = w->layer;
    const size_t           ldc   = pri_line_floats(l->out);
    const pri_gemm_shape   shape = { .form = PRI_GEMM_AB,
                                     .k    = l->out,
                                     .n    = l->out,
                                     .lda  = ld,
                                     .ldb  = l->out,
                                     .ldc  = ldc,
                                     .bias = true };

    *out = (pri_exact_end){ .post = pri_exact_post(w), .ld = ld };
    if (l->kind.second) PR_TRY(pri_gemm_create(w->own->engine, &shape, &out->second));
    if (l->kind.matrix)
        PR_TRY(pri_exact_product_make(w, PRI_ROLE_RESIDUAL, 0, l->out, ldc, &out->residual));
done:
    return st;
}

void pri_exact_end_free(pri_exact_end *end)
{
    pri_gemm_free(end->second);
    pri_gemm_free(end->residual.gemm);
}

pr_status pri_exact_end_run(const pri_exact_work *w, const pri_exact_end *end, pr_vid first,
                            float *rows, const float *x)
{
    pr_status              st   = PR_OK;
    const pri_exact_layer *l    = w->layer;
    const uint32_t         n    = pri_exact_range(w, first);
    float *const           made = w->own->scratch + (size_t)l->num_rows * l->scratch_end;
    const size_t           ldm = pri_line_floats(l->out), bytes = l->out * sizeof *rows;

    if (end->second) {
        const int64_t begin = pr_now_ns();
        PR_TRY(pri_gemm_run(end->second, n, rows, w->weights.at[PRI_ROLE_WEIGHT2],
                            w->weights.at[PRI_ROLE_BIAS2], made));
        for (size_t i = 0; i < n; i++) memcpy(rows + i * end->ld, made + i * ldm, bytes);
        w->times->gemm_ns += pr_now_ns() - begin;
    }
    if (l->kind.residual) {
        if (!x) PR_TRY(pri_exact_bring(w, first, &x));
        if (l->kind.matrix) {
            PR_TRY(pri_exact_multiply(w, &end->residual, first, x, made));
            pri_post_add_rows(rows, end->ld, made, ldm, n, l->out);
        } else if (l->source == PRI_X_SPARSE) {
            const pri_sparse own = { .x = w->in->features, .first = first, .num = n };
            pri_post_add_sparse(rows, end->ld, &own);
        } else {
            pri_post_add_rows(rows, end->ld, x, pri_exact_input_ld(w), n, l->out);
        }
    }
    pri_post_rows(&end->post, rows, end->ld, n, NULL, NULL);
done:
    return st;
}

/* Rows of several panels lie in the pool, or in a file, and stay there. */
pr_status pri_exact_pass_end(const pri_exact_work *w)
{
    pr_status              st    = PR_OK;
    const pri_exact_layer *l     = w->layer;
    const bool             stays = l->target == PRI_Y_POOL;
    pri_exact_rows_at      y     = { w->own->scratch + (size_t)l->num_rows * l->scratch_x,
                                     pri_line_floats(l->out) };
    float *const           room  = y.at + l->num_rows * y.ld;
    pri_exact_end          end   = { 0 };

    if (stays) y = pri_exact_outputs(w);
    PR_TRY(pri_exact_end_make(w, y.ld, &end));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t n    = pri_exact_range(w, v);
        float *const   rows = stays ? y.at + v * y.ld : y.at;
        PR_TRY(pri_exact_check_stop(w));
        if (!stays)
            PR_TRY(pri_exact_read_all(w, w->index % 2, l->out, l->panel, v, n, rows, y.ld, room));
        PR_TRY(pri_exact_end_run(w, &end, v, rows, NULL));
        if (!stays)
            PR_TRY(pri_exact_write_all(w, w->index % 2, l->out, l->panel, v, n, rows, y.ld, room));
    }
done:
    pri_exact_end_free(&end);
    return st;
}

pr_status pri_exact_pass_read_back(const pri_exact_work *w)
{
    pr_status              st   = PR_OK;
    const pri_exact_layer *l    = w->layer;
    const size_t           ld   = pri_line_floats(l->out);
    float *const           rows = w->own->scratch + (size_t)l->num_rows * l->scratch_x;
    float *const           room = rows + l->num_rows * ld;
    pri_exact_end          end  = { 0 };

    if (l->kind.whole) PR_TRY(pri_exact_end_make(w, ld, &end));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_check_stop(w));
        PR_TRY(pri_exact_read_all(w, w->index % 2, l->out, l->panel, v, pri_exact_range(w, v), rows,
                                  ld, room));
        if (l->kind.whole) PR_TRY(pri_exact_end_run(w, &end, v, rows, NULL));
        pri_exact_hand_out(w, v, rows, ld);
    }
done:
    pri_exact_end_free(&end);
    return st;
}
