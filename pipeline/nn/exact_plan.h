/* exact_plan.h: how exact inference goes through the layers within some memory: which way each
 * goes, and where its inputs, its outputs and what lies between are. Numbers only. */
#ifndef PIPELINE_NN_EXACT_PLAN_H
#define PIPELINE_NN_EXACT_PLAN_H

#include <packrat/nn.h>

#include "base/check.h"
#include "pipeline/nn/nn.h"

/* Where the inputs of a layer are. */
typedef enum pri_exact_source {
    PRI_X_ROWS,   /* features, dense, in memory */
    PRI_X_SPARSE, /* features, CSR, in memory */
    PRI_X_FILE,   /* features, read range by range (pri_rows_read) */
    PRI_X_POOL,   /* the layer before put them into the pool */
    PRI_X_SPILL   /* or into a temporary file */
} pri_exact_source;

/* Where its outputs go. Those of the last layer of the span are handed out range by range as they
 * are made (PRI_Y_SINK), or, where columns come one panel after the other, from a file at the end.
 */
typedef enum pri_exact_target { PRI_Y_SINK, PRI_Y_POOL, PRI_Y_SPILL } pri_exact_target;

/* How a layer is done (exact_plan.c has what each costs). `sum` is what the kind of layer does with
 * neighbours' rows and its own (layer.h); only sage has S. P panels of columns:
 *
 *     way                    passes over the vertices
 *     aggregate              Y = end(sum X W + b), or end([ X | mean X ] W + b)
 *     transform              Z = X W;                             Y = end(S + sum Z), S = X Ws + b
 *     panels   each panel:   Z_p = X W_p, S_p = X Ws_p + b_p;     Y_p = S_p + sum Z_p
 *     products               Z = X W, S = X Ws + b, to files;
 *              each panel:   Z_p to memory;                       Y_p = S_p + sum Z_p
 *
 * What comes behind the convolution (exact_end.c) may need whole rows. Those of several panels are
 * read for it in a pass of its own: Y = end(Y). One more where outputs of the last layer went to a
 * file: Y is read and handed out. */
typedef enum pri_exact_way {
    PRI_WAY_AGGREGATE,
    PRI_WAY_TRANSFORM,
    PRI_WAY_PANELS,
    PRI_WAY_PRODUCTS
} pri_exact_way;

/* A matrix in the pool: `at` floats for every vertex lie before it. */
typedef struct pri_pool_place {
    size_t at, ld;
} pri_pool_place;

/* What a kind of layer asks of a way through it. */
typedef struct pri_exact_kind {
    int    model;     /* pr_model_kind */
    bool   largest;   /* of neighbours' columns: needs X, and no product will do */
    bool   own;       /* S = X Ws + b, whose weights are not those of neighbours */
    bool   residual;  /* the end adds X, */
    bool   matrix;    /* or its product with a matrix */
    bool   second;    /* the end begins with a product of whole rows: gin */
    bool   whole;     /* it needs whole rows */
    size_t heads;     /* columns of Z for one of outputs: heads whose mean is taken, else 1 */
    size_t attention; /* gat: heads in all, else 0 */
} pri_exact_kind;

pri_exact_kind pri_exact_kind_of(const pr_model_shape *shape, uint32_t layer);

typedef struct pri_exact_layer {
    pri_exact_kind   kind;
    uint32_t         index; /* in the model */
    size_t           in, out;
    bool             relu;
    pri_exact_source source;
    pri_exact_target target;
    pri_exact_way    way;
    pri_pool_place   x, y, z, s; /* those that are in the pool; s: own products of a panel that
                                    stays there for no longer than the panel */
    size_t   panel, x_panel;     /* columns of a panel; of those that X lies in, in its file */
    uint32_t num_panels;
    size_t   scratch_x, scratch_end, scratch; /* floats of a row in scratch: of streamed inputs;
                                                 before what the end takes; all */
    uint32_t num_rows;                        /* of a range */
} pri_exact_layer;

enum { PRI_SPILL_EVEN, PRI_SPILL_ODD, PRI_SPILL_Z, PRI_NUM_SPILLS }; /* outputs by layer; Z */

typedef struct pri_exact_plan {
    uint32_t        num_layers; /* of the span */
    pri_exact_layer layer[PR_MAX_LAYERS];
    size_t          pool_cols;     /* floats for every vertex, */
    size_t          fixed_cols;    /* and behind them degrees, or scores of attention */
    size_t          vector_floats; /* of all layers: what attention multiplies inputs with */
    size_t          scratch_bytes; /* of each part */
    uint64_t        bytes;         /* pool, vectors, scratch of all parts */
    uint64_t        spill[PRI_NUM_SPILLS];
    uint64_t        traffic; /* bytes read from files and written to them */
} pri_exact_plan;

/* What is planned for. */
typedef struct pri_exact_demand {
    const pr_model_shape *shape;
    const pr_features    *features; /* of every vertex; what kind, and where */
    uint32_t              num_parts;
    uint64_t              memory_bytes; /* UINT64_MAX: all of it */
    pri_exact_span        span;         /* of layers; {0, 0}: all */
} pri_exact_demand;

/* Give what everything in memory takes, and the least that works. UINT64_MAX: it has no number. */
uint64_t pri_exact_most(const pri_exact_demand *demand);
uint64_t pri_exact_least(const pri_exact_demand *demand);

/* Plan it. False when memory_bytes are less than the least. */
bool pri_exact_plan_make(const pri_exact_demand *demand, pri_exact_plan *out);

/* Give the floats of a row of `cols` in whole lines. */
static inline size_t pri_line_floats(size_t cols)
{
    enum { LINE_FLOATS = 16 };
    return (cols + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

/* Tell whether outputs of the last layer went to a file, and are read again to be handed out. */
static inline bool pri_exact_reads_back(const pri_exact_plan *plan, uint32_t layer)
{
    return layer + 1 == plan->num_layers && plan->layer[layer].target == PRI_Y_SPILL;
}

/* Tell whether the end of a layer is a pass of its own: rows come in panels, and it needs whole
 * ones. What is read back to be handed out ends on that way. */
static inline bool pri_exact_ends_apart(const pri_exact_plan *plan, uint32_t layer)
{
    const pri_exact_layer *l = &plan->layer[layer];

    return l->kind.whole && l->num_panels > 1 && !pri_exact_reads_back(plan, layer);
}

/* Tell whether it is done as soon as a panel is, which has all columns. */
static inline bool pri_exact_ends_here(const pri_exact_plan *plan, uint32_t layer)
{
    const pri_exact_layer *l = &plan->layer[layer];

    return l->kind.whole && l->num_panels == 1 && !pri_exact_reads_back(plan, layer);
}

/* Tell whether rows of a file are put into the pool before anything else: the largest of neighbours
 * needs them there. */
static inline bool pri_exact_loads(const pri_exact_layer *l)
{
    return l->source == PRI_X_FILE && l->way == PRI_WAY_AGGREGATE;
}

/* Give the columns of the panel that begins at column `first`: the last may be narrower. */
static inline size_t pri_panel_cols(size_t cols, size_t panel, size_t first)
{
    return cols - first < panel ? cols - first : panel;
}

#endif
