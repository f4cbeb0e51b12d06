/* loss.c: softmax cross entropy over the seeds and its gradient:
 *
 *     loss_i = log(sum_j exp(x_ij - max_i)) + max_i - x_i,label
 *     dx_ij  = (exp(x_ij - max_i) / sum_i - [j == label]) / global_seeds */
#include <math.h>

#include "base/teamwork.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/tape.h"

enum { LOGIT_PS = 2000 }; /* what a logit takes: most of it is expf */

/* One seed: writes its gradient, gives its loss and whether the largest logit is the label's (the
 * first of equal ones). A NaN among the logits makes the loss NaN. */
static double loss_of_row(const float *x, size_t classes, size_t label, float share, float *dx,
                          uint32_t *correct)
{
    size_t best = 0;
    double sum  = 0.0;

    for (size_t j = 1; j < classes; j++)
        if (x[j] > x[best]) best = j;
    const float max = x[best];
    for (size_t j = 0; j < classes; j++) {
        dx[j] = expf(x[j] - max);
        sum += (double)dx[j];
    }
    const float scale = (float)((double)share / sum);
    for (size_t j = 0; j < classes; j++) dx[j] *= scale;
    dx[label] -= share;
    *correct = best == label;
    return log(sum) + (double)max - (double)x[label];
}

double pri_targets_divisor(const pri_targets *targets, pr_vids vertices)
{
    (void)targets;
    return (double)vertices.n;
}

void pri_nn_loss(pri_tape *tape, const pr_batch *batch, const pri_targets *targets, double divisor,
                 pri_loss *out)
{
    const uint32_t        last  = tape->num_layers - 1;
    const pri_layer_tape *t     = &tape->layer[last];
    float                *dy    = tape->dy[last % 2];
    const size_t          cols  = tape->num_outputs;
    const float           share = divisor > 0.0 ? (float)(1.0 / divisor) : 0.0f;

#pragma omp parallel for schedule(static) if (pri_worth_team(batch->num_seeds * cols, LOGIT_PS))
    for (uint32_t i = 0; i < batch->num_seeds; i++) {
        const int32_t label = targets->classes[batch->nodes.at[i]];
        PR_ASSERT(label >= 0 && (size_t)label < cols);
        tape->row_loss[i] = loss_of_row(t->y + i * t->ldy, cols, (size_t)label, share,
                                        dy + i * t->ldy, &tape->row_counts[4 * i]);
    }
    *out = (pri_loss){ 0 };
    for (uint32_t i = 0; i < batch->num_seeds; i++) { /* in order: the same for all threads */
        out->sum += tape->row_loss[i];
        out->num_correct += tape->row_counts[4 * i];
    }
}
