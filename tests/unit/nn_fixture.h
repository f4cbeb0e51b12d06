/* nn_fixture.h: what the tests of the nn room share: a small random graph, batches of it built by
 * hand, their rows as a scattered slab or as CSR, and a network in double precision written with
 * plain loops to compare with. */
#ifndef TESTS_NN_FIXTURE_H
#define TESTS_NN_FIXTURE_H

#include <math.h>

#include "pipeline/nn/dropout.h"
#include "pipeline/nn/nn.h"
#include "support/support.h"

enum { FIX_NODES = 60, FIX_MAX_DEGREE = 9, FIX_SLOTS = 97 };

/* A graph with features (the same numbers dense and CSR) and labels. Vertices 0, 7, 14, ... have
 * no neighbours. */
typedef struct fixture {
    uint32_t    num_cols, num_classes;
    pr_graph    graph;
    pr_features dense, csr;
    pr_eid      indptr[FIX_NODES + 1], csr_indptr[FIX_NODES + 1];
    pr_vid      indices[FIX_NODES * FIX_MAX_DEGREE];
    float      *rows, *csr_data;
    uint32_t   *csr_indices;
    int32_t     labels[FIX_NODES];
} fixture;

/* A batch with storage of its own, and its rows. */
typedef struct fixture_batch {
    pr_batch batch;
    pr_block block[PR_MAX_LAYERS];
    uint32_t indptr[PR_MAX_LAYERS][FIX_NODES + 1];
    uint32_t indices[PR_MAX_LAYERS][FIX_NODES * FIX_MAX_DEGREE];
    float    weights[PR_MAX_LAYERS][FIX_NODES * FIX_MAX_DEGREE]; /* of fix_weigh */
    pr_vid   nodes[FIX_NODES];
    pr_slab  slab;
    pr_slot  slot[FIX_NODES];
    float   *rows;
} fixture_batch;

static inline float fix_real(test_rng *rng)
{
    return (float)((double)test_random(rng) * 0x1p-31 - 1.0);
}

/* Update all parameters at once. */
static inline void fix_update(pr_model *model, float *const *gradients, uint32_t num_gradients,
                              const pr_optimizer_options *options, pri_nn_times *times)
{
    pri_nn_update(model, pri_nn_slice_of(model, 0, 1), gradients, num_gradients, options, times);
    pri_nn_updated(model);
}

static inline void fix_features(fixture *f, test_rng *rng)
{
    const uint32_t F = f->num_cols;
    uint64_t       n = 0;

    for (pr_vid v = 0; v < FIX_NODES; v++) {
        for (uint32_t c = 0; c < F; c++) {
            if (test_below(rng, 3) == 0) continue;
            const float x       = fix_real(rng);
            f->rows[v * F + c]  = x;
            f->csr_data[n]      = x;
            f->csr_indices[n++] = c;
        }
        f->csr_indptr[v + 1] = n;
    }
    f->dense = (pr_features){
        .kind = PR_FEATURES_DENSE, .num_rows = FIX_NODES, .num_cols = F, .rows = f->rows, .ld = F
    };
    f->csr = (pr_features){ .kind     = PR_FEATURES_CSR,
                            .num_rows = FIX_NODES,
                            .num_cols = F,
                            .indptr   = f->csr_indptr,
                            .indices  = f->csr_indices,
                            .data     = f->csr_data };
}

static inline fixture *fix_create(uint32_t num_cols, uint32_t num_classes, uint64_t seed)
{
    fixture *f   = calloc(1, sizeof *f);
    test_rng rng = { .key = seed };

    assert_non_null(f);
    f->num_cols    = num_cols;
    f->num_classes = num_classes;
    f->rows        = calloc((size_t)FIX_NODES * num_cols, sizeof *f->rows);
    f->csr_data    = calloc((size_t)FIX_NODES * num_cols, sizeof *f->csr_data);
    f->csr_indices = calloc((size_t)FIX_NODES * num_cols, sizeof *f->csr_indices);
    assert_true(f->rows && f->csr_data && f->csr_indices);
    for (pr_vid v = 0; v < FIX_NODES; v++) {
        const uint32_t degree = v % 7 ? test_below(&rng, FIX_MAX_DEGREE + 1) : 0;
        f->indptr[v + 1]      = f->indptr[v];
        for (uint32_t k = 0; k < degree; k++)
            f->indices[f->indptr[v + 1]++] = test_below(&rng, FIX_NODES);
        f->labels[v] = (int32_t)test_below(&rng, num_classes);
    }
    f->graph = (pr_graph){ .num_nodes = FIX_NODES,
                           .num_edges = f->indptr[FIX_NODES],
                           .indptr    = f->indptr,
                           .indices   = f->indices };
    fix_features(f, &rng);
    return f;
}

