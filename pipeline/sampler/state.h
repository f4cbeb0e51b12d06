/* state.h: what a sampler holds; sampler.c makes it, hop.c draws with it. */
#ifndef PIPELINE_SAMPLER_STATE_H
#define PIPELINE_SAMPLER_STATE_H

#include "base/arena.h"
#include "pipeline/sampler/kind.h"

struct pr_sampler {
    pr_graph           graph; /* arrays borrowed */
    pr_fanout          fanout;
    pr_sampler_options options;
    uint64_t           stream_key;
    uint32_t           max_seeds, threads;
    uint32_t           longest;            /* most arcs of one vertex */
    uint32_t max_nodes[PR_MAX_LAYERS + 1]; /* [h]: destinations of hop h; [num_layers]: inputs */
    uint64_t max_edges[PR_MAX_LAYERS];
    const pri_kind *kind;     /* of the options */
    void           *own;      /* its state */
    const pri_kind *whole;    /* of hops that keep every neighbour: uniform */
    void           *of_whole; /* `own` where the kind is uniform itself */
    pri_relabel     relabel;
    pri_arena arena; /* scratch of one hop, or of the hash; what a batch keeps is in its room */
};

#endif
