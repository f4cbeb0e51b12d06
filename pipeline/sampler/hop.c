/* hop.c: one hop, in three passes.
 *
 *     rows      every destination's place in the graph and its row start, in parallel
 *     draw      tile by tile, in parallel, each row on its own: neighbours as vertices
 *     relabel   tile by tile, in order: vertices to local ids, in place
 *
 * On one thread the last two run one tile apart, so that a tile's neighbours are on their way while
 * the next one is drawn. On several, threads draw tiles as they come, and whoever finds the next
 * tile in order drawn relabels it: relabelling is never done by two threads, nobody waits for it,
 * and its order is that of the tiles. So how threads share the work cannot change the result.
 *
 * Where rows change once they are drawn, of a loose kind or because of what the draw excludes, all
 * of the hop is drawn first, then closed up and relabelled. */
#include "pipeline/sampler/hop.h"

#include "pipeline/sampler/exclude.h"
#include "pipeline/sampler/stages.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

enum {
    ROW_AHEAD     = 32,    /* row starts fetched ahead */
    CHUNK         = 4096,  /* rows that are counted by one thread */
    TURN          = 16,    /* tiles a thread draws before it looks for some to relabel */
    PARALLEL_FROM = 16384, /* a hop with fewer edges takes a team longer than one thread, which
                              draws one tile while it relabels another */
};

const pri_kind *pri_hop_kind(const pr_sampler *sampler, uint32_t fanout, void **own)
{
    const bool whole = fanout == PR_FANOUT_ALL && !sampler->kind->loose;

    *own = whole ? sampler->of_whole : sampler->own;
    return whole ? sampler->whole : sampler->kind;
}

uint32_t pri_hop_most(const pr_sampler *sampler, uint32_t fanout)
{
    void           *own;
    const pri_kind *kind = pri_hop_kind(sampler, fanout, &own);

    if (kind->most) return kind->most(sampler, fanout, sampler->longest);
    return fanout < sampler->longest ? fanout : sampler->longest;
}

static uint32_t num_chunks(uint32_t num_dst)
{
    return num_dst / CHUNK + 1;
}

static uint32_t num_turns(uint32_t num_dst)
{
    return num_dst / (TURN * PRI_TILE) + 1;
}

size_t pri_hop_scratch(const pr_sampler *sampler)
{
    const uint32_t num_dst = sampler->max_nodes[sampler->fanout.num_layers - 1];
    const size_t   line    = 64;

    return num_dst * (sizeof(pri_row) + sizeof(uint32_t)) + num_chunks(num_dst) * sizeof(uint64_t) +
           num_turns(num_dst) * sizeof(atomic_bool) + 4 * line;
}

/* ---- rows ---- */

/* Where the rows of a hop are put, and what they keep. */
typedef struct row_pass {
    const pr_graph *graph;
    const pri_kind *kind;
    const void     *own;
    uint32_t        fanout, most; /* most: of a loose kind, else 0 */
    const pr_vid   *nodes;
    uint32_t        num_dst;
    pri_row        *rows;   /* [num_dst] */
    uint32_t       *indptr; /* [num_dst + 1] */
    uint64_t       *sums;   /* [num_chunks] edges of a chunk, then where it starts */
} row_pass;

static uint32_t count_of(const row_pass *pass, const pri_row *row)
{
    if (pass->most) return row->degree > 0 ? pass->most : 0;
    if (pass->kind->count) return pass->kind->count(pass->own, row, pass->fanout);
    return row->degree < pass->fanout ? row->degree : pass->fanout;
}

