/* metrics.h: loss and accuracy of logits over a list of nodes. */
#ifndef PIPELINE_METRICS_H
#define PIPELINE_METRICS_H

#include "base/check.h"

#include <packrat/nouns.h>

typedef struct pri_metrics {
    uint64_t num_nodes, num_correct;
    double   loss;     /* mean softmax cross entropy; NaN without nodes */
    double   accuracy; /* 0 .. 1; NaN without nodes */
    double   micro_f1; /* equals the accuracy where every node has one class */
} pri_metrics;

/* Score logits [num_nodes of the graph, num_classes], row major without padding, over the labelled
 * nodes listed. Cannot fail. The sum runs in list order. */
pri_metrics pri_metrics_of(const float *logits, uint32_t num_classes, const int32_t *labels,
                           pr_vids nodes);

/* Turn one row of logits into probabilities (softmax), in place. */
void pri_softmax_row(float *row, uint32_t num_classes);

/* Give the first of the largest entries. */
uint32_t pri_argmax_row(const float *row, uint32_t num_classes);

#endif
