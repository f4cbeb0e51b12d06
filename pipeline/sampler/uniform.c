/* uniform.c: the kinds uniform, distinct neighbours, every set of them equally likely, and replace,
 * each neighbour drawn from all; draw.h says how. A row that keeps all its neighbours keeps them in
 * stored order and draws nothing, unless it is to draw with replacement. */
#include "base/mem.h"
#include "pipeline/sampler/draw_lanes.h"
#include "pipeline/sampler/terms.h"

#include <string.h>

typedef struct uniform {
    const pri_draw_lanes *lanes;
    uint32_t              num_scratch; /* of a thread; 0: no hop needs any */
    uint32_t              scratch[];   /* [threads, num_scratch] of pri_draw_positions */
} uniform;

static pr_status create(const pr_sampler *sampler, void **own)
{
    pr_status st = PR_OK;
    uniform  *u;

    const uint32_t most  = pri_draw_scratch(pri_terms_most_drawn(sampler));
    const size_t   slots = (size_t)sampler->threads * most;
    u                    = pri_calloc(1, sizeof *u + slots * sizeof *u->scratch);
    PR_CHECK(u, PR_E_NOMEM, "no memory for %zu slots of scratch to draw neighbours", slots);
    u->lanes       = pri_draw_lanes_of(sampler->options.isa);
    u->num_scratch = most;
    *own           = u;
done:
    return st;
}

/* ---- choose ---- */

/* Fetch what pri_kind_read_places will read. In line: gcc drops calls of functions that only
 * prefetch. */
static inline __attribute__((always_inline)) void fetch(const pri_hop *hop, uint32_t begin,
                                                        uint32_t end)
{
    const pr_vid *arcs = hop->graph->indices;

    for (uint32_t d = begin; d < end; d++)
        for (uint32_t e = hop->indptr[d]; e < hop->indptr[d + 1]; e++)
            __builtin_prefetch(&arcs[hop->rows[d].first + hop->indices[e]], 0, 2);
}

/* Rows that draw many, or keep all they have. */
static void choose_long(uniform *u, const pri_hop *hop, uint32_t begin, uint32_t end,
                        uint32_t thread)
{
    uint32_t *scratch = u->scratch + (size_t)thread * u->num_scratch;

    for (uint32_t d = begin; d < end; d++) {
        const pri_row  row   = hop->rows[d];
        const uint32_t count = hop->indptr[d + 1] - hop->indptr[d];
        const uint32_t start = hop->arcs ? (uint32_t)row.first : 0;
        uint32_t      *at    = hop->indices + hop->indptr[d];
        if (count == row.degree) {
            for (uint32_t i = 0; i < count; i++) at[i] = start + i;
        } else {
            pri_draw_positions(&hop->words, row.v, row.degree, count, scratch, at);
            for (uint32_t i = 0; i < count; i++) at[i] += start;
        }
    }
}

static void choose(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    uniform *u = own;

    if (hop->fanout <= PRI_DRAW_LANES_MOST)
        u->lanes->distinct(hop, begin, end);
    else
        choose_long(u, hop, begin, end, thread);
    if (!hop->arcs) fetch(hop, begin, end);
}

static void choose_repeated(void *own, const pri_hop *hop, uint32_t begin, uint32_t end,
                            uint32_t thread)
{
    uniform *u = own;

    (void)thread;
    (hop->fanout <= PRI_DRAW_LANES_MOST ? u->lanes : &pri_draw_lanes_portable)
        ->repeated(hop, begin, end);
    if (!hop->arcs) fetch(hop, begin, end);
}

const pri_kind pri_kind_uniform = {
    .arcs   = true,
    .create = create,
    .free   = pri_free,
    .choose = choose,
    .read   = pri_kind_read_places,
};

/* ---- replace ---- */

static uint32_t most_repeated(const pr_sampler *sampler, uint32_t fanout, uint32_t longest)
{
    (void)sampler;
    return longest > 0 ? fanout : 0;
}

static uint32_t count_repeated(const void *own, const pri_row *row, uint32_t fanout)
{
    (void)own;
    return row->degree > 0 ? fanout : 0;
}

const pri_kind pri_kind_replace = {
    .arcs   = true,
    .create = create,
    .free   = pri_free,
    .most   = most_repeated,
    .count  = count_repeated,
    .choose = choose_repeated,
    .read   = pri_kind_read_places,
};