/* Find the rows of one chunk; row starts are written as if the chunk were the first. */
static void find_rows(const row_pass *pass, uint32_t chunk)
{
    const pr_eid  *indptr = pass->graph->indptr;
    const uint32_t begin  = chunk * CHUNK;
    const uint32_t end    = pass->num_dst - begin < CHUNK ? pass->num_dst : begin + CHUNK;
    uint64_t       edges  = 0;

    for (uint32_t d = begin; d < end; d++) {
        const pr_vid  v   = pass->nodes[d];
        const pri_row row = { indptr[v], (uint32_t)(indptr[v + 1] - indptr[v]), v };
        __builtin_prefetch(&indptr[pass->nodes[pass->num_dst - d > ROW_AHEAD ? d + ROW_AHEAD : d]],
                           0, 2);
        pass->rows[d] = row;
        edges += count_of(pass, &row);
        pass->indptr[d + 1] = (uint32_t)edges;
    }
    pass->sums[chunk] = edges;
}

/* Find the rows of all destinations and their row starts; gives the edges, which may be more than
 * row starts can hold. */
static uint64_t find_all_rows(const row_pass *pass, uint32_t threads)
{
    const uint32_t chunks   = num_chunks(pass->num_dst);
    const bool     parallel = threads > 1 && pass->num_dst > 2 * CHUNK;
    uint64_t       edges    = 0;

#pragma omp parallel for num_threads(threads) schedule(static) if (parallel)
    for (uint32_t c = 0; c < chunks; c++) find_rows(pass, c);

    for (uint32_t c = 0; c < chunks; c++) {
        const uint64_t own = pass->sums[c];
        pass->sums[c]      = edges;
        edges += own;
    }
    pass->indptr[0] = 0;
#pragma omp parallel for num_threads(threads) schedule(static) if (parallel)
    for (uint32_t c = 1; c < chunks; c++) {
        const uint32_t begin = c * CHUNK;
        const uint32_t end   = pass->num_dst - begin < CHUNK ? pass->num_dst : begin + CHUNK;
        for (uint32_t d = begin; d < end; d++) pass->indptr[d + 1] += (uint32_t)pass->sums[c];
    }
    return edges;
}

/* ---- draw and relabel ---- */

/* A hop in work. */
typedef struct work {
    const pri_kind *kind;
    void           *own;
    pri_hop         hop;
    pri_relabel    *relabel;
    bool            closes; /* rows change once they are drawn: relabelled at the end */
    uint32_t        num_tiles;
    atomic_uint     next_turn; /* to be drawn */
    atomic_bool     busy;      /* somebody relabels */
    atomic_uint     labelled;  /* turns that were relabelled */
    atomic_bool    *drawn;     /* [num_turns] */
} work;

static uint32_t first_of(const work *w, uint32_t tile)
{
    const uint64_t first = (uint64_t)tile * PRI_TILE;
    return first < w->hop.num_dst ? (uint32_t)first : w->hop.num_dst;
}

static void choose(const work *w, uint32_t tile, uint32_t thread)
{
    if (!w->kind->choose) return;
    w->kind->choose(w->own, &w->hop, first_of(w, tile), first_of(w, tile + 1), thread);
}

static void read_tile(const work *w, uint32_t tile, uint32_t thread)
{
    w->kind->read(w->own, &w->hop, first_of(w, tile), first_of(w, tile + 1), thread);
}

/* Draw tiles begin .. end-1 of a kind that chooses arcs: every edge through the stages as it is
 * drawn. */
static void draw_staged(const work *w, uint32_t begin, uint32_t end, pri_relabel *relabel,
                        uint32_t thread)
{
    const uint32_t *indptr = w->hop.indptr;
    pri_stages      stages = pri_stages_start(w->hop.graph->indices, w->hop.indices, relabel,
                                              indptr[first_of(w, begin)]);

    for (uint32_t t = begin; t < end; t++) {
        choose(w, t, thread);
        pri_stages_run(&stages, indptr[first_of(w, t + 1)]);
    }
    pri_stages_end(&stages);
}

/* Relabel tiles begin .. end-1. */
static void relabel(const work *w, uint32_t begin, uint32_t end, bool fetched)
{
    const uint32_t from = w->hop.indptr[first_of(w, begin)], to = w->hop.indptr[first_of(w, end)];

    if (fetched)
        pri_relabel_fetched(w->relabel, w->hop.indices + from, to - from);
    else
        pri_relabel_array(w->relabel, w->hop.indices + from, to - from);
}

