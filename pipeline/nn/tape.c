/* tape.c: making a tape: one walk over its arrays adds up their sizes, a second places them. */
#include "pipeline/nn/tape.h"

#include "base/extent.h"
#include "pipeline/nn/nn.h"

enum { LINE_BYTES = 64, LINE_FLOATS = 16 };

enum { LAYER_ARRAYS = 9, MAX_ARRAYS = LAYER_ARRAYS * PR_MAX_LAYERS + 24 };

/* A walk over the arrays of a tape; without `base` it only counts. */
typedef struct layout {
    char       *base;
    size_t      used;
    bool        overflow;
    pri_extent *array; /* NULL, or where each array is, [MAX_ARRAYS] */
    uint32_t    num_arrays;
} layout;

/* Place an array of count * cols elements on a line of its own; NULL while counting. */
static void *place(layout *lay, uint64_t count, uint64_t cols, size_t size)
{
    const size_t at = lay->used;
    size_t       elements, bytes;

    if (__builtin_mul_overflow(count, cols, &elements) ||
        __builtin_mul_overflow(elements, size, &bytes) || bytes > SIZE_MAX / 4 ||
        at > SIZE_MAX / 4) {
        lay->overflow = true;
        return NULL;
    }
    lay->used = at + (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    if (lay->array) {
        PR_ASSERT(lay->num_arrays < MAX_ARRAYS);
        lay->array[lay->num_arrays++] = (pri_extent){ at, bytes };
    }
    return lay->base ? lay->base + at : NULL;
}

static size_t padded(size_t cols)
{
    return (cols + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

/* The row length of A: whole lines, but no multiple of 512 bytes. Rows that far apart fall on the
 * same cache sets, which cost A^T DY a quarter of its rate (58 against 78 GFLOP/s, k = 512). */
static size_t staggered(size_t cols)
{
    const size_t ld = padded(cols);

    return ld % 128 ? ld : ld + LINE_FLOATS;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Give the columns of A of a layer: what its convolution multiplies. */
static size_t columns_of_a(const pr_model_shape *shape, uint32_t l)
{
    const size_t in = shape->width[l];

    switch ((pr_model_kind)shape->options.kind) {
    case PR_MODEL_SAGE: return 2 * in;
    case PR_MODEL_GCN: return in;
    case PR_MODEL_GIN: return l == 0 ? 2 * in : in;
    case PR_MODEL_GAT: return 0;
    }
    return 0;
}

/* Edges of a layer's block: there are no more (see pr_block). */
static uint64_t edges_of(const pri_layer_tape *t)
{
    return t->max_edges < UINT32_MAX ? t->max_edges : UINT32_MAX;
}

/* Place what only some kinds of a layer have. */
static void place_layer(pri_layer_tape *t, const pr_model_shape *shape, uint32_t l, layout *lay)
{
    const pr_model_options *o   = &shape->options;
    const bool              gin = o->kind == PR_MODEL_GIN, gat = o->kind == PR_MODEL_GAT;
    const bool              max  = o->kind == PR_MODEL_SAGE && o->aggregator == PR_AGGREGATE_MAX;
    const bool              norm = o->layer_norm && l + 1 < shape->num_layers;

    t->h = place(lay, gin ? t->max_dst : 0, t->ldy, sizeof *t->h);
    t->z = place(lay, gat ? t->max_src : 0, t->ldz, sizeof *t->z);
    t->scores =
        place(lay, gat ? (uint64_t)t->max_src + t->max_dst : 0, t->heads, sizeof *t->scores);
    t->alpha  = place(lay, gat ? edges_of(t) + t->max_dst : 0, t->heads, sizeof *t->alpha);
    t->argmax = place(lay, max ? t->max_dst : 0, shape->width[l], sizeof *t->argmax);
    t->unit   = place(lay, norm ? t->max_dst : 0, t->ldy, sizeof *t->unit);
    t->rstd   = place(lay, norm ? t->max_dst : 0, 1, sizeof *t->rstd);
}

static void place_arrays(pri_tape *tape, const pr_model_shape *shape, uint32_t max_inputs,
                         bool sparse, layout *lay)
{
    const bool gcn = shape->options.kind == PR_MODEL_GCN, gat = shape->options.kind == PR_MODEL_GAT;
    const bool gin     = shape->options.kind == PR_MODEL_GIN;
    uint64_t   max_src = 0, max_dst = 0, max_edges = 0, dy[2] = { 0, 0 }, z = 0, scores = 0;

    for (uint32_t l = 0; l < tape->num_layers; l++) {
        pri_layer_tape *t = &tape->layer[l];
        t->a              = place(lay, t->max_dst, t->lda, sizeof *t->a);
        t->y              = place(lay, t->max_dst, t->ldy, sizeof *t->y);
        place_layer(t, shape, l, lay);
        dy[l % 2] = larger(dy[l % 2], (uint64_t)t->max_dst * t->ldy);
        max_src   = larger(max_src, t->max_src);
        max_dst   = larger(max_dst, t->max_dst);
        max_edges = larger(max_edges, edges_of(t));
        if (gat) z = larger(z, (uint64_t)t->max_src * t->ldz);
        scores = larger(scores, (edges_of(t) + t->max_dst) * t->heads);
    }
    if (sparse && !gat) z = (uint64_t)max_inputs * tape->ldz;
    const uint64_t copied = pri_model_copies(shape) ? max_inputs : 0;
    tape->gradient        = place(lay, shape->num_parameters, 1, sizeof *tape->gradient);
    tape->dy[0]           = place(lay, dy[0], 1, sizeof *tape->dy[0]);
    tape->dy[1]           = place(lay, dy[1], 1, sizeof *tape->dy[1]);
    tape->x0              = place(lay, copied, tape->ldx0, sizeof *tape->x0);
    tape->z               = place(lay, z, 1, sizeof *tape->z);
    tape->row_of_input    = place(lay, sparse ? max_inputs : 0, 1, sizeof *tape->row_of_input);
    tape->dh              = place(lay, gin ? larger(dy[0], dy[1]) : 0, 1, sizeof *tape->dh);
    tape->norm            = place(lay, gcn ? max_src : 0, 1, sizeof *tape->norm);
    tape->edge            = place(lay, gat ? scores : 0, 1, sizeof *tape->edge);
    tape->reversed.arc    = place(lay, gat ? max_edges : 0, 1, sizeof *tape->reversed.arc);
    if (!gat) tape->reversed.arc = NULL; /* nobody else asks which edge it was */
    tape->reversed.begin = place(lay, max_src + 1, 1, sizeof *tape->reversed.begin);
    tape->reversed.dst   = place(lay, max_edges, 1, sizeof *tape->reversed.dst);
    tape->reversed.share = place(lay, max_dst, 1, sizeof *tape->reversed.share);
    tape->reversed.value = place(lay, max_edges, 1, sizeof *tape->reversed.value);
    const uint32_t seeds = tape->layer[tape->num_layers - 1].max_dst;
    tape->row_loss       = place(lay, seeds, 1, sizeof *tape->row_loss);
    tape->row_counts     = place(lay, seeds, 4, sizeof *tape->row_counts);
}

static pr_status reserve(pri_tape *tape, const pr_model *model, uint32_t max_inputs)
{
    pr_status st  = PR_OK;
    layout    lay = { 0 };

    place_arrays(tape, &model->shape, max_inputs, true, &lay);
    PR_CHECK(!lay.overflow, PR_E_NOMEM, "the activations of a batch of %u inputs have no address",
             max_inputs);
    tape->pages_bytes = larger(lay.used, LINE_BYTES);
    tape->pages       = pri_pages_map(tape->pages_bytes, 1);
    PR_CHECK(tape->pages, PR_E_NOMEM, "cannot reserve %zu bytes for a batch of %u inputs",
             tape->pages_bytes, max_inputs);
    lay = (layout){ .base = tape->pages };
    place_arrays(tape, &model->shape, max_inputs, true, &lay);
done:
    return st;
}

/* The three products of Y = X W: Y [rows, n], X [rows, k] with ldx, W [k, n]. */
typedef struct products {
    size_t     k, n, ldx, ldy;
    bool       bias, relu, back; /* back: the gradient of X is wanted */
    bool       adds;             /* Y, and the gradient of X, are added to */
    pri_gemm **forward, **weight, **input;
} products;

static pr_status make_products(pri_engine *engine, const products *p)
{
    pr_status            st      = PR_OK;
    const pri_gemm_shape forward = { .form = PRI_GEMM_AB,
                                     .k    = p->k,
                                     .n    = p->n,
                                     .lda  = p->ldx,
                                     .ldb  = p->n,
                                     .ldc  = p->ldy,
                                     .bias = p->bias,
                                     .relu = p->relu,
                                     .adds = p->adds };
    const pri_gemm_shape weight  = {
         .form = PRI_GEMM_ATB, .k = p->k, .n = p->n, .lda = p->ldx, .ldb = p->ldy, .ldc = p->n
    };
    const pri_gemm_shape input = { .form = PRI_GEMM_ABT,
                                   .k    = p->k,
                                   .n    = p->n,
                                   .lda  = p->ldy,
                                   .ldb  = p->n,
                                   .ldc  = p->ldx,
                                   .adds = p->adds };

    PR_TRY(pri_gemm_create(engine, &forward, p->forward));
    PR_TRY(pri_gemm_create(engine, &weight, p->weight));
    if (p->back) PR_TRY(pri_gemm_create(engine, &input, p->input));
done:
    return st;
}

/* Make the products of one layer. */
static pr_status make_gemms(pri_tape *tape, const pr_model *model, uint32_t l)
{
    pr_status             st    = PR_OK;
    pri_layer_tape       *t     = &tape->layer[l];
    const pr_model_shape *shape = &model->shape;
    const bool gin = shape->options.kind == PR_MODEL_GIN, gat = shape->options.kind == PR_MODEL_GAT;
    const size_t in = shape->width[l], out = shape->width[l + 1];
    const bool   stacked = shape->options.kind == PR_MODEL_SAGE;
    products     first   = { .k       = stacked ? 2 * in : in,
                             .n       = out,
                             .ldx     = t->lda,
                             .ldy     = t->ldy,
                             .bias    = true,
                             .relu    = gin || pri_model_fuses(shape, l),
                             .back    = l > 0 || gin,
                             .forward = &t->forward,
                             .weight  = &t->weight,
                             .input   = &t->input };

    if (gat) {
        first.n    = pri_model_head_cols(shape, l);
        first.ldx  = l > 0 ? tape->layer[l - 1].ldy : tape->ldx0;
        first.ldy  = t->ldz;
        first.bias = first.relu = false;
    }
    PR_TRY(make_products(tape->engine, &first));
    if (gin) {
        const products second = { .k       = out,
                                  .n       = out,
                                  .ldx     = t->ldy,
                                  .ldy     = t->ldy,
                                  .bias    = true,
                                  .relu    = pri_model_fuses(shape, l),
                                  .back    = true,
                                  .forward = &t->forward2,
                                  .weight  = &t->weight2,
                                  .input   = &t->input2 };
        PR_TRY(make_products(tape->engine, &second));
    }
    if (shape->options.residual && in != out) {
        const products third = { .k       = in,
                                 .n       = out,
                                 .ldx     = l > 0 ? tape->layer[l - 1].ldy : tape->ldx0,
                                 .ldy     = t->ldy,
                                 .back    = l > 0,
                                 .adds    = true,
                                 .forward = &t->residual,
                                 .weight  = &t->residual_weight,
                                 .input   = &t->residual_input };
        PR_TRY(make_products(tape->engine, &third));
    }
done:
    return st;
}

/* Fill in the sizes of all layers. */
static void size_layers(pri_tape *tape, const pr_model_shape *shape, const uint32_t *max_dst,
                        const uint64_t *max_edges, uint32_t max_inputs)
{
    tape->num_layers  = shape->num_layers;
    tape->num_outputs = shape->width[tape->num_layers];
    tape->ldx0        = staggered(shape->width[0]);
    tape->ldz         = padded(shape->width[1]);
    for (uint32_t l = 0; l < tape->num_layers; l++) {
        const uint32_t hop = tape->num_layers - 1 - l;
        tape->layer[l]     = (pri_layer_tape){
                .max_dst   = max_dst[hop],
                .max_src   = l ? max_dst[hop + 1] : max_inputs,
                .max_edges = max_edges[hop],
                .lda       = staggered(columns_of_a(shape, l)),
                .ldy       = padded(shape->width[l + 1]),
                .ldz       = padded(pri_model_head_cols(shape, l)),
                .heads     = pri_model_heads(shape, l),
        };
    }
}

uint64_t pri_tape_bytes(const pr_model_shape *shape, const uint32_t *max_dst,
                        const uint64_t *max_edges, uint32_t max_inputs)
{
    pri_tape tape = { 0 };
    layout   lay  = { 0 };

    size_layers(&tape, shape, max_dst, max_edges, max_inputs);
    place_arrays(&tape, shape, max_inputs, true, &lay);
    return lay.overflow ? UINT64_MAX : lay.used;
}

/* Size a tape for batches; what only a sparse first layer writes, and the edges that only it turns
 * around, are left out unless there is one. */
static void lay_used(const pri_tape_sizes *sizes, const pr_model_shape *shape, bool sparse,
                     layout *lay)
{
    pri_tape tape = { 0 };

    size_layers(&tape, shape, sizes->dst, sizes->edges, sizes->inputs);
    const bool ends = shape->options.kind == PR_MODEL_SAGE || shape->options.kind == PR_MODEL_GIN;
    if (!sparse && ends) tape.layer[0].max_edges = tape.layer[0].max_src = 0;
    place_arrays(&tape, shape, sizes->inputs, sparse, lay);
}

uint64_t pri_tape_resident(const pr_model_shape *shape, const pri_tape_sizes *most,
                           const pri_tape_sizes *used, bool sparse, size_t page)
{
    pri_tape   tape = { 0 };
    pri_extent array[MAX_ARRAYS], written[MAX_ARRAYS];
    layout     whole = { .array = array }, part = { .array = written };

    size_layers(&tape, shape, most->dst, most->edges, most->inputs);
    place_arrays(&tape, shape, most->inputs, true, &whole);
    lay_used(used, shape, sparse, &part);
    PR_ASSERT(whole.num_arrays == part.num_arrays);
    for (uint32_t i = 0; i < whole.num_arrays; i++)
        if (written[i].bytes < array[i].bytes) array[i].bytes = written[i].bytes;
    return whole.overflow ? UINT64_MAX
                          : pri_extents_resident(array, whole.num_arrays, whole.used, page);
}

pr_status pri_tape_create(const pr_model *model, const pr_graph *graph, const uint32_t *max_dst,
                          const uint64_t *max_edges, uint32_t max_inputs, pri_tape **out)
{
    pr_status st   = PR_OK;
    pri_tape *tape = NULL;

    *out = NULL;
    PR_NEW(tape, 1);
    tape->graph = graph;
    size_layers(tape, &model->shape, max_dst, max_edges, max_inputs);
    PR_TRY(reserve(tape, model, max_inputs));
    PR_TRY(pri_engine_create(&tape->engine));
    for (uint32_t l = 0; l < tape->num_layers; l++) PR_TRY(make_gemms(tape, model, l));
    *out = tape;
    tape = NULL;
done:
    pri_tape_free(tape);
    return st;
}

void pri_tape_free(pri_tape *tape)
{
    if (!tape) return;
    for (uint32_t l = 0; l < tape->num_layers; l++) {
        const pri_layer_tape *t     = &tape->layer[l];
        pri_gemm *const       all[] = { t->forward,  t->weight,          t->input,
                                        t->forward2, t->weight2,         t->input2,
                                        t->residual, t->residual_weight, t->residual_input };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) pri_gemm_free(all[i]);
    }
    pri_engine_free(tape->engine);
    pri_pages_unmap(tape->pages, tape->pages_bytes);
    pri_free(tape);
}

void pri_tape_ranges(const pri_tape *tape, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "tape", tape->pages, tape->pages_bytes);
}

float *pri_nn_gradient(pri_tape *tape)
{
    return tape->gradient;
}

const float *pri_nn_hidden(const pri_tape *tape, size_t *ld)
{
    const pri_layer_tape *before = &tape->layer[tape->num_layers - 2];

    PR_ASSERT(tape->num_layers > 1);
    *ld = before->ldy;
    return before->y;
}

const float *pri_nn_logits(const pri_tape *tape, size_t *ld)
{
    const pri_layer_tape *last = &tape->layer[tape->num_layers - 1];

    *ld = last->ldy;
    return last->y;
}
