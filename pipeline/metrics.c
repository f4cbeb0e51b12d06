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

pri_metrics pri_metrics_of(const float *logits, uint32_t num_classes, const int32_t *labels,
                           pr_vids nodes)
{
    pri_metrics out = { .num_nodes = nodes.n };
    double      sum = 0;

    for (size_t i = 0; i < nodes.n; i++) {
        const float   *row   = logits + (size_t)nodes.at[i] * num_classes;
        const uint32_t label = (uint32_t)labels[nodes.at[i]];
        out.num_correct += pri_argmax_row(row, num_classes) == label;
        sum += log_sum_exp(row, num_classes) - (double)row[label];
    }
    const bool any = nodes.n > 0;
    out.loss       = any ? sum / (double)nodes.n : (double)NAN;
    out.accuracy   = any ? (double)out.num_correct / (double)nodes.n : (double)NAN;
    out.micro_f1   = out.accuracy;
    return out;
}
