/* weighted.c: distinct arcs, one after the other, each in proportion to the weights of those left.
 *
 * An arc is drawn by one look into the row's slots (alias.h). One that was drawn before is thrown
 * away and the next attempt is made: given that it is another arc, it comes in proportion to the
 * weights of those left, as it should. After PRI_WEIGHTED_MISSES such attempts in a row little
 * weight is left, and the rest of the row is drawn by reading its weights (leftover.h).
 *
 * Words are those of draw.h's stream, two by two: attempt a = 0, 1, ... of a vertex is words 2 a
 * (high) and 2 a + 1 (low), which say slot and unit; a draw of leftover.h takes the next two. So a
 * draw is right to 2^-32 of the row's weight for each attempt it made.
 *
 * A row with no more positive arcs than the fanout keeps exactly these, in stored order, and draws
 * nothing; arcs of weight 0 are never kept. (Hops of fanout all are not drawn here: they keep all.)
 *
 * Nobody waits for memory: attempts, as many as most rows need, are drawn for sixteen rows at a
 * time and a tile ahead, and their slots prefetched. The arcs that come of them are read by hop.c,
 * or a tile later where 32 bits do not number them. */
#include "pipeline/sampler/weighted.h"

#include "base/mem.h"
#include "pipeline/sampler/leftover.h"
#include "pipeline/sampler/terms.h"

/* What one thread needs. */
typedef struct weighted_desk {
    pri_weighted_stage stage[2]; /* of even and odd tiles: one is drawn ahead */
    double            *sums;     /* of leftover.h */
    uint32_t          *set;      /* of chosen.h */
} weighted_desk;

typedef struct weighted {
    pri_alias         alias;
    pri_weighted_draw draw;
    uint64_t          batches; /* begun */
    uint32_t          threads;
    weighted_desk    *desks; /* [threads] */
    double           *sums;
    uint32_t         *sets;
} weighted;

void pri_weighted_draw_portable(const pri_alias *alias, const pri_hop *hop, uint32_t begin,
                                pri_weighted_stage *stage)
{
    pri_weighted_draw_with(pri_blocks_portable, alias, hop, begin, stage);
}

static pri_weighted_draw draw_of(int isa)
{
    switch (pri_isa_at_most(isa)) {
#if PRI_X86
    case PR_ISA_AVX512: return pri_weighted_draw_avx512;
    case PR_ISA_AVX2: return pri_weighted_draw_avx2;
#endif
    default: return pri_weighted_draw_portable;
    }
}

static void free_weighted(void *own)
{
    weighted *w = own;

    if (!w) return;
    pri_alias_clear(&w->alias);
    pri_pages_unmap(w->desks, w->threads * sizeof *w->desks);
    pri_free(w->sums);
    pri_free(w->sets);
    pri_free(w);
}

static void ranges_of(const void *own, pr_ranges *ranges)
{
    const weighted *w = own;

    pri_alias_ranges(&w->alias, ranges);
    pr_ranges_add(ranges, "sampler", w->desks, w->threads * sizeof *w->desks);
}

static pr_status create(const pr_sampler *sampler, void **own)
{
    pr_status    st       = PR_OK;
    weighted    *w        = NULL;
    const size_t num_set  = pri_chosen_scratch(pri_terms_most_drawn(sampler));
    const size_t num_sums = pri_leftover_scratch(sampler->longest);

    PR_NEW(w, 1);
    w->threads = sampler->threads;
    w->draw    = draw_of(sampler->options.isa);
    PR_NEW(w->sums, w->threads * num_sums);
    PR_NEW(w->sets, w->threads * num_set);
    w->desks = pri_pages_map(w->threads * sizeof *w->desks, 0);
    PR_CHECK(w->desks, PR_E_NOMEM, "cannot map %zu bytes to draw on %u threads",
             w->threads * sizeof *w->desks, w->threads);
    for (uint32_t t = 0; t < w->threads; t++) {
        w->desks[t].sums = w->sums + t * num_sums;
        w->desks[t].set  = w->sets + t * num_set;
    }
    PR_TRY(pri_alias_init(&w->alias, &sampler->graph, sampler->threads));
    *own = w;
    w    = NULL;
done:
    free_weighted(w);
    return st;
}

static uint32_t count(const void *own, const pri_row *row, uint32_t fanout)
{
    const weighted *w        = own;
    const uint32_t  positive = pri_alias_positive(&w->alias, row->v, row->degree);

    return positive < fanout ? positive : fanout;
}

