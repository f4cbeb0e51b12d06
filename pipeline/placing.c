/* placing.c: see placing.h. What a run asks for in bytes comes from the same functions that make
 * its parts, so that the plan and the run cannot drift apart. */
#include "pipeline/placing.h"

#include <math.h>
#include <string.h>

#include "cache/partition.h"
#include "cache/slab.h"
#include "numa/placement.h"
#include "pipeline/ahead.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"
#include "pipeline/link_run.h"
#include "pipeline/parts.h"
#include "pipeline/sampler/bounds.h"
#include "pipeline/worth.h"

/* What is worked with while a placing is made. */
typedef struct draft {
    const pr_train_setup *setup;
    const pr_dataset     *data;
    const pr_topo        *topo;
    pr_fanout             fanout;
    pr_model_shape        shape;
    pr_plan               plan;
    uint64_t              part_rows[PR_MAX_LANES];
    pri_placing          *out;
} draft;

static pr_status read_shape(draft *w)
{
    pr_status               st    = PR_OK;
    const pr_train_options *train = &w->setup->train;

    PR_TRY(pr_fanout_parse(train->fanout, train->layers, &w->fanout));
    PR_TRY(pri_model_shape(&w->setup->model, w->fanout.num_layers, w->data->features.num_cols,
                           w->data->num_classes > 0 ? w->data->num_classes : 1, &w->shape));
done:
    return st;
}

/* ---- lanes ---- */

static uint64_t bytes_of_dense_row(const pr_features *x)
{
    return pri_slab_ld(x->num_cols) * sizeof(float);
}

/* Plan `lanes` lanes rather than as many as there can be. Threads that were asked for and find no
 * core on the nodes that are left are not started: the batches are not worth the others' cores. */
static pr_status plan_fewer(draft *w, pr_plan_options options, uint32_t lanes)
{
    pr_status      st    = PR_OK;
    const uint32_t asked = options.threads;

    options.lanes   = lanes;
    options.threads = 0;
    PR_TRY(pr_topo_plan(w->topo, &options, &w->plan));
    if (asked > 0 && asked < w->plan.num_threads) {
        options.threads = asked;
        PR_TRY(pr_topo_plan(w->topo, &options, &w->plan));
    }
    w->out->fewer_lanes = true;
    const size_t at     = strcspn(w->plan.why, ";"); /* the words on lanes say "as asked for" */
    const size_t room   = sizeof w->plan.why - at;
    const int    n      = snprintf(w->plan.why + at, room, "; %u lane%s: %s", w->plan.num_lanes,
                           w->plan.num_lanes == 1 ? "" : "s", w->out->lanes_why);
    if (asked > w->plan.num_threads && n > 0 && (size_t)n < room)
        (void)snprintf(w->plan.why + at + n, room - (size_t)n, " (%u threads were asked for)",
                       asked);
done:
    return st;
}

/* Plan lanes; where the user left their number open, no more than the batches are worth. */
static pr_status plan_lanes(draft *w)
{
    pr_status             st       = PR_OK;
    const pr_train_setup *setup    = w->setup;
    const int             split    = setup->train.split;
    const pr_features    *x        = &w->data->features;
    const bool            in_place = setup->cache.mode == PR_CACHE_OFF;
    pr_plan_options       options  = { .threads = setup->machine.threads,
                                       .lanes   = setup->placement.lanes,
                                       .numa    = setup->machine.numa };

    PR_TRY(pr_topo_plan(w->topo, &options, &w->plan));
    if (options.lanes > 0 || w->plan.num_lanes == 1) goto done;
    const pri_worth_input input = {
        .num_nodes  = w->data->graph.num_nodes,
        .num_edges  = w->data->graph.num_edges,
        .num_train  = w->data->split[split].train.n,
        .batch_size = pri_link_max_seeds(setup),
        .fanout     = &w->fanout,
        .sampling   = &setup->sampler,
        .row_bytes  = in_place ? 0 : bytes_of_dense_row(x),
        .row_terms  = in_place && x->kind == PR_FEATURES_CSR
                          ? (double)x->indptr[x->num_rows] / (x->num_rows ? x->num_rows : 1)
                          : 0,
        .shape      = &w->shape,
    };
    const uint32_t lanes = pri_worth_lanes(&w->plan, &input, w->out->lanes_why);
    if (lanes < w->plan.num_lanes) PR_TRY(plan_fewer(w, options, lanes));
done:
    return st;
}

/* ---- what is asked for ---- */

