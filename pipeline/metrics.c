/* metrics.c: softmax cross entropy, or binary ones, accuracy and micro-F1 of logits. */
#include "pipeline/metrics.h"

#include <math.h>

#include "pipeline/nn/link_loss.h"

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

void pri_sigmoid_row(float *row, uint32_t num_labels)
{
    for (uint32_t c = 0; c < num_labels; c++) row[c] = (float)(1.0 / (1.0 + exp(-(double)row[c])));
}

void pri_labels_row(const float *row, uint32_t num_labels, uint8_t *out)
{
    for (uint32_t c = 0; c < num_labels; c++) out[c] = row[c] > 0.0f;
}

/* Score one node by its class. */
static pri_loss score_class(const float *row, uint32_t num_classes, const pri_targets *targets,
                            pr_vid node)
{
    const uint32_t label  = (uint32_t)targets->classes[node];
    const double   weight = targets->weight ? (double)targets->weight[label] : 1.0;
    const uint64_t right  = pri_argmax_row(row, num_classes) == label;

    return (pri_loss){ .sum         = weight * (log_sum_exp(row, num_classes) - (double)row[label]),
                       .num_correct = right,
                       .true_positives  = right,
                       .false_positives = 1 - right,
                       .false_negatives = 1 - right };
}

/* Score one node by its labels: loss.c has the formula. */
static pri_loss score_labels(const float *row, uint32_t num_labels, const pri_targets *targets,
                             pr_vid node)
{
    const uint8_t *set = targets->labels + (size_t)node * num_labels;
    pri_loss       out = { 0 };

    for (uint32_t c = 0; c < num_labels; c++) {
        const double weight  = set[c] && targets->weight ? (double)targets->weight[c] : 1.0;
        const double towards = set[c] ? -(double)row[c] : (double)row[c];
        const bool   yes     = row[c] > 0.0f;
        out.sum += weight * pri_softplus(towards);
        out.true_positives += set[c] && yes;
        out.false_positives += !set[c] && yes;
        out.false_negatives += set[c] && !yes;
    }
    out.num_correct = out.false_positives + out.false_negatives == 0;
    return out;
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

void pri_score_rows(pri_score *score, const pri_logits *logits, const pri_targets *targets,
                    pr_vids nodes)
{
    enum { BLOCK = 1024 }; /* nodes whose losses are kept until they are added in order */
    pri_loss       loss[BLOCK];
    const uint32_t num   = logits->num_classes;
    const size_t   begin = num_below(nodes, logits->first);
    const size_t   end   = num_below(nodes, logits->first + (uint64_t)logits->num);

    for (size_t at = begin; at < end; at += BLOCK) {
        const pr_vid *const node = nodes.at + at;
        const size_t        n    = end - at < BLOCK ? end - at : BLOCK;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < n; i++) {
            const float *row = logits->rows + (node[i] - logits->first) * logits->ld;
            loss[i]          = targets->classes ? score_class(row, num, targets, node[i])
                                                : score_labels(row, num, targets, node[i]);
        }
        for (size_t i = 0; i < n; i++) pri_loss_add(&score->loss, &loss[i]);
    }
    if (end == begin) return; /* of no nodes there may be no address */
    score->num_nodes += end - begin;
    score->divisor += pri_targets_divisor(targets, (pr_vids){ nodes.at + begin, end - begin });
}

void pri_score_add(pri_score *score, const pri_score *more)
{
    score->num_nodes += more->num_nodes;
    score->divisor += more->divisor;
    pri_loss_add(&score->loss, &more->loss);
}

pri_metrics pri_metrics_of(const pri_score *score)
{
    const pri_loss *l     = &score->loss;
    const double    nodes = (double)score->num_nodes, hits = 2 * (double)l->true_positives;
    const double    all = hits + (double)l->false_positives + (double)l->false_negatives;
    const bool      any = score->num_nodes > 0;

    return (pri_metrics){ .num_nodes   = score->num_nodes,
                          .num_correct = l->num_correct,
                          .loss        = any ? l->sum / score->divisor : (double)NAN,
                          .accuracy    = any ? (double)l->num_correct / nodes : (double)NAN,
                          .micro_f1    = !any      ? (double)NAN
                                         : all > 0 ? hits / all
                                                   : 0.0 }; /* nothing set, nothing predicted */
}
