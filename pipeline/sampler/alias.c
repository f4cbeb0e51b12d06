/* alias.c: see alias.h. Slots are filled in one sweep: the arcs with less than a slot, in stored
 * order, each take what they lack from the present large arc; when that has less than a slot itself
 * it is filled up from the next large one. All units are accounted for, so the sweep ends exactly
 * when every slot is full, and it needs no memory but the slots. */
#include "pipeline/sampler/alias.h"

#include <math.h>
#include <string.h>

static const uint64_t one = UINT64_C(1) << 32; /* units of a slot */

/* One row's weights as units. */
typedef struct units {
    const float *weights;
    double       scale;
    uint32_t     n, top; /* top: the first of the heaviest arcs, which takes the rounding */
    uint64_t     surplus;
} units;

static uint64_t units_of(const units *u, uint32_t i)
{
    const uint64_t rounded = (uint64_t)((double)u->weights[i] * u->scale + 0.5);
    return rounded + (i == u->top ? u->surplus : 0);
}

/* Sum in parts, so that sums of 2^32 weights stay exact to 2^-33. */
static double sum_of(const float *weights, uint32_t n)
{
    enum { PART = 4096 };
    double sum = 0;

    for (uint32_t begin = 0; begin < n;) {
        const uint32_t end  = n - begin < PART ? n : begin + PART;
        double         part = 0;
        for (uint32_t i = begin; i < end; i++) part += (double)weights[i];
        sum += part;
        begin = end;
    }
    return sum;
}

/* Scale a row of positive sum to n slots of units. */
static units units_init(const float *weights, uint32_t n, double sum)
{
    units    u     = { .weights = weights, .n = n, .scale = (double)n * (double)one / sum };
    uint64_t total = 0;

    u.top = n; /* nowhere yet */
    for (uint32_t i = 0; i < n; i++) total += units_of(&u, i);
    u.top = 0;
    for (uint32_t i = 1; i < n; i++)
        if (weights[i] > weights[u.top]) u.top = i;
    u.surplus = n * one - total; /* modulo 2^64: it may be negative */
    return u;
}

/* Give the first arc from `i` on that has at least a slot (large) or less; n: there is none. */
static uint32_t next_of(const units *u, uint32_t i, bool large)
{
    while (i < u->n && (units_of(u, i) >= one) != large) i++;
    return i;
}

static void fill_row(const units *u, pri_alias_entry *entry)
{
    uint32_t large = next_of(u, 0, true);
    uint64_t left  = units_of(u, large);

    for (uint32_t i = next_of(u, 0, false); i < u->n; i = next_of(u, i + 1, false)) {
        const uint64_t own = units_of(u, i);
        entry[i]           = (pri_alias_entry){ (uint32_t)own, large };
        left -= one - own;
        while (left < one) {
            const uint32_t next = next_of(u, large + 1, true);
            entry[large]        = (pri_alias_entry){ (uint32_t)left, next };
            left                = units_of(u, next) - (one - left);
            large               = next;
        }
    }
    for (; large < u->n; large = next_of(u, large + 1, true))
        entry[large] = (pri_alias_entry){ 0, large }; /* exactly a slot */
}

/* Fill the row of v; gives the arcs of positive weight, or UINT64_MAX when a weight is none. */
static uint64_t build_row(const pr_graph *graph, pr_vid v, pri_alias_entry *entry)
{
    const pr_eid   begin   = graph->indptr[v];
    const uint32_t n       = (uint32_t)(graph->indptr[v + 1] - begin);
    const float   *weights = graph->weights + begin;
    uint64_t       num     = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!(weights[i] >= 0) || !isfinite(weights[i])) return UINT64_MAX;
        num += weights[i] > 0;
    }
    if (num > 0) {
        const units u = units_init(weights, n, sum_of(weights, n));
        fill_row(&u, entry + begin);
    }
    return num;
}

/* Name the first weight of a vertex that is none. */
static pr_status bad_weight(const pr_graph *graph, pr_vid v)
{
    pr_status st = PR_OK;
    pr_eid    e  = graph->indptr[v];

    while (graph->weights[e] >= 0 && isfinite(graph->weights[e])) e++;
    PR_RAISE(PR_E_ARG, "the weight of arc %llu, to vertex %u, is %g, must be finite and at least 0",
             (unsigned long long)e, v, (double)graph->weights[e]);
done:
    return st;
}

/* Keep how many positive arcs each vertex has that has others too. */
static pr_status note_gaps(pri_alias *alias, const pr_graph *graph)
{
    pr_status st = PR_OK;

    alias->gaps_bytes     = ((size_t)graph->num_nodes / 64 + 1) * sizeof *alias->gaps;
    alias->positive_bytes = graph->num_nodes * sizeof *alias->positive;
    alias->gaps           = pri_pages_map(alias->gaps_bytes, 1);
    alias->positive       = pri_pages_map(alias->positive_bytes, 1);
    PR_CHECK(alias->gaps && alias->positive, PR_E_NOMEM,
             "cannot map %zu bytes to count the arcs of positive weight",
             alias->gaps_bytes + alias->positive_bytes);
    for (pr_vid v = 0; v < graph->num_nodes; v++) {
        const pr_eid begin = graph->indptr[v], end = graph->indptr[v + 1];
        uint32_t     num = 0;
        for (pr_eid e = begin; e < end; e++) num += graph->weights[e] > 0;
        alias->positive[v] = num;
        if (num < end - begin) alias->gaps[v / 64] |= UINT64_C(1) << v % 64;
    }
done:
    return st;
}

pr_status pri_alias_init(pri_alias *alias, const pr_graph *graph, uint32_t threads)
{
    pr_status st   = PR_OK;
    pr_vid    bad  = PR_VID_NONE;
    bool      gaps = false;

    *alias       = (pri_alias){ .bytes = (size_t)graph->num_edges * sizeof *alias->entry };
    alias->entry = pri_pages_map(alias->bytes ? alias->bytes : 1, 1);
    PR_CHECK(alias->entry, PR_E_NOMEM, "cannot map %zu bytes to draw %llu arcs by weight",
             alias->bytes, (unsigned long long)graph->num_edges);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 256) reduction(min                 \
                                                                               : bad)              \
    reduction(||                                                                                   \
              : gaps)
    for (pr_vid v = 0; v < graph->num_nodes; v++) {
        const uint64_t num = build_row(graph, v, alias->entry);
        if (num == UINT64_MAX && v < bad) bad = v;
        gaps = gaps || num < graph->indptr[v + 1] - graph->indptr[v];
    }
    if (bad != PR_VID_NONE) PR_TRY(bad_weight(graph, bad));
    if (gaps) PR_TRY(note_gaps(alias, graph));
done:
    if (st != PR_OK) pri_alias_clear(alias);
    return st;
}

void pri_alias_clear(pri_alias *alias)
{
    pri_pages_unmap(alias->entry, alias->bytes ? alias->bytes : 1);
    pri_pages_unmap(alias->gaps, alias->gaps_bytes);
    pri_pages_unmap(alias->positive, alias->positive_bytes);
    *alias = (pri_alias){ 0 };
}

void pri_alias_ranges(const pri_alias *alias, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "sampler", alias->entry, alias->bytes);
    pr_ranges_add(ranges, "sampler", alias->gaps, alias->gaps_bytes);
    pr_ranges_add(ranges, "sampler", alias->positive, alias->positive_bytes);
}
