/* stages.c: the loops of stages.h. */
#include "pipeline/sampler/stages.h"

#ifndef LAG
#define LAG 64
#endif
#ifndef LOC1
#define LOC1 2
#define LOC2 2
#endif
/* Read edges begin .. end-1. */
static void read_edges(const pri_stages *s, uint32_t begin, uint32_t end)
{
    for (uint32_t e = begin; e < end; e++) {
        s->at[e] = s->arcs[s->at[e]];
        __builtin_prefetch(&s->relabel->entry[s->at[e]], 1, LOC2);
    }
}

void pri_stages_run(pri_stages *stages, uint32_t drawn)
{
    const pr_vid *arcs  = stages->arcs;
    uint32_t     *at    = stages->at;
    pri_relabel   local = *stages->relabel; /* in registers: the stores below could alias it */
    uint32_t      e     = stages->fetched;

    for (; e < drawn && e < LAG; e++) __builtin_prefetch(&arcs[at[e]], 0, LOC1);
    for (; e < drawn && e < 2 * LAG; e++) {
        __builtin_prefetch(&arcs[at[e]], 0, LOC1);
        read_edges(stages, e - LAG, e - LAG + 1);
    }
    for (; e < drawn; e++) {
        const pr_vid v = arcs[at[e - LAG]];
        __builtin_prefetch(&arcs[at[e]], 0, LOC1);
        __builtin_prefetch(&local.entry[v], 1, LOC2);
        at[e - LAG]     = v;
        at[e - 2 * LAG] = pri_relabel_one(&local, at[e - 2 * LAG]);
    }
    stages->relabel->num = local.num;
    stages->fetched      = e;
}

void pri_stages_end(pri_stages *stages)
{
    const uint32_t end     = stages->fetched;
    const uint32_t read    = end > LAG ? end - LAG : 0;
    const uint32_t labeled = end > 2 * LAG ? end - 2 * LAG : 0;

    read_edges(stages, read, end);
    pri_relabel_fetched(stages->relabel, stages->at + labeled, end - labeled);
}
