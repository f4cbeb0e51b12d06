/* whole_net.c: see whole_net.h. */
#include "support/whole_net.h"

#include <math.h>

#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

typedef struct layer {
    const whole    *w;
    const pr_model *model;
    uint32_t        l;
    bool            last;
    size_t          in, out;
    pri_layer_part  p;
    const double   *x;
} layer;

pr_model *whole_net_model(const whole *w, const pr_model_options *options, uint32_t layers,
                          uint32_t outputs)
{
    pr_model *model = NULL;
    test_rng  rng   = { .key = test_seed() + 7 };

    assert_ok(pr_model_create(options, layers, w->rows.num_cols, outputs, 5, &model));
    for (uint64_t i = 0; i < model->shape.num_parameters; i++)
        model->parameters[i] += (float)((double)test_below(&rng, 2000) * 1e-4 - 0.1);
    return model;
}

static double degree(const layer *y, pr_vid v)
{
    return (double)(y->w->indptr[v + 1] - y->w->indptr[v]);
}

static double part(const layer *y, pri_role role, size_t at)
{
    return (double)y->p.at[role][at];
}

/* Column c of what sage, gcn and gin make of the neighbours, and of the vertex itself. */
static double gather(const layer *y, pr_vid v, size_t c)
{
    const pr_model_options *o     = &y->model->shape.options;
    const pr_eid            begin = y->w->indptr[v], end = y->w->indptr[v + 1];
    double                  sum = 0.0, largest = -INFINITY;

    for (pr_eid e = begin; e < end; e++) {
        const pr_vid u   = y->w->indices[e];
        const double one = y->x[u * y->in + c];
        largest          = fmax(largest, one);
        sum +=
            o->kind == PR_MODEL_GCN ? one / sqrt((degree(y, u) + 1.0) * (degree(y, v) + 1.0)) : one;
    }
    const double self = y->x[v * y->in + c];
    switch (o->kind) {
    case PR_MODEL_GCN: return sum + self / (degree(y, v) + 1.0);
    case PR_MODEL_GIN: return sum + (1.0 + part(y, PRI_ROLE_EPSILON, 0)) * self;
    default: break;
    }
    if (begin == end) return 0.0;
    return o->aggregator == PR_AGGREGATE_MAX ? largest : sum / (double)(end - begin);
}

/* to += a W. */
static void multiply(const double *a, const float *w, size_t in, size_t out, double *to)
{
    for (size_t c = 0; c < in; c++)
        for (size_t o = 0; o < out; o++) to[o] += a[c] * (double)w[c * out + o];
}

static void convolve(const layer *y, pr_vid v, double *u, double *room)
{
    const pr_model_options *o = &y->model->shape.options;

    for (size_t c = 0; c < y->in; c++) room[c] = gather(y, v, c);
    for (size_t c = 0; c < y->out; c++) u[c] = part(y, PRI_ROLE_BIAS, c);
    multiply(room, y->p.at[PRI_ROLE_WEIGHT], y->in, y->out, u);
    if (o->kind == PR_MODEL_SAGE)
        multiply(y->x + v * y->in, y->p.at[PRI_ROLE_SELF], y->in, y->out, u);
    if (o->kind != PR_MODEL_GIN) return;
    for (size_t c = 0; c < y->out; c++) room[c] = fmax(u[c], 0.0);
    for (size_t c = 0; c < y->out; c++) u[c] = part(y, PRI_ROLE_BIAS2, c);
    multiply(room, y->p.at[PRI_ROLE_WEIGHT2], y->out, y->out, u);
}

