/* network.c: the layers in order, forward and backward. Layer l works on hop num_layers - 1 - l:
 * the first layer on the widest hop, the last on the seeds'. */
#include <string.h>

#include "pipeline/nn/dropout.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/sage.h"

/* Tell whether batch and slab are what model and tape were made for. */
static pr_status check_fit(const pr_model *model, const pri_tape *tape, const pr_batch *batch,
                           const pr_slab *slab)
{
    pr_status      st = PR_OK;
    const uint32_t L  = model->shape.num_layers;

    PR_CHECK(tape->num_layers == L && batch->num_layers == L, PR_E_MISMATCH,
             "the model has %u layers, its tape %u and the batch %u", L, tape->num_layers,
             batch->num_layers);
    PR_CHECK(slab->num_cols == model->shape.width[0], PR_E_MISMATCH,
             "rows have %u columns, the model reads %u", slab->num_cols, model->shape.width[0]);
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

static pri_sage layer_at(const pr_model *model, pri_tape *tape, const pr_batch *batch, uint32_t l)
{
    const uint32_t L = tape->num_layers;

    return (pri_sage){ .weights  = pri_model_layer(model, model->parameters, l),
                       .gradient = pri_model_layer(model, tape->gradient, l),
                       .tape     = &tape->layer[l],
                       .block    = &batch->block[L - 1 - l],
                       .relu     = l + 1 < L };
}

static pri_sparse sparse_inputs(const pri_tape *tape, const pr_batch *batch)
{
    return (pri_sparse){ .x   = tape->sparse,
                         .row = tape->row_of_input,
                         .num = batch->block[tape->num_layers - 1].num_src };
}

/* Run the first layer on the batch's input rows. */
static pr_status forward_first(const pri_sage *sage, pri_tape *tape, const pr_batch *batch,
                               const pr_slab *slab, pri_nn_times *times)
{
    if (!slab->features) {
        const pri_rows x = {
            .at = slab->rows, .ld = slab->ld, .cols = slab->num_cols, .slot = slab->slot_of_input
        };
        return pri_sage_forward(sage, &x, times);
    }
    const pri_sparse inputs = sparse_inputs(tape, batch);
    if (inputs.num) /* backward reads them when the slab is gone */
        memcpy(tape->row_of_input, slab->slot_of_input, inputs.num * sizeof *tape->row_of_input);
    pri_sage_forward_sparse(sage, &inputs, tape->z, tape->ldz, times);
    return PR_OK;
}

pr_status pri_nn_forward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                         const pr_slab *slab, bool training, uint64_t key, pri_nn_times *times)
{
    pr_status  st   = PR_OK;
    const bool drop = training && model->shape.dropout > 0.0;

    PR_TRY(check_fit(model, tape, batch, slab));
    tape->sparse = slab->features;
    tape->scale  = 1.0f;
    for (uint32_t l = 0; l < tape->num_layers; l++) {
        const pri_sage        sage = layer_at(model, tape, batch, l);
        const pri_layer_tape *t    = sage.tape;
        if (l == 0) {
            PR_TRY(forward_first(&sage, tape, batch, slab, times));
        } else {
            const pri_rows x = { .at = t[-1].y, .ld = t[-1].ldy, .cols = sage.weights.in };
            PR_TRY(pri_sage_forward(&sage, &x, times));
        }
        if (!drop || !sage.relu) continue;
        const int64_t     begin    = pr_now_ns();
        const pri_dropout dropout  = pri_dropout_of(model->shape.dropout, key, batch->step, l + 1);
        const pr_vids     vertices = { .at = batch->nodes.at, .n = sage.block->num_dst };
        pri_dropout_apply(&dropout, vertices, t->y, t->ldy, sage.weights.out);
        tape->scale = dropout.scale;
        times->gemm_ns += pr_now_ns() - begin;
    }
done:
    return st;
}

pr_status pri_nn_backward(const pr_model *model, pri_tape *tape, const pr_batch *batch,
                          pri_nn_times *times)
{
    pr_status     st    = PR_OK;
    const int64_t begin = pr_now_ns();

    for (uint32_t l = tape->num_layers; l-- > 0;) {
        const pri_sage sage = layer_at(model, tape, batch, l);
        const float   *dy   = tape->dy[l % 2];
        if (l == 0 && tape->sparse) {
            const pri_sparse inputs = sparse_inputs(tape, batch);
            pri_sage_backward_sparse(&sage, &inputs, dy, &tape->reversed, tape->z, tape->ldz);
            break;
        }
        PR_TRY(pri_sage_backward_weights(&sage, dy));
        if (l == 0) break;
        const pri_layer_tape *below = &tape->layer[l - 1];
        PR_TRY(pri_sage_backward_inputs(&sage, dy, &tape->reversed, below->y, tape->scale,
                                        tape->dy[(l - 1) % 2], below->ldy));
    }
    times->backward_ns += pr_now_ns() - begin;
done:
    return st;
}
