/* worth.c: see worth.h, which has the formula and its constants. */
#include "pipeline/worth.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "pipeline/nn/model.h"

/* What a lane's part of a step takes. */
typedef struct lane_work {
    double alone, shared; /* ns of one thread: by the lane's own, by any of its team */
} lane_work;

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Vertices and edges of a hop. */
typedef struct hop {
    double num_dst, num_src, edges;
} hop;

/* What a layer of a kind adds up and multiplies on the way forward. */
typedef struct layer_work {
    double summed;   /* elements of rows that are added up */
    double products; /* multiplications of matrices */
    double scores;   /* exponentials */
    double elements; /* gone over behind the convolution */
} layer_work;

/* Rows of CSR are multiplied first: rows of the weights are added up, and then the products. */
static layer_work work_of_sparse(const pri_worth_input *input, double columns, bool self, hop h)
{
    const double rows = h.num_src + (self ? h.num_dst : 0);

    return (layer_work){ .summed = (rows * input->row_terms + h.edges) * columns };
}

/* The convolution of a layer. */
static layer_work convolution(const pri_worth_input *input, uint32_t layer, hop h)
{
    const pr_model_shape *shape = input->shape;
    const double          in = shape->width[layer], out = shape->width[layer + 1];
    const bool            sparse  = layer == 0 && input->row_terms > 0;
    const double          heads   = pri_model_heads(shape, layer);
    const double          columns = (double)pri_model_head_cols(shape, layer);
    layer_work            w;

    switch ((pr_model_kind)shape->options.kind) {
    case PR_MODEL_SAGE:
        if (sparse) return work_of_sparse(input, out, true, h);
        return (layer_work){ .summed = h.edges * in, .products = h.num_dst * 2.0 * in * out };
    case PR_MODEL_GCN:
        if (sparse) return work_of_sparse(input, out, false, h);
        return (layer_work){ .summed = h.edges * in, .products = h.num_dst * in * out };
    case PR_MODEL_GIN:
        w = sparse ? work_of_sparse(input, out, false, h)
                   : (layer_work){ .summed = h.edges * in, .products = h.num_dst * in * out };
        w.products += h.num_dst * out * out;
        return w;
    case PR_MODEL_GAT: break;
    }
    w        = sparse ? work_of_sparse(input, columns, false, h)
                      : (layer_work){ .summed = h.edges * columns, .products = h.num_src * in * columns };
    w.scores = (h.edges + h.num_dst) * heads;
    w.summed += (h.num_src + h.num_dst) * columns; /* scores are made of */
    return w;
}

/* What comes behind it: residual, norm, activation. */
static void add_post(const pri_worth_input *input, uint32_t layer, hop h, layer_work *w)
{
    const pr_model_shape   *shape = input->shape;
    const pr_model_options *o     = &shape->options;
    const double            in = shape->width[layer], out = shape->width[layer + 1];
    const bool              sparse = layer == 0 && input->row_terms > 0;

    if (o->residual && in != out && sparse)
        w->summed += h.num_dst * input->row_terms * out;
    else if (o->residual && in != out)
        w->products += h.num_dst * in * out;
    else if (o->residual)
        w->elements += h.num_dst * out;
    if (layer + 1 == shape->num_layers) return;
    if (o->layer_norm) w->elements += 3 * h.num_dst * out;
    if (!pri_model_fuses(shape, layer)) w->elements += h.num_dst * out;
}

/* Forward and backward of the layer that a hop's edges feed. The gradient of the first layer's
 * inputs is not computed. */
static double layer_ns(const pri_worth_input *input, uint32_t layer, hop h)
{
    const bool sparse = layer == 0 && input->row_terms > 0;
    const bool gat    = input->shape->options.kind == PR_MODEL_GAT;
    layer_work w      = convolution(input, layer, h);

    add_post(input, layer, h, &w);
    const double byte = sizeof(float) * PRI_WORTH_BYTE_NS;
    const double sums = w.summed * byte, gemms = 2.0 * w.products * PRI_WORTH_FLOP_NS;
    const double other = 2 * w.elements * byte + w.scores * PRI_WORTH_SCORE_NS;

    if (gat) return 3 * sums + (layer > 0 ? 3 : 2) * gemms + other; /* back: products, and sums */
    if (layer > 0) return 2 * sums + 3 * gemms + other;
    return (sparse ? 2 : 1) * sums + 2 * gemms + other;
}

double pri_worth_reach(double known, double edges, double nodes)
{
    return nodes > known ? known + (nodes - known) * -expm1(-edges / nodes) : known;
}