/* Give the bytes of a row of the store: CSR rows are as long as they are on average. */
static uint64_t bytes_of_row(const pr_features *x)
{
    if (x->kind == PR_FEATURES_DENSE) return bytes_of_dense_row(x);
    const uint64_t entries = x->indptr[x->num_rows];
    const uint64_t bytes   = entries * (sizeof(uint32_t) + sizeof(float));
    return sizeof(pr_eid) + (bytes + x->num_rows - 1) / (x->num_rows ? x->num_rows : 1);
}

static uint64_t bytes_of_graph(const pr_graph *g)
{
    const uint64_t per_arc = sizeof(pr_vid) + (g->weights ? sizeof(float) : 0);

    return ((uint64_t)g->num_nodes + 1) * sizeof(pr_eid) + g->num_edges * per_arc;
}

/* Tell whether the store may be shards: when there are lanes to share it, or one that is on one of
 * several nodes, and a copy is wanted or allowed. Kernels that read rows in place cannot look up
 * which part has them. */
static bool may_shard(const draft *w)
{
    const bool placed = pr_topo_num_nodes(w->topo) > 1 && w->plan.lane[0].numa_node >= 0;

    if (w->plan.num_lanes < 2 && !placed) return false;
    const int store = w->setup->cache.store;
    if (store == PR_STORE_IN_PLACE || store == PR_STORE_DIRECT) return false;
    return w->setup->cache.mode != PR_CACHE_OFF || !w->out->of_row;
}

/* Give about how many distinct vertices a batch has; at most those of the worst batch. */
static uint64_t expected_inputs(const draft *w, uint32_t num_seeds, uint32_t max_inputs)
{
    const double nodes  = w->data->graph.num_nodes;
    const double degree = (double)w->data->graph.num_edges / nodes;
    double       inputs = num_seeds;

    for (uint32_t h = 0; h < w->fanout.num_layers; h++) {
        const double drawn = w->fanout.hop[h] < degree ? w->fanout.hop[h] : degree;
        inputs             = pri_worth_reach(inputs, inputs * drawn, nodes);
    }
    return inputs < max_inputs ? (uint64_t)inputs : max_inputs;
}

/* Give the slots of a slab that a run is expected to use, in bytes. */
static uint64_t expected_slab(const draft *w, const pr_cache_options *cache, uint64_t inputs)
{
    const size_t   slot_bytes = bytes_of_dense_row(&w->data->features);
    const uint64_t kept = pri_cache_rows_for(cache, w->data->features.num_rows, slot_bytes, inputs);

    if (cache->mode == PR_CACHE_OFF) return 0;
    return (cache->mode == PR_CACHE_PACKED || kept < inputs ? inputs : kept) * slot_bytes;
}

/* Fill in what each lane takes, the largest one: its share of seeds and of what the caches were
 * asked to keep is that of threads. */
static pr_status measure_lanes(const draft *w, pr_demand *d)
{
    pr_status             st      = PR_OK;
    const pr_train_setup *setup   = w->setup;
    const uint64_t        all     = w->plan.num_threads;
    uint32_t              threads = 0;
    pri_sampler_bounds    bounds;
    pri_cache_bytes       bytes = { 0 };
    pr_cache_options      cache = setup->cache;

    for (uint32_t l = 0; l < w->plan.num_lanes; l++)
        if (w->plan.lane[l].num_threads > threads) threads = w->plan.lane[l].num_threads;
    const uint32_t seeds =
        (uint32_t)(((uint64_t)pri_link_max_seeds(setup) * threads + all - 1) / all);
    PR_TRY(
        pri_sampler_measure(&w->data->graph, &w->fanout, &setup->sampler, seeds, threads, &bounds));
    const double part = (double)threads / (double)all;
    if (cache.rows) cache.rows = (uint64_t)ceil((double)cache.rows * part);
    if (cache.bytes) cache.bytes = (uint64_t)ceil((double)cache.bytes * part);
    pri_cache_measure(&cache, w->data->features.num_rows, w->data->features.num_cols,
                      bounds.max_inputs, NULL, &bytes);
    /* One room for each batch that may be drawn ahead, the one in work, and one out of order. */
    const uint64_t rooms           = (uint64_t)pri_ahead_depth(&cache) + 2;
    const uint64_t inputs          = expected_inputs(w, seeds, bounds.max_inputs);
    d->lane_bytes[PR_ITEM_SLAB]    = bytes.slab;
    d->lane_bytes[PR_ITEM_INDEX]   = bytes.index;
    d->lane_bytes[PR_ITEM_SAMPLER] = bounds.sampler_bytes + rooms * bounds.room_bytes;
    d->lane_bytes[PR_ITEM_TAPE] =
        pri_tape_bytes(&w->shape, bounds.max_dst, bounds.max_edges, bounds.max_inputs);
    d->lane_kept_bytes = expected_slab(w, &cache, inputs) + bytes.index + bounds.sampler_bytes;
done:
    return st;
}

