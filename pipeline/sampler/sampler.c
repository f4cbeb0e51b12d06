/* sampler.c: seeds in, batch out.
 *
 * A batch grows hop by hop. `nodes` lists its vertices in order of discovery, so the vertices of
 * hop h are a prefix, and local ids are places in that list:
 *
 *     nodes     | seeds | new at hop 0 | new at hop 1 | ...
 *     block 0   |- dst -|
 *               |---------- src -------|
 *     block 1   |---------- dst -------|
 *               |----------------- src ---------------| ...
 *
 * hop.c draws one of them, kind.h says which neighbours it keeps. */
#include <packrat/sampler.h>

#include "base/extent.h"
#include "pipeline/sampler/bounds.h"
#include "pipeline/sampler/hash.h"
#include "pipeline/sampler/hop.h"

enum { MAX_THREADS = 4096 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Give the longest row; PR_E_ARG when indptr does not ascend from 0 to num_edges. */
static pr_status longest_row(const pr_graph *graph, uint32_t *out)
{
    pr_status st      = PR_OK;
    uint64_t  longest = 0;

    PR_CHECK(graph->indptr[0] == 0 && graph->indptr[graph->num_nodes] == graph->num_edges, PR_E_ARG,
             "the graph's indptr runs from %llu to %llu, must run from 0 to its %llu edges",
             (unsigned long long)graph->indptr[0],
             (unsigned long long)graph->indptr[graph->num_nodes],
             (unsigned long long)graph->num_edges);
    for (pr_vid v = 0; v < graph->num_nodes; v++) {
        const pr_eid begin = graph->indptr[v], end = graph->indptr[v + 1];
        PR_CHECK(begin <= end && end - begin <= UINT32_MAX, PR_E_ARG,
                 "vertex %u has its arcs from %llu to %llu, must have 0..%u of them", v,
                 (unsigned long long)begin, (unsigned long long)end, UINT32_MAX);
        if (end - begin > longest) longest = end - begin;
    }
    *out = (uint32_t)longest;
done:
    return st;
}

/* Work out the worst legal batch: the vertices and edges of each hop. A hop's destinations are
 * distinct, so all their rows together never exceed the graph, unless rows hold more than their
 * arcs, as a kind with a bound of its own may. */
static void set_bounds(pr_sampler *sampler)
{
    const pr_graph *graph = &sampler->graph;

    sampler->max_nodes[0] = (uint32_t)min_u64(sampler->max_seeds, graph->num_nodes);
    for (uint32_t h = 0; h < sampler->fanout.num_layers; h++) {
        void           *own;
        const pri_kind *kind    = pri_hop_kind(sampler, sampler->fanout.hop[h], &own);
        const uint64_t  num_dst = sampler->max_nodes[h];
        const uint64_t  per_row = pri_hop_most(sampler, sampler->fanout.hop[h]);
        const uint64_t  arcs    = kind->most ? UINT64_MAX : graph->num_edges;
        sampler->max_edges[h]   = min_u64(min_u64(num_dst * per_row, arcs), UINT32_MAX);
        sampler->max_nodes[h + 1] =
            (uint32_t)min_u64(num_dst + sampler->max_edges[h], graph->num_nodes);
    }
}

/* Give the bytes that drawing a hop of the worst legal batch takes, or hashing all of it. */
static size_t scratch_bytes(const pr_sampler *sampler)
{
    const uint32_t num_layers = sampler->fanout.num_layers;
    const size_t   num_inputs = sampler->max_nodes[num_layers];
    const size_t   num_inner  = sampler->max_nodes[num_layers - 1];
    const size_t   line       = 64;
    const size_t   of_hash    = (num_inputs + num_inner) * sizeof(uint64_t) + 2 * line;
    const size_t   of_hop     = pri_hop_scratch(sampler);

    return of_hash > of_hop ? of_hash : of_hop;
}

static pr_status check_create(const pr_graph *graph, const pr_fanout *fanout, uint32_t max_seeds,
                              uint32_t threads)
{
    pr_status st = PR_OK;

    PR_CHECK(graph && fanout, PR_E_ARG, "graph or fanout is NULL");
    PR_CHECK(graph->indptr && (graph->indices || graph->num_edges == 0), PR_E_ARG,
             "the graph has no arrays");
    PR_CHECK(graph->num_nodes >= 1 && graph->num_nodes <= PR_MAX_NODES, PR_E_ARG,
             "the graph has %u vertices, must have 1..%u", graph->num_nodes, PR_MAX_NODES);
    PR_CHECK(fanout->num_layers >= 1 && fanout->num_layers <= PR_MAX_LAYERS, PR_E_ARG,
             "the fanout has %u hops, must have 1..%u", fanout->num_layers, PR_MAX_LAYERS);
    for (uint32_t h = 0; h < fanout->num_layers; h++) {
        const uint32_t value = fanout->hop[h];
        PR_CHECK(value == PR_FANOUT_ALL || (value >= 1 && value <= PR_FANOUT_MAX), PR_E_ARG,
                 "the fanout of hop %u is %u, must be 1..%u or all", h, value, PR_FANOUT_MAX);
    }
    PR_CHECK(max_seeds >= 1, PR_E_ARG, "max_seeds is 0, must be at least 1");
    PR_CHECK(threads >= 1 && threads <= MAX_THREADS, PR_E_ARG,
             "the sampler's threads are %u, must be 1..%u", threads, (uint32_t)MAX_THREADS);
done:
    return st;
}

/* Check the options against their table, and against what the graph has. */
static pr_status check_options(const pr_graph *graph, const pr_sampler_options *options)
{
    pr_status st = PR_OK;

    PR_TRY(pr_options_check(&pr_sampler_option_table, options));
    PR_CHECK(
        options->kind != PR_SAMPLER_WEIGHTED || graph->weights, PR_E_ARG,
        "--sampler weighted needs edge weights, the graph has none (edge_weight.npy, or packrat "
        "import --edge-weights)");
done:
    return st;
}

/* Check what a sampler is made of and fill in all that takes no memory, bounds included. */
static pr_status prepare(const pr_graph *graph, const pr_fanout *fanout,
                         const pr_sampler_options *options, uint32_t max_seeds, uint32_t threads,
                         pr_sampler *sampler)
{
    pr_status          st = PR_OK;
    pr_sampler_options defaults;

    PR_TRY(check_create(graph, fanout, max_seeds, threads));
    pr_sampler_default(&defaults);
    defaults.kind = PR_SAMPLER_UNIFORM;
    if (!options) options = &defaults;
    PR_TRY(check_options(graph, options));
    PR_TRY(longest_row(graph, &sampler->longest));
    sampler->graph     = *graph;
    sampler->fanout    = *fanout;
    sampler->options   = *options;
    sampler->max_seeds = max_seeds;
    sampler->threads   = threads;
    sampler->kind      = pri_kind_of(options->kind);
    sampler->whole     = &pri_kind_uniform;
    set_bounds(sampler);
done:
    return st;
}

pr_status pr_sampler_create(const pr_graph *graph, const pr_fanout *fanout,
                            const pr_sampler_options *options, uint64_t seed, uint32_t max_seeds,
                            uint32_t threads, pr_sampler **out)
{
    pr_status   st      = PR_OK;
    pr_sampler *sampler = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_NEW(sampler, 1);
    PR_TRY(prepare(graph, fanout, options, max_seeds, threads, sampler));
    sampler->stream_key = pri_stream_key(seed, PRI_STREAM_SAMPLE);
    PR_TRY(sampler->kind->create(sampler, &sampler->own));
    sampler->of_whole = sampler->own;
    if (sampler->kind != sampler->whole)
        PR_TRY(sampler->whole->create(sampler, &sampler->of_whole));
    PR_TRY(pri_relabel_init(&sampler->relabel, graph->num_nodes));
    PR_TRY(pri_arena_init(&sampler->arena, scratch_bytes(sampler)));

    *out    = sampler;
    sampler = NULL;
done:
    pr_sampler_free(sampler);
    return st;
}

/* Give the bytes of a kind's tables and desks, as packrat/sampler.h states them. */
static uint64_t kind_bytes(const pr_sampler *s)
{
    const pr_sampler_options *o      = &s->options;
    const uint64_t            nodes  = s->graph.num_nodes;
    const uint64_t            visits = (uint64_t)o->walks * o->walk_length;

    switch (o->kind) {
    case PR_SAMPLER_WEIGHTED: return 8 * s->graph.num_edges + 4 * nodes;
    case PR_SAMPLER_WALK: return s->threads * (UINT64_C(100000) + 32 * visits);
    case PR_SAMPLER_LABOR:
        return o->cache_bias > 1
                   ? nodes + nodes / 8 + 1 +
                         4 * (uint64_t)o->bias_window * s->max_nodes[s->fanout.num_layers]
                   : 0;
    default: return 0;
    }
}

pr_status pri_sampler_measure(const pr_graph *graph, const pr_fanout *fanout,
                              const pr_sampler_options *options, uint32_t max_seeds,
                              uint32_t threads, pri_sampler_bounds *out)
{
    pr_status  st      = PR_OK;
    pr_sampler sampler = { 0 };

    PR_TRY(prepare(graph, fanout, options, max_seeds, threads, &sampler));
    *out = (pri_sampler_bounds){ .max_inputs = pr_sampler_max_inputs(&sampler),
                                 .room_bytes = pri_room_bytes(&sampler),
                                 .sampler_bytes =
                                     kind_bytes(&sampler) + scratch_bytes(&sampler) +
                                     sizeof(pri_relabel_entry) * (uint64_t)graph->num_nodes };
    for (uint32_t h = 0; h < fanout->num_layers; h++) {
        out->max_dst[h]   = sampler.max_nodes[h];
        out->max_edges[h] = sampler.max_edges[h];
    }
done:
    return st;
}

/* Give what a room for the worst batch has in memory of one of these sizes: the vertices come first
 * and have room for all there can be, everything else follows closely. */
static uint64_t room_resident(const pr_sampler *drawn, const pri_sampler_bounds *bounds,
                              size_t page)
{
    const uint64_t   vertices = pr_sampler_max_inputs(drawn) * sizeof(pr_vid);
    const uint64_t   behind   = ((uint64_t)bounds->max_inputs + 1) * sizeof(pr_vid);
    const pri_extent part[]   = { { 0, vertices }, { behind, pri_room_bytes(drawn) - vertices } };

    return pri_extents_resident(part, 2, bounds->room_bytes, page);
}

pr_status pri_sampler_measure_drawn(const pr_graph *graph, const pr_fanout *fanout,
                                    const pr_sampler_options *options,
                                    const pri_sampler_bounds *bounds,
                                    const pri_sampler_bounds *drawn, uint32_t threads, size_t page,
                                    uint64_t *sampler_bytes, uint64_t *room_bytes)
{
    pr_status  st      = PR_OK;
    pr_sampler sampler = { 0 };

    PR_TRY(prepare(graph, fanout, options, bounds->max_dst[0], threads, &sampler));
    const uint64_t most = scratch_bytes(&sampler);
    for (uint32_t h = 0; h < fanout->num_layers; h++) {
        const uint32_t value = fanout->hop[h];
        void          *own;
        const bool     loose = pri_hop_kind(&sampler, value, &own)->loose;
        const uint64_t slots = (uint64_t)drawn->max_dst[h] * pri_hop_most(&sampler, value);
        sampler.max_nodes[h] = drawn->max_dst[h];
        sampler.max_edges[h] = loose ? slots : drawn->max_edges[h];
    }
    sampler.max_nodes[fanout->num_layers] = drawn->max_inputs;
    *sampler_bytes = kind_bytes(&sampler) + sizeof(pri_relabel_entry) * (uint64_t)graph->num_nodes +
                     pri_prefix_resident(scratch_bytes(&sampler), most, page);
    *room_bytes = room_resident(&sampler, bounds, page);
done:
    return st;
}

void pr_sampler_free(pr_sampler *sampler)
{
    if (!sampler) return;
    pri_arena_clear(&sampler->arena);
    pri_relabel_clear(&sampler->relabel);
    if (sampler->kind) sampler->kind->free(sampler->own);
    if (sampler->whole && sampler->of_whole != sampler->own)
        sampler->whole->free(sampler->of_whole);
    pri_free(sampler);
}

void pr_sampler_ranges(const pr_sampler *sampler, pr_ranges *ranges)
{
    const pri_relabel *relabel = &sampler->relabel;

    pr_ranges_add(ranges, "sampler", relabel->entry, relabel->num_nodes * sizeof *relabel->entry);
    pr_ranges_add(ranges, "sampler", sampler->arena.base, sampler->arena.bytes);
    if (sampler->kind->ranges) sampler->kind->ranges(sampler->own, ranges);
}

uint32_t pr_sampler_max_inputs(const pr_sampler *sampler)
{
    return sampler->max_nodes[sampler->fanout.num_layers];
}

uint64_t pr_sampler_max_edges(const pr_sampler *sampler)
{
    uint64_t edges = 0;
    for (uint32_t h = 0; h < sampler->fanout.num_layers; h++) edges += sampler->max_edges[h];
    return edges;
}

uint32_t pr_sampler_max_dst(const pr_sampler *sampler, uint32_t hop)
{
    return hop < sampler->fanout.num_layers ? sampler->max_nodes[hop] : 0;
}

uint64_t pr_sampler_max_hop_edges(const pr_sampler *sampler, uint32_t hop)
{
    return hop < sampler->fanout.num_layers ? sampler->max_edges[hop] : 0;
}

/* Enter the seeds as the first vertices of the batch. */
static pr_status take_seeds(pr_sampler *sampler, pr_vids seeds)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < seeds.n; i++) {
        const pr_vid v = seeds.at[i];
        PR_CHECK(v < sampler->graph.num_nodes, PR_E_ARG,
                 "seed %zu is vertex %u, the graph has vertices 0..%u", i, v,
                 sampler->graph.num_nodes - 1);
        const uint32_t place = pri_relabel_one(&sampler->relabel, v);
        PR_CHECK(place == i, PR_E_ARG, "vertex %u is a seed twice, at %u and at %zu", v, place, i);
    }
