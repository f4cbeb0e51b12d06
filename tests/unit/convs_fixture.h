/* convs_fixture.h: gcn, gin and SAGE with the largest in double precision, written from the
 * formulas with plain loops: a network on a batch, and on a whole graph as a dense matrix of arcs.
 */
#ifndef TESTS_CONVS_FIXTURE_H
#define TESTS_CONVS_FIXTURE_H

#include "unit/nn_fixture.h"

/* What a network of the reference is of. */
typedef struct convs_net {
    const fixture       *f;
    const fixture_batch *b;
    pr_model_shape       shape;
    bool                 training;
    uint64_t             key;
} convs_net;

/* The parameters of a layer in double: as the model's flat array has them. */
typedef struct convs_layer {
    const double *self, *weight, *bias, *weight2, *bias2;
    double        epsilon;
} convs_layer;

/* Give a layer's parameters and move on to the next. */
static inline convs_layer convs_take(int kind, size_t in, size_t out, const double **at)
{
    convs_layer   w = { 0 };
    const double *p = *at;

    if (kind == PR_MODEL_SAGE) w.self = p, p += in * out;
    w.weight = p, p += in * out;
    w.bias   = p, p += out;
    if (kind == PR_MODEL_GIN) {
        w.weight2 = p, p += out * out;
        w.bias2   = p, p += out;
        w.epsilon = *p++;
    }
    *at = p;
    return w;
}

static inline double convs_relu(double x)
{
    return x > 0.0 ? x : 0.0;
}

/* What is behind the sums: `sum` [in] of the vertex, and its row where the kind has two. */
static inline void convs_product(int kind, const convs_layer *w, const double *row,
                                 const double *sum, size_t in, size_t out, bool relu, double *u)
{
    double h[64];

    assert_true(out <= 64);
    for (size_t c = 0; c < out; c++) {
        h[c] = w->bias[c];
        for (size_t k = 0; k < in; k++) h[c] += sum[k] * w->weight[k * out + c];
        for (size_t k = 0; w->self && k < in; k++) h[c] += row[k] * w->self[k * out + c];
    }
    for (size_t c = 0; c < out; c++) {
        u[c] = h[c];
        if (kind == PR_MODEL_GIN) {
            u[c] = w->bias2[c];
            for (size_t k = 0; k < out; k++) u[c] += convs_relu(h[k]) * w->weight2[k * out + c];
        }
        if (relu) u[c] = convs_relu(u[c]);
    }
}

static inline double convs_degree(const fixture *f, pr_vid v)
{
    return (double)(f->indptr[v + 1] - f->indptr[v]);
}

/* Element c of what the product of destination d is of. */
static inline double convs_sum(const convs_net *net, const pr_block *block, const convs_layer *w,
                               const double *x, size_t in, uint32_t d, size_t c)
{
    const uint32_t begin = block->indptr[d], end = block->indptr[d + 1];
    const double   own = x[d * in + c], degree = convs_degree(net->f, net->b->nodes[d]);
    double         total = 0.0, sum = 0.0, largest = -HUGE_VAL;

    for (uint32_t e = begin; e < end; e++)
        total += block->weights ? (double)block->weights[e] : 1.0;
    for (uint32_t e = begin; e < end; e++) {
        const uint32_t u     = block->indices[e];
        const double   share = (block->weights ? (double)block->weights[e] : 1.0) / total;
        const double   norm = sqrt((degree + 1.0) * (convs_degree(net->f, net->b->nodes[u]) + 1.0));
        const bool     gcn  = net->shape.options.kind == PR_MODEL_GCN;
        sum += degree * share * x[u * in + c] / (gcn ? norm : 1.0);
        if (x[u * in + c] > largest) largest = x[u * in + c];
    }
    switch (net->shape.options.kind) {
    case PR_MODEL_GCN: return own / (degree + 1.0) + sum;
    case PR_MODEL_GIN: return (1.0 + w->epsilon) * own + sum;
    default: return end > begin ? largest : 0.0;
    }
}

/* Drop of rows [num, cols] what training drops before layer `l`. */
static inline void convs_drop(const convs_net *net, uint32_t l, size_t num, size_t cols, double *x)
{
    const pr_model_options *o = &net->shape.options;
    const double            p = l ? o->dropout : o->input_dropout;

    if (!net->training || p <= 0.0) return;
    const pri_dropout drop = pri_dropout_of(p, net->key, net->b->batch.step, l);
    for (size_t i = 0; i < num; i++)
        for (size_t c = 0; c < cols; c++)
            x[i * cols + c] *=
                pri_dropout_keeps(&drop, net->b->nodes[i], (uint32_t)c) ? 1.0 / (1.0 - p) : 0.0;
}

