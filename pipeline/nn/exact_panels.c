/* exact_panels.c: a layer in panels of columns, its inputs streamed (exact_plan.c has the ways). */
#include "pipeline/nn/exact.h"

/* Columns [first, first + num) of a layer's outputs. */
typedef struct panel {
    size_t            first, num;
    pri_exact_rows_at z, s; /* Z_p, and S_p where it is in memory: where Y_p will be, but for
                               outputs that do not stay there */
} panel;

/* A panel that goes to a file, or comes from one, lies as it does there. */
static panel panel_at(const pri_exact_work *w, uint32_t at)
{
    const pri_exact_layer *l = w->layer;
    panel                  p = { .first = at * l->panel,
                                 .num   = pri_panel_cols(l->out, l->panel, at * l->panel),
                                 .z     = pri_exact_in_pool(w->in, l->z) };

    if (l->way == PRI_WAY_PRODUCTS) p.z.ld = p.num;
    if (l->target == PRI_Y_POOL) {
        p.s = pri_exact_outputs(w);
        p.s.at += p.first;
    } else if (l->way == PRI_WAY_PANELS) {
        p.s    = pri_exact_in_pool(w->in, l->s);
        p.s.ld = p.num;
    }
    return p;
}

pr_status pri_exact_pass_panel(const pri_exact_work *w, uint32_t at)
{
    pr_status         st   = PR_OK;
    const panel       p    = panel_at(w, at);
    pri_exact_product mean = { 0 }, self = { 0 };
    const float      *x;

    PR_TRY(pri_exact_product_make(w, false, p.first, p.num, p.z.ld, &mean));
    PR_TRY(pri_exact_product_make(w, true, p.first, p.num, p.s.ld, &self));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &mean, v, x, p.z.at + v * p.z.ld));
        PR_TRY(pri_exact_multiply(w, &self, v, x, p.s.at + v * p.s.ld));
    }
done:
    pri_gemm_free(mean.gemm);
    pri_gemm_free(self.gemm);
    return st;
}

pr_status pri_exact_pass_products(const pri_exact_work *w)
{
    pr_status              st     = PR_OK;
    const pri_exact_layer *l      = w->layer;
    const bool             spills = l->target == PRI_Y_SPILL;
    /* Of a range, behind its inputs: a product, and one panel of it. */
    float *const      made = w->own->scratch + l->num_rows * l->scratch_x;
    float *const      room = made + (size_t)l->num_rows * l->out;
    pri_exact_product mean = { 0 }, self = { 0 };
    const float      *x;
    pri_exact_rows_at y = { made, l->out };

    if (!spills) y = pri_exact_outputs(w);
    PR_TRY(pri_exact_product_make(w, false, 0, l->out, l->out, &mean));
    PR_TRY(pri_exact_product_make(w, true, 0, l->out, y.ld, &self));
    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t n = pri_exact_range(w, v);
        PR_TRY(pri_exact_bring(w, v, &x));
        PR_TRY(pri_exact_multiply(w, &mean, v, x, made));
        PR_TRY(pri_exact_write_all(w, PRI_SPILL_Z, l->out, l->panel, v, n, made, l->out, room));
        PR_TRY(pri_exact_multiply(w, &self, v, x, spills ? made : y.at + v * y.ld));
        if (!spills) continue;
        PR_TRY(pri_exact_write_all(w, w->index % 2, l->out, l->panel, v, n, made, l->out, room));
    }
done:
    pri_gemm_free(mean.gemm);
    pri_gemm_free(self.gemm);
    return st;
}

pr_status pri_exact_pass_load(const pri_exact_work *w, uint32_t at)
{
    pr_status   st = PR_OK;
    const panel p  = panel_at(w, at);

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
    pr_status              st     = PR_OK;
    const pri_exact_layer *l      = w->layer;
    const panel            p      = panel_at(w, at);
    const pri_rows         rows_z = { .at = p.z.at, .ld = p.z.ld, .cols = p.num };
    const bool             spills = l->target == PRI_Y_SPILL;

    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        const uint32_t        n     = pri_exact_range(w, v);
        const pri_lists       lists = pri_lists_of_graph(w->in->graph, v, n);
        const pri_exact_piece piece = {
            .file = w->index % 2, .first = p.first, .num = p.num, .row = v, .num_rows = n
        };
        pri_exact_rows_at y = { w->own->scratch, p.num };
        PR_TRY(pri_exact_check_stop(w));
        if (p.s.at)
            y = (pri_exact_rows_at){ p.s.at + v * p.s.ld, p.s.ld };
        else
            PR_TRY(pri_exact_read(w, &piece, y.at));
        const int64_t begin = pr_now_ns();
        pri_aggregate_add(&lists, &rows_z, y.at, y.ld, l->relu);
        w->times->aggregate_ns += pr_now_ns() - begin;
        if (spills) PR_TRY(pri_exact_write(w, &piece, y.at));
        if (l->target == PRI_Y_SINK) pri_exact_hand_out(w, v, y.at, y.ld);
    }
done:
    return st;
}

pr_status pri_exact_pass_read_back(const pri_exact_work *w)
{
    pr_status              st = PR_OK;
    const pri_exact_layer *l  = w->layer;
    const size_t           ld = pri_line_floats(l->out);
    float *const rows = w->own->scratch, *const room = rows + l->num_rows * ld;

    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_check_stop(w));
        PR_TRY(pri_exact_read_all(w, w->index % 2, l->out, l->panel, v, pri_exact_range(w, v), rows,
                                  ld, room));
        pri_exact_hand_out(w, v, rows, ld);
    }
done:
    return st;
}