/* Attempts drawn ahead: some fail, more where rows are short. Any number gives the same batch. */
static uint32_t attempts_for(uint32_t fanout)
{
    const uint32_t enough = fanout + fanout / 4 + 2;
    return enough < PRI_WEIGHTED_STAGED ? (enough + 1) / 2 * 2 : PRI_WEIGHTED_STAGED;
}

static uint32_t tile_end(const pri_hop *hop, uint32_t begin)
{
    return hop->num_dst - begin < PRI_TILE ? hop->num_dst : begin + PRI_TILE;
}

/* Give the attempts of the tile that begins there, drawn now unless they are. */
static pri_weighted_stage *stage_of(const weighted *w, const pri_hop *hop, uint32_t begin,
                                    weighted_desk *desk)
{
    const uint64_t      tile   = begin / PRI_TILE;
    const uint64_t      serial = (w->batches * PR_MAX_LAYERS + hop->index) << 32 | tile;
    pri_weighted_stage *stage  = &desk->stage[tile % 2];

    if (stage->serial == serial) return stage;
    stage->serial    = serial;
    stage->num_drawn = 0;
    stage->attempts  = attempts_for(hop->fanout);
    for (uint32_t d = begin; d < tile_end(hop, begin); d++) {
        const pri_row  row      = hop->rows[d];
        const uint32_t kept     = hop->indptr[d + 1] - hop->indptr[d];
        const uint32_t positive = pri_alias_positive(&w->alias, row.v, row.degree);
        if (kept < positive) stage->row[stage->num_drawn++] = (uint8_t)(d - begin);
        if (kept == positive && kept < row.degree)
            __builtin_prefetch(&hop->graph->weights[row.first], 0, 2);
    }
    w->draw(&w->alias, hop, begin, stage);
    return stage;
}

/* A stream of words from an attempt's first on. */
static pri_words words_from(const pri_hop *hop, pr_vid v, uint32_t attempt)
{
    pri_words words = pri_words_start(hop->words.key, v, hop->words.phase_hop + attempt / 2,
                                      hop->words.step, hop->words.epoch);

    for (uint32_t skip = 2 * (attempt % 2); skip > 0; skip--) (void)pri_words_next(&words);
    return words;
}

/* Take what an attempt hit unless it is chosen; gives how many have failed in a row. */
static inline uint32_t try_place(pri_chosen *chosen, const pri_alias_entry *entry, uint32_t slot,
                                 uint32_t unit, uint32_t misses)
{
    const pri_alias_entry e = entry[slot];
    const uint32_t is_other = 0u - (uint32_t)(unit >= e.below); /* no branch could predict it */
    const uint32_t position = slot ^ ((slot ^ e.other) & is_other);

    if (pri_chosen_has(chosen, position)) return misses + 1;
    pri_chosen_add(chosen, position);
    return 0;
}

/* Draw what the stage's attempts left to be drawn of row d. */
static void draw_rest(const weighted *w, const pri_hop *hop, uint32_t d, const weighted_desk *desk,
                      uint32_t attempt, uint32_t misses, pri_chosen *chosen)
{
    const pri_row          row   = hop->rows[d];
    const pri_alias_entry *entry = w->alias.entry + row.first;
    pri_words              words = words_from(hop, row.v, attempt);

    while (chosen->num < chosen->wanted && misses < PRI_WEIGHTED_MISSES) {
        uint32_t       slot, unit;
        const uint32_t high = pri_words_next(&words);
        pri_weighted_place(high, pri_words_next(&words), row.degree, &slot, &unit);
        misses = try_place(chosen, entry, slot, unit, misses);
    }
    if (chosen->num < chosen->wanted)
        pri_leftover_draw(hop->graph->weights + row.first, row.degree, desk->sums, &words, chosen);
}

/* A row that the stage's attempts did not fill. */
typedef struct unfilled {
    uint32_t d, num; /* positions it has */
    uint32_t attempt, misses;
} unfilled;

/* Prefetch the slots of the next attempts of a row. */
static void fetch_rest(const weighted *w, const pri_hop *hop, const unfilled *rest)
{
    enum { FETCHED = 4 }; /* most rows need no more */
    const pri_row row   = hop->rows[rest->d];
    pri_words     words = words_from(hop, row.v, rest->attempt);

    for (int i = 0; i < FETCHED; i++) {
        uint32_t       slot, unit;
        const uint32_t high = pri_words_next(&words);
        pri_weighted_place(high, pri_words_next(&words), row.degree, &slot, &unit);
        __builtin_prefetch(&w->alias.entry[row.first + slot], 0, 2);
    }
}

/* Draw positions of row d, the stage's `drawn`-th, from its attempts; false: some are left to be
 * drawn as *rest says. */
