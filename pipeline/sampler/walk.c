/* walk.c: the vertices that random walks from a destination visit most (PinSAGE: Ying et al., KDD
 * 2018), with their visits as weights.
 *
 * From each destination `walks` walks set out over stored arcs, from a vertex to one of its
 * in-neighbours, each arc equally likely. A walk ends after an arc with probability walk_restart,
 * after walk_length arcs, and at a vertex without in-neighbours. Every vertex at the end of an arc
 * is visited, the destination too when a walk comes back to it; setting out is no visit. Kept are
 * the `fanout` vertices with the most visits; of equals those visited first, by walk and then by
 * place in it. They come in this order.
 *
 * Philox words have key and counters 0, 2 and 3 of draw.h. Counter 1 is
 *
 *     phase << 30 | hop << 24 | walk << 5 | position / 2      12 and 5 bits
 *
 * and arc `position` (0, 1, ...) of a walk takes the block's words 2 (position mod 2) (high) and
 * the next (low): with x = high 2^32 + low and a vertex of n arcs, the arc is number floor(x n /
 * 2^64), and the walk ends behind it when the 32 bits below are less than walk_restart 2^32.
 *
 * A walk is a chain of loads that each wait for the one before. So all walks of a tile, or some
 * thousand of them, go at a time, each of them one load further in turn. */
#include "pipeline/sampler/walk.h"

#include <string.h>

#include "base/mem.h"
#include "pipeline/sampler/state.h"

enum { AT_A_TIME = 1024 /* walks */ };

/* A vertex and its visits. */
typedef struct visited {
    pr_vid   v;
    uint32_t times;
} visited;

/* What one thread needs. */
typedef struct walk_desk {
    pri_walker *walkers; /* [AT_A_TIME] */
    pr_vid     *trace;   /* [rows, walks, length]; PR_VID_NONE behind a walk's end */
    visited    *list;    /* [walks * length] in order of the first visit */
    uint32_t   *slots;   /* [num_slots] place in `list` + 1; 0: free */
    uint32_t   *ranks;   /* [walks * length + 2] by visits */
} walk_desk;

typedef struct walk_state {
    uint32_t       walks, length;
    uint32_t       rows;      /* whose walks go at a time */
    uint32_t       slot_bits; /* of the hash of visited vertices */
    uint64_t       restart;   /* in 2^-32 */
    pri_walk_words words;
    uint32_t       threads;
    walk_desk     *desks; /* [threads] */
} walk_state;

void pri_walk_words_portable(const pri_draw_hop *hop, uint32_t pair, uint32_t num,
                             pri_walker *walkers)
{
    pri_walk_words_with(pri_blocks_portable, hop, pair, num, walkers);
}

static pri_walk_words words_of(int isa)
{
    switch (pri_isa_at_most(isa)) {
#if PRI_X86
    case PR_ISA_AVX512: return pri_walk_words_avx512;
    case PR_ISA_AVX2: return pri_walk_words_avx2;
#endif
    default: return pri_walk_words_portable;
    }
}

/* ---- state ---- */

static void free_walk(void *own)
{
    walk_state *s = own;

    if (!s) return;
    for (uint32_t t = 0; s->desks && t < s->threads; t++) {
        pri_free(s->desks[t].walkers);
        pri_free(s->desks[t].trace);
        pri_free(s->desks[t].list);
        pri_free(s->desks[t].slots);
        pri_free(s->desks[t].ranks);
    }
    pri_free(s->desks);
    pri_free(s);
}