static inline void fix_free(fixture *f)
{
    free(f->rows);
    free(f->csr_data);
    free(f->csr_indices);
    free(f);
}

/* Give the local id of v, adding it to the batch when it is new. */
static inline uint32_t fix_local(fixture_batch *b, pr_vid v)
{
    for (uint32_t i = 0; i < b->batch.nodes.n; i++)
        if (b->nodes[i] == v) return i;
    b->nodes[b->batch.nodes.n] = v;
    return (uint32_t)b->batch.nodes.n++;
}

/* Lay out the rows of a batch: scattered over more slots than needed, or as CSR rows. */
static inline void fix_slab(const fixture *f, fixture_batch *b, bool sparse)
{
    const size_t ld = f->num_cols + 3;
    const size_t m  = b->batch.nodes.n;

    b->rows = calloc(FIX_SLOTS * ld, sizeof *b->rows);
    assert_non_null(b->rows);
    for (size_t i = 0; i < FIX_SLOTS * ld; i++) b->rows[i] = NAN; /* nobody may read these */
    for (uint32_t i = 0; i < m; i++) {
        b->slot[i] = sparse ? b->nodes[i] : (i * 31 + 5) % FIX_SLOTS;
        memcpy(b->rows + b->slot[i] * ld, f->rows + (size_t)b->nodes[i] * f->num_cols,
               f->num_cols * sizeof *b->rows);
    }
    b->slab = (pr_slab){ .rows          = sparse ? NULL : b->rows,
                         .ld            = ld,
                         .num_cols      = f->num_cols,
                         .num_inputs    = (uint32_t)m,
                         .slot_of_input = b->slot,
                         .features      = sparse ? &f->csr : NULL };
}

/* Build the batch of these seeds: the first `fanout` neighbours of everyone at every hop. */
static inline fixture_batch *fix_batch(const fixture *f, uint32_t layers, uint32_t fanout,
                                       const pr_vid *seeds, uint32_t num_seeds, bool sparse)
{
    fixture_batch *b = calloc(1, sizeof *b);

    assert_non_null(b);
    for (uint32_t i = 0; i < num_seeds; i++) fix_local(b, seeds[i]);
    for (uint32_t h = 0; h < layers; h++) {
        const uint32_t num_dst = (uint32_t)b->batch.nodes.n;
        uint32_t       n       = 0;
        for (uint32_t d = 0; d < num_dst; d++) {
            const pr_vid v   = b->nodes[d];
            const pr_eid end = f->indptr[v + 1];
            for (pr_eid e = f->indptr[v]; e < end && e < f->indptr[v] + fanout; e++)
                b->indices[h][n++] = fix_local(b, f->indices[e]);
            b->indptr[h][d + 1] = n;
        }
        b->block[h] = (pr_block){ .num_dst   = num_dst,
                                  .num_src   = (uint32_t)b->batch.nodes.n,
                                  .num_edges = n,
                                  .indptr    = b->indptr[h],
                                  .indices   = b->indices[h] };
        b->batch.num_edges += n;
    }
    b->batch.num_seeds  = num_seeds;
    b->batch.num_layers = layers;
    b->batch.block      = b->block;
    b->batch.nodes.at   = b->nodes;
    b->batch.step       = 3;
    fix_slab(f, b, sparse);
    return b;
}

/* Give every edge of the batch a weight. */
static inline void fix_weigh(fixture_batch *b)
{
    test_rng rng = { .key = test_seed() + 3 };

    for (uint32_t h = 0; h < b->batch.num_layers; h++) {
        for (uint32_t e = 0; e < b->block[h].num_edges; e++)
            b->weights[h][e] = (float)(1 + test_below(&rng, 20)) * 0.25f;
        b->block[h].weights = b->weights[h];
    }
}

static inline void fix_batch_free(fixture_batch *b)
{
    free(b->rows);
    free(b);
}

/* A model of random weights and biases (biases too, so that their use is seen). */
static inline pr_model *fix_model(const fixture *f, uint32_t layers, uint32_t hidden,
                                  double dropout)
{
    const pr_model_options options = { .hidden = hidden, .dropout = dropout };
    pr_model              *model   = NULL;
    pr_model_shape         shape;
    test_rng               rng = { .key = test_seed() + 99 };

    assert_ok(pr_model_create(&options, layers, f->num_cols, f->num_classes, 5, &model));
    pr_model_describe(model, &shape);
    float *at = pri_nn_parameters(model);
    for (uint32_t l = 0; l < layers; l++) {
        at += 2 * (size_t)shape.width[l] * shape.width[l + 1];
        for (uint32_t c = 0; c < shape.width[l + 1]; c++) *at++ = 0.3f * fix_real(&rng);
    }
    return model;
}

