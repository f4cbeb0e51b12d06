/* metrics.h: loss, accuracy and micro-F1 of logits, from rows as they are made. */
#ifndef PIPELINE_METRICS_H
#define PIPELINE_METRICS_H

#include "base/check.h"
#include "pipeline/nn/nn.h"

#include <packrat/nouns.h>

typedef struct pri_metrics {
    uint64_t num_nodes, num_correct;
    double   loss;     /* mean, as pri_targets_divisor has it; NaN without nodes */
    double   accuracy; /* 0 .. 1: nodes of which all is right; NaN without nodes */
    double   micro_f1; /* 0 .. 1, over all labels of all nodes; equals the accuracy where every node
                          has one class. The score that models are compared by. NaN without nodes */
} pri_metrics;

/* What is known of nodes that were scored so far: sums, which may be added. */
typedef struct pri_score {
    uint64_t num_nodes;
    double   divisor; /* of the loss */
    pri_loss loss;    /* in double */
} pri_score;

/* Rows of logits: of `num` vertices from `first` on, `ld` floats apart. Borrowed. */
typedef struct pri_logits {
    const float *rows;
    size_t       ld;
    uint32_t     num_classes;
    pr_vid       first;
    uint32_t     num;
} pri_logits;

/* Score those of the nodes, which ascend and are labelled, that have a row here; added to `score`
 * in their order, by any number of threads. A label is predicted where its logit is above 0. Cannot
 * fail. */
void pri_score_rows(pri_score *score, const pri_logits *logits, const pri_targets *targets,
                    pr_vids nodes);

/* Add what was made of other nodes. Cannot fail. */
void pri_score_add(pri_score *score, const pri_score *more);

/* Give the means. Cannot fail. */
pri_metrics pri_metrics_of(const pri_score *score);

/* Turn one row of logits into probabilities, in place: softmax, and of labels each by itself. */
void pri_softmax_row(float *row, uint32_t num_classes);
void pri_sigmoid_row(float *row, uint32_t num_labels);

/* Give the first of the largest entries. */
uint32_t pri_argmax_row(const float *row, uint32_t num_classes);

/* Write 1 for the labels that a row of logits predicts, and 0. */
void pri_labels_row(const float *row, uint32_t num_labels, uint8_t *out);

#endif