static lane_work work_of(const pri_worth_input *in, double seeds)
{
    const double     nodes  = (double)in->num_nodes;
    const double     degree = nodes > 0 ? (double)in->num_edges / nodes : 0;
    const bool       scans  = in->sampling && in->sampling->kind == PR_SAMPLER_LABOR;
    const pr_fanout *fanout = in->fanout;
    lane_work        work   = { 0, 0 };
    double           known  = seeds; /* vertices, as hops go by */

    for (uint32_t l = fanout->num_layers; l-- > 0;) {
        const uint32_t drawn = fanout->hop[fanout->num_layers - 1 - l];
        hop h     = { .num_dst = known, .num_src = known, .edges = known * smaller(drawn, degree) };
        h.num_src = pri_worth_reach(known, h.edges, nodes);
        work.alone += h.edges * PRI_WORTH_LABEL_NS;
        work.shared += h.edges * PRI_WORTH_DRAW_NS + layer_ns(in, l, h);
        if (scans) work.shared += known * degree * PRI_WORTH_SCAN_NS;
        known = h.num_src;
    }
    work.alone += known * PRI_WORTH_ROW_NS;
    work.shared += known * (double)in->row_bytes * PRI_WORTH_BYTE_NS;
    return work;
}

double pri_worth_compute_ns(const pri_worth_input *in, const pri_worth_batch *batch, double threads)
{
    const uint32_t num_layers = in->fanout->num_layers;
    double         shared     = batch->rows_moved * (double)in->row_bytes * PRI_WORTH_BYTE_NS;

    for (uint32_t l = 0; l < num_layers; l++) {
        const uint32_t h      = num_layers - 1 - l;
        const double   behind = l ? batch->dst[h + 1] : batch->inputs;
        const hop      one    = { batch->dst[h], behind, batch->edges[h] };
        shared += layer_ns(in, l, one);
    }
    shared += (double)in->shape->num_parameters * PRI_WORTH_ADAM_NS;
    return batch->inputs * PRI_WORTH_ROW_NS + shared / threads;
}

/* Give the threads of each lane of a plan for num_lanes, and their sum. One for fewer lanes than
 * this has the nodes with the most cores, and all threads that find a core there. */
static double share_threads(const pr_plan *plan, uint32_t num_lanes, double *threads)
{
    uint32_t cores[PR_MAX_LANES], planned = 0;
    double   here = 0, total = 0;

    for (uint32_t i = 0; i < plan->num_lanes; i++) {
        uint32_t at = i;
        for (; at > 0 && cores[at - 1] < plan->lane[i].num_cores; at--) cores[at] = cores[at - 1];
        cores[at] = plan->lane[i].num_cores;
        planned += plan->lane[i].num_threads;
    }
    for (uint32_t i = 0; i < num_lanes; i++) here += cores[i];
    const double kept = smaller(planned, here);
    for (uint32_t i = 0; i < num_lanes; i++) {
        threads[i] = num_lanes == plan->num_lanes ? plan->lane[i].num_threads
                                                  : fmax(1, kept * cores[i] / here);
        total += threads[i];
    }
    return total;
}

double pri_worth_step_ns(const pr_plan *plan, const pri_worth_input *input, uint32_t num_lanes)
{
    double threads[PR_MAX_LANES], slowest = 0;

    PR_ASSERT(num_lanes >= 1 && num_lanes <= plan->num_lanes);
    const double total  = share_threads(plan, num_lanes, threads);
    const double seeds  = smaller(input->batch_size, (double)input->num_train);
    const double update = PRI_WORTH_ADAM_NS + (num_lanes - 1) * PRI_WORTH_SUM_NS;

    for (uint32_t i = 0; i < num_lanes; i++) {
        const lane_work work = work_of(input, seeds * threads[i] / total);
        const double    time = work.alone + work.shared / threads[i];
        if (time > slowest) slowest = time;
    }
    return slowest + (double)input->shape->num_parameters * update / total +
           (num_lanes - 1) * PRI_WORTH_LANE_NS;
}

/* Write a time as people say it: two digits, and the unit that suits. */
static void say_time(double ns, char out[32])
{
    const char *const unit[] = { "us", "ms", "s" };
    double            value  = ns / 1e3;
    int               at     = 0;

    for (; at < 2 && value >= 100; at++) value /= 1e3;
    snprintf(out, 32, "%.*f %s", value < 9.95 ? 1 : 0, value, unit[at]);
}

static void say(uint32_t num_lanes, uint32_t num_planned, double ns, char why[256])
{
    char time[32];

    say_time(ns, time);
    if (num_lanes == num_planned)
        snprintf(why, 256, "a step of about %s is worth all %u lanes", time, num_lanes);
    else if (num_lanes == 1)
        snprintf(why, 256, "a step of about %s is not worth a second lane", time);
    else
        snprintf(why, 256, "a step of about %s is worth %u lanes of %u, not one more", time,
                 num_lanes, num_planned);
}

uint32_t pri_worth_lanes(const pr_plan *plan, const pri_worth_input *input, char why[256])
{
    uint32_t best    = 1;
    double   best_ns = pri_worth_step_ns(plan, input, 1);

    why[0] = 0;
    for (uint32_t num = 2; num <= plan->num_lanes; num++) {
        const double ns = pri_worth_step_ns(plan, input, num);
        if (ns >= best_ns) continue;
        best    = num;
        best_ns = ns;
    }
    if (plan->num_lanes > 1) say(best, plan->num_lanes, best_ns, why);
    return best;
}