/* A tape that holds any batch of the fixture; `graph` is NULL where no layer asks for degrees. */
static inline pri_tape *fix_tape_of(const pr_model *model, const pr_graph *graph)
{
    uint32_t  max_dst[PR_MAX_LAYERS];
    uint64_t  max_edges[PR_MAX_LAYERS];
    pri_tape *tape = NULL;

    for (uint32_t h = 0; h < PR_MAX_LAYERS; h++) {
        max_dst[h]   = FIX_NODES;
        max_edges[h] = FIX_NODES * FIX_MAX_DEGREE;
    }
    assert_ok(pri_tape_create(model, graph, max_dst, max_edges, FIX_NODES, &tape));
    return tape;
}

static inline pri_tape *fix_tape(const pr_model *model)
{
    return fix_tape_of(model, NULL);
}

/* The loss over the seeds with one class each. */
static inline void fix_loss(pri_tape *tape, const pr_batch *batch, const int32_t *labels,
                            double divisor, double *sum, uint64_t *num_correct)
{
    const pri_targets targets = { .classes = labels };
    pri_loss          loss;

    pri_nn_loss(tape, batch, &targets, divisor, &loss);
    *sum         = loss.sum;
    *num_correct = loss.num_correct;
}

/* One layer in double: y [D, H] from x [m, F]; `w` is W then b. */
static inline void ref_layer(const pr_block *block, const double *x, size_t F, size_t H,
                             const double *w, bool relu, double *y)
{
    for (uint32_t d = 0; d < block->num_dst; d++) {
        const uint32_t begin = block->indptr[d], end = block->indptr[d + 1];
        for (size_t h = 0; h < H; h++) {
            double sum = w[2 * F * H + h];
            for (size_t c = 0; c < F; c++) {
                double mean = 0.0, total = 0.0;
                for (uint32_t e = begin; e < end; e++) {
                    const double weight = block->weights ? (double)block->weights[e] : 1.0;
                    mean += weight * x[block->indices[e] * F + c];
                    total += weight;
                }
                if (end > begin) mean /= total;
                sum += x[d * F + c] * w[c * H + h] + mean * w[(F + c) * H + h];
            }
            y[d * H + h] = relu && sum < 0.0 ? 0.0 : sum;
        }
    }
}

/* The network in double on a batch; gives logits [num_seeds, classes] into x (room for
 * FIX_NODES x the widest layer, two of them). */
static inline const double *ref_forward(const fixture *f, const fixture_batch *b,
                                        const pr_model_shape *shape, const double *parameters,
                                        bool training, uint64_t key, double *x, double *y)
{
    const uint32_t L = shape->num_layers;

    for (size_t i = 0; i < b->batch.nodes.n; i++)
        for (uint32_t c = 0; c < f->num_cols; c++)
            x[i * f->num_cols + c] = (double)f->rows[(size_t)b->nodes[i] * f->num_cols + c];
    for (uint32_t l = 0; l < L; l++) {
        const pr_block *block = &b->block[L - 1 - l];
        const size_t    F = shape->width[l], H = shape->width[l + 1];
        ref_layer(block, x, F, H, parameters, l + 1 < L, y);
        parameters += (2 * F + 1) * H;
        if (training && l + 1 < L) {
            const pri_dropout drop =
                pri_dropout_of(shape->options.dropout, key, b->batch.step, l + 1);
            for (uint32_t i = 0; i < block->num_dst; i++)
                for (uint32_t c = 0; c < H; c++)
                    y[i * H + c] *= pri_dropout_keeps(&drop, b->nodes[i], c)
                                        ? 1.0 / (1.0 - shape->options.dropout)
                                        : 0.0;
        }
        double *swap = x;
        x            = y;
        y            = swap;
    }
    return x;
}

/* Sum of the seeds' cross entropy in double. */
static inline double ref_loss(const fixture *f, const fixture_batch *b, const double *logits)
{
    const uint32_t C   = f->num_classes;
    double         sum = 0.0;

    for (uint32_t i = 0; i < b->batch.num_seeds; i++) {
        const double *x     = logits + i * C;
        double        total = 0.0, max = x[0];
        for (uint32_t c = 1; c < C; c++) max = fmax(max, x[c]);
        for (uint32_t c = 0; c < C; c++) total += exp(x[c] - max);
        sum += log(total) + max - x[f->labels[b->nodes[i]]];
    }
    return sum;
}

/* Room for the reference's activations. */
static inline double *ref_room(const pr_model_shape *shape)
{
    size_t widest = 1;
    for (uint32_t l = 0; l <= shape->num_layers; l++)
        if (shape->width[l] > widest) widest = shape->width[l];
    double *room = calloc(FIX_NODES * widest, sizeof *room);
    assert_non_null(room);
    return room;
}

#endif
