/* network.c: the layers in order, forward and backward. Layer l works on hop num_layers - 1 - l:
 * the first layer on the widest hop, the last on the seeds'. */
#include <string.h>

#include "pipeline/nn/post.h"

/* Tell whether batch and slab are what model and tape were made for. */
static pr_status check_fit(const pr_model *model, const pri_tape *tape, const pr_batch *batch,
                           const pr_slab *slab, bool training)
{
    pr_status      st = PR_OK;
    const uint32_t L  = model->shape.num_layers;
    const uint32_t cols =
        slab->is_derived ? pri_nn_derived_cols(&model->shape) : model->shape.width[0];

    PR_CHECK(!slab->is_derived || !training, PR_E_UNSUPPORTED,
             "derived rows are products with weights that do not change: no model is trained on "
             "them");
    PR_CHECK(tape->num_layers == L && batch->num_layers == L, PR_E_MISMATCH,
             "the model has %u layers, its tape %u and the batch %u", L, tape->num_layers,
             batch->num_layers);
    PR_CHECK(slab->num_cols == cols && cols > 0, PR_E_MISMATCH,
             "%srows have %u columns, the model reads %u", slab->is_derived ? "derived " : "",
             slab->num_cols, cols);
    PR_CHECK(slab->num_inputs >= batch->block[L - 1].num_src, PR_E_MISMATCH,
             "the slab has %u rows of the batch's %u", slab->num_inputs,
             batch->block[L - 1].num_src);
    for (uint32_t l = 0; l < L; l++) {
        const pri_layer_tape *t     = &tape->layer[l];
        const pr_block       *block = &batch->block[L - 1 - l];
        PR_CHECK(block->num_dst <= t->max_dst && block->num_src <= t->max_src &&
                     block->num_edges <= t->max_edges,
                 PR_E_FULL,
                 "hop %u has %u destinations, %u sources and %u edges; the tape is for %u, %u, "
                 "%llu",
                 L - 1 - l, block->num_dst, block->num_src, block->num_edges, t->max_dst,
                 t->max_src, (unsigned long long)t->max_edges);
    }
done:
    return st;
}

/* What each kind of layer does. */
static pri_forward forward_of(const pr_model_options *o)
{
    switch ((pr_model_kind)o->kind) {
    case PR_MODEL_SAGE:
        return o->aggregator == PR_AGGREGATE_MAX ? pri_max_forward : pri_sage_forward;
    case PR_MODEL_GCN: return pri_gcn_forward;
    case PR_MODEL_GIN: return pri_gin_forward;
    case PR_MODEL_GAT: break;
    }
    return pri_gat_forward;
}

static pri_backward backward_of(const pr_model_options *o)
{
    switch ((pr_model_kind)o->kind) {
    case PR_MODEL_SAGE:
        return o->aggregator == PR_AGGREGATE_MAX ? pri_max_backward : pri_sage_backward;
    case PR_MODEL_GCN: return pri_gcn_backward;
    case PR_MODEL_GIN: return pri_gin_backward;
    case PR_MODEL_GAT: break;
    }
    return pri_gat_backward;
}

static pri_layer layer_at(const pr_model *model, pri_tape *tape, const pr_batch *batch, uint32_t l)
{
    const uint32_t  L     = tape->num_layers;
    const pr_block *block = &batch->block[L - 1 - l];

    return (pri_layer){ .model    = model,
                        .index    = l,
                        .is_last  = l + 1 == L,
                        .fuses    = pri_model_fuses(&model->shape, l),
                        .weights  = pri_model_layer(model, model->parameters, l),
                        .gradient = pri_model_layer(model, tape->gradient, l),
                        .tape     = tape,
                        .own      = &tape->layer[l],
                        .block    = block,
                        .graph    = tape->graph,
                        .vertices = { .at = batch->nodes.at, .n = block->num_src },
                        .training = tape->training,
                        .key      = tape->key,
                        .step     = batch->step };
}

/* Give what training drops of the first layer's inputs. */
static pri_dropout input_dropout(const pri_tape *tape, const pr_model *model, const pr_batch *batch)
{
    return pri_dropout_of(model->shape.options.input_dropout, tape->key, batch->step, 0);
}

/* Give the inputs of the first layer as they can be read without the slab: CSR rows, or the copy.
 * On the way back dense rows are gone where there is no copy. */
static pri_input kept_inputs(const pri_tape *tape, const pr_model *model, const pr_batch *batch)
{
    const uint32_t num = batch->block[tape->num_layers - 1].num_src;

    if (!tape->sparse)
        return (pri_input){ .dense = {
                                .at = tape->x0, .ld = tape->ldx0, .cols = model->shape.width[0] } };
    pri_input x = { .is_sparse = true,
                    .sparse    = { .x = tape->sparse, .row = tape->row_of_input, .num = num } };
    if (tape->training && model->shape.options.input_dropout > 0.0) {
        x.sparse.dropout = input_dropout(tape, model, batch);
        x.sparse.vertex  = batch->nodes.at;
    }
    return x;
}

