/* post.c: see post.h. Every row is one thread's, and sums over its columns are sixteen side by
 * side, so results depend neither on threads nor on the instruction set. */
#include "pipeline/nn/post.h"

#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/exponential.h"

enum {
    LINE       = 16, /* floats in a cache line */
    ELEMENT_PS = 200 /* what an element takes a thread, of all that a layer has */
};

#define NORM_EPSILON 1e-5

typedef float line __attribute__((vector_size(LINE * sizeof(float)), aligned(4), may_alias));

#define AT(row, c)       (*(line *)((row) + (c)))
#define CONST_AT(row, c) (*(const line *)((row) + (c)))

static inline __attribute__((always_inline)) double add_up(const line *part)
{
    double sum = 0.0;

    for (int i = 0; i < LINE; i++) sum += (double)(*part)[i];
    return sum;
}

/* ---- forward ---- */

/* unit = (u - mean) / sqrt(variance + epsilon); gives the reciprocal of the root. Deviations are
 * from the first column at first, so that a constant row is 0 to the bit. `unit` may be u. */
PRI_CLONES static float nn_normalise(const float *u, float *unit, size_t cols)
{
    const float first = u[0];
    line        part  = { 0 };
    double      sum = 0.0, squares = 0.0;
    size_t      c = 0;

    for (; c + LINE <= cols; c += LINE) part += CONST_AT(u, c) - first;
    for (; c < cols; c++) sum += (double)(u[c] - first);
    const float mean = (float)((sum + add_up(&part)) / (double)cols);
    part             = (line){ 0 };
    for (c = 0; c + LINE <= cols; c += LINE) {
        const line off = (CONST_AT(u, c) - first) - mean;
        AT(unit, c)    = off;
        part += off * off;
    }
    for (; c < cols; c++) {
        unit[c] = (u[c] - first) - mean;
        squares += (double)(unit[c] * unit[c]);
    }
    const double variance = (squares + add_up(&part)) / (double)cols;
    const float  rstd     = (float)(1.0 / sqrt(variance + NORM_EPSILON));
    for (c = 0; c < cols; c++) unit[c] *= rstd;
    return rstd;
}

/* y = scale unit + shift; `y` may be unit. */
PRI_CLONES static void nn_affine(const float *unit, const float *restrict scale,
                                 const float *restrict shift, float *y, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] = scale[c] * unit[c] + shift[c];
}

PRI_CLONES static void nn_post_relu(float *restrict y, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] = y[c] < 0.0f ? 0.0f : y[c]; /* keeps NaN */
}

PRI_CLONES static void nn_elu(float *restrict y, size_t cols)
{
    for (size_t c = 0; c < cols; c++) {
        const float below = pri_exp_minus_1(y[c]);
        y[c]              = y[c] > 0.0f ? y[c] : below;
    }
}

pri_post pri_post_of(const pr_model *model, uint32_t layer)
{
    const pr_model_shape *shape = &model->shape;
    const pri_layer_part  part  = pri_model_layer(model, model->parameters, layer);
    const bool            last  = layer + 1 == shape->num_layers;

    return (pri_post){ .norm_scale = part.at[PRI_ROLE_NORM_SCALE],
                       .norm_shift = part.at[PRI_ROLE_NORM_SHIFT],
                       .activation = last ? -1 : shape->options.activation,
                       .cols       = part.out };
}

void pri_post_rows(const pri_post *post, float *u, size_t ld, size_t num, float *unit, float *rstd)
{
    const size_t cols = post->cols;

    if (!post->norm_scale && post->activation < 0) return;
#pragma omp parallel for schedule(static) if (pri_worth_team(num * cols, ELEMENT_PS))
    for (size_t i = 0; i < num; i++) {
        float *y = u + i * ld;
        if (post->norm_scale) {
            float      *to  = unit ? unit + i * ld : y;
            const float one = nn_normalise(y, to, cols);
            nn_affine(to, post->norm_scale, post->norm_shift, y, cols);
            if (rstd) rstd[i] = one;
        }
        if (post->activation == PR_ACTIVATION_RELU) nn_post_relu(y, cols);
        if (post->activation == PR_ACTIVATION_ELU) nn_elu(y, cols);
    }
}