/* One thread: choose, read and relabel three tiles in a row at a time, or edges in stages. */
static void draw_alone(const work *w)
{
    const uint32_t num = w->num_tiles;

    if (w->hop.arcs) {
        draw_staged(w, 0, num, w->closes ? NULL : w->relabel, 0);
        return;
    }
    if (num) choose(w, 0, 0);
    for (uint32_t t = 0; t < num; t++) {
        if (t + 1 < num) choose(w, t + 1, 0);
        read_tile(w, t, 0);
        if (w->closes) continue;
        if (t) relabel(w, t - 1, t, true);
    }
    if (num && !w->closes) relabel(w, num - 1, num, true);
}

/* Relabel what is drawn and next in order, unless somebody does. Whoever finds a turn drawn after
 * it gave way comes back to it: no turn is left behind. */
static void relabel_drawn(work *w, uint32_t turns)
{
    for (;;) {
        uint32_t next = atomic_load(&w->labelled);
        if (next == turns || !atomic_load(&w->drawn[next]) || atomic_exchange(&w->busy, true))
            return;
        for (next = atomic_load(&w->labelled); next < turns && atomic_load(&w->drawn[next]); next++)
            relabel(w, next * TURN,
                    next * TURN + TURN < w->num_tiles ? next * TURN + TURN : w->num_tiles, false);
        atomic_store(&w->labelled, next);
        atomic_store(&w->busy, false);
    }
}

static void draw_turn(const work *w, uint32_t begin, uint32_t end, uint32_t thread)
{
    if (w->hop.arcs) {
        draw_staged(w, begin, end, NULL, thread);
        return;
    }
    choose(w, begin, thread);
    for (uint32_t t = begin; t < end; t++) {
        if (t + 1 < end) choose(w, t + 1, thread);
        read_tile(w, t, thread);
    }
}

/* Draw turns as long as there are any. */
static void draw_turns(work *w, uint32_t turns, uint32_t thread)
{
    for (uint32_t turn; (turn = atomic_fetch_add(&w->next_turn, 1)) < turns;) {
        const uint32_t begin = turn * TURN;
        draw_turn(w, begin, w->num_tiles - begin < TURN ? w->num_tiles : begin + TURN, thread);
        if (w->closes) continue;
        atomic_store(&w->drawn[turn], true);
        relabel_drawn(w, turns);
    }
}

static void draw_together(work *w, uint32_t threads)
{
    const uint32_t turns = (w->num_tiles + TURN - 1) / TURN;

    for (uint32_t t = 0; t < turns; t++) atomic_init(&w->drawn[t], false);
#pragma omp parallel num_threads(threads)
    draw_turns(w, turns, (uint32_t)omp_get_thread_num());
}

/* Take out what seeds exclude, close the gaps that rows leave, and relabel what is left.
 *
 *   num_seeds   destinations that may exclude some */
static void close_up(const work *w, uint32_t *indptr, uint32_t num_seeds)
{
    const pri_hop    *hop     = &w->hop;
    const pr_exclude *exclude = hop->draw.exclude;
    uint32_t          to      = 0;

    for (uint32_t d = 0; d < hop->num_dst; d++) {
        const uint32_t from    = indptr[d];
        pr_vid        *row     = hop->indices + from;
        float         *weights = hop->weights ? hop->weights + from : NULL;
        uint32_t       num     = w->kind->loose ? hop->kept[d] : indptr[d + 1] - from;
        if (exclude && d < num_seeds) num = pri_exclude_row(exclude, d, row, weights, num);
        indptr[d] = to;
        if (to != from) {
            memmove(hop->indices + to, row, num * sizeof *row);
            if (weights) memmove(hop->weights + to, weights, num * sizeof *weights);
        }
        to += num;
    }
    indptr[hop->num_dst] = to;
    pri_relabel_array(w->relabel, hop->indices, to);
}

/* ---- the hop ---- */

