/* infer.c: exact inference, one layer after the other over all vertices, in ranges of rows.
 *
 * Each layer goes one of two ways, whichever carries fewer columns over the edges; the products
 * cost the same:
 *
 *     aggregate first   Y = act([ X | mean X ] W + b)                 when in <= out
 *     transform first   Z = X Wn for all rows, Y = act(X Ws + b + mean Z)   otherwise
 *
 * Two buffers of all rows are enough: aggregate first reads one and writes the other; transform
 * first puts Z into the other and writes Y over X, whose rows only their own range still needs.
 * Sparse features are always transformed first. */
#include <string.h>

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/sparse.h"

enum { MIN_ROWS = 256, MAX_ROWS = 16384, SCRATCH_FLOATS = 8 << 20, LINE_FLOATS = 16 };

typedef struct inference {
    const pr_model     *model;
    const pr_graph     *graph;
    const pr_features  *features;
    const volatile int *stop;
    pri_nn_times       *times;
    pri_engine         *engine;
    float              *buffer[2]; /* [num_nodes, ld] each */
    size_t              ld, buffer_bytes;
    float              *scratch; /* rows of one range */
    int                 source;  /* the buffer that holds the layer's inputs, after layer 0 */
} inference;

/* One layer of it. */
typedef struct layer {
    pri_layer_part part;
    pri_rows       x; /* inputs, unless sparse */
    bool           sparse, transform_first, relu;
    float         *y;        /* out */
    size_t         ldy, lds; /* of y; of a row in scratch */
    uint32_t       num_rows; /* of a range */
} layer;

static size_t padded(size_t cols)
{
    return (cols + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

static pr_status check_stop(const inference *in)
{
    pr_status st = PR_OK;

    PR_CHECK(!in->stop || !*in->stop, PR_E_INTERRUPTED, "interrupted in exact inference");
done:
    return st;
}

static uint32_t range_rows(const inference *in, const layer *l, uint32_t first)
{
    const uint32_t left = in->graph->num_nodes - first;

    return left < l->num_rows ? left : l->num_rows;
}

static layer layer_at(const inference *in, uint32_t at, float *logits)
{
    const pr_model_shape *shape = &in->model->shape;
    const pr_features    *f     = in->features;
    const bool            last  = at + 1 == shape->num_layers;
    layer l = { .part = pri_model_layer(in->model, in->model->parameters, at), .relu = !last };

    if (at > 0)
        l.x = (pri_rows){ .at = in->buffer[in->source], .ld = in->ld, .cols = l.part.in };
    else
        l.x = (pri_rows){ .at = f->rows, .ld = f->ld, .cols = l.part.in };
    l.sparse          = at == 0 && f->kind == PR_FEATURES_CSR;
    l.transform_first = l.sparse || l.part.out < l.part.in;
    l.lds             = padded(l.transform_first ? l.part.out : 2 * l.part.in);
    l.ldy             = last ? l.part.out : in->ld;
    l.y               = last ? logits : in->buffer[l.transform_first ? in->source : !in->source];

    const size_t rows = SCRATCH_FLOATS / l.lds;
    l.num_rows        = (uint32_t)(rows < MIN_ROWS ? MIN_ROWS : rows > MAX_ROWS ? MAX_ROWS : rows);
    return l;
}

/* C = X[first ..] B, by oneDNN or from sparse rows. */
static pr_status multiply(const inference *in, const layer *l, pri_gemm *gemm, uint32_t first,
                          const float *b, const float *bias, float *c, size_t ldc)
{
    const pri_sparse sparse = { .x     = in->features,
                                .first = first,
                                .num   = range_rows(in, l, first) };

    if (!l->sparse) return pri_gemm_run(gemm, sparse.num, l->x.at + first * l->x.ld, b, bias, c);
    pri_sparse_multiply(&sparse, b, bias, c, ldc, l->part.out);
    return PR_OK;
}

/* Make the product X B of a dense layer; NULL for a sparse one. */
static pr_status make_product(const inference *in, const layer *l, bool bias, size_t ldc,
                              pri_gemm **out)
{
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = l->part.in,
                                   .n    = l->part.out,
                                   .lda  = l->x.ld,
                                   .ldb  = l->part.out,
                                   .ldc  = ldc,
                                   .bias = bias };

    *out = NULL;
    return l->sparse ? PR_OK : pri_gemm_create(in->engine, &shape, out);
}

static pr_status transform_first(inference *in, const layer *l)
{
    pr_status      st     = PR_OK;
    const pr_vid   N      = in->graph->num_nodes;
    float         *z      = in->buffer[!in->source];
    const pri_rows rows_z = { .at = z, .ld = in->ld, .cols = l->part.out };
    const float   *wn     = l->part.w + l->part.in * l->part.out;
    pri_gemm      *mean = NULL, *self = NULL;

    PR_TRY(make_product(in, l, false, in->ld, &mean));
    PR_TRY(make_product(in, l, true, l->lds, &self));
    for (pr_vid v = 0; v < N; v += range_rows(in, l, v)) {
        const int64_t begin = pr_now_ns();
        PR_TRY(check_stop(in));
        PR_TRY(multiply(in, l, mean, v, wn, NULL, z + v * in->ld, in->ld));
        in->times->gemm_ns += pr_now_ns() - begin;
    }
    for (pr_vid v = 0; v < N; v += range_rows(in, l, v)) {
        const uint32_t  n     = range_rows(in, l, v);
        const pri_lists lists = pri_lists_of_graph(in->graph, v, n);
        const int64_t   begin = pr_now_ns();
        PR_TRY(check_stop(in));
        PR_TRY(multiply(in, l, self, v, l->part.w, l->part.b, in->scratch, l->lds));
        const int64_t middle = pr_now_ns();
        pri_aggregate_add(&lists, &rows_z, in->scratch, l->lds, l->relu);
        for (uint32_t i = 0; i < n; i++)
            memcpy(l->y + (v + (size_t)i) * l->ldy, in->scratch + i * l->lds,
                   l->part.out * sizeof *l->y);
        in->times->gemm_ns += middle - begin;
        in->times->aggregate_ns += pr_now_ns() - middle;
    }
done:
    pri_gemm_free(mean);
    pri_gemm_free(self);
    return st;
}

static pr_status aggregate_first(inference *in, const layer *l)
{
    pr_status            st    = PR_OK;
    pri_gemm            *gemm  = NULL;
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = 2 * l->part.in,
                                   .n    = l->part.out,
                                   .lda  = l->lds,
                                   .ldb  = l->part.out,
                                   .ldc  = l->ldy,
                                   .bias = true,
                                   .relu = l->relu };

    PR_TRY(pri_gemm_create(in->engine, &shape, &gemm));
    for (pr_vid v = 0; v < in->graph->num_nodes; v += range_rows(in, l, v)) {
        const uint32_t  n     = range_rows(in, l, v);
        const pri_lists lists = pri_lists_of_graph(in->graph, v, n);
        const int64_t   begin = pr_now_ns();
        PR_TRY(check_stop(in));
        pri_aggregate_concat(&lists, &l->x, in->scratch, l->lds);
        const int64_t middle = pr_now_ns();
        PR_TRY(pri_gemm_run(gemm, n, in->scratch, l->part.w, l->part.b, l->y + v * l->ldy));
        in->times->aggregate_ns += middle - begin;
        in->times->gemm_ns += pr_now_ns() - middle;
    }
    in->source = !in->source;
done:
    pri_gemm_free(gemm);
    return st;
}

