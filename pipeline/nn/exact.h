/* exact.h: what exact inference is inside the room, and one pass over one part of the vertices. */
#ifndef PIPELINE_NN_EXACT_H
#define PIPELINE_NN_EXACT_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/exact_plan.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/spill_file.h"

/* What a part works with. */
typedef struct pri_exact_part {
    pri_engine  *engine;
    float       *scratch; /* rows of one range */
    pri_exact_io io;
} pri_exact_part;

struct pri_exact {
    const pr_model    *model;
    const pr_graph    *graph;
    const pr_features *features;
    pri_exact_output   output;
    pri_exact_plan     plan;
    float             *pool; /* pages; plan.pool_cols for every vertex */
    size_t             pool_bytes;
    pri_spill_file     spill[PRI_NUM_SPILLS];
    uint32_t           num_passes, num_parts;
    pri_exact_part    *part; /* [num_parts] */
};

/* A pass over one part. */
typedef struct pri_exact_work {
    const pri_exact       *in;
    const pri_exact_layer *layer;
    uint32_t               index, part; /* of the layer; of the vertices */
    pri_layer_part         weights;
    pri_exact_part        *own;
    pr_vid                 begin, end; /* vertices of the part */
    const volatile int    *stop;
    pri_nn_times          *times;
} pri_exact_work;

/* Rows of a matrix in memory. */
typedef struct pri_exact_rows_at {
    float *at; /* row 0 */
    size_t ld;
} pri_exact_rows_at;

/* exact_passes.c: everything in memory, one panel. */
pr_status pri_exact_pass_z(const pri_exact_work *w);
pr_status pri_exact_pass_y_of_z(const pri_exact_work *w);
pr_status pri_exact_pass_y(const pri_exact_work *w);

/* exact_panels.c: Z_p and S_p of panel `panel`; Z and S to files; Z_p from its file; Y_p; Y from
 * its file to where outputs go. */
pr_status pri_exact_pass_panel(const pri_exact_work *w, uint32_t panel);
pr_status pri_exact_pass_products(const pri_exact_work *w);
pr_status pri_exact_pass_load(const pri_exact_work *w, uint32_t panel);
pr_status pri_exact_pass_add(const pri_exact_work *w, uint32_t panel);
pr_status pri_exact_pass_read_back(const pri_exact_work *w);

/* exact_rows.c: what passes share. */

/* PR_E_INTERRUPTED once the flag is set. */
pr_status pri_exact_check_stop(const pri_exact_work *w);

/* Give the rows of the range that begins at `first`. */
uint32_t pri_exact_range(const pri_exact_work *w, pr_vid first);

/* Give a matrix of the pool. */
pri_exact_rows_at pri_exact_in_pool(const pri_exact *in, pri_pool_place place);

/* Give a layer's outputs in the pool. */
pri_exact_rows_at pri_exact_outputs(const pri_exact_work *w);

/* Hand out the last layer's outputs of the range that begins at `first`. Cannot fail. */
void pri_exact_hand_out(const pri_exact_work *w, pr_vid first, const float *rows, size_t ld);

/* Give where rows of inputs are that lie in memory as a whole. */
pri_rows pri_exact_inputs(const pri_exact_work *w);

/* A product X W[:, first .. first + cols) of half a layer's weights. */
typedef struct pri_exact_product {
    pri_gemm    *gemm; /* NULL: X is sparse */
    const float *w, *bias;
    size_t       cols, ldc;
} pri_exact_product;

/* Make it: of own rows, with bias, or of neighbours'. pri_gemm_free(gemm). */
pr_status pri_exact_product_make(const pri_exact_work *w, bool own, size_t first, size_t cols,
                                 size_t ldc, pri_exact_product *out);

/* Bring the inputs of a range to where a product can read them; streamed ones to scratch.
 *
 *   x   out: row `first`; NULL for sparse ones */
pr_status pri_exact_bring(const pri_exact_work *w, pr_vid first, const float **x);

/* C = rows of the range times W; adds to gemm_ns. */
pr_status pri_exact_multiply(const pri_exact_work *w, const pri_exact_product *p, pr_vid first,
                             const float *x, float *c);

/* Write or read n rows of a panel of the matrix [num_nodes, cols] in a file. `ld` is the panel's
 * columns. */
typedef struct pri_exact_piece {
    uint32_t file;       /* PRI_SPILL_... */
    size_t   first, num; /* columns */
    pr_vid   row, num_rows;
} pri_exact_piece;

pr_status pri_exact_write(const pri_exact_work *w, const pri_exact_piece *piece, const float *from);
pr_status pri_exact_read(const pri_exact_work *w, const pri_exact_piece *piece, float *to);

/* Write rows of a whole matrix, its panels one after the other, through `room` of panel columns. */
pr_status pri_exact_write_all(const pri_exact_work *w, uint32_t file, size_t cols, size_t panel,
                              pr_vid row, pr_vid num_rows, const float *from, size_t ld,
                              float *room);

/* Read them: rows of a whole matrix in panels, `ld` apart. */
pr_status pri_exact_read_all(const pri_exact_work *w, uint32_t file, size_t cols, size_t panel,
                             pr_vid row, pr_vid num_rows, float *to, size_t ld, float *room);

#endif
