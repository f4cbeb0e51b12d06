/* nn_reference.h: networks of every kind in double precision, written with plain loops after the
 * formulas of layer.h and post.h, and beds in which models are compared with them. */
#ifndef TESTS_NN_REFERENCE_H
#define TESTS_NN_REFERENCE_H

#include "pipeline/nn/attention.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/tape.h"
#include "unit/nn_fixture.h"

/* One model on one batch. */
typedef struct net {
    fixture       *f;
    fixture_batch *b;
    pr_model      *model;
    pri_tape      *tape;
    pr_model_shape shape;
    double        *p;     /* parameters */
    double        *x, *y; /* [FIX_NODES, widest] */
    size_t         widest;
    bool           training;
} net;

enum { NET_KEY = 17, NET_FEATURES = 6, NET_CLASSES = 4 };

/* A layer of it at work: w by role, x [num_src, in] to y [num_dst, out]. */
typedef struct net_layer {
    const net      *n;
    const pr_block *block;
    uint32_t        l;
    size_t          in, out;
    const double   *w[PRI_NUM_ROLES];
} net_layer;

static inline net_layer net_layer_of(const net *n, uint32_t l)
{
    pri_tensor     tensor[PRI_NUM_ROLES];
    const uint32_t num   = pri_model_tensors(&n->shape, l, tensor);
    net_layer      layer = { .n     = n,
                             .block = &n->b->block[n->shape.num_layers - 1 - l],
                             .l     = l,
                             .in    = n->shape.width[l],
                             .out   = n->shape.width[l + 1] };

    for (uint32_t i = 0; i < num; i++) layer.w[tensor[i].role] = n->p + tensor[i].at;
    return layer;
}

static inline double net_degree(const net *n, uint32_t local)
{
    const pr_vid v = n->b->nodes[local];

    return (double)(n->f->indptr[v + 1] - n->f->indptr[v]);
}

/* The share of edge e of destination d. */
static inline double net_share(const pr_block *block, uint32_t d, uint32_t e)
{
    double all = 0.0;

    for (uint32_t k = block->indptr[d]; k < block->indptr[d + 1]; k++)
        all += block->weights ? (double)block->weights[k] : 1.0;
    return (block->weights ? (double)block->weights[e] : 1.0) / all;
}

/* to[out] += row[in] W. */
static inline void net_multiply(const double *row, const double *w, size_t in, size_t out,
                                double *to)
{
    for (size_t c = 0; c < in; c++)
        for (size_t o = 0; o < out; o++) to[o] += row[c] * w[c * out + o];
}

/* What a destination sums of its neighbours' column c: mean or largest, or with coefficients. */
static inline double net_gather(const net_layer *y, uint32_t d, const double *x, size_t c)
{
    const pr_model_options *o   = &y->n->shape.options;
    double                  sum = 0.0;

    for (uint32_t e = y->block->indptr[d]; e < y->block->indptr[d + 1]; e++) {
        const uint32_t u   = y->block->indices[e];
        const double   one = x[u * y->in + c], mu = net_share(y->block, d, e);
        const double   dv = net_degree(y->n, d), du = net_degree(y->n, u);
        if (o->kind == PR_MODEL_SAGE && o->aggregator == PR_AGGREGATE_MAX)
            sum = e == y->block->indptr[d] || one > sum ? one : sum;
        else if (o->kind == PR_MODEL_SAGE)
            sum += mu * one;
        else if (o->kind == PR_MODEL_GCN)
            sum += dv * mu * one / sqrt((dv + 1.0) * (du + 1.0));
        else
            sum += dv * mu * one;
    }
    return sum;
}

static inline void net_convolve(const net_layer *y, uint32_t d, const double *x, double *to)
{
    const int     kind = y->n->shape.options.kind;
    const double *self = x + d * y->in;
    double        sum[64], own[64], h[64] = { 0 };

    for (size_t c = 0; c < y->in; c++) {
        sum[c] = net_gather(y, d, x, c);
        own[c] = self[c];
        if (kind == PR_MODEL_GCN) sum[c] += self[c] / (net_degree(y->n, d) + 1.0);
        if (kind == PR_MODEL_GIN) sum[c] += (1.0 + y->w[PRI_ROLE_EPSILON][0]) * self[c];
    }
    for (size_t o = 0; o < y->out; o++) to[o] = y->w[PRI_ROLE_BIAS][o];
    if (kind == PR_MODEL_SAGE) net_multiply(own, y->w[PRI_ROLE_SELF], y->in, y->out, to);
    net_multiply(sum, y->w[PRI_ROLE_WEIGHT], y->in, y->out, to);
    if (kind != PR_MODEL_GIN) return;
    for (size_t o = 0; o < y->out; o++) {
        h[o]  = to[o] > 0.0 ? to[o] : 0.0;
        to[o] = y->w[PRI_ROLE_BIAS2][o];
    }
    net_multiply(h, y->w[PRI_ROLE_WEIGHT2], y->out, y->out, to);
}

