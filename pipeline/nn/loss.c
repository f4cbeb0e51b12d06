/* loss.c: what outputs x [seeds, C] cost, and its gradient. Multi-class is softmax cross entropy;
 * w is the weight of the seed's class, y:
 *
 *     loss_i = w_y (log(sum_j exp(x_ij - max_i)) + max_i - x_iy)
 *     dx_ij  = w_y (exp(x_ij - max_i) / sum_i - [j == y]) / divisor
 *
 * Multi-label is a binary cross entropy for each label, y_ij being 0 or 1, and w_j the weight of a
 * label where it is set (torch's pos_weight):
 *
 *     loss_i = sum_j  w_j softplus(-x_ij) where y_ij is 1, else softplus(x_ij)
 *     dx_ij  = w_j (sigmoid(x_ij) - 1) / divisor  where y_ij is 1, else sigmoid(x_ij) / divisor
 *
 * Both need exp(-|x|) only, which is never more than 1:
 * softplus(x) = log1p(exp(-|x|)) + max(x, 0). */
#include <math.h>

#include "base/teamwork.h"
#include "pipeline/nn/nn.h"
#include "pipeline/nn/tape.h"

enum { LOGIT_PS = 2000 }; /* what a logit takes: most of it is expf */
enum { CORRECT, TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, NUM_COUNTS }; /* of row_counts */

/* One seed of multi-class: writes its gradient, gives its loss and whether the largest logit is the
 * label's (the first of equal ones). A NaN among the logits makes the loss NaN. */
static double loss_of_class(const float *x, size_t classes, size_t label, float share, float *dx,
                            uint32_t counts[NUM_COUNTS])
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
    counts[CORRECT] = counts[TRUE_POSITIVE] = best == label;
    counts[FALSE_POSITIVE] = counts[FALSE_NEGATIVE] = best != label;
    return log(sum) + (double)max - (double)x[label];
}

/* One seed of multi-label; a NaN makes the loss NaN, and is no prediction. */
static double loss_of_labels(const float *x, const pri_targets *targets, pr_vid at, float share,
                             float *dx, uint32_t counts[NUM_COUNTS])
{
    const uint8_t *y   = targets->labels + (size_t)at * targets->num_outputs;
    double         sum = 0.0;

    for (int c = 0; c < NUM_COUNTS; c++) counts[c] = 0;
    for (size_t j = 0; j < targets->num_outputs; j++) {
        const bool  set = y[j] != 0, predicted = x[j] > 0.0f;
        const float weight = set && targets->weight ? targets->weight[j] : 1.0f;
        const float e = expf(-fabsf(x[j])), towards = set ? -x[j] : x[j];
        /* sigmoid(-|x|) and sigmoid(|x|); which of them is sigmoid(towards) */
        const float wrong = towards > 0.0f ? 1.0f / (1.0f + e) : e / (1.0f + e);
        const float loss  = log1pf(e) + (towards > 0.0f ? towards : 0.0f);
        sum += (double)weight * (double)loss;
        dx[j] = weight * share * (set ? -wrong : wrong);
        counts[TRUE_POSITIVE] += set && predicted;
        counts[FALSE_POSITIVE] += !set && predicted;
        counts[FALSE_NEGATIVE] += set && !predicted;
    }
    counts[CORRECT] = counts[FALSE_POSITIVE] + counts[FALSE_NEGATIVE] == 0;
    return sum;
}

/* One seed; `at` is its vertex. */
static double loss_of_seed(const float *x, size_t cols, const pri_targets *targets, pr_vid at,
                           float share, float *dx, uint32_t counts[NUM_COUNTS])
{
    if (!targets->classes) return loss_of_labels(x, targets, at, share, dx, counts);
    const int32_t label = targets->classes[at];
    PR_ASSERT(label >= 0 && (size_t)label < cols);
    if (!targets->weight) return loss_of_class(x, cols, (size_t)label, share, dx, counts);
    const float weight = targets->weight[label];
    return (double)weight * loss_of_class(x, cols, (size_t)label, weight * share, dx, counts);
}

double pri_targets_divisor(const pri_targets *targets, pr_vids vertices)
{
    double sum = 0.0;

    if (!targets->classes) return (double)vertices.n * (double)targets->num_outputs;
    if (!targets->weight) return (double)vertices.n;
    for (size_t i = 0; i < vertices.n; i++)
        sum += (double)targets->weight[targets->classes[vertices.at[i]]];
    return sum;
}

void pri_nn_loss(pri_tape *tape, const pr_batch *batch, const pri_targets *targets, double divisor,
                 pri_loss *out)
{
    const uint32_t        last  = tape->num_layers - 1;
    const pri_layer_tape *t     = &tape->layer[last];
    float                *dy    = tape->dy[last % 2];
    const size_t          cols  = tape->num_outputs;
    const float           share = divisor > 0.0 ? (float)(1.0 / divisor) : 0.0f;

    PR_ASSERT(targets->classes || targets->num_outputs == cols);
#pragma omp parallel for schedule(static) if (pri_worth_team(batch->num_seeds * cols, LOGIT_PS))
    for (uint32_t i = 0; i < batch->num_seeds; i++)
        tape->row_loss[i] =
            loss_of_seed(t->y + i * t->ldy, cols, targets, batch->nodes.at[i], share,
                         dy + i * t->ldy, tape->row_counts + (size_t)NUM_COUNTS * i);
    *out = (pri_loss){ 0 };
    for (uint32_t i = 0; i < batch->num_seeds; i++) { /* in order: the same for all threads */
        const uint32_t *counts = tape->row_counts + (size_t)NUM_COUNTS * i;
        out->sum += tape->row_loss[i];
        out->num_correct += counts[CORRECT];
        out->true_positives += counts[TRUE_POSITIVE];
        out->false_positives += counts[FALSE_POSITIVE];
        out->false_negatives += counts[FALSE_NEGATIVE];
    }
}
