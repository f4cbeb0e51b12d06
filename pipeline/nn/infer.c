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
 * Sparse features are always transformed first.
 *
 * A pass is what may run on all parts of the vertices at once: Y, or Z and then Y. It reads what
 * passes before it wrote, of any part, and writes rows of its own. */
#include <string.h>

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/sparse.h"

enum { MIN_ROWS = 256, MAX_ROWS = 16384, SCRATCH_FLOATS = 8 << 20, LINE_FLOATS = 16 };

/* One layer of it. */
typedef struct layer {
    pri_layer_part part;
    pri_rows       x; /* inputs, unless sparse */
    bool           sparse, transform_first, relu;
    float         *y, *z;    /* out; z where it is transformed first */
    size_t         ldy, lds; /* of y; of a row in scratch */
    uint32_t       num_rows; /* of a range */
} layer;

typedef enum pass_kind { PASS_Z, PASS_Y_OF_Z, PASS_Y } pass_kind;

/* What a part works with. */
typedef struct exact_part {
    pri_engine *engine;
    float      *scratch; /* rows of one range */
} exact_part;

struct pri_exact {
    const pr_model    *model;
    const pr_graph    *graph;
    const pr_features *features;
    float             *buffer[2]; /* [num_nodes, ld] each */
    size_t             ld, buffer_bytes;
    layer              layer[PR_MAX_LAYERS];
    uint32_t           num_passes;
    struct {
        uint32_t  layer;
        pass_kind kind;
    } pass[2 * PR_MAX_LAYERS];
    uint32_t    num_parts;
    exact_part *part; /* [num_parts] */
};

/* A pass over one part. */
typedef struct work {
    const pri_exact    *in;
    const layer        *layer;
    const exact_part   *own;
    pr_vid              begin, end; /* vertices of the part */
    const volatile int *stop;
    pri_nn_times       *times;
} work;

