/* rank.h: scores for a cache that never changes its mind (--cache.policy static): which rows are
 * worth a slot, decided before the first step. */
#ifndef PIPELINE_RANK_H
#define PIPELINE_RANK_H

#include <packrat/cache.h>
#include <packrat/sampler.h>

#include "pipeline/lane.h"

typedef struct pri_rank_input {
    pr_cache_rank             rank;
    const pr_graph           *graph;
    const pr_fanout          *fanout;
    const pr_sampler_options *sampling; /* NULL: uniform */
    pr_vids                   train;    /* distinct */
    uint64_t                  seed;
    uint32_t                  batch_size;
} pri_rank_input;

/* Score every node.
 *
 *   degree       how many arcs it could be drawn through as a neighbour: its out-degree, and one
 *                more for a training node (PaGraph, SoCC 2020)
 *   presampled   how many of 32 batches want its row (GNNLab, EuroSys 2022). They are drawn as
 *                training draws them but in an epoch and at steps that training never reaches,
 *                so that the run's own future is not among them.
 *
 *   lane     whose thread and team do the work; it need not be equipped
 *   scores   out [num_nodes], free with pri_free; NULL on failure. The same for any threads.
 */
pr_status pri_rank_scores(pri_lane *lane, const pri_rank_input *input, uint32_t **scores);

#endif
