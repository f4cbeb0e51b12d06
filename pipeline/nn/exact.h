/* exact.h: what exact inference is inside the room, and one pass over one part of the vertices. */
#ifndef PIPELINE_NN_EXACT_H
#define PIPELINE_NN_EXACT_H

#include "pipeline/nn/aggregate.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/exact_plan.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/post.h"
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
    float *fixed;            /* in it, behind the rest: 1 / sqrt(degree + 1), or scores of attention
                                [num_nodes, 2 heads] of the layer that is worked at */
    size_t          pool_bytes;
    float          *vectors; /* of attention, [in, 2 heads] of each layer; or NULL */
    pri_spill_file  spill[PRI_NUM_SPILLS];
    uint32_t        num_passes, num_parts;
    pri_exact_part *part; /* [num_parts] */
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
pr_status pri_exact_pass_load_rows(const pri_exact_work *w); /* of a file, to the pool */

/* exact_panels.c: Z_p and S_p of panel `panel`; Z and S to files; Z_p from its file; Y_p. */
pr_status pri_exact_pass_panel(const pri_exact_work *w, uint32_t panel);
pr_status pri_exact_pass_products(const pri_exact_work *w);
pr_status pri_exact_pass_load(const pri_exact_work *w, uint32_t panel);
pr_status pri_exact_pass_add(const pri_exact_work *w, uint32_t panel);

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
    size_t       cols, ldw, ldc;
} pri_exact_product;

/* Make it, with a bias for PRI_ROLE_SELF. pri_gemm_free(gemm). */
pr_status pri_exact_product_make(const pri_exact_work *w, pri_role role, size_t first, size_t cols,
                                 size_t ldc, pri_exact_product *out);

/* Make one with all but the gemm filled in. */
pr_status pri_exact_product_ready(const pri_exact_work *w, pri_exact_product *product);

/* Give what is from one row of inputs to the next, where products read them. */
size_t pri_exact_input_ld(const pri_exact_work *w);

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

/* Columns [first, first + num) of a layer's outputs. */
typedef struct pri_exact_panel {
    size_t            first, num;
    pri_exact_rows_at z, s; /* Z_p, of heads whose mean is taken one behind the other; and S_p where
                               it is in memory: where Y_p will be, but for outputs that do not stay
                               there */
} pri_exact_panel;

/* exact_sum.c: A of a range of inputs in memory, and its columns; whether their product ends in
 * ReLU. Y_p of products; of sage it has S_p already. Cannot fail. */
size_t pri_exact_sum_cols(const pri_exact_layer *l);
bool   pri_exact_product_relu(const pri_exact_layer *l);
void   pri_exact_sum_inputs(const pri_exact_work *w, pr_vid first, float *a, size_t lda);
void   pri_exact_sum_products(const pri_exact_work *w, pr_vid first, const pri_exact_panel *p,
                              float *y, size_t ldy);

/* exact_attention.c: vectors [in, 2 heads] of a layer; scores of a range; Y_p. A layer without
 * attention has no scores, and nothing happens. */
void      pri_exact_vectors(const pri_layer_part *weights, size_t heads, size_t cols, float *to);
pr_status pri_exact_scores_make(const pri_exact_work *w, pri_exact_product *out);
pr_status pri_exact_scores(const pri_exact_work *w, const pri_exact_product *p, pr_vid first,
                           const float *x);
void pri_exact_attend(const pri_exact_work *w, pr_vid first, const pri_exact_panel *p, float *y,
                      size_t ldy);

/* exact_end.c */
typedef struct pri_exact_end {
    pri_gemm         *second;
    pri_exact_product residual;
    pri_post          post;
    size_t            ld; /* of rows */
} pri_exact_end;

/* Give what is left of norm and activation for behind the convolution. */
pri_post pri_exact_post(const pri_exact_work *w);

/* Do it to a range of whole rows, in place.
 *
 *   x   inputs of the range; NULL: they are brought if they are needed */
pr_status pri_exact_end_make(const pri_exact_work *w, size_t ld, pri_exact_end *out);
pr_status pri_exact_end_run(const pri_exact_work *w, const pri_exact_end *end, pr_vid first,
                            float *rows, const float *x);
void      pri_exact_end_free(pri_exact_end *end);

/* To rows of several panels; and to rows of the last layer's file, which are handed out. */
pr_status pri_exact_pass_end(const pri_exact_work *w);
pr_status pri_exact_pass_read_back(const pri_exact_work *w);

#endif