/* ---- residual ---- */

PRI_CLONES static void nn_post_add(float *restrict y, const float *restrict x, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] += x[c];
}

void pri_post_add_rows(float *y, size_t ldy, const float *x, size_t ldx, uint32_t num, size_t cols)
{
#pragma omp parallel for schedule(static) if (pri_worth_team(num * cols, PRI_SUM_PS))
    for (uint32_t i = 0; i < num; i++) nn_post_add(y + i * ldy, x + i * ldx, cols);
}

void pri_post_add_sparse(float *y, size_t ldy, const pri_sparse *rows)
{
    pri_sparse_room room;
    pri_sparse_part part;

    for (uint32_t i = 0; i < rows->num; i++)
        for (size_t at = 0; pri_sparse_next(rows, i, &at, &room, &part);)
            for (size_t k = 0; k < part.num; k++) y[i * ldy + part.column[k]] += part.value[k];
}

/* Add sparse inputs. Their product is put together where the gradient of Y will be: that room is
 * free on the way forward. */
static void add_sparse(const pri_layer *layer, const pri_sparse *x)
{
    const float *const    matrix = layer->weights.at[PRI_ROLE_RESIDUAL];
    const pri_layer_tape *t      = layer->own;
    const uint32_t        num    = layer->block->num_dst;
    const size_t          cols   = layer->weights.out;
    const pri_sparse      first  = pri_sparse_head(x, num);
    float *const          room   = layer->tape->dy[layer->index % 2];

    if (matrix) {
        pri_sparse_multiply(&first, matrix, cols, NULL, room, t->ldy, cols);
        pri_post_add_rows(t->y, t->ldy, room, t->ldy, num, cols);
        return;
    }
    pri_post_add_sparse(t->y, t->ldy, &first);
}

static pr_status add_residual(const pri_layer *layer, const pri_input *x)
{
    const float *const    matrix = layer->weights.at[PRI_ROLE_RESIDUAL];
    const pri_layer_tape *t      = layer->own;
    const uint32_t        num    = layer->block->num_dst;

    if (x->is_sparse) {
        add_sparse(layer, &x->sparse);
        return PR_OK;
    }
    PR_ASSERT(!x->dense.slot);
    if (matrix) return pri_gemm_run(t->residual, num, x->dense.at, matrix, NULL, t->y);
    pri_post_add_rows(t->y, t->ldy, x->dense.at, x->dense.ld, num, layer->weights.out);
    return PR_OK;
}

pr_status pri_post_forward(const pri_layer *layer, const pri_input *x, pri_nn_times *times)
{
    pr_status             st    = PR_OK;
    const pri_layer_tape *t     = layer->own;
    const pri_post        post  = pri_post_of(layer->model, layer->index);
    const int64_t         begin = pr_now_ns();

    if (layer->model->shape.options.residual) PR_TRY(add_residual(layer, x));
    pri_post_rows(&post, t->y, t->ldy, layer->block->num_dst, t->unit, t->rstd);
    times->gemm_ns += pr_now_ns() - begin;
done:
    return st;
}

/* ---- backward ---- */

PRI_CLONES static void nn_relu_back(float *restrict dy, const float *restrict y, size_t cols)
{
    for (size_t c = 0; c < cols; c++) dy[c] *= y[c] > 0.0f ? 1.0f : 0.0f;
}

/* The slope of ELU is 1, or exp(N) = 1 + Y below 0. `unscale` undoes what dropout did to Y. */
PRI_CLONES static void nn_elu_back(float *restrict dy, const float *restrict y, float unscale,
                                   size_t cols)
{
    for (size_t c = 0; c < cols; c++) dy[c] *= y[c] > 0.0f ? 1.0f : y[c] * unscale + 1.0f;
}

