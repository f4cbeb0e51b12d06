/* exact_panels.c: a layer in panels of columns, its inputs streamed (exact_plan.c has the ways). */
#include "pipeline/nn/exact.h"

/* A panel that goes to a file, or comes from one, lies as it does there. */
static pri_exact_panel panel_at(const pri_exact_work *w, uint32_t at)
{
    const pri_exact_layer *l = w->layer;
    pri_exact_panel        p = { .first = at * l->panel,
                                 .num   = pri_panel_cols(l->out, l->panel, at * l->panel),
                                 .z     = pri_exact_in_pool(w->in, l->z) };

    if (l->way == PRI_WAY_PRODUCTS) p.z.ld = p.num;
    if (l->target == PRI_Y_POOL) {
        p.s = pri_exact_outputs(w);
        p.s.at += p.first;
    } else if (l->way == PRI_WAY_PANELS && l->kind.own) {
        p.s    = pri_exact_in_pool(w->in, l->s);
        p.s.ld = p.num;
    }
    return p;
}

/* Z_p: a panel of each head whose mean is taken, one behind the other. */
static pr_status multiply_heads(const pri_exact_work *w, const pri_exact_product *products,
                                pr_vid v, const float *x, const pri_exact_panel *p)
{
    pr_status st = PR_OK;

    for (size_t h = 0; h < w->layer->kind.heads; h++) {
        pri_exact_product one = *products;
        one.w += h * w->layer->out;
        PR_TRY(pri_exact_multiply(w, &one, v, x, p->z.at + v * p->z.ld + h * p->num));
    }
done:
    return st;
}

pr_status pri_exact_pass_panel(const pri_exact_work *w, uint32_t at)
{
    pr_status             st       = PR_OK;
    const pri_exact_panel p        = panel_at(w, at);
    const bool            own      = w->layer->kind.own;
    pri_exact_product     products = { 0 }, self = { 0 }, scores = { 0 };
    const float          *x;

    PR_TRY(pri_exact_product_make(w, PRI_ROLE_WEIGHT, p.first, p.num, p.z.ld, &products));
    if (own) PR_TRY(pri_exact_product_make(w, PRI_ROLE_SELF, p.first, p.num, p.s.ld, &self));
    if (at == 0) PR_TRY(pri_exact_scores_make(w, &scores));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(multiply_heads(w, &products, v, x, &p));
        PR_TRY(pri_exact_scores(w, &scores, v, x));
        if (own) PR_TRY(pri_exact_multiply(w, &self, v, x, p.s.at + v * p.s.ld));
    }
done:
    pri_gemm_free(products.gemm);
    pri_gemm_free(self.gemm);
    pri_gemm_free(scores.gemm);
    return st;
}

pr_status pri_exact_pass_products(const pri_exact_work *w)
{
    pr_status              st     = PR_OK;
    const pri_exact_layer *l      = w->layer;
    const bool             spills = l->target == PRI_Y_SPILL, own = l->kind.own;
    /* Of a range, behind its inputs: a product, and one panel of it. */
    float *const      made     = w->own->scratch + l->num_rows * l->scratch_x;
    float *const      room     = made + (size_t)l->num_rows * l->out;
    pri_exact_product products = { 0 }, self = { 0 }, scores = { 0 };
    const float      *x;
    pri_exact_rows_at y = { made, l->out };

    if (!spills) y = pri_exact_outputs(w);
    PR_TRY(pri_exact_product_make(w, PRI_ROLE_WEIGHT, 0, l->out, l->out, &products));
    PR_TRY(pri_exact_scores_make(w, &scores));
    if (own) PR_TRY(pri_exact_product_make(w, PRI_ROLE_SELF, 0, l->out, y.ld, &self));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t n = pri_exact_range(w, v);
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &products, v, x, made));
        PR_TRY(pri_exact_scores(w, &scores, v, x));
        PR_TRY(pri_exact_write_all(w, PRI_SPILL_Z, l->out, l->panel, v, n, made, l->out, room));
        if (!own) continue;
        PR_TRY(pri_exact_multiply(w, &self, v, x, spills ? made : y.at + v * y.ld));
        if (!spills) continue;
        PR_TRY(pri_exact_write_all(w, w->index % 2, l->out, l->panel, v, n, made, l->out, room));
    }
done:
    pri_gemm_free(products.gemm);
    pri_gemm_free(self.gemm);
    pri_gemm_free(scores.gemm);
    return st;
}

pr_status pri_exact_pass_load(const pri_exact_work *w, uint32_t at)
{
    pr_status             st = PR_OK;
    const pri_exact_panel p  = panel_at(w, at);

    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const pri_exact_piece piece = { .file     = PRI_SPILL_Z,
                                        .first    = p.first,
                                        .num      = p.num,
                                        .row      = v,
                                        .num_rows = pri_exact_range(w, v) };
        PR_TRY(pri_exact_check_stop(w));
        PR_TRY(pri_exact_read(w, &piece, p.z.at + v * p.z.ld));
    }
done:
    return st;
}

pr_status pri_exact_pass_add(const pri_exact_work *w, uint32_t at)
{
    pr_status              st    = PR_OK;
    const pri_exact_layer *l     = w->layer;
    const pri_exact_panel  p     = panel_at(w, at);
    const bool             whole = pri_exact_ends_here(&w->in->plan, w->index);
    pri_exact_rows_at      y     = { w->own->scratch + l->num_rows * l->scratch_x, p.num };
    pri_post               post  = pri_exact_post(w);
    pri_exact_end          end   = { 0 };

    post.cols = p.num;
    if (p.s.at) y = p.s;
    if (whole) PR_TRY(pri_exact_end_make(w, y.ld, &end));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t        n     = pri_exact_range(w, v);
        const pri_exact_piece piece = {
            .file = w->index % 2, .first = p.first, .num = p.num, .row = v, .num_rows = n
        };
        float *const to = p.s.at ? y.at + v * y.ld : y.at;
        PR_TRY(pri_exact_check_stop(w));
        if (l->kind.own && !p.s.at) PR_TRY(pri_exact_read(w, &piece, to));
        pri_exact_sum_products(w, v, &p, to, y.ld);
        if (whole) PR_TRY(pri_exact_end_run(w, &end, v, to, NULL));
        if (!l->kind.whole) pri_post_rows(&post, to, y.ld, n, NULL, NULL);
        if (l->target == PRI_Y_SPILL) PR_TRY(pri_exact_write(w, &piece, to));
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, to, y.ld);
    }
done:
    pri_exact_end_free(&end);
    return st;
}