static pr_status create(const pr_sampler *sampler, void **own)
{
    pr_status                 st = PR_OK;
    walk_state               *s  = NULL;
    const pr_sampler_options *o  = &sampler->options;

    PR_NEW(s, 1);
    s->walks            = o->walks;
    s->length           = o->walk_length;
    s->rows             = o->walks < AT_A_TIME ? AT_A_TIME / o->walks : 1;
    s->restart          = (uint64_t)(o->walk_restart * 0x1p32 + 0.5);
    s->words            = words_of(o->isa);
    s->threads          = sampler->threads;
    const size_t visits = (size_t)s->walks * s->length;
    for (s->slot_bits = 4; (size_t)1 << s->slot_bits < 2 * visits;) s->slot_bits++;
    PR_NEW(s->desks, s->threads);
    for (uint32_t t = 0; t < s->threads; t++) {
        walk_desk *desk = &s->desks[t];
        PR_NEW(desk->walkers, AT_A_TIME);
        PR_NEW(desk->trace, s->rows * visits);
        PR_NEW(desk->list, visits);
        PR_NEW(desk->slots, (size_t)1 << s->slot_bits);
        PR_NEW(desk->ranks, visits + 2);
    }
    *own = s;
    s    = NULL;
done:
    free_walk(s);
    return st;
}

static uint32_t most(const pr_sampler *sampler, uint32_t fanout, uint32_t longest)
{
    const uint32_t visits = sampler->options.walks * sampler->options.walk_length;
    const uint32_t num    = visits < sampler->graph.num_nodes ? visits : sampler->graph.num_nodes;

    if (longest == 0) return 0;
    return num < fanout ? num : fanout;
}

/* ---- walking ---- */

/* Let walks number first .. of the rows from `begin` on set out, at most AT_A_TIME; gives how many
 * do. */
static uint32_t set_out(const walk_state *s, const pri_hop *hop, uint32_t begin, uint32_t first,
                        uint32_t end, pri_walker *walkers)
{
    uint32_t num = 0;

    for (uint32_t w = first; w < end; w++) {
        const pri_row *row = &hop->rows[begin + w / s->walks];
        if (row->degree == 0) continue;
        walkers[num++] = (pri_walker){ .arc    = row->first,
                                       .degree = row->degree,
                                       .from   = row->v,
                                       .number = w % s->walks,
                                       .trace  = w * s->length };
    }
    return num;
}

/* Choose every walk's arc and prefetch its source. */
static void take_arcs(const walk_state *s, const pri_hop *hop, uint32_t position, uint32_t num,
                      pri_walker *walkers)
{
    const uint32_t word = 2 * (position % 2);

    for (uint32_t i = 0; i < num; i++) {
        pri_walker    *w       = &walkers[i];
        const uint64_t n       = w->degree;
        const uint64_t product = w->words[word] * n + (w->words[word + 1] * n >> 32);
        w->arc += product >> 32;
        w->degree = (uint32_t)product < s->restart; /* ends */
        __builtin_prefetch(&hop->graph->indices[w->arc], 0, 2);
    }
}

/* Note where the arcs lead; gives how many walks go on, from there. */
static uint32_t visit(const walk_state *s, const pri_hop *hop, uint32_t position, uint32_t num,
                      pri_walker *walkers, pr_vid *trace)
{
    const bool last = position + 1 == s->length;
    uint32_t   left = 0;

    for (uint32_t i = 0; i < num; i++) {
        const pri_walker w        = walkers[i];
        const pr_vid     u        = hop->graph->indices[w.arc];
        const bool       goes_on  = !(w.degree || last);
        trace[w.trace + position] = u;
        walkers[left]             = w;
        walkers[left].at          = u;
        left += goes_on;
        __builtin_prefetch(&hop->graph->indptr[goes_on ? u : 0], 0, 2); /* no branch predicts it */
    }
    return left;
}

/* Find the rows the walks stand on; gives how many have arcs. */
static uint32_t find_rows(const pri_hop *hop, uint32_t num, pri_walker *walkers)
{
    const pr_eid *indptr = hop->graph->indptr;
    uint32_t      left   = 0;

    for (uint32_t i = 0; i < num; i++) {
        pri_walker   w    = walkers[i];
        const pr_eid next = indptr[(size_t)w.at + 1];
        w.arc             = indptr[w.at];
        w.degree          = (uint32_t)(next - w.arc);
        walkers[left]     = w;
        left += w.degree > 0;
    }
    return left;
}