/* Take the buffers; refuse what the machine could never hold. */
static pr_status take_buffers(inference *in)
{
    pr_status             st      = PR_OK;
    const pr_model_shape *shape   = &in->model->shape;
    const uint64_t        machine = pri_machine_bytes();
    size_t                widest = 1, scratch = 1;

    for (uint32_t l = 0; l < shape->num_layers; l++) {
        const layer  at     = layer_at(in, l, NULL);
        const size_t floats = at.num_rows * at.lds;
        if (shape->width[l + 1] > widest) widest = shape->width[l + 1];
        if (floats > scratch) scratch = floats;
    }
    in->ld = padded(widest);
    PR_CHECK(!__builtin_mul_overflow(in->ld * sizeof(float), (size_t)in->graph->num_nodes,
                                     &in->buffer_bytes) &&
                 in->buffer_bytes <= machine / 2,
             PR_E_NOMEM,
             "exact inference keeps two times %u vertices x %zu columns in memory, more than the "
             "machine's %llu bytes",
             in->graph->num_nodes, in->ld, (unsigned long long)machine);
    for (int i = 0; i < 2; i++) {
        in->buffer[i] = pri_pages_map(in->buffer_bytes, 1);
        PR_CHECK(in->buffer[i], PR_E_NOMEM, "cannot map %zu bytes for exact inference",
                 in->buffer_bytes);
    }
    PR_NEW(in->scratch, scratch);
done:
    return st;
}

pr_status pri_nn_infer_exact(const pr_model *model, const pr_graph *graph,
                             const pr_features *features, float *logits, const volatile int *stop,
                             pri_nn_times *times)
{
    pr_status st = PR_OK;
    inference in = {
        .model = model, .graph = graph, .features = features, .stop = stop, .times = times
    };

    PR_CHECK(features->num_rows == graph->num_nodes, PR_E_MISMATCH,
             "%u feature rows for a graph of %u vertices", features->num_rows, graph->num_nodes);
    PR_CHECK(features->num_cols == model->shape.width[0], PR_E_MISMATCH,
             "features have %u columns, the model reads %u", features->num_cols,
             model->shape.width[0]);
    if (graph->num_nodes == 0) return PR_OK;
    PR_TRY(take_buffers(&in));
    PR_TRY(pri_engine_create(&in.engine));
    for (uint32_t l = 0; l < model->shape.num_layers; l++) {
        const layer at = layer_at(&in, l, logits);
        PR_TRY(at.transform_first ? transform_first(&in, &at) : aggregate_first(&in, &at));
    }
done:
    pri_engine_free(in.engine);
    for (int i = 0; i < 2; i++) pri_pages_unmap(in.buffer[i], in.buffer_bytes);
    pri_free(in.scratch);
    return st;
}
