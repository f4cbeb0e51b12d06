/* link_score.h: how well embeddings tell edges from pairs that are none.
 *
 * Each edge is ranked among its negative pairs, which share its source; with G of them scoring more
 * and T as much its rank is 1 + G + T/2, the mean of those it would get in all orders of equals.
 *
 *     MRR       mean of 1 / rank                    hits@10   share of ranks up to 10
 *     AUC       of all edges against all negative pairs: the share of (edge, pair) where the edge
 *               scores more, equals counted half
 *     loss      mean over edges of log(1 + exp(-s)), and mean over negatives of log(1 + exp(s)),
 *               halved: as a step's with one negative each */
#ifndef PIPELINE_LINK_SCORE_H
#define PIPELINE_LINK_SCORE_H

#include "loaders/edge_lists.h"
#include "pipeline/link_draw.h"

typedef struct pri_link_metrics {
    uint64_t num_edges;
    double   loss, mrr, hits_at_10, auc; /* NaN without edges, or where a score is NaN */
} pri_link_metrics;

/* What is scored; borrowed. */
typedef struct pri_link_scoring {
    const float         *rows; /* embeddings [num_nodes, cols], ld floats apart */
    size_t               ld, cols;
    const pri_edge_list *edges;
    pri_link_part        part; /* keys the negatives */
    const pri_link_draw *draw;
    uint32_t             negatives;
    const volatile int  *stop; /* NULL, or non-zero to end: PR_E_INTERRUPTED */
} pri_link_scoring;

/* Score on the caller's team; the same bits for any number of threads. Takes 28 bytes an edge from
 * the heap meanwhile. O(edges * negatives * (cols + log edges)). */
pr_status pri_link_score(const pri_link_scoring *scoring, pri_link_metrics *out);

/* Give the bytes it takes for so many edges. */
uint64_t pri_link_score_bytes(uint64_t num_edges);

#endif