/* The network on its batch; gives logits [num_seeds, classes] in x or y (of ref_room). */
static inline const double *convs_forward(const convs_net *net, const double *parameters, double *x,
                                          double *y)
{
    const uint32_t L = net->shape.num_layers, F = net->f->num_cols;
    const size_t   num = net->b->batch.nodes.n;
    double         sum[64];

    for (size_t i = 0; i < num; i++)
        for (uint32_t c = 0; c < F; c++)
            x[i * F + c] = (double)net->f->rows[(size_t)net->b->nodes[i] * F + c];
    convs_drop(net, 0, num, F, x);
    for (uint32_t l = 0; l < L; l++) {
        const pr_block   *block = &net->b->block[L - 1 - l];
        const size_t      in = net->shape.width[l], out = net->shape.width[l + 1];
        const convs_layer w = convs_take(net->shape.options.kind, in, out, &parameters);
        assert_true(in <= 64);
        for (uint32_t d = 0; d < block->num_dst; d++) {
            for (size_t c = 0; c < in; c++) sum[c] = convs_sum(net, block, &w, x, in, d, c);
            convs_product(net->shape.options.kind, &w, x + d * in, sum, in, out, l + 1 < L,
                          y + d * out);
        }
        if (l + 1 < L) convs_drop(net, l + 1, block->num_dst, out, y);
        double *swap = x;
        x            = y;
        y            = swap;
    }
    return x;
}

/* The network on the whole graph, whose arcs are a matrix: how many there are from u to v. Gives
 * logits of all vertices. */
static inline const double *convs_whole(const convs_net *net, const double *parameters, double *x,
                                        double *y)
{
    static double  arcs[FIX_NODES][FIX_NODES];
    const fixture *f    = net->f;
    const int      kind = net->shape.options.kind;
    const uint32_t L    = net->shape.num_layers;

    memset(arcs, 0, sizeof arcs);
    for (pr_vid v = 0; v < FIX_NODES; v++)
        for (pr_eid e = f->indptr[v]; e < f->indptr[v + 1]; e++) arcs[v][f->indices[e]] += 1.0;
    for (size_t i = 0; i < (size_t)FIX_NODES * f->num_cols; i++) x[i] = (double)f->rows[i];
    for (uint32_t l = 0; l < L; l++) {
        const size_t      in = net->shape.width[l], out = net->shape.width[l + 1];
        const convs_layer w = convs_take(kind, in, out, &parameters);
        for (pr_vid v = 0; v < FIX_NODES; v++) {
            double sum[64];
            for (size_t c = 0; c < in; c++) {
                double largest = -HUGE_VAL;
                sum[c]         = 0.0;
                for (pr_vid u = 0; u < FIX_NODES; u++) {
                    double a = arcs[v][u], each = x[u * in + c];
                    if (a > 0.0 && each > largest) largest = each;
                    if (u == v) a += kind == PR_MODEL_GIN ? 1.0 + w.epsilon : 1.0;
                    if (kind == PR_MODEL_GCN)
                        a /= sqrt(convs_degree(f, v) + 1.0) * sqrt(convs_degree(f, u) + 1.0);
                    sum[c] += a * each;
                }
                if (kind == PR_MODEL_SAGE) sum[c] = largest > -HUGE_VAL ? largest : 0.0;
            }
            convs_product(kind, &w, x + v * in, sum, in, out, l + 1 < L, y + v * out);
        }
        double *swap = x;
        x            = y;
        y            = swap;
    }
    return x;
}

/* A model whose every parameter is drawn: biases and epsilon too, so that their use is seen. */
static inline pr_model *convs_model(const fixture *f, const pr_model_options *options,
                                    uint32_t layers)
{
    pr_model      *model = NULL;
    pr_model_shape shape;
    test_rng       rng = { .key = test_seed() + 99 };

    assert_ok(pr_model_create(options, layers, f->num_cols, f->num_classes, 5, &model));
    pr_model_describe(model, &shape);
    float *at = pri_nn_parameters(model);
    for (uint64_t i = 0; i < shape.num_parameters; i++)
        at[i] = (options->kind == PR_MODEL_GIN ? 0.5f : 1.0f) * at[i] + 0.2f * fix_real(&rng);
    return model;
}

#endif
