/* tape.c: making a tape: one walk over its arrays adds up their sizes, a second places them. */
#include "pipeline/nn/tape.h"

#include "base/extent.h"
#include "pipeline/nn/nn.h"

enum { LINE_BYTES = 64, LINE_FLOATS = 16 };

enum { MAX_ARRAYS = 2 * PR_MAX_LAYERS + 12 };

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

static void place_arrays(pri_tape *tape, uint64_t num_parameters, uint32_t max_inputs, layout *lay)
{
    uint64_t max_src = 0, max_dst = 0, max_edges = 0, dy[2] = { 0, 0 };

    for (uint32_t l = 0; l < tape->num_layers; l++) {
        pri_layer_tape *t = &tape->layer[l];
        t->a              = place(lay, t->max_dst, t->lda, sizeof *t->a);
        t->y              = place(lay, t->max_dst, t->ldy, sizeof *t->y);
        dy[l % 2]         = larger(dy[l % 2], (uint64_t)t->max_dst * t->ldy);
        max_src           = larger(max_src, t->max_src);
        max_dst           = larger(max_dst, t->max_dst);
        max_edges         = larger(max_edges, t->max_edges);
    }
    if (max_edges > UINT32_MAX) max_edges = UINT32_MAX; /* of a block, see pr_block */
    tape->gradient       = place(lay, num_parameters, 1, sizeof *tape->gradient);
    tape->dy[0]          = place(lay, dy[0], 1, sizeof *tape->dy[0]);
    tape->dy[1]          = place(lay, dy[1], 1, sizeof *tape->dy[1]);
    tape->z              = place(lay, max_inputs, tape->ldz, sizeof *tape->z);
    tape->row_of_input   = place(lay, max_inputs, 1, sizeof *tape->row_of_input);
    tape->reversed.begin = place(lay, max_src + 1, 1, sizeof *tape->reversed.begin);
    tape->reversed.dst   = place(lay, max_edges, 1, sizeof *tape->reversed.dst);
    tape->reversed.share = place(lay, max_dst, 1, sizeof *tape->reversed.share);
    tape->reversed.value = place(lay, max_edges, 1, sizeof *tape->reversed.value);
    const uint32_t seeds = tape->layer[tape->num_layers - 1].max_dst;
    tape->row_loss       = place(lay, seeds, 1, sizeof *tape->row_loss);
    tape->row_correct    = place(lay, seeds, 1, sizeof *tape->row_correct);
}

static pr_status reserve(pri_tape *tape, const pr_model *model, uint32_t max_inputs)
{
    pr_status st  = PR_OK;
    layout    lay = { 0 };

    place_arrays(tape, model->shape.num_parameters, max_inputs, &lay);
    PR_CHECK(!lay.overflow, PR_E_NOMEM, "the activations of a batch of %u inputs have no address",
             max_inputs);
    tape->pages_bytes = larger(lay.used, LINE_BYTES);
    tape->pages       = pri_pages_map(tape->pages_bytes, 1);
    PR_CHECK(tape->pages, PR_E_NOMEM, "cannot reserve %zu bytes for a batch of %u inputs",
             tape->pages_bytes, max_inputs);
    lay = (layout){ .base = tape->pages };
    place_arrays(tape, model->shape.num_parameters, max_inputs, &lay);
done:
    return st;
}

/* Make the products of one layer. */
static pr_status make_gemms(pri_tape *tape, const pr_model *model, uint32_t l)
{
    pr_status       st   = PR_OK;
    pri_layer_tape *t    = &tape->layer[l];
    const size_t    k    = 2 * (size_t)model->shape.width[l];
    const size_t    n    = model->shape.width[l + 1];
    const bool      last = l + 1 == tape->num_layers;

    const pri_gemm_shape forward = { .form = PRI_GEMM_AB,
                                     .k    = k,
                                     .n    = n,
                                     .lda  = t->lda,
                                     .ldb  = n,
                                     .ldc  = t->ldy,
                                     .bias = true,
                                     .relu = !last };
    const pri_gemm_shape weight  = {
         .form = PRI_GEMM_ATB, .k = k, .n = n, .lda = t->lda, .ldb = t->ldy, .ldc = n
    };
    const pri_gemm_shape input = {
        .form = PRI_GEMM_ABT, .k = k, .n = n, .lda = t->ldy, .ldb = n, .ldc = t->lda
    };

    PR_TRY(pri_gemm_create(tape->engine, &forward, &t->forward));
    PR_TRY(pri_gemm_create(tape->engine, &weight, &t->weight));
    if (l > 0) PR_TRY(pri_gemm_create(tape->engine, &input, &t->input));
done:
    return st;
}