/* Place everything; where a copy of the rows was not asked for and has no room, they stay where
 * they are. */
static pr_status make_placement(draft *w)
{
    static const int   copies[] = { -1, 1, 0 }; /* auto, on, off */
    pr_status          st       = PR_OK;
    const pr_features *x        = &w->data->features;
    pr_placement      *p        = &w->out->placement;
    pr_demand          d        = { .num_rows     = x->num_rows,
                                    .row_bytes    = bytes_of_row(x),
                                    .sharded      = may_shard(w),
                                    .graph_bytes  = bytes_of_graph(&w->data->graph),
                                    .graph_copies = copies[w->setup->placement.graph_copies] };

    if (d.sharded && !w->out->of_row) d.shard_unit = pr_store_unit(x, w->plan.num_lanes);
    if (w->out->of_row) {
        for (size_t v = 0; v < x->num_rows; v++) w->part_rows[w->out->of_row[v]]++;
        d.part_rows = w->part_rows;
    }
    PR_TRY(measure_lanes(w, &d));
    PR_TRY(pr_placement_make(w->topo, &w->plan, &d, p));
    if (!d.sharded || p->fits || w->setup->cache.store == PR_STORE_COPIED) goto done;
    d.sharded = false;
    PR_TRY(pr_placement_make(w->topo, &w->plan, &d, p));
    if (p->fits)
        (void)snprintf(p->why, sizeof p->why,
                       "a copy of the rows has no room: they are read where "
                       "they are");
done:
    return st;
}

/* ---- shards ---- */

/* Shards for dealing seeds, of rows that stay where they are. */
static void shards_by_lane(draft *w, int32_t node)
{
    pr_shards *s = &w->out->shards;
    uint64_t   first[PR_MAX_LANES + 1];

    s->num_shards = w->plan.num_lanes;
    pri_placement_cut(&w->plan, w->data->features.num_rows, 0, first);
    for (uint32_t l = 0; l < s->num_shards; l++) {
        s->node[l]      = node;
        s->lane[l]      = l;
        s->first[l + 1] = (pr_vid)first[l + 1];
    }
}

static void shards_of_placement(pri_placing *out)
{
    const pr_placement *p = &out->placement;
    pr_shards          *s = &out->shards;

    s->num_shards = p->num_shards;
    for (uint32_t i = 0; i < p->num_shards; i++) {
        s->node[i]      = p->shard[i].numa_node;
        s->lane[i]      = p->shard[i].lane;
        s->first[i + 1] = (pr_vid)(p->shard[i].first_row + p->shard[i].num_rows);
    }
}

pr_status pri_placing_open(const pr_train_setup *setup, const pr_dataset *dataset,
                           const pr_topo *topo, pri_placing *out)
{
    pr_status st = PR_OK;
    draft     w  = { .setup = setup, .data = dataset, .topo = topo, .out = out };

    PR_CHECK(setup && dataset && topo && out, PR_E_ARG, "setup, dataset, topo or out is NULL");
    memset(out, 0, sizeof *out);
    PR_TRY(read_shape(&w));
    PR_TRY(plan_lanes(&w));
    PR_TRY(pri_parts_open(&setup->placement, dataset->features.num_rows, w.plan.num_lanes,
                          setup->train.seed, &out->of_row, out->parts_why));
    PR_TRY(make_placement(&w));
    if (out->placement.num_shards > 0)
        shards_of_placement(out);
    else
        shards_by_lane(&w, out->placement.num_nodes == 1 ? out->placement.node[0].numa_node : -1);
    out->shards.of_row = out->of_row;
done:
    if (st != PR_OK && out) pri_placing_close(out);
    return st;
}

void pri_placing_close(pri_placing *placing)
{
    pri_free(placing->of_row);
    memset(placing, 0, sizeof *placing);
}

pr_status pr_train_place(const pr_train_setup *setup, const pr_dataset *dataset,
                         const pr_topo *topo, pr_placement *out)
{
    pr_status    st      = PR_OK;
    pri_placing *placing = NULL;

    pr_option_group groups[PR_TRAIN_GROUPS];

    PR_CHECK(setup && dataset && topo && out, PR_E_ARG, "setup, dataset, topo or out is NULL");
    pr_train_groups((pr_train_setup *)(uintptr_t)setup, groups);
    for (int i = 0; i < PR_TRAIN_GROUPS; i++)
        PR_TRY(pr_options_check(groups[i].table, groups[i].target));
    PR_NEW(placing, 1);
    PR_TRY(pri_placing_open(setup, dataset, topo, placing));
    *out = placing->placement;
done:
    if (placing) pri_placing_close(placing);
    pri_free(placing);
    return st;
}
