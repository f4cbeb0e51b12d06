/* metrics.c: softmax cross entropy, accuracy and micro-F1 of logits. */
#include "pipeline/metrics.h"

#include <math.h>

uint32_t pri_argmax_row(const float *row, uint32_t num_classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < num_classes; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

/* log of the sum of exponentials, in double, with the maximum taken out. */
static double log_sum_exp(const float *row, uint32_t num_classes)
{
    const double top = (double)row[pri_argmax_row(row, num_classes)];
    double       sum = 0;
    for (uint32_t c = 0; c < num_classes; c++) sum += exp((double)row[c] - top);
    return top + log(sum);
}

void pri_softmax_row(float *row, uint32_t num_classes)
{
    const double norm = log_sum_exp(row, num_classes);
    for (uint32_t c = 0; c < num_classes; c++) row[c] = (float)exp((double)row[c] - norm);
}

/* Give how many of ascending nodes are below `end`. */
static size_t num_below(pr_vids nodes, uint64_t end)
{
    size_t low = 0, high = nodes.n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (nodes.at[middle] < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void pri_score_rows(pri_score *score, const pri_logits *logits, const int32_t *labels,
                    pr_vids nodes)
{
    enum { BLOCK = 2048 }; /* nodes whose losses are kept until they are added in order */
    double       loss[BLOCK];
    const size_t begin = num_below(nodes, logits->first);
    const size_t end   = num_below(nodes, logits->first + (uint64_t)logits->num);

    for (size_t at = begin; at < end; at += BLOCK) {
        const pr_vid *const node    = nodes.at + at;
        const size_t        n       = end - at < BLOCK ? end - at : BLOCK;
        uint64_t            correct = 0;
#pragma omp parallel for schedule(static) reduction(+ : correct)
        for (size_t i = 0; i < n; i++) {
            const float   *row   = logits->rows + (node[i] - logits->first) * logits->ld;
            const uint32_t label = (uint32_t)labels[node[i]];
            loss[i]              = log_sum_exp(row, logits->num_classes) - (double)row[label];
            correct += pri_argmax_row(row, logits->num_classes) == label;
        }
        for (size_t i = 0; i < n; i++) score->loss += loss[i];
        score->num_correct += correct;
    }
    score->num_nodes += end - begin;
}

void pri_score_add(pri_score *score, const pri_score *more)
{
    score->num_nodes += more->num_nodes;
    score->num_correct += more->num_correct;
    score->loss += more->loss;
}

pri_metrics pri_metrics_of(const pri_score *score)
{
    const bool   any      = score->num_nodes > 0;
    const double nodes    = (double)score->num_nodes;
    const double accuracy = any ? (double)score->num_correct / nodes : (double)NAN;

    return (pri_metrics){ .num_nodes   = score->num_nodes,
                          .num_correct = score->num_correct,
                          .loss        = any ? score->loss / nodes : (double)NAN,
                          .accuracy    = accuracy,
                          .micro_f1    = accuracy };
}
