/* link_loss.c: see link_loss.h. A vertex in several pairs gathers from all of them, so no two
 * threads write to one row. */
#include "pipeline/nn/link_loss.h"

#include <math.h>

#include "base/teamwork.h"
#include "pipeline/nn/tape.h"

enum {
    SUMS      = 16, /* partial sums of a dot product: as many as a register has, at most */
    COLUMN_PS = 200
};

float pri_dot(const float *a, const float *b, size_t cols)
{
    float  part[SUMS] = { 0 };
    size_t c          = 0;

    for (; c + SUMS <= cols; c += SUMS)
        for (size_t k = 0; k < SUMS; k++) part[k] += a[c + k] * b[c + k];
    for (size_t k = 0; c < cols; c++, k++) part[k] += a[c] * b[c];
    for (size_t half = SUMS / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) part[k] += part[k + half];
    return part[0];
}

double pri_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

/* Score pair p; its slope is that of the loss along its score, over the divisor. */
static void score_pair(const pri_pairs *pairs, uint32_t p, const float *z, size_t ld, size_t cols,
                       double divisor)
{
    const float *a = z + pairs->source[p] * ld, *b = z + pairs->target[p] * ld;
    const double s       = (double)pri_dot(a, b, cols);
    const bool   is_edge = p % pairs->group == 0;

    pairs->loss[p]  = pri_softplus(is_edge ? -s : s);
    pairs->slope[p] = (float)((is_edge ? -sigmoid(-s) : sigmoid(s)) / divisor);
}

/* The gradient of seed i. */
static void gather_seed(const pri_pairs *pairs, uint32_t i, const float *z, size_t ld, size_t cols,
                        float *dz)
{
    for (size_t c = 0; c < cols; c++) dz[c] = 0.0f;
    for (uint32_t at = pairs->indptr[i]; at < pairs->indptr[i + 1]; at++) {
        const uint32_t p     = pairs->pair_of[at];
        const uint32_t other = pairs->source[p] == i ? pairs->target[p] : pairs->source[p];
        const float   *row = z + other * ld, slope = pairs->slope[p];
        for (size_t c = 0; c < cols; c++) dz[c] += slope * row[c];
    }
}

void pri_nn_link_loss(pri_tape *tape, const pr_batch *batch, const pri_pairs *pairs, double divisor,
                      pri_loss *out)
{
    const uint32_t        last = tape->num_layers - 1;
    const pri_layer_tape *t    = &tape->layer[last];
    float                *dz   = tape->dy[last % 2];
    const size_t          cols = tape->num_outputs, ld = t->ldy;
    const bool            worth = pri_worth_team((uint64_t)pairs->num_pairs * cols, COLUMN_PS);

    PR_ASSERT(batch->num_seeds == pairs->num_seeds);
    (void)batch;
#pragma omp parallel for schedule(static) if (worth)
    for (uint32_t p = 0; p < pairs->num_pairs; p++) score_pair(pairs, p, t->y, ld, cols, divisor);
#pragma omp parallel for schedule(dynamic, 64) if (worth)
    for (uint32_t i = 0; i < pairs->num_seeds; i++)
        gather_seed(pairs, i, t->y, ld, cols, dz + i * ld);
    *out = (pri_loss){ 0 };
    for (uint32_t p = 0; p < pairs->num_pairs; p++) { /* in order: the same for all threads */
        out->sum += pairs->loss[p];
        out->num_correct += pairs->loss[p] < log(2.0);
    }
}
