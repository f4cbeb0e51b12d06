/* stages.c: the loops of stages.h. */
#include "pipeline/sampler/stages.h"

enum { LAG = 128 }; /* edges from one stage to the next; 64 to 256 measure nearly alike */

/* Prefetches reach for the second level: the first one would drop most before they are used. */
#define FETCH(at, writes) __builtin_prefetch((at), (writes), 2)

pri_stages pri_stages_start(const pr_vid *arcs, uint32_t *at, pri_relabel *relabel, uint32_t first)
{
    return (pri_stages){ arcs, at, relabel, first, first };
}

static void read_edges(const pri_stages *s, uint32_t begin, uint32_t end)
{
    for (uint32_t e = begin; e < end; e++) {
        s->at[e] = s->arcs[s->at[e]];
        if (s->relabel) FETCH(&s->relabel->entry[s->at[e]], 1);
    }
}

/* Fetch one more edge, and read the one LAG before it. */
static inline pr_vid step_on(const pr_vid *arcs, uint32_t *at, uint32_t e)
{
    const pr_vid v = arcs[at[e - LAG]];

    FETCH(&arcs[at[e]], 0);
    at[e - LAG] = v;
    return v;
}

void pri_stages_run(pri_stages *s, uint32_t drawn)
{
    const pr_vid *arcs = s->arcs;
    uint32_t     *at   = s->at;
    uint32_t      e    = s->fetched;

    for (; e < drawn && e - s->first < LAG; e++) FETCH(&arcs[at[e]], 0);
    if (!s->relabel) {
        for (; e < drawn; e++) (void)step_on(arcs, at, e);
        s->fetched = e;
        return;
    }
    pri_relabel local = *s->relabel; /* in registers: the stores below could alias it */
    for (; e < drawn && e - s->first < 2 * LAG; e++) FETCH(&local.entry[step_on(arcs, at, e)], 1);
    for (; e < drawn; e++) {
        FETCH(&local.entry[step_on(arcs, at, e)], 1);
        at[e - 2 * LAG] = pri_relabel_one(&local, at[e - 2 * LAG]);
    }
    s->relabel->num = local.num;
    s->fetched      = e;
}

void pri_stages_end(pri_stages *s)
{
    const uint32_t num  = s->fetched - s->first;
    const uint32_t read = s->fetched - (num < LAG ? num : LAG);

    read_edges(s, read, s->fetched);
    if (!s->relabel) return;
    const uint32_t labelled = s->fetched - (num < 2 * LAG ? num : 2 * LAG);
    pri_relabel_fetched(s->relabel, s->at + labelled, s->fetched - labelled);
}
