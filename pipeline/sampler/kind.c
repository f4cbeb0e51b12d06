/* kind.c: the kinds by number, and what several of them do alike. */
#include "pipeline/sampler/kind.h"

const pri_kind *pri_kind_of(int kind)
{
    switch (kind) {
    case PR_SAMPLER_UNIFORM: return &pri_kind_uniform;
    case PR_SAMPLER_REPLACE: return &pri_kind_replace;
    case PR_SAMPLER_WEIGHTED: return &pri_kind_weighted;
    case PR_SAMPLER_LABOR: return &pri_kind_labor;
    case PR_SAMPLER_WALK: return &pri_kind_walk;
    default: return NULL;
    }
}

void pri_kind_read_places(void *own, const pri_hop *hop, uint32_t begin, uint32_t end,
                          uint32_t thread)
{
    (void)own;
    (void)thread;
    for (uint32_t d = begin; d < end; d++) {
        const pr_vid *from = hop->graph->indices + hop->rows[d].first;
        for (uint32_t e = hop->indptr[d]; e < hop->indptr[d + 1]; e++) {
            const pr_vid v  = from[hop->indices[e]];
            hop->indices[e] = v;
            if (hop->entries) __builtin_prefetch(&hop->entries[v], 1, 2);
        }
    }
}