/* Fill in the sizes of all layers. */
static void size_layers(pri_tape *tape, const pr_model_shape *shape, const uint32_t *max_dst,
                        const uint64_t *max_edges, uint32_t max_inputs)
{
    tape->num_layers  = shape->num_layers;
    tape->num_classes = shape->width[tape->num_layers];
    tape->ldz         = padded(shape->width[1]);
    for (uint32_t l = 0; l < tape->num_layers; l++) {
        const uint32_t hop = tape->num_layers - 1 - l;
        tape->layer[l]     = (pri_layer_tape){
                .max_dst   = max_dst[hop],
                .max_src   = l ? max_dst[hop + 1] : max_inputs,
                .max_edges = max_edges[hop],
                .lda       = staggered(2 * (size_t)shape->width[l]),
                .ldy       = padded(shape->width[l + 1]),
        };
    }
}

uint64_t pri_tape_bytes(const pr_model_shape *shape, const uint32_t *max_dst,
                        const uint64_t *max_edges, uint32_t max_inputs)
{
    pri_tape tape = { 0 };
    layout   lay  = { 0 };

    size_layers(&tape, shape, max_dst, max_edges, max_inputs);
    place_arrays(&tape, shape->num_parameters, max_inputs, &lay);
    return lay.overflow ? UINT64_MAX : lay.used;
}

/* Size a tape for batches; what only a sparse first layer writes, and the edges that only it turns
 * around, are left out unless there is one. */
static void lay_used(const pri_tape_sizes *sizes, const pr_model_shape *shape, bool sparse,
                     layout *lay)
{
    pri_tape tape = { 0 };

    size_layers(&tape, shape, sizes->dst, sizes->edges, sizes->inputs);
    if (!sparse) tape.layer[0].max_edges = tape.layer[0].max_src = 0;
    place_arrays(&tape, shape->num_parameters, sparse ? sizes->inputs : 0, lay);
}

uint64_t pri_tape_resident(const pr_model_shape *shape, const pri_tape_sizes *most,
                           const pri_tape_sizes *used, bool sparse, size_t page)
{
    pri_tape   tape = { 0 };
    pri_extent array[MAX_ARRAYS], written[MAX_ARRAYS];
    layout     whole = { .array = array }, part = { .array = written };

    size_layers(&tape, shape, most->dst, most->edges, most->inputs);
    place_arrays(&tape, shape->num_parameters, most->inputs, &whole);
    lay_used(used, shape, sparse, &part);
    PR_ASSERT(whole.num_arrays == part.num_arrays);
    for (uint32_t i = 0; i < whole.num_arrays; i++)
        if (written[i].bytes < array[i].bytes) array[i].bytes = written[i].bytes;
    return whole.overflow ? UINT64_MAX
                          : pri_extents_resident(array, whole.num_arrays, whole.used, page);
}

pr_status pri_tape_create(const pr_model *model, const uint32_t *max_dst, const uint64_t *max_edges,
                          uint32_t max_inputs, pri_tape **out)
{
    pr_status st   = PR_OK;
    pri_tape *tape = NULL;

    *out = NULL;
    PR_NEW(tape, 1);
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
        pri_gemm_free(tape->layer[l].forward);
        pri_gemm_free(tape->layer[l].weight);
        pri_gemm_free(tape->layer[l].input);
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

const float *pri_nn_logits(const pri_tape *tape, size_t *ld)
{
    const pri_layer_tape *last = &tape->layer[tape->num_layers - 1];

    *ld = last->ldy;
    return last->y;
}
