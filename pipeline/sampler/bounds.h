/* bounds.h: how large the worst legal batch of a sampler is, and what the sampler takes, without
 * making one. */
#ifndef PIPELINE_SAMPLER_BOUNDS_H
#define PIPELINE_SAMPLER_BOUNDS_H

#include <packrat/sampler.h>

typedef struct pri_sampler_bounds {
    uint32_t max_dst[PR_MAX_LAYERS];   /* as pr_sampler_max_dst */
    uint64_t max_edges[PR_MAX_LAYERS]; /* as pr_sampler_max_hop_edges */
    uint32_t max_inputs;               /* as pr_sampler_max_inputs */
    uint64_t sampler_bytes;            /* its tables and scratch */
    uint64_t room_bytes;               /* of one room for its batches */
} pri_sampler_bounds;

/* Give the bounds of the sampler that pr_sampler_create would make of the same arguments; fails as
 * it does, but for memory. O(num_nodes). */
pr_status pri_sampler_measure(const pr_graph *graph, const pr_fanout *fanout,
                              const pr_sampler_options *options, uint32_t max_seeds,
                              uint32_t threads, pri_sampler_bounds *out);

/* Give what the same sampler, and a room of it, have in memory once batches of these sizes were
 * drawn: at most, and as if rooms were as large as the batch. max_dst and max_edges have a number
 * for each hop, as bounds have. */
pr_status pri_sampler_measure_drawn(const pr_graph *graph, const pr_fanout *fanout,
                                    const pr_sampler_options *options,
                                    const pri_sampler_bounds *bounds,
                                    const pri_sampler_bounds *drawn, uint32_t threads, size_t page,
                                    uint64_t *sampler_bytes, uint64_t *room_bytes);

#endif