/* Walk from `num` rows, `begin` and on; fills the trace. */
static void walk_rows(const walk_state *s, const pri_hop *hop, uint32_t begin, uint32_t num,
                      const walk_desk *desk)
{
    const uint32_t all = num * s->walks;

    memset(desk->trace, 0xff, (size_t)all * s->length * sizeof *desk->trace); /* PR_VID_NONE */
    for (uint32_t first = 0; first < all; first += AT_A_TIME) {
        const uint32_t end  = all - first < AT_A_TIME ? all : first + AT_A_TIME;
        uint32_t       left = set_out(s, hop, begin, first, end, desk->walkers);
        for (uint32_t position = 0; left > 0; position++) {
            if (position % 2 == 0) s->words(&hop->words, position / 2, left, desk->walkers);
            take_arcs(s, hop, position, left, desk->walkers);
            left = visit(s, hop, position, left, desk->walkers, desk->trace);
            left = find_rows(hop, left, desk->walkers);
        }
    }
}

/* ---- ranking ---- */

/* Count the visits of one row's walks; gives how many vertices were visited. */
static uint32_t count_visits(const walk_state *s, const pr_vid *trace, const walk_desk *desk)
{
    const uint32_t visits = s->walks * s->length, mask = (UINT32_C(1) << s->slot_bits) - 1;
    uint32_t       num = 0;

    memset(desk->slots, 0, ((size_t)mask + 1) * sizeof *desk->slots);
    for (uint32_t i = 0; i < visits; i++) {
        const pr_vid v = trace[i];
        if (v == PR_VID_NONE) continue;
        uint32_t slot = v * UINT32_C(0x9e3779b1) >> (32 - s->slot_bits);
        while (desk->slots[slot] != 0 && desk->list[desk->slots[slot] - 1].v != v)
            slot = (slot + 1) & mask;
        if (desk->slots[slot] == 0) {
            desk->list[num]   = (visited){ v, 0 };
            desk->slots[slot] = ++num;
        }
        desk->list[desk->slots[slot] - 1].times++;
    }
    return num;
}

/* Write the vertices of the list by falling visits, as many as there is room for: a stable counting
 * sort. Gives how many. */
static uint32_t rank(const walk_desk *desk, uint32_t num, uint32_t room, uint32_t *indices,
                     float *weights)
{
    uint32_t highest = 0, before = 0;

    for (uint32_t i = 0; i < num; i++)
        if (desk->list[i].times > highest) highest = desk->list[i].times;
    memset(desk->ranks, 0, ((size_t)highest + 1) * sizeof *desk->ranks);
    for (uint32_t i = 0; i < num; i++) desk->ranks[desk->list[i].times]++;
    for (uint32_t times = highest; times > 0; times--) { /* counts to places of the first */
        const uint32_t own = desk->ranks[times];
        desk->ranks[times] = before;
        before += own;
    }
    for (uint32_t i = 0; i < num; i++) {
        const uint32_t place = desk->ranks[desk->list[i].times]++;
        if (place >= room) continue;
        indices[place] = desk->list[i].v;
        weights[place] = (float)desk->list[i].times;
    }
    return num < room ? num : room;
}

static void read_rows(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    const walk_state *s      = own;
    const walk_desk  *desk   = &s->desks[thread];
    const size_t      visits = (size_t)s->walks * s->length;

    for (uint32_t first = begin; first < end; first += s->rows) {
        const uint32_t num = end - first < s->rows ? end - first : s->rows;
        walk_rows(s, hop, first, num, desk);
        for (uint32_t r = 0; r < num; r++) {
            const uint32_t d = first + r, to = hop->indptr[d];
            const uint32_t found = count_visits(s, desk->trace + r * visits, desk);
            hop->kept[d] =
                rank(desk, found, hop->indptr[d + 1] - to, hop->indices + to, hop->weights + to);
        }
    }
}

const pri_kind pri_kind_walk = {
    .loose  = true,
    .weighs = true,
    .create = create,
    .free   = free_walk,
    .most   = most,
    .read   = read_rows,
};
