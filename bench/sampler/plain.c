/* plain.c: a sampler without any of packrat's devices: one vertex after the other, scalar Philox
 * (written out here, so that the compiler sees all of it), Floyd's algorithm, a table of 8 bytes a
 * vertex, a branch where there is a question, no prefetch. It is compiled like the rest of the
 * bench, its table and lists lie on huge pages like packrat's, and it draws the same words: so its
 * blocks must be the very same, and what differs is how long they take. */
#include "bench/sampler/plain.h"

#include <stdlib.h>

#include "base/rng.h"
#include "bench/support/bench.h"
#include "bench/support/memory.h"

typedef struct entry {
    uint32_t stamp, local;
} entry;

/* A list on huge pages. */
typedef struct list {
    uint32_t *at;
    size_t    bytes;
} list;

struct bench_plain {
    const pr_graph *graph;
    pr_fanout       fanout;
    uint64_t        stream_key;
    entry          *map;
    uint32_t        stamp;
    list            nodes, indptr[PR_MAX_LAYERS], indices[PR_MAX_LAYERS];
    uint32_t        num_nodes;
    pr_block        block[PR_MAX_LAYERS];
};

static list list_new(size_t count)
{
    const size_t bytes = (count + 1) * sizeof(uint32_t);
    return (list){ bench_block_new(bytes), bytes };
}

bench_plain *bench_plain_new(const pr_graph *graph, const pr_fanout *fanout, uint64_t seed,
                             uint32_t max_seeds)
{
    bench_plain *p     = bench_new(1, sizeof *p);
    uint64_t     nodes = max_seeds;

    p->graph      = graph;
    p->fanout     = *fanout;
    p->stream_key = pri_stream_key(seed, PRI_STREAM_SAMPLE);
    p->map        = bench_block_new(graph->num_nodes * sizeof *p->map);
    for (uint32_t h = 0; h < fanout->num_layers; h++) {
        BENCH_CHECK(fanout->hop[h] <= BENCH_PLAIN_MAX, "the plain sampler draws at most %d",
                    BENCH_PLAIN_MAX);
        const uint64_t edges = nodes * fanout->hop[h];
        p->indptr[h]         = list_new(nodes);
        p->indices[h]        = list_new(edges);
        nodes                = nodes + edges < graph->num_nodes ? nodes + edges : graph->num_nodes;
    }
    p->nodes = list_new(nodes);
    return p;
}

void bench_plain_free(bench_plain *p)
{
    if (!p) return;
    bench_block_free(p->map, p->graph->num_nodes * sizeof *p->map);
    bench_block_free(p->nodes.at, p->nodes.bytes);
    for (uint32_t h = 0; h < p->fanout.num_layers; h++) {
        bench_block_free(p->indptr[h].at, p->indptr[h].bytes);
        bench_block_free(p->indices[h].at, p->indices[h].bytes);
    }
    free(p);
}

/* ---- random words ---- */

typedef struct words {
    uint32_t key[2], counter[4], block[4];
    uint32_t used;
} words;

static inline void next_block(words *w)
{
    uint32_t c0 = w->counter[0], c1 = w->counter[1], c2 = w->counter[2], c3 = w->counter[3];
    uint32_t k0 = w->key[0], k1 = w->key[1];

    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = (uint32_t)b, c2 = n2, c3 = (uint32_t)a;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    w->block[0] = c0, w->block[1] = c1, w->block[2] = c2, w->block[3] = c3;
    w->counter[1]++;
    w->used = 0;
}

static inline uint32_t next_word(words *w)
{
    if (w->used == 4) next_block(w);
    return w->block[w->used++];
}

/* A number below `bound`, by multiplication and exact rejection. */
static inline uint32_t next_below(words *w, uint32_t bound)
{
    uint64_t product = (uint64_t)next_word(w) * bound;

    if ((uint32_t)product < bound)
        while ((uint32_t)product < (0u - bound) % bound) product = (uint64_t)next_word(w) * bound;
    return (uint32_t)(product >> 32);
}

/* ---- the batch ---- */

static uint32_t local_of(bench_plain *p, pr_vid v)
{
    entry *e = &p->map[v];

    if (e->stamp != p->stamp) {
        e->stamp                    = p->stamp;
        e->local                    = p->num_nodes;
        p->nodes.at[p->num_nodes++] = v;
    }
    return e->local;
}

static uint32_t draw_row(bench_plain *p, words w, const pr_vid *row, uint32_t degree,
                         uint32_t fanout, uint32_t *out)
{
    uint32_t chosen[BENCH_PLAIN_MAX];

    if (degree <= fanout) {
        for (uint32_t i = 0; i < degree; i++) out[i] = local_of(p, row[i]);
        return degree;
    }
    for (uint32_t i = 0; i < fanout; i++) {
        const uint32_t j = degree - fanout + i;
        uint32_t       t = next_below(&w, j + 1);
        for (uint32_t c = 0; c < i; c++)
            if (chosen[c] == t) {
                t = j;
                break;
            }
        chosen[i] = t;
        out[i]    = local_of(p, row[t]);
    }
    return fanout;
}

static void draw_hop(bench_plain *p, pr_draw draw, uint32_t hop)
{
    const uint64_t  key     = pri_mix64(p->stream_key + (draw.step >> 32));
    const uint32_t  num_dst = p->num_nodes, c1 = (uint32_t)draw.phase << 30 | hop << 24;
    const pr_graph *g      = p->graph;
    uint32_t       *indptr = p->indptr[hop].at, edges = 0;

    indptr[0] = 0;
    for (uint32_t d = 0; d < num_dst; d++) {
        const pr_vid v = p->nodes.at[d];
        const words  w = { .key     = { (uint32_t)key, (uint32_t)(key >> 32) },
                           .counter = { v, c1, (uint32_t)draw.step, draw.epoch },
                           .used    = 4 };
        edges +=
            draw_row(p, w, g->indices + g->indptr[v], (uint32_t)(g->indptr[v + 1] - g->indptr[v]),
                     p->fanout.hop[hop], p->indices[hop].at + edges);
        indptr[d + 1] = edges;
    }
    p->block[hop] = (pr_block){ .num_dst   = num_dst,
                                .num_src   = p->num_nodes,
                                .num_edges = edges,
                                .indptr    = indptr,
                                .indices   = p->indices[hop].at };
}

void bench_plain_draw(bench_plain *p, pr_vids seeds, pr_draw draw, pr_batch *out)
{
    uint64_t edges = 0;

    p->stamp++;
    p->num_nodes = 0;
    for (size_t i = 0; i < seeds.n; i++) (void)local_of(p, seeds.at[i]);
    for (uint32_t h = 0; h < p->fanout.num_layers; h++) {
        draw_hop(p, draw, h);
        edges += p->block[h].num_edges;
    }
    *out = (pr_batch){ .phase      = draw.phase,
                       .step       = draw.step,
                       .epoch      = draw.epoch,
                       .num_seeds  = (uint32_t)seeds.n,
                       .num_layers = p->fanout.num_layers,
                       .block      = p->block,
                       .nodes      = { p->nodes.at, p->num_nodes },
                       .num_edges  = edges };
}
