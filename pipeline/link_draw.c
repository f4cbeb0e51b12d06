/* link_draw.c: see link_draw.h. Words come from stream PRI_STREAM_LINK, counter {step, step, edge,
 * what}: `what` has the negative in its lower half and the attempt in the upper. */
#include "pipeline/link_draw.h"

#include <math.h>

#include "base/rng.h"

__extension__ typedef unsigned __int128 u128;

enum {
    ATTEMPTS = 16,      /* by degree: as long as the vertex itself is drawn */
    SCORED   = 1u << 7, /* attempts of evaluation begin here */
    TURN     = 0xffff   /* attempt at the ends of an edge; no negative is drawn at it */
};

pr_status pri_link_draw_init(const pr_graph *graph, int kind, uint64_t seed, pri_link_draw *out)
{
    pr_status    st     = PR_OK;
    float       *weight = NULL;
    const pr_vid n      = graph->num_nodes;

    *out = (pri_link_draw){ .key = pri_stream_key(seed, PRI_STREAM_LINK), .num_nodes = n };
    if (kind != PR_NEGATIVE_DEGREE) goto done;
    PR_CHECK(graph->num_edges > 0, PR_E_INPUT,
             "--link.negative-sampler degree: no edge is left to train on, so all degrees are 0; "
             "at least one must not be");
    PR_NEW(weight, n);
    for (pr_vid v = 0; v < n; v++)
        weight[v] = (float)pow((double)(graph->indptr[v + 1] - graph->indptr[v]), 0.75);
    const pr_eid   indptr[] = { 0, n };
    const pr_graph row = { .num_nodes = 1, .num_edges = n, .indptr = indptr, .weights = weight };
    PR_TRY(pri_alias_init(&out->alias, &row, 1));
done:
    pri_free(weight);
    return st;
}

void pri_link_draw_clear(pri_link_draw *draw)
{
    pri_alias_clear(&draw->alias);
    *draw = (pri_link_draw){ 0 };
}

pri_link_part pri_link_deal(uint64_t seed, const pr_link_options *options, pr_vid a, pr_vid b)
{
    const uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    const uint64_t hash = pri_mix64(pri_stream_key(seed, PRI_STREAM_LINK) ^ pri_mix64(pair));
    const double   at   = (double)(hash >> 11) * 0x1p-53;

    if (at < options->test_share) return PRI_LINK_TEST;
    return at < options->test_share + options->val_share ? PRI_LINK_VAL : PRI_LINK_TRAIN;
}

static pri_rand4 words_of(const pri_link_draw *draw, pri_link_place place, uint32_t attempt,
                          uint32_t k)
{
    return pri_philox(draw->key, (uint32_t)place.step, (uint32_t)(place.step >> 32), place.edge,
                      (attempt + (place.training ? 0 : SCORED)) << 16 | k);
}

bool pri_link_turned(const pri_link_draw *draw, pri_link_place place)
{
    return words_of(draw, place, ATTEMPTS + 1, TURN).at[0] >> 31;
}

/* Map 64 random bits to 0 .. n-1. */
static pr_vid below(pri_rand4 words, pr_vid n)
{
    const uint64_t bits = (uint64_t)words.at[1] << 32 | words.at[0];
    return (pr_vid)(((u128)bits * n) >> 64);
}

pr_vid pri_link_negative(const pri_link_draw *draw, pri_link_place place, uint32_t k, pr_vid source)
{
    const pri_alias_entry *slots = place.training ? draw->alias.entry : NULL;

    for (uint32_t attempt = 1; slots && attempt <= ATTEMPTS; attempt++) {
        const pri_rand4 words = words_of(draw, place, attempt, k);
        const pr_vid    slot  = below(words, draw->num_nodes);
        const pr_vid    v     = words.at[2] < slots[slot].below ? slot : slots[slot].other;
        if (v != source) return v;
    }
    const pr_vid other = below(words_of(draw, place, 0, k), draw->num_nodes - 1);
    return other + (other >= source);
}
