/* uniform.c: distinct neighbours, every set of them equally likely; draw.h says how. A row that
 * keeps all its neighbours keeps them in stored order and draws nothing. */
#include "base/mem.h"
#include "pipeline/sampler/state.h"

#include <string.h>

/* Scratch of pri_draw_positions, for rows that draw many. */
typedef struct uniform {
    uint32_t num_scratch; /* of a thread; 0: no hop needs any */
    uint32_t scratch[];   /* [threads, num_scratch] */
} uniform;

static pr_status create(const pr_sampler *sampler, void **own)
{
    pr_status st   = PR_OK;
    uint32_t  most = 0;
    uniform  *u;

    for (uint32_t h = 0; h < sampler->fanout.num_layers; h++) {
        const uint32_t count = sampler->fanout.hop[h];
        const uint32_t need  = count < sampler->longest ? pri_draw_scratch(count) : 0;
        if (need > most) most = need;
    }
    const size_t slots = (size_t)sampler->threads * most;
    u                  = pri_calloc(1, sizeof *u + slots * sizeof *u->scratch);
    PR_CHECK(u, PR_E_NOMEM, "no memory for %zu slots of scratch to draw neighbours", slots);
    u->num_scratch = most;
    *own           = u;
done:
    return st;
}

static void choose(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    uniform  *u       = own;
    uint32_t *scratch = u->scratch + (size_t)thread * u->num_scratch;

    for (uint32_t d = begin; d < end; d++) {
        const pri_row  row   = hop->rows[d];
        const uint32_t count = hop->indptr[d + 1] - hop->indptr[d];
        uint32_t      *at    = hop->indices + hop->indptr[d];
        const pr_vid  *from  = hop->graph->indices + row.first;
        if (count == row.degree) {
            if (count) __builtin_prefetch(from, 0, 2);
            continue;
        }
        pri_draw_positions(&hop->words, row.v, row.degree, count, scratch, at);
        for (uint32_t i = 0; i < count; i++) __builtin_prefetch(&from[at[i]], 0, 2);
    }
}

static void read_rows(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    (void)own;
    (void)thread;
    for (uint32_t d = begin; d < end; d++) {
        const pri_row  row   = hop->rows[d];
        const uint32_t count = hop->indptr[d + 1] - hop->indptr[d];
        uint32_t      *at    = hop->indices + hop->indptr[d];
        const pr_vid  *from  = hop->graph->indices + row.first;
        if (count == row.degree && count)
            memcpy(at, from, count * sizeof *at);
        else
            for (uint32_t i = 0; i < count; i++) at[i] = from[at[i]];
        if (hop->entries)
            for (uint32_t i = 0; i < count; i++) __builtin_prefetch(&hop->entries[at[i]], 1, 2);
    }
}

const pri_kind pri_kind_uniform = {
    .create = create,
    .free   = pri_free,
    .choose = choose,
    .read   = read_rows,
};