static bool draw_row(const weighted *w, const pri_hop *hop, uint32_t d, const weighted_desk *desk,
                     const pri_weighted_stage *stage, uint32_t drawn, unfilled *rest)
{
    const pri_alias_entry *entry  = w->alias.entry + hop->rows[d].first;
    const uint32_t         wanted = hop->indptr[d + 1] - hop->indptr[d];
    const uint32_t         lane   = drawn % PRI_LANES;
    const pri_word_lanes  *slot   = stage->slot[drawn / PRI_LANES];
    const pri_word_lanes  *unit   = stage->unit[drawn / PRI_LANES];
    uint32_t              *at     = hop->indices + hop->indptr[d];
    uint32_t               few[PRI_CHOSEN_FEW], misses = 0, a = 0;
    pri_chosen             chosen = pri_chosen_start(wanted, few, at, desk->set);

    for (; a < stage->attempts && chosen.num < wanted && misses < PRI_WEIGHTED_MISSES; a++)
        misses = try_place(&chosen, entry, slot[a].at[lane], unit[a].at[lane], misses);
    if (!chosen.set) memcpy(at, few, wanted * sizeof *at);
    *rest = (unfilled){ d, chosen.num, a, misses };
    return chosen.num == wanted;
}

/* Draw what is left of a row. */
static void fill_row(const weighted *w, const pri_hop *hop, const weighted_desk *desk,
                     const unfilled *rest)
{
    const uint32_t wanted = hop->indptr[rest->d + 1] - hop->indptr[rest->d];
    uint32_t      *at     = hop->indices + hop->indptr[rest->d];
    uint32_t       few[PRI_CHOSEN_FEW];
    pri_chosen     chosen = pri_chosen_start(wanted, few, at, desk->set);

    for (uint32_t i = 0; i < rest->num; i++) pri_chosen_add(&chosen, at[i]);
    draw_rest(w, hop, rest->d, desk, rest->attempt, rest->misses, &chosen);
    if (!chosen.set) memcpy(at, few, wanted * sizeof *at);
}

/* Write the places of the arcs of positive weight, all or not. */
static void keep_positive(const pri_hop *hop, uint32_t d)
{
    const pri_row  row     = hop->rows[d];
    const float   *weights = hop->graph->weights + row.first;
    const uint32_t kept    = hop->indptr[d + 1] - hop->indptr[d];
    uint32_t      *at      = hop->indices + hop->indptr[d];

    for (uint32_t i = 0; kept == row.degree && i < kept; i++) at[i] = i;
    for (uint32_t i = 0; kept < row.degree && i < row.degree; i++)
        if (weights[i] > 0) *at++ = i;
}

/* Turn places into arcs of the graph, or prefetch their sources. */
static void place_row(const pri_hop *hop, uint32_t d)
{
    const pr_eid   first = hop->rows[d].first;
    const uint32_t kept  = hop->indptr[d + 1] - hop->indptr[d];
    uint32_t      *at    = hop->indices + hop->indptr[d];

    if (hop->arcs)
        for (uint32_t i = 0; i < kept; i++) at[i] += (uint32_t)first;
    else
        for (uint32_t i = 0; i < kept; i++)
            __builtin_prefetch(&hop->graph->indices[first + at[i]], 0, 2);
}

static void begin_batch(void *own, pr_draw draw, uint64_t stream_key)
{
    weighted *w = own;

    (void)draw;
    (void)stream_key;
    w->batches++;
}

static void choose(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread)
{
    const weighted           *w     = own;
    weighted_desk            *desk  = &w->desks[thread];
    const pri_weighted_stage *stage = stage_of(w, hop, begin, desk);
    unfilled                  rest[PRI_TILE];
    uint32_t                  drawn = 0, num_rest = 0;

    if (end < hop->num_dst) (void)stage_of(w, hop, end, desk);
    for (uint32_t d = begin; d < end; d++) {
        if (drawn == stage->num_drawn || stage->row[drawn] != d - begin)
            keep_positive(hop, d);
        else if (!draw_row(w, hop, d, desk, stage, drawn++, &rest[num_rest]))
            fetch_rest(w, hop, &rest[num_rest++]);
    }
    for (uint32_t i = 0; i < num_rest; i++) fill_row(w, hop, desk, &rest[i]);
    for (uint32_t d = begin; d < end; d++) place_row(hop, d);
}

const pri_kind pri_kind_weighted = {
    .arcs   = true,
    .create = create,
    .free   = free_weighted,
    .ranges = ranges_of,
    .count  = count,
    .begin  = begin_batch,
    .choose = choose,
    .read   = pri_kind_read_places,
};