/* z: X W of all vertices. */
static void attend(const layer *y, pr_vid v, const double *z, double *u)
{
    const size_t heads = pri_model_heads(&y->model->shape, y->l);
    const size_t all = pri_model_head_cols(&y->model->shape, y->l), cols = all / heads;
    const pr_eid begin = y->w->indptr[v], num = y->w->indptr[v + 1] - begin;
    double      *a = calloc(num + 1, sizeof *a);

    assert_non_null(a);
    for (size_t c = 0; c < y->out; c++) u[c] = part(y, PRI_ROLE_BIAS, c);
    for (size_t h = 0; h < heads; h++) {
        double sum = 0.0;
        for (pr_eid e = 0; e <= num; e++) {
            const pr_vid from = e < num ? y->w->indices[begin + e] : v;
            double       s    = 0.0;
            for (size_t c = h * cols; c < (h + 1) * cols; c++)
                s += part(y, PRI_ROLE_SOURCE, c) * z[from * all + c] +
                     part(y, PRI_ROLE_TARGET, c) * z[v * all + c];
            a[e] = exp(s > 0.0 ? s : 0.2 * s);
            sum += a[e];
        }
        for (pr_eid e = 0; e <= num; e++) {
            const pr_vid from = e < num ? y->w->indices[begin + e] : v;
            for (size_t c = 0; c < cols; c++) {
                const double one = a[e] / sum * z[from * all + h * cols + c];
                u[y->last ? c : h * cols + c] += y->last ? one / (double)heads : one;
            }
        }
    }
    free(a);
}

static void end(const layer *y, pr_vid v, double *u)
{
    const pr_model_options *o    = &y->model->shape.options;
    const double           *x    = y->x + v * y->in;
    double                  mean = 0.0, squares = 0.0;

    if (o->residual && y->in != y->out)
        multiply(x, y->p.at[PRI_ROLE_RESIDUAL], y->in, y->out, u);
    else if (o->residual)
        for (size_t c = 0; c < y->out; c++) u[c] += x[c];
    if (y->last) return;
    for (size_t c = 0; c < y->out; c++) mean += u[c] / (double)y->out;
    for (size_t c = 0; c < y->out; c++) squares += (u[c] - mean) * (u[c] - mean);
    for (size_t c = 0; c < y->out; c++) {
        if (o->layer_norm)
            u[c] = part(y, PRI_ROLE_NORM_SCALE, c) * (u[c] - mean) /
                       sqrt(squares / (double)y->out + 1e-5) +
                   part(y, PRI_ROLE_NORM_SHIFT, c);
        if (u[c] < 0.0) u[c] = o->activation == PR_ACTIVATION_ELU ? exp(u[c]) - 1.0 : 0.0;
    }
}

double *whole_net_run(const whole *w, const pr_model *model, uint32_t num_layers)
{
    const pr_model_shape *shape = &model->shape;
    const size_t          N     = w->graph.num_nodes;
    double               *x     = calloc(N * shape->width[0], sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < N * shape->width[0]; i++) x[i] = (double)w->values[i];
    for (uint32_t l = 0; l < num_layers; l++) {
        const layer  y   = { .w     = w,
                             .model = model,
                             .l     = l,
                             .last  = l + 1 == shape->num_layers,
                             .in    = shape->width[l],
                             .out   = shape->width[l + 1],
                             .p     = pri_model_layer(model, model->parameters, l),
                             .x     = x };
        const bool   gat = shape->options.kind == PR_MODEL_GAT;
        const size_t all = gat ? pri_model_head_cols(shape, l) : 1;
        double      *u = calloc(N * y.out, sizeof *u), *z = calloc(N * all, sizeof *z);
        double      *room = calloc(y.in + y.out, sizeof *room);
        assert_true(u && z && room);
        for (size_t v = 0; gat && v < N; v++)
            multiply(x + v * y.in, y.p.at[PRI_ROLE_WEIGHT], y.in, all, z + v * all);
        for (pr_vid v = 0; v < N; v++) {
            if (gat)
                attend(&y, v, z, u + v * y.out);
            else
                convolve(&y, v, u + v * y.out, room);
            end(&y, v, u + v * y.out);
        }
        free(z);
        free(room);
        free(x);
        x = u;
    }
    return x;
}