/* Copy dense inputs, and drop some of their values where that is asked for. */
static void copy_inputs(pri_tape *tape, const pr_model *model, const pr_batch *batch,
                        const pri_rows *rows)
{
    const pr_vids vertices = { .at = batch->nodes.at,
                               .n  = batch->block[tape->num_layers - 1].num_src };

    pri_rows_copy(rows, (uint32_t)vertices.n, tape->x0, tape->ldx0);
    if (!tape->training || model->shape.options.input_dropout <= 0.0) return;
    const pri_dropout dropout = input_dropout(tape, model, batch);
    pri_dropout_apply(&dropout, vertices, tape->x0, tape->ldx0, rows->cols);
}

/* Bring the first layer's inputs to where it reads them. */
static pri_input first_inputs(pri_tape *tape, const pr_model *model, const pr_batch *batch,
                              const pr_slab *slab)
{
    const pri_rows rows = {
        .at = slab->rows, .ld = slab->ld, .cols = slab->num_cols, .slot = slab->slot_of_input
    };
    const uint32_t num = batch->block[tape->num_layers - 1].num_src;

    if (slab->is_derived) return (pri_input){ .is_derived = true, .dense = rows };
    if (slab->features) { /* backward reads them when the slab is gone */
        if (num) memcpy(tape->row_of_input, slab->slot_of_input, num * sizeof *tape->row_of_input);
    } else if (!pri_model_copies(&model->shape)) {
        return (pri_input){ .dense = rows };
    } else {
        copy_inputs(tape, model, batch, &rows);
    }
    return kept_inputs(tape, model, batch);
}

/* Give the inputs of a layer above the first: the outputs of the one below. */
static pri_input inputs_above(const pri_layer *layer)
{
    const pri_layer_tape *below = layer->own - 1;

    return (pri_input){ .dense = { .at = below->y, .ld = below->ldy, .cols = layer->weights.in } };
}

/* Drop outputs of a layer. */
static void drop_outputs(const pri_layer *layer, pri_nn_times *times)
{
    const int64_t     begin   = pr_now_ns();
    const double      p       = layer->model->shape.options.dropout;
    const pri_dropout dropout = pri_dropout_of(p, layer->key, layer->step, layer->index + 1);
    const pr_vids     rows    = { .at = layer->vertices.at, .n = layer->block->num_dst };

    pri_dropout_apply(&dropout, rows, layer->own->y, layer->own->ldy, layer->weights.out);
    layer->tape->scale = dropout.scale;
    times->gemm_ns += pr_now_ns() - begin;
}

pr_status pri_nn_forward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                         const pr_slab *slab, bool training, uint64_t key, pri_nn_times *times)
{
    pr_status         st      = PR_OK;
    const pri_forward forward = forward_of(&model->shape.options);
    const bool        drop    = training && model->shape.options.dropout > 0.0;

    PR_TRY(check_fit(model, tape, batch, slab, training));
    tape->sparse   = slab->features;
    tape->scale    = 1.0f;
    tape->training = training;
    tape->key      = key;
    for (uint32_t l = 0; l < tape->num_layers; l++) {
        const pri_layer layer = layer_at(model, tape, batch, l);
        const pri_input x = l == 0 ? first_inputs(tape, model, batch, slab) : inputs_above(&layer);
        PR_TRY(forward(&layer, &x, times));
        if (!layer.fuses) PR_TRY(pri_post_forward(&layer, &x, times));
        if (drop && !layer.is_last) drop_outputs(&layer, times);
    }
done:
    return st;
}

pr_status pri_nn_backward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                          pri_nn_times *times)
{
    pr_status          st       = PR_OK;
    const pri_backward backward = backward_of(&model->shape.options);
    const int64_t      begin    = pr_now_ns();

    for (uint32_t l = tape->num_layers; l-- > 0;) {
        const pri_layer    layer = layer_at(model, tape, batch, l);
        const pri_input    x     = l == 0 ? kept_inputs(tape, model, batch) : inputs_above(&layer);
        float *const       dy    = tape->dy[l % 2];
        pri_input_gradient dx    = { 0 };
        if (l > 0) {
            const pri_layer_tape *below = &tape->layer[l - 1];
            dx                          = (pri_input_gradient){ .out   = tape->dy[(l - 1) % 2],
                                                                .ld    = below->ldy,
                                                                .scale = tape->scale };
            if (pri_model_fuses(&model->shape, l - 1)) dx.kept = below->y;
        }
        if (!layer.fuses) PR_TRY(pri_post_backward(&layer, &x, dy));
        PR_TRY(backward(&layer, &x, dy, l > 0 ? &dx : NULL));
        if (l > 0 && model->shape.options.residual) PR_TRY(pri_post_inputs(&layer, dy, &dx));
    }
    times->backward_ns += pr_now_ns() - begin;
done:
    return st;
}
