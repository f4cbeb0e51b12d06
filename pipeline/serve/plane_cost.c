/* plane_cost.c: see plane_cost.h, which has the formulas. */
#include "pipeline/serve/plane_cost.h"

#include <math.h>

#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/worth.h"

#define READ_NS 5e3 /* a row of a file, where several are under way */

static const double word_ns = sizeof(float) * PRI_WORTH_BYTE_NS;

pri_plane_rows pri_plane_rows_of(const pr_model *model, const pr_features *x, bool moves,
                                 bool reads)
{
    const pr_model_shape *shape = &model->shape;
    const bool            gat   = shape->options.kind == PR_MODEL_GAT;
    pri_plane_rows        rows  = { .kind = shape->options.kind,
                                    .in   = shape->width[0],
                                    .out = gat ? (double)pri_model_head_cols(shape, 0) : shape->width[1],
                                    .derived = pri_nn_derived_cols(shape),
                                    .moves   = moves,
                                    .reads   = reads && moves };

    if (x->kind == PR_FEATURES_CSR && !moves && x->num_rows > 0)
        rows.terms = (double)x->indptr[x->num_rows] / x->num_rows;
    return rows;
}

/* All products of a row, with W or with both matrices. */
static double product_ns(const pri_plane_rows *r)
{
    if (r->terms > 0) return r->terms * r->derived * word_ns;
    return 2 * r->in * r->derived * PRI_WORTH_FLOP_NS;
}

double pri_plane_row_ns(const pri_plane_rows *r, bool derived)
{
    const double read = r->reads ? READ_NS : 0;

    if (!derived) return r->moves ? read + r->in * word_ns : 0;
    const double brought = r->terms > 0 ? 0 : r->in * word_ns;
    return read + brought + product_ns(r) + 2 * r->derived * word_ns;
}

double pri_plane_features_ns(const pri_plane_rows *r, const pri_plane_load *load)
{
    const bool   gat   = r->kind == PR_MODEL_GAT;
    const double moved = load->misses * pri_plane_row_ns(r, false);

    if (gat) return moved + load->inputs * product_ns(r) + load->edges * r->out * word_ns;
    if (r->terms > 0) { /* sage: neighbours and destinations have a product each */
        const double products = load->inputs + (r->derived > r->out ? load->dst : 0);
        return moved + (products * r->terms + load->edges) * r->out * word_ns;
    }
    return moved + load->edges * r->in * word_ns + load->dst * product_ns(r);
}

double pri_plane_derived_ns(const pri_plane_rows *r, const pri_plane_load *load)
{
    return load->misses_derived * pri_plane_row_ns(r, true) +
           (load->edges + load->dst) * r->out * word_ns;
}

double pri_plane_first_edges(uint32_t num_layers, double seeds, double dst, double edges)
{
    double sum = dst;

    if (!(seeds > 0) || !(dst > 0)) return edges;
    for (uint32_t h = 0; h + 1 < num_layers; h++)
        sum += seeds * pow(dst / seeds, (double)h / (num_layers - 1));
    return edges * dst / sum;
}