/* <vector, x_u W> of one head. */
static inline double net_score(const net_layer *y, const double *row, const double *vector,
                               uint32_t head, size_t cols, size_t all)
{
    double score = 0.0;

    for (size_t c = 0; c < cols; c++) {
        double z = 0.0;
        for (size_t i = 0; i < y->in; i++)
            z += row[i] * y->w[PRI_ROLE_WEIGHT][i * all + head * cols + c];
        score += vector[head * cols + c] * z;
    }
    return score;
}

/* One head of one destination, added to `to` [cols] times `factor`. */
static inline void net_attend_head(const net_layer *y, uint32_t d, uint32_t head, uint32_t heads,
                                   const double *x, double factor, double *to)
{
    const pr_model_options *o    = &y->n->shape.options;
    const bool              last = y->l + 1 == y->n->shape.num_layers;
    const size_t            cols = last ? y->out : y->out / heads, all = cols * heads;
    const uint32_t          begin = y->block->indptr[d], num = y->block->indptr[d + 1] - begin;
    const pr_vid           *id = y->n->b->nodes;
    const double      target = net_score(y, x + d * y->in, y->w[PRI_ROLE_TARGET], head, cols, all);
    const pri_dropout dropout =
        pri_attention_dropout(o->attention_dropout, NET_KEY, y->n->b->batch.step, y->l);
    double s[FIX_NODES * FIX_MAX_DEGREE + 1], most = -INFINITY, total = 0.0;

    for (uint32_t k = 0; k <= num; k++) { /* the last is itself */
        const uint32_t u = k < num ? y->block->indices[begin + k] : d;
        s[k] = net_score(y, x + u * y->in, y->w[PRI_ROLE_SOURCE], head, cols, all) + target;
        s[k] = s[k] > 0.0 ? s[k] : 0.2 * s[k];
        most = fmax(most, s[k]);
    }
    for (uint32_t k = 0; k <= num; k++) {
        s[k] = exp(s[k] - most);
        if (k < num) s[k] *= net_degree(y->n, d) * net_share(y->block, d, begin + k);
        total += s[k];
    }
    for (uint32_t k = 0; k <= num; k++) {
        const uint32_t u    = k < num ? y->block->indices[begin + k] : d;
        double         a    = s[k] / total * factor;
        const bool     drop = y->n->training && o->attention_dropout > 0.0;
        if (drop) a /= 1.0 - o->attention_dropout;
        if (drop && !pri_attention_keeps(&dropout, id[d], id[u], head)) continue;
        for (size_t c = 0; c < cols; c++)
            for (size_t i = 0; i < y->in; i++)
                to[c] += a * x[u * y->in + i] * y->w[PRI_ROLE_WEIGHT][i * all + head * cols + c];
    }
}

static inline void net_attend(const net_layer *y, uint32_t d, const double *x, double *to)
{
    const pr_model_options *o     = &y->n->shape.options;
    const bool              last  = y->l + 1 == y->n->shape.num_layers;
    const uint32_t          heads = last ? o->out_heads : o->heads;

    for (size_t c = 0; c < y->out; c++) to[c] = y->w[PRI_ROLE_BIAS][c];
    for (uint32_t h = 0; h < heads; h++)
        net_attend_head(y, d, h, heads, x, last ? 1.0 / heads : 1.0,
                        last ? to : to + h * (y->out / heads));
}

/* Norm, activation and dropout of one row. */
static inline void net_post(const net_layer *y, uint32_t d, double *u)
{
    const pr_model_options *o    = &y->n->shape.options;
    const double            cols = (double)y->out;
    double                  mean = 0.0, variance = 0.0;
    const pri_dropout drop = pri_dropout_of(o->dropout, NET_KEY, y->n->b->batch.step, y->l + 1);

    for (size_t c = 0; c < y->out; c++) mean += u[c] / cols;
    for (size_t c = 0; c < y->out; c++) variance += (u[c] - mean) * (u[c] - mean) / cols;
    for (uint32_t c = 0; c < y->out; c++) {
        if (o->layer_norm)
            u[c] = y->w[PRI_ROLE_NORM_SCALE][c] * (u[c] - mean) / sqrt(variance + 1e-5) +
                   y->w[PRI_ROLE_NORM_SHIFT][c];
        if (u[c] < 0.0) u[c] = o->activation == PR_ACTIVATION_ELU ? exp(u[c]) - 1.0 : 0.0;
        if (!y->n->training || o->dropout <= 0.0) continue;
        u[c] *= pri_dropout_keeps(&drop, y->n->b->nodes[d], c) ? 1.0 / (1.0 - o->dropout) : 0.0;
    }
}

static inline void net_run_layer(const net_layer *y, const double *x, double *to)
{
    const pr_model_options *o = &y->n->shape.options;

    for (uint32_t d = 0; d < y->block->num_dst; d++) {
        double *u = to + d * y->out;
        if (o->kind == PR_MODEL_GAT)
            net_attend(y, d, x, u);
        else
            net_convolve(y, d, x, u);
        if (o->residual && y->w[PRI_ROLE_RESIDUAL])
            net_multiply(x + d * y->in, y->w[PRI_ROLE_RESIDUAL], y->in, y->out, u);
        else if (o->residual)
            for (size_t c = 0; c < y->out; c++) u[c] += x[d * y->in + c];
        if (y->l + 1 < y->n->shape.num_layers) net_post(y, d, u);
    }
}

