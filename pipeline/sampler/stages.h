/* stages.h: from arcs of the graph to local ids, edge by edge, in place.
 *
 *     fetch     ask for the arc's word
 *     read      the arc's vertex; ask for its entry of the relabel table
 *     relabel   the vertex's local id
 *
 * Each edge goes through all three, a fixed number of edges apart, so that memory always has
 * something to bring and the processor something to do meanwhile. */
#ifndef PIPELINE_SAMPLER_STAGES_H
#define PIPELINE_SAMPLER_STAGES_H

#include "pipeline/sampler/relabel.h"

typedef struct pri_stages {
    const pr_vid *arcs;    /* of the graph */
    uint32_t     *at;      /* arcs, then vertices, then local ids */
    pri_relabel  *relabel; /* not to be used by others until the end; NULL: stop behind `read` */
    uint32_t      first, fetched; /* edges first .. fetched-1 went through the first stage */
} pri_stages;

/* Begin with edge `first`. Cannot fail. */
pri_stages pri_stages_start(const pr_vid *arcs, uint32_t *at, pri_relabel *relabel, uint32_t first);

/* Fetch the edges up to `drawn`, and bring on those before them. Cannot fail. */
void pri_stages_run(pri_stages *stages, uint32_t drawn);

/* Bring all edges that were fetched to their end. Cannot fail. */
void pri_stages_end(pri_stages *stages);

#endif
