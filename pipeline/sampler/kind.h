/* kind.h: what makes one kind of sampling differ from another: which neighbours a row keeps.
 *
 * A hop is drawn in tiles of PRI_TILE destinations. For every tile a kind is asked twice, a tile
 * apart, so that memory one call has asked for arrives before the next reads it:
 *
 *     choose   draws what can be drawn and prefetches what `read` will look at
 *     read     writes the neighbours, as vertices, and prefetches their entries of the relabel
 * table
 *
 * Tiles are drawn by any thread in any order; what a row keeps depends on nothing but the row, the
 * kind's state and the hop's words. */
#ifndef PIPELINE_SAMPLER_KIND_H
#define PIPELINE_SAMPLER_KIND_H

#include <packrat/sampler.h>

#include "base/check.h"
#include "pipeline/sampler/draw.h"
#include "pipeline/sampler/relabel.h"

enum { PRI_TILE = 64 }; /* destinations */

/* A destination's stored arcs: indices[first .. first + degree) of the graph. */
typedef struct pri_row {
    pr_eid   first;
    uint32_t degree;
    pr_vid   v;
} pri_row;

/* One hop of one batch while it is drawn. */
typedef struct pri_hop {
    const pr_graph *graph;
    pri_draw_hop    words; /* key and counters of its random words */
    pr_draw         draw;
    uint32_t        index;  /* 0: the seeds' */
    uint32_t        fanout; /* PR_FANOUT_ALL: every neighbour */
    uint32_t        num_dst;
    const pri_row  *rows;    /* [num_dst] */
    const pr_block *before;  /* the hop before, whose destinations are the first ones of this */
    uint32_t        num_cut; /* of those, the first ones may not list all they kept (exclude.h) */
    const pr_vid   *nodes;   /* vertices of its local ids */
    const uint32_t *indptr;  /* [num_dst + 1]; where `loose`, d * most rather than what d keeps */
    uint32_t       *indices; /* [indptr[num_dst]] out: vertices; `choose` may keep positions here */
    float          *weights; /* the same, where the kind weighs; else NULL */
    uint32_t       *kept;    /* [num_dst] out, where the kind is loose: what d keeps; else NULL */
    bool            arcs;    /* choose: write arcs of the graph, not places in rows */
    const pri_relabel_entry *entries; /* to prefetch by vertex; NULL: do not */
} pri_hop;

typedef struct pri_kind {
    bool loose;  /* what a row keeps is known only when it was drawn: `read` writes hop->kept */
    bool weighs; /* `read` writes hop->weights */
    bool arcs;   /* `choose` leaves arcs of the graph in hop->indices where 32 bits number them
                    (hop->arcs), and fetches nothing: hop.c reads them; `read` is for the rest */

    /* Create the kind's state for a sampler whose graph, fanout, options, threads and longest are
     * set; *own may stay NULL. Only here may it allocate or reserve, for any fanout that terms.h
     * lets through. */
    pr_status (*create)(const pr_sampler *sampler, void **own);
    void (*free)(void *own); /* NULL is fine */
    /* Append what it holds in pages of its own; NULL: nothing. */
    void (*ranges)(const void *own, pr_ranges *ranges);

    /* Most neighbours a row keeps; NULL: min(longest row, fanout). */
    uint32_t (*most)(const pr_sampler *sampler, uint32_t fanout, uint32_t longest);
    /* What a row keeps, unless loose; NULL: min(degree, fanout). */
    uint32_t (*count)(const void *own, const pri_row *row, uint32_t fanout);

    /* Before the first hop of a batch, on the caller's thread; stream_key is the batch's. NULL:
     * nothing to do. */
    void (*begin)(void *own, pr_draw draw, uint64_t stream_key);
    /* Both for rows begin .. end-1, at most PRI_TILE, on any thread; thread < threads. `choose` may
     * be NULL: nothing is known before `read`. */
    void (*choose)(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread);
    void (*read)(void *own, const pri_hop *hop, uint32_t begin, uint32_t end, uint32_t thread);
    /* Behind the last hop, on the caller's thread, with the batch's vertices; NULL: nothing to do.
     */
    void (*end)(void *own, pr_draw draw, pr_vids nodes);
} pri_kind;

extern const pri_kind pri_kind_uniform, pri_kind_replace, pri_kind_weighted, pri_kind_labor,
    pri_kind_walk;

/* `read` of kinds whose `choose` leaves places in rows in hop->indices, where 32 bits do not number
 * the graph's arcs. */
void pri_kind_read_places(void *own, const pri_hop *hop, uint32_t begin, uint32_t end,
                          uint32_t thread);

/* Give the table of a pr_sampler_kind; NULL for other numbers. */
const pri_kind *pri_kind_of(int kind);

#endif