/* Give the logits [num_seeds, classes] in double. */
static inline const double *net_forward(const net *n)
{
    const pr_model_options *o = &n->shape.options;
    double                 *x = n->x, *y = n->y;
    const uint32_t          F    = n->f->num_cols;
    const pri_dropout       drop = pri_dropout_of(o->input_dropout, NET_KEY, n->b->batch.step, 0);

    for (size_t i = 0; i < n->b->batch.nodes.n; i++)
        for (uint32_t c = 0; c < F; c++) {
            x[i * F + c] = (double)n->f->rows[(size_t)n->b->nodes[i] * F + c];
            if (!n->training || o->input_dropout <= 0.0) continue;
            x[i * F + c] *=
                pri_dropout_keeps(&drop, n->b->nodes[i], c) ? 1.0 / (1.0 - o->input_dropout) : 0.0;
        }
    for (uint32_t l = 0; l < n->shape.num_layers; l++) {
        const net_layer layer = net_layer_of(n, l);
        net_run_layer(&layer, x, y);
        double *swap = x;
        x            = y;
        y            = swap;
    }
    return x;
}

/* Fill x and parameters of the reference from the model. */
static inline void net_read_parameters(net *n)
{
    for (uint64_t i = 0; i < n->shape.num_parameters; i++)
        n->p[i] = (double)pri_nn_parameters(n->model)[i];
}

/* Make a model on a batch; every parameter that begins as a constant is moved from it. `f` and `b`
 * are taken. */
static inline net net_create(const pr_model_options *options, uint32_t layers, fixture *f,
                             fixture_batch *b)
{
    net      n   = { .f = f, .b = b, .training = true };
    test_rng rng = { .key = test_seed() + 99 };

    assert_ok(pr_model_create(options, layers, f->num_cols, f->num_classes, 5, &n.model));
    pr_model_describe(n.model, &n.shape);
    for (uint64_t i = 0; i < n.shape.num_parameters; i++)
        pri_nn_parameters(n.model)[i] += 0.2f * fix_real(&rng);
    n.tape   = fix_tape_of(n.model, &f->graph);
    n.widest = 1;
    for (uint32_t l = 0; l <= layers; l++)
        n.widest = n.shape.width[l] > n.widest ? n.shape.width[l] : n.widest;
    assert_true(n.widest <= 64);
    n.p = calloc((size_t)n.shape.num_parameters, sizeof *n.p);
    n.x = calloc(FIX_NODES * n.widest, sizeof *n.x);
    n.y = calloc(FIX_NODES * n.widest, sizeof *n.y);
    assert_true(n.p && n.x && n.y);
    net_read_parameters(&n);
    return n;
}

static inline void net_free(net *n)
{
    pri_tape_free(n->tape);
    pr_model_free(n->model);
    fix_batch_free(n->b);
    fix_free(n->f);
    free(n->p);
    free(n->x);
    free(n->y);
}

/* Forward, loss and backward of the model; gives the loss. */
static inline double net_step(net *n)
{
    pri_nn_times times = { 0 };
    double       loss;
    uint64_t     correct;

    assert_ok(
        pri_nn_forward(n->model, n->tape, &n->b->batch, &n->b->slab, n->training, NET_KEY, &times));
    fix_loss(n->tape, &n->b->batch, n->f->labels, n->b->batch.num_seeds, &loss, &correct);
    assert_ok(pri_nn_backward(n->model, n->tape, &n->b->batch, &times));
    return loss;
}

/* The largest difference between logits and those in double. */
static inline double net_forward_error(net *n)
{
    const double *want  = net_forward(n);
    double        worst = 0.0;
    size_t        ld;

    (void)net_step(n);
    const float *logits = pri_nn_logits(n->tape, &ld);
    for (size_t i = 0; i < n->b->batch.num_seeds; i++)
        for (size_t c = 0; c < n->f->num_classes; c++) {
            const double off = fabs((double)logits[i * ld + c] - want[i * n->f->num_classes + c]);
            worst            = off <= worst ? worst : off; /* NaN too */
        }
    return worst;
}

/* The largest difference between a gradient and the slope of the double network's mean loss, over
 * all parameters; the largest slope. */
static inline double net_gradient_error(net *n, double *largest)
{
    const double step = 1e-6, seeds = n->b->batch.num_seeds;
    double       worst = 0.0;

    *largest = 0.0;
    (void)net_step(n);
    for (uint64_t i = 0; i < n->shape.num_parameters; i++) {
        const double at    = n->p[i];
        n->p[i]            = at + step;
        const double up    = ref_loss(n->f, n->b, net_forward(n));
        n->p[i]            = at - step;
        const double down  = ref_loss(n->f, n->b, net_forward(n));
        n->p[i]            = at;
        const double slope = (up - down) / (2 * step) / seeds;
        const double off   = fabs((double)pri_nn_gradient(n->tape)[i] - slope);
        worst              = off <= worst ? worst : off;
        *largest           = fmax(*largest, fabs(slope));
    }
    return worst;
}

#endif