/* Describe the rows of a hop whose destinations are all vertices known so far. */
static row_pass pass_of(const pr_sampler *sampler, const work *w, uint32_t fanout)
{
    return (row_pass){ .graph   = &sampler->graph,
                       .kind    = w->kind,
                       .own     = w->own,
                       .fanout  = fanout,
                       .most    = w->kind->loose ? pri_hop_most(sampler, fanout) : 0,
                       .nodes   = sampler->relabel.nodes,
                       .num_dst = sampler->relabel.num };
}

/* Describe the hop once its rows are found. */
static pri_hop hop_of(const pr_sampler *sampler, const row_pass *pass, const pr_block *before,
                      const pri_terms *terms, uint32_t index, uint32_t num_seeds)
{
    return (pri_hop){
        .graph   = &sampler->graph,
        .words   = pri_draw_hop_of(terms->stream_key, terms->draw, index),
        .draw    = terms->draw,
        .index   = index,
        .fanout  = pass->fanout,
        .num_dst = pass->num_dst,
        .rows    = pass->rows,
        .before  = before,
        .num_cut = before && terms->draw.exclude ? num_seeds : 0,
        .nodes   = pass->nodes,
        .indptr  = pass->indptr,
        .arcs    = pass->kind->arcs && sampler->graph.num_edges <= UINT32_MAX,
    };
}

pr_status pri_hop_draw(pr_sampler *sampler, pr_batch_room *room, const pri_terms *terms,
                       uint32_t index)
{
    pr_status      st      = PR_OK;
    const uint32_t num_dst = sampler->relabel.num;
    work           w       = { .relabel = &sampler->relabel };

    w.kind        = pri_hop_kind(sampler, terms->fanout->hop[index], &w.own);
    row_pass pass = pass_of(sampler, &w, terms->fanout->hop[index]);
    pri_arena_reset(&sampler->arena);
    PR_TAKE(&room->arena, pass.indptr, (size_t)num_dst + 1);
    PR_TAKE(&sampler->arena, pass.rows, num_dst);
    PR_TAKE(&sampler->arena, pass.sums, num_chunks(num_dst));
    PR_TAKE(&sampler->arena, w.drawn, num_turns(num_dst));
    const uint64_t edges = find_all_rows(&pass, sampler->threads);
    PR_CHECK(edges <= UINT32_MAX, PR_E_FULL,
             "hop %u of step %llu %s %llu edges, at most %u fit a batch; use a smaller --fanout "
             "or --batch-size",
             index, (unsigned long long)terms->draw.step, w.kind->loose ? "may have" : "has",
             (unsigned long long)edges, UINT32_MAX);

    w.num_tiles = num_dst / PRI_TILE + (num_dst % PRI_TILE != 0);
    const bool together =
        sampler->threads > 1 && edges >= PARALLEL_FROM && w.num_tiles > TURN; /* of use to two */
    const uint32_t num_seeds = index ? room->block[0].num_dst : num_dst;
    w.closes                 = w.kind->loose || terms->draw.exclude;
    w.hop = hop_of(sampler, &pass, index ? &room->block[index - 1] : NULL, terms, index, num_seeds);
    if (!together && !w.closes) w.hop.entries = sampler->relabel.entry;
    PR_TAKE(&room->arena, w.hop.indices, edges);
    if (w.kind->weighs) PR_TAKE(&room->arena, w.hop.weights, edges);
    if (w.kind->loose) PR_TAKE(&sampler->arena, w.hop.kept, num_dst);
    if (together)
        draw_together(&w, sampler->threads);
    else
        draw_alone(&w);
    if (w.closes) close_up(&w, pass.indptr, num_seeds);

    room->block[index] = (pr_block){
        .num_dst   = num_dst,
        .num_src   = sampler->relabel.num,
        .num_edges = pass.indptr[num_dst],
        .indptr    = pass.indptr,
        .indices   = w.hop.indices,
        .weights   = w.hop.weights,
    };
done:
    return st;
}