static size_t padded(size_t cols)
{
    return (cols + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

static pr_status check_stop(const work *w)
{
    pr_status st = PR_OK;

    PR_CHECK(!w->stop || !*w->stop, PR_E_INTERRUPTED, "interrupted in exact inference");
done:
    return st;
}

/* Give the rows of the range that begins at `first`. */
static uint32_t range_rows(const work *w, pr_vid first)
{
    const uint32_t left = w->end - first;

    return left < w->layer->num_rows ? left : w->layer->num_rows;
}

/* Describe a layer whose inputs, after layer 0, are in buffer `source`. */
static layer layer_at(const pri_exact *in, uint32_t at, int source, float *logits)
{
    const pr_model_shape *shape = &in->model->shape;
    const pr_features    *f     = in->features;
    const bool            last  = at + 1 == shape->num_layers;
    layer l = { .part = pri_model_layer(in->model, in->model->parameters, at), .relu = !last };

    if (at > 0)
        l.x = (pri_rows){ .at = in->buffer[source], .ld = in->ld, .cols = l.part.in };
    else
        l.x = (pri_rows){ .at = f->rows, .ld = f->ld, .cols = l.part.in };
    l.sparse          = at == 0 && f->kind == PR_FEATURES_CSR;
    l.transform_first = l.sparse || l.part.out < l.part.in;
    l.lds             = padded(l.transform_first ? l.part.out : 2 * l.part.in);
    l.ldy             = last ? l.part.out : in->ld;
    l.y               = last ? logits : in->buffer[l.transform_first ? source : !source];
    l.z               = in->buffer[!source];

    const size_t rows = SCRATCH_FLOATS / l.lds;
    l.num_rows        = (uint32_t)(rows < MIN_ROWS ? MIN_ROWS : rows > MAX_ROWS ? MAX_ROWS : rows);
    return l;
}

/* C = X[first ..] B, by oneDNN or from sparse rows. */
static pr_status multiply(const work *w, pri_gemm *gemm, pr_vid first, const float *b,
                          const float *bias, float *c, size_t ldc)
{
    const layer     *l      = w->layer;
    const pri_sparse sparse = { .x = w->in->features, .first = first, .num = range_rows(w, first) };

    if (!l->sparse) return pri_gemm_run(gemm, sparse.num, l->x.at + first * l->x.ld, b, bias, c);
    pri_sparse_multiply(&sparse, b, l->part.out, bias, c, ldc, l->part.out);
    return PR_OK;
}

/* Make the product X B of a dense layer; NULL for a sparse one. */
static pr_status make_product(const work *w, bool bias, size_t ldc, pri_gemm **out)
{
    const layer         *l     = w->layer;
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = l->part.in,
                                   .n    = l->part.out,
                                   .lda  = l->x.ld,
                                   .ldb  = l->part.out,
                                   .ldc  = ldc,
                                   .bias = bias };

    *out = NULL;
    return l->sparse ? PR_OK : pri_gemm_create(w->own->engine, &shape, out);
}

/* Z = X Wn. */
static pr_status pass_z(const work *w)
{
    pr_status    st   = PR_OK;
    const layer *l    = w->layer;
    const size_t ld   = w->in->ld;
    const float *wn   = l->part.w + l->part.in * l->part.out;
    pri_gemm    *mean = NULL;

    PR_TRY(make_product(w, false, ld, &mean));
    for (pr_vid v = w->begin; v < w->end; v += range_rows(w, v)) {
        const int64_t begin = pr_now_ns();
        PR_TRY(check_stop(w));
        PR_TRY(multiply(w, mean, v, wn, NULL, l->z + v * ld, ld));
        w->times->gemm_ns += pr_now_ns() - begin;
    }
done:
    pri_gemm_free(mean);
    return st;
}

/* Y = act(X Ws + b + mean Z). */
static pr_status pass_y_of_z(const work *w)
{
    pr_status      st      = PR_OK;
    const layer   *l       = w->layer;
    const pri_rows rows_z  = { .at = l->z, .ld = w->in->ld, .cols = l->part.out };
    float         *scratch = w->own->scratch;
    pri_gemm      *self    = NULL;

    PR_TRY(make_product(w, true, l->lds, &self));
    for (pr_vid v = w->begin; v < w->end; v += range_rows(w, v)) {
        const uint32_t  n     = range_rows(w, v);
        const pri_lists lists = pri_lists_of_graph(w->in->graph, v, n);
        const int64_t   begin = pr_now_ns();
        PR_TRY(check_stop(w));
        PR_TRY(multiply(w, self, v, l->part.w, l->part.b, scratch, l->lds));
        const int64_t middle = pr_now_ns();
        pri_aggregate_add(&lists, &rows_z, scratch, l->lds, l->relu);
        for (uint32_t i = 0; i < n; i++)
            memcpy(l->y + (v + (size_t)i) * l->ldy, scratch + i * l->lds,
                   l->part.out * sizeof *l->y);
        w->times->gemm_ns += middle - begin;
        w->times->aggregate_ns += pr_now_ns() - middle;
    }
done:
    pri_gemm_free(self);
    return st;
}

/* Y = act([ X | mean X ] W + b). */
static pr_status pass_y(const work *w)
{
    pr_status            st      = PR_OK;
    const layer         *l       = w->layer;
    float               *scratch = w->own->scratch;
    pri_gemm            *gemm    = NULL;
    const pri_gemm_shape shape   = { .form = PRI_GEMM_AB,
                                     .k    = 2 * l->part.in,
                                     .n    = l->part.out,
                                     .lda  = l->lds,
                                     .ldb  = l->part.out,
                                     .ldc  = l->ldy,
                                     .bias = true,
                                     .relu = l->relu };

    PR_TRY(pri_gemm_create(w->own->engine, &shape, &gemm));
    for (pr_vid v = w->begin; v < w->end; v += range_rows(w, v)) {
        const uint32_t  n     = range_rows(w, v);
        const pri_lists lists = pri_lists_of_graph(w->in->graph, v, n);
        const int64_t   begin = pr_now_ns();
        PR_TRY(check_stop(w));
        pri_aggregate_concat(&lists, &l->x, scratch, l->lds);
        const int64_t middle = pr_now_ns();
        PR_TRY(pri_gemm_run(gemm, n, scratch, l->part.w, l->part.b, l->y + v * l->ldy));
        w->times->aggregate_ns += middle - begin;
        w->times->gemm_ns += pr_now_ns() - middle;
    }
done:
    pri_gemm_free(gemm);
    return st;
}

/* Take the buffers; refuse what the machine could never hold. Gives the floats of scratch. */
static pr_status take_buffers(pri_exact *in, size_t *scratch)
{
    pr_status             st      = PR_OK;
    const pr_model_shape *shape   = &in->model->shape;
    const uint64_t        machine = pri_machine_bytes();
    size_t                widest  = 1;

    *scratch = 1;
    for (uint32_t l = 0; l < shape->num_layers; l++) {
        const layer  at     = layer_at(in, l, 0, NULL);
        const size_t floats = at.num_rows * at.lds;
        if (shape->width[l + 1] > widest) widest = shape->width[l + 1];
        if (floats > *scratch) *scratch = floats;
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
done:
    return st;
}

/* List the layers, and the passes they take. */
static void plan_passes(pri_exact *in, float *logits)
{
    int source = 0;

    for (uint32_t l = 0; l < in->model->shape.num_layers; l++) {
        in->layer[l] = layer_at(in, l, source, logits);
        if (in->layer[l].transform_first) {
            in->pass[in->num_passes].layer  = l;
            in->pass[in->num_passes++].kind = PASS_Z;
            in->pass[in->num_passes].layer  = l;
            in->pass[in->num_passes++].kind = PASS_Y_OF_Z;
        } else {
            in->pass[in->num_passes].layer  = l;
            in->pass[in->num_passes++].kind = PASS_Y;
            source                          = !source;
        }
    }
}

pr_status pri_exact_create(const pr_model *model, const pr_graph *graph,
                           const pr_features *features, float *logits, uint32_t num_parts,
                           pri_exact **out)
{
    pr_status  st = PR_OK;
    pri_exact *in = NULL;
    size_t     scratch;

    *out = NULL;
    PR_ASSERT(num_parts > 0);
    PR_CHECK(features->num_rows == graph->num_nodes, PR_E_MISMATCH,
             "%u feature rows for a graph of %u vertices", features->num_rows, graph->num_nodes);
    PR_CHECK(features->num_cols == model->shape.width[0], PR_E_MISMATCH,
             "features have %u columns, the model reads %u", features->num_cols,
             model->shape.width[0]);
    PR_NEW(in, 1);
    in->model    = model;
    in->graph    = graph;
    in->features = features;
    if (graph->num_nodes > 0) {
        PR_TRY(take_buffers(in, &scratch));
        PR_NEW(in->part, num_parts);
        in->num_parts = num_parts; /* those not made yet are zero, and freed as such */
        for (uint32_t p = 0; p < num_parts; p++) {
            PR_NEW(in->part[p].scratch, scratch);
            PR_TRY(pri_engine_create(&in->part[p].engine));
        }
        plan_passes(in, logits);
    }
    *out = in;
    in   = NULL;
done:
    pri_exact_free(in);
    return st;
}

void pri_exact_free(pri_exact *in)
{
    if (!in) return;
    for (uint32_t p = 0; p < in->num_parts; p++) {
        pri_engine_free(in->part[p].engine);
        pri_free(in->part[p].scratch);
    }
    pri_free(in->part);
    for (int i = 0; i < 2; i++) pri_pages_unmap(in->buffer[i], in->buffer_bytes);
    pri_free(in);
}

uint32_t pri_exact_num_passes(const pri_exact *in)
{
    return in->num_passes;
}

uint32_t pri_exact_rows(const pri_exact *in, uint32_t part, pr_vid *begin)
{
    const uint64_t N = in->graph->num_nodes, parts = in->num_parts;

    *begin = parts ? (pr_vid)(N * part / parts) : 0;
    return parts ? (uint32_t)(N * (part + 1) / parts) - *begin : 0;
}

pr_status pri_exact_pass(const pri_exact *in, uint32_t pass, uint32_t part,
                         const volatile int *stop, pri_nn_times *times)
{
    work w = { .in    = in,
               .layer = &in->layer[in->pass[pass].layer],
               .own   = &in->part[part],
               .stop  = stop,
               .times = times };

    PR_ASSERT(pass < in->num_passes && part < in->num_parts);
    const uint32_t rows = pri_exact_rows(in, part, &w.begin);
    w.end               = w.begin + rows;
    switch (in->pass[pass].kind) {
    case PASS_Z: return pass_z(&w);
    case PASS_Y_OF_Z: return pass_y_of_z(&w);
    case PASS_Y: return pass_y(&w);
    }
    return PR_OK;
}

pr_status pri_nn_infer_exact(const pr_model *model, const pr_graph *graph,
                             const pr_features *features, float *logits, const volatile int *stop,
                             pri_nn_times *times)
{
    pr_status  st = PR_OK;
    pri_exact *in = NULL;

    PR_TRY(pri_exact_create(model, graph, features, logits, 1, &in));
    for (uint32_t pass = 0; pass < in->num_passes; pass++)
        PR_TRY(pri_exact_pass(in, pass, 0, stop, times));
done:
    pri_exact_free(in);
    return st;
}