/* Undo dropout and activation: the gradient of Y to that of N. */
static void undo_activation(const pri_layer *layer, float *dy)
{
    const pri_layer_tape   *t    = layer->own;
    const pr_model_options *o    = &layer->model->shape.options;
    const size_t            cols = layer->weights.out, num = layer->block->num_dst;
    const bool              drop = layer->training && o->dropout > 0.0;
    const pri_dropout       dropout =
        pri_dropout_of(o->dropout, layer->key, layer->step, layer->index + 1);
    const pr_vids rows    = { .at = layer->vertices.at, .n = num };
    const float   unscale = drop ? 1.0f / dropout.scale : 1.0f;
    const bool    elu     = o->activation == PR_ACTIVATION_ELU;

    if (drop) pri_dropout_apply(&dropout, rows, dy, t->ldy, cols);
#pragma omp parallel for schedule(static) if (pri_worth_team(num * cols, PRI_SUM_PS))
    for (size_t i = 0; i < num; i++) {
        float *const       to = dy + i * t->ldy;
        const float *const y  = t->y + i * t->ldy;
        if (elu)
            nn_elu_back(to, y, unscale, cols);
        else
            nn_relu_back(to, y, cols);
    }
}

/* With g = scale dN:  dU = rstd (g - mean(g) - unit mean(g unit)), in place. `unit` becomes
 * dN unit, whose sum over the rows is the gradient of scale. */
PRI_CLONES static void nn_normalise_back(float *restrict d, float *restrict unit,
                                         const float *restrict scale, float rstd, size_t cols)
{
    line   part = { 0 }, product = { 0 };
    double sum = 0.0, dot = 0.0;
    size_t c = 0;

    for (; c + LINE <= cols; c += LINE) {
        const line g = CONST_AT(d, c) * CONST_AT(scale, c);
        part += g;
        product += g * CONST_AT(unit, c);
    }
    for (; c < cols; c++) {
        const float g = d[c] * scale[c];
        sum += (double)g;
        dot += (double)(g * unit[c]);
    }
    const float mean  = (float)((sum + add_up(&part)) / (double)cols);
    const float along = (float)((dot + add_up(&product)) / (double)cols);
    for (c = 0; c < cols; c++) {
        const float dn = d[c], x = unit[c];
        d[c]    = rstd * ((dn * scale[c] - mean) - x * along);
        unit[c] = dn * x;
    }
}

static void undo_norm(const pri_layer *layer, float *dn)
{
    const pri_layer_tape *t     = layer->own;
    const pri_layer_part *g     = &layer->gradient;
    const float *const    scale = layer->weights.at[PRI_ROLE_NORM_SCALE];
    const size_t          cols = layer->weights.out, num = layer->block->num_dst;

    pri_aggregate_columns(dn, t->ldy, num, cols, g->at[PRI_ROLE_NORM_SHIFT]);
#pragma omp parallel for schedule(static) if (pri_worth_team(num * cols, ELEMENT_PS))
    for (size_t i = 0; i < num; i++)
        nn_normalise_back(dn + i * t->ldy, t->unit + i * t->ldy, scale, t->rstd[i], cols);
    pri_aggregate_columns(t->unit, t->ldy, num, cols, g->at[PRI_ROLE_NORM_SCALE]);
}

pr_status pri_post_backward(const pri_layer *layer, const pri_input *x, float *dy)
{
    const pri_layer_tape *t      = layer->own;
    float *const          matrix = layer->gradient.at[PRI_ROLE_RESIDUAL];
    const uint32_t        num    = layer->block->num_dst;

    if (!layer->is_last) undo_activation(layer, dy);
    if (layer->weights.at[PRI_ROLE_NORM_SCALE]) undo_norm(layer, dy);
    if (!matrix) return PR_OK;
    if (!x->is_sparse) return pri_gemm_run(t->residual_weight, num, x->dense.at, dy, NULL, matrix);
    const pri_sparse first = pri_sparse_head(&x->sparse, num);
    pri_sparse_gradient(&first, dy, t->ldy, layer->gradient.out, matrix);
    return PR_OK;
}

pr_status pri_post_inputs(const pri_layer *layer, const float *du, const pri_input_gradient *dx)
{
    const float *const    matrix = layer->weights.at[PRI_ROLE_RESIDUAL];
    const pri_layer_tape *t      = layer->own;
    const uint32_t        num    = layer->block->num_dst;

    PR_ASSERT(!dx->kept); /* layers with a residual do not fuse */
    if (matrix) return pri_gemm_run(t->residual_input, num, du, matrix, NULL, dx->out);
    pri_post_add_rows(dx->out, dx->ld, du, t->ldy, num, layer->weights.in);
    return PR_OK;
}