done:
    return st;
}

/* Fill in the batch's nodes and hash from the finished blocks. */
static pr_status finish(pr_sampler *sampler, const pr_batch_room *room, pr_batch *batch)
{
    pr_status       st   = PR_OK;
    const pr_block *last = &room->block[batch->num_layers - 1];
    uint64_t       *inputs, *inner;

    batch->block = room->block;
    batch->nodes = (pr_vids){ sampler->relabel.nodes, sampler->relabel.num };
    for (uint32_t h = 0; h < batch->num_layers; h++) batch->num_edges += batch->block[h].num_edges;

    pri_arena_reset(&sampler->arena);
    PR_TAKE(&sampler->arena, inputs, batch->nodes.n);
    PR_TAKE(&sampler->arena, inner, last->num_dst);
    batch->hash = pri_hash_batch(batch, sampler->threads, inputs, inner);
done:
    return st;
}

pr_status pr_sampler_draw(pr_sampler *sampler, pr_batch_room *room, pr_vids seeds, pr_draw draw,
                          pr_batch *out)
{
    pr_status     st    = PR_OK;
    const int64_t began = pr_now_ns();
    pri_terms     terms;
    pr_vid       *nodes;

    PR_CHECK(sampler && room && out, PR_E_ARG, "sampler, room or out is NULL");
    *out = (pr_batch){ 0 };
    PR_CHECK(seeds.at || seeds.n == 0, PR_E_ARG, "%zu seeds at NULL", seeds.n);
    PR_CHECK(seeds.n <= sampler->max_seeds, PR_E_ARG, "the batch has %zu seeds, at most %u allowed",
             seeds.n, sampler->max_seeds);
    PR_CHECK((uint32_t)draw.phase <= PR_PHASE_SERVE, PR_E_ARG, "phase is %d, must be 0..%d",
             (int)draw.phase, (int)PR_PHASE_SERVE);

    const size_t most = pri_room_bytes(sampler);
    PR_CHECK(room->arena.bytes >= most, PR_E_ARG,
             "the room has %zu bytes, this sampler's batches may need %zu: it was made for another",
             room->arena.bytes, most);

    PR_TRY(pri_terms_of(sampler, draw, &terms));

    pri_arena_reset(&room->arena);
    PR_TAKE(&room->arena, nodes, (size_t)pr_sampler_max_inputs(sampler) + 1);
    pri_relabel_start(&sampler->relabel, nodes);
    PR_TRY(take_seeds(sampler, seeds));
    if (sampler->kind->begin) sampler->kind->begin(sampler->own, draw, terms.stream_key);
    for (uint32_t h = 0; h < sampler->fanout.num_layers; h++)
        PR_TRY(pri_hop_draw(sampler, room, &terms, h));

    pr_batch batch = {
        .phase      = draw.phase,
        .step       = draw.step,
        .epoch      = draw.epoch,
        .num_seeds  = (uint32_t)seeds.n,
        .positions  = draw.positions,
        .num_layers = sampler->fanout.num_layers,
    };
    PR_TRY(finish(sampler, room, &batch));
    if (sampler->kind->end) sampler->kind->end(sampler->own, draw, batch.nodes);
    batch.sample_ns = pr_now_ns() - began;
    *out            = batch;
done:
    return st;
}

pr_status pr_sampler_remember(pr_sampler *sampler, uint64_t step, pr_vids nodes)
{
    pr_status     st   = PR_OK;
    const pr_draw draw = { .phase = PR_PHASE_TRAIN, .step = step };

    PR_CHECK(sampler && (nodes.at || nodes.n == 0), PR_E_ARG, "sampler or nodes is NULL");
    PR_CHECK(nodes.n <= pr_sampler_max_inputs(sampler), PR_E_ARG,
             "a batch of %zu vertices, at most %u allowed", nodes.n,
             pr_sampler_max_inputs(sampler));
    for (size_t i = 0; i < nodes.n; i++)
        PR_CHECK(nodes.at[i] < sampler->graph.num_nodes, PR_E_ARG,
                 "vertex %u, the graph has vertices 0..%u", nodes.at[i],
                 sampler->graph.num_nodes - 1);
    if (sampler->kind->begin) sampler->kind->begin(sampler->own, draw, sampler->stream_key);
    if (sampler->kind->end) sampler->kind->end(sampler->own, draw, nodes);
done:
    return st;
}
