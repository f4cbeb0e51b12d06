/* budget.c: see budget.h. */
#include "pipeline/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/extent.h"
#include "cache/partition.h"
#include "cache/slab.h"
#include "loaders/row_format.h"
#include "pipeline/ahead.h"
#include "pipeline/lanes_open.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

enum { MIB = 1 << 20, FEW_WAITING = 8, INDEX_OF_SLOT = 64 };

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- the dataset ---- */

static uint64_t bytes_of_graph(const pr_dataset *data)
{
    const pr_graph *g     = &data->graph;
    uint64_t        bytes = (g->num_nodes + UINT64_C(1)) * sizeof(pr_eid);

    bytes += g->num_edges * (sizeof(pr_vid) + (g->weights ? sizeof(float) : 0));
    if (data->labels) bytes += g->num_nodes * sizeof *data->labels;
    if (data->targets) bytes += (uint64_t)g->num_nodes * data->num_classes;
    for (int i = 0; i < PR_NUM_SPLITS; i++) {
        const pr_split *s = &data->split[i];
        if (data->has_split[i]) bytes += (s->train.n + s->val.n + s->test.n) * sizeof(pr_vid);
    }
    return bytes;
}

uint64_t pri_budget_rows(const pr_features *x, int store)
{
    const uint64_t     n     = x->num_rows;
    const pr_row_file *file  = x->file;
    const uint64_t     scale = file && file->scale ? n * sizeof(float) : 0;

    if (x->kind == PR_FEATURES_CSR)
        return (n + 1) * sizeof *x->indptr + x->indptr[n] * (sizeof *x->indices + sizeof *x->data);
    if (store == PR_STORE_DIRECT) return scale;
    const uint64_t mine = file ? file->row_bytes : x->ld * sizeof(float);
    if (store != PR_STORE_COPIED) return n * mine + scale;
    const int      format = file ? (int)file->format : PR_ROWS_F32;
    const uint64_t copied = n * pri_row_slot_bytes(pri_row_bytes(format, x->num_cols));
    return copied + scale + (file ? 0 : n * mine); /* the loader's own stay */
}

/* ---- a lane ---- */

static pr_cache_options cache_of(const pri_budget_input *in, const pri_budget_choice *choice,
                                 uint32_t lane)
{
    pr_cache_options cache = in->setup->cache;
    uint64_t         share[PR_MAX_LANES];

    if (!choice->open) return pri_lanes_cache(in->rule, cache, lane);
    pri_split_shares(in->rule, choice->capacity_rows, share);
    cache.rows   = share[lane];
    cache.bytes  = 0;
    cache.factor = 0;
    return cache;
}

/* Tell whether a limit may decide the capacity: no option does. */
static bool is_open(const pr_train_setup *setup)
{
    pr_cache_options        usual = { 0 };
    const pr_option_group   group = { &pr_cache_option_table, &usual };
    const pr_cache_options *own   = &setup->cache;

    pr_options_init(&group, 1);
    return own->mode == PR_CACHE_RESIDENT && !own->rows && !own->bytes &&
           own->factor == usual.factor; /* as it was read from the same words */
}

static uint64_t staging_row(const pr_features *x)
{
    return pri_row_slot_bytes(x->file->row_bytes);
}

/* Rows in staging: at most, together with a full slab; and of these, what reading early may use. */
typedef struct staged_rows {
    uint64_t most, early;
} staged_rows;

/* Give them for a lane whose rows stay in their file.
 *
 *     w   rows of the largest batch       S   slots of the slab: C, or w if that is more
 *     f   that the one before had not     a   lists that are read early
 *     C   rows that the cache keeps       q   bytes of a slot of the slab, in those of staging
 *
 * A row is in both while it is placed: a step takes slots for what the slab has afterwards, and
 * staging for what it brought. The slab fills from its first slot on, and staging gives back what
 * it does not use as long as that lasts (fetcher.h). With P rows in staging beside a full slab:
 *
 *     step 1       w rows come, into w slots                 q S + P >= q w + w
 *     step t > 1   n rows come, into at most S slots         q S + P >= q S + n
 *     early        a lists of n rows, the next one first     q S + P >= q S + a n
 *
 * where n = min(w, f + max(0, w - C)): after step t - 1 the slab has all rows of that batch, but
 * for those that bypassed it. So P = max(w - q (S - w), n, a n). Batches of evaluation come out of
 * order, and may miss all their rows while early ones wait: then P = max(w - q (S - w), a n + w).
 */
static staged_rows rows_staged(const pri_budget_input *in, const pri_budget_choice *choice,
                               uint32_t lane)
{
    const pri_preview_sizes *sizes = &in->lane[lane];
    const pr_features       *x     = &in->data->features;
    const pr_cache_options   cache = cache_of(in, choice, lane);
    const size_t             slot  = pri_slab_ld(x->num_cols) * sizeof(float);
    const uint64_t           w     = sizes->drawn.max_inputs;
    const uint64_t           kept  = pri_cache_rows_for(&cache, x->num_rows, slot, w);
    const uint64_t           slots = cache.mode == PR_CACHE_PACKED ? w : most(kept, w);
    const uint64_t           need  = least(w, sizes->max_fresh + (kept < w ? w - kept : 0));
    const uint64_t           empty = (slots - w) * slot / staging_row(x); /* at step 1 */
    const uint64_t           first = w > empty ? w - empty : 0;
    const uint64_t           asked = in->setup->io.staging;
    uint64_t early = least(choice->ahead * need, sizes->bounds.max_inputs); /* see fetcher.h */

    if (asked) early = least(early, asked / staging_row(x));
    const bool     between = in->eval == PR_EVAL_SAMPLED;
    const uint64_t later   = between ? early + w : most(need, early);
    const uint64_t rows    = least(most(first, later), x->num_rows);
    return (staged_rows){ .most = rows, .early = between ? early : rows };
}

/* Slab, index and staging of one lane. */
static void add_cache(const pri_budget_input *in, const pri_budget_choice *choice, uint32_t lane,
                      size_t page, uint64_t *bytes)
{
    const pri_preview_sizes *sizes  = &in->lane[lane];
    const pr_features       *x      = &in->data->features;
    const pr_cache_options   cache  = cache_of(in, choice, lane);
    const uint64_t           wanted = sizes->drawn.max_inputs;
    const size_t             slot   = pri_slab_ld(x->num_cols) * sizeof(float);
    pr_io_options            io     = in->setup->io;
    pri_cache_bytes          used, whole;

    io.ahead                     = 0; /* early rows are added below */
    const pri_cache_reads  reads = { &io, x->file ? x->file->row_bytes : 0 };
    const pri_cache_reads *from  = in->store == PR_STORE_DIRECT ? &reads : NULL;
    pri_cache_measure(&cache, x->num_rows, x->num_cols, (uint32_t)wanted, from, &used);
    pri_cache_measure(&cache, x->num_rows, x->num_cols, sizes->bounds.max_inputs, from, &whole);
    if (cache.mode != PR_CACHE_OFF) {
        const uint64_t kept  = pri_cache_rows_for(&cache, x->num_rows, slot, wanted);
        const uint64_t slots = cache.mode == PR_CACHE_PACKED ? wanted : most(kept, wanted);
        bytes[PR_MEMORY_SLAB] +=
            pri_prefix_resident((slots + 1) * slot, most(whole.slab, used.slab), page);
    }
    /* Each of its arrays may end within a huge page. */
    enum { ARRAYS = 12 };
    bytes[PR_MEMORY_INDEX] += used.index + least(ARRAYS * (uint64_t)page, whole.index - used.index);
    if (!from) return;
    /* Tables of who is where count with the index. */
    const staged_rows staged  = rows_staged(in, choice, lane);
    const uint64_t    row     = staging_row(x);
    const uint64_t    more    = staged.most > wanted ? staged.most - wanted : 0;
    const uint64_t    table   = x->num_rows * sizeof(uint32_t) + wanted * 2 * sizeof(pr_vid);
    const uint64_t    counted = table + wanted * row;
    bytes[PR_MEMORY_INDEX] += table + more * 2 * sizeof(pr_vid);
    bytes[PR_MEMORY_STAGING] += most(used.staging, counted) - counted + staged.most * row;
}

static uint32_t num_rooms(const pri_budget_input *in, const pri_budget_choice *choice)
{
    pr_cache_options cache = in->setup->cache;
    uint32_t         window;

    cache.lookahead = choice->window;
    window          = pri_ahead_limit(&cache);
    if (in->pipelined) window += pri_ahead_depth(&cache) - window; /* and those to spare */
    return window + 1 + (in->eval == PR_EVAL_SAMPLED);
}

/* Sampler, rooms and tape of one lane. */
static void add_lane(const pri_budget_input *in, const pri_budget_choice *choice, uint32_t lane,
                     size_t page, uint64_t *bytes)
{
    const pri_preview_sizes *sizes = &in->lane[lane];
    const bool               sparse =
        in->data->features.kind == PR_FEATURES_CSR && in->setup->cache.mode == PR_CACHE_OFF;
    pri_tape_sizes whole = { .inputs = sizes->bounds.max_inputs };
    pri_tape_sizes used  = { .inputs = sizes->drawn.max_inputs };

    for (uint32_t h = 0; h < in->fanout->num_layers; h++) {
        whole.dst[h]   = sizes->bounds.max_dst[h];
        whole.edges[h] = sizes->bounds.max_edges[h];
        used.dst[h]    = sizes->drawn.max_dst[h];
        used.edges[h]  = sizes->drawn.max_edges[h];
    }
    add_cache(in, choice, lane, page, bytes);
    bytes[PR_MEMORY_TAPE] += pri_tape_resident(in->shape, &whole, &used, sparse, page);
    bytes[PR_MEMORY_SAMPLER] += sizes->sampler_bytes;
    bytes[PR_MEMORY_BATCHES] += num_rooms(in, choice) * sizes->room_bytes;
    if (in->graph_copied) {
        const pr_graph *g = &in->data->graph;
        bytes[PR_MEMORY_GRAPH] +=
            g->num_nodes * sizeof(pr_eid) +
            g->num_edges * (sizeof(pr_vid) + (g->weights ? sizeof(float) : 0)) + 3 * page;
    }
}

/* ---- all of it ---- */

/* What a checkpoint of a run with a cache bias takes: the batches that it remembers, a copy of them
 * while they are written, and those that were read. */
static uint64_t bytes_of_recall(const pri_budget_input *in)
{
    const pr_sampler_options *o      = &in->setup->sampler;
    uint64_t                  inputs = 0;

    if (!in->setup->train.checkpoint[0] || o->kind != PR_SAMPLER_LABOR || o->cache_bias < 2)
        return 0;
    for (uint32_t l = 0; l < in->rule->num_lanes; l++) inputs += in->lane[l].drawn.max_inputs;
    return (in->setup->train.resume ? 3 : 2) * o->bias_window * inputs * sizeof(pr_vid);
}

/* What a run keeps beside: seeds in order, the ring of the log, figures of steps, and with several
 * lanes who has which vertex. */
static uint64_t bytes_of_rest(const pri_budget_input *in)
{
    const uint64_t seeds = in->data->split[in->setup->train.split].train.n * sizeof(pr_vid);
    const uint64_t nodes = in->data->graph.num_nodes;
    const uint64_t steps = UINT64_C(65536) * sizeof(int64_t);
    const uint64_t log   = in->setup->train.log[0] ? 4 * (uint64_t)MIB : 0;

    return seeds + steps + log + bytes_of_recall(in) + (in->rule->num_lanes > 1 ? 9 * nodes : 0);
}

uint64_t pri_budget_bytes(const pri_budget_input *in, const pri_budget_choice *choice,
                          uint64_t bytes[PR_NUM_MEMORY_ITEMS])
{
    const size_t   page   = pri_page_most();
    const uint64_t params = in->shape->num_parameters;
    const uint64_t graph  = bytes_of_graph(in->data) + in->link.graph;
    uint64_t       total  = 0;

    memset(bytes, 0, PR_NUM_MEMORY_ITEMS * sizeof *bytes);
    bytes[PR_MEMORY_BASE] =
        in->base_bytes + PRI_BUDGET_TO_COME + in->threads * PRI_BUDGET_OF_THREAD;
    bytes[PR_MEMORY_GRAPH] = graph;
    /* Rows that opening looked at are here already, whatever the store does with them later. */
    const uint64_t here   = in->opened_bytes > graph + MIB ? in->opened_bytes - graph : 0;
    const uint64_t rows   = pri_budget_rows(&in->data->features, in->store);
    bytes[PR_MEMORY_ROWS] = in->store == PR_STORE_COPIED ? rows + here : most(rows, here);
    for (uint32_t l = 0; l < in->rule->num_lanes; l++) add_lane(in, choice, l, page, bytes);
    bytes[PR_MEMORY_MODEL] = 2 * 3 * params * sizeof(float); /* with Adam's two, and the best */
    if (in->eval == PR_EVAL_EXACT)
        bytes[PR_MEMORY_EVALUATION] =
            choice->evaluation_bytes - choice->shared_bytes + in->link.evaluation;
    bytes[PR_MEMORY_OTHER] = bytes_of_rest(in) + in->link.steps;
    for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++) total += bytes[i];
    const uint64_t exact  = bytes[PR_MEMORY_BASE] + bytes[PR_MEMORY_SLAB] + bytes[PR_MEMORY_ROWS];
    const uint64_t margin = (uint64_t)(PRI_BUDGET_MARGIN * (double)(total - exact));
    bytes[PR_MEMORY_OTHER] += margin;
    total += margin;
    if (total < in->peak_bytes) { /* opening took more than anything later will */
        bytes[PR_MEMORY_OTHER] += in->peak_bytes - total;
        total = in->peak_bytes;
    }
    return total;
}

/* ---- sharing out a limit ---- */

typedef struct sharing {
    const pri_budget_input *in;
    uint64_t                limit, eval_least, eval_most;
} sharing;

static uint64_t total_of(const sharing *w, const pri_budget_choice *choice)
{
    uint64_t bytes[PR_NUM_MEMORY_ITEMS];

    return pri_budget_bytes(w->in, choice, bytes);
}

/* Exact evaluation without a limit reads rows where they are mapped, and counts them; so does a
 * store in place. */
static uint64_t shared(const sharing *w, const pri_budget_choice *choice)
{
    const pr_features *x      = &w->in->data->features;
    const bool         mapped = x->file && x->rows && w->in->store == PR_STORE_IN_PLACE;

    if (!mapped || !choice->evaluation_bytes || choice->evaluation_bytes < w->eval_most) return 0;
    return least(x->num_rows * (uint64_t)x->file->row_bytes, choice->evaluation_bytes);
}

/* Give the capacity that takes the least: none, or about a batch, where rows come from a file: its
 * slots are there anyway, and less waits in staging. An index of the slots is little for not having
 * to read what the batch before had. */
static uint64_t least_capacity(const pri_budget_input *in, const pri_budget_choice *choice)
{
    pri_budget_choice tried = *choice;
    uint64_t          batch = 64, bytes[PR_NUM_MEMORY_ITEMS];

    for (uint32_t l = 0; l < in->rule->num_lanes; l++) batch += in->lane[l].drawn.max_inputs;
    batch                     = least(batch + batch / 50, in->data->features.num_rows);
    tried.capacity_rows       = batch;
    const uint64_t with_batch = pri_budget_bytes(in, &tried, bytes);
    tried.capacity_rows       = 0;
    const uint64_t without    = pri_budget_bytes(in, &tried, bytes) + batch * INDEX_OF_SLOT;
    return in->store == PR_STORE_DIRECT && with_batch <= without ? batch : 0;
}

/* What the cache and evaluation get of what is left, with this window. */
static void share(const sharing *w, pri_budget_choice *choice)
{
    const uint64_t base = least_capacity(w->in, choice);

    choice->capacity_rows    = base;
    choice->evaluation_bytes = w->eval_least;
    choice->shared_bytes     = 0;
    const uint64_t needed    = total_of(w, choice);
    if (needed > w->limit) return;
    const uint64_t left = w->limit - needed;
    const uint64_t more = choice->open ? left / 4 : left;
    /* The margin is on evaluation, too. */
    const uint64_t given     = (uint64_t)((double)more / (1 + 2 * PRI_BUDGET_MARGIN));
    choice->evaluation_bytes = least(w->eval_most, w->eval_least + given);
    choice->shared_bytes     = shared(w, choice);
    if (!choice->open) return;

    uint64_t fits = base, not = (uint64_t)w->in->data->features.num_rows + 1;
    while (fits + 1 < not ) { /* bytes grow with the capacity */
        choice->capacity_rows = fits + (not -fits) / 2;
        if (total_of(w, choice) <= w->limit)
            fits = choice->capacity_rows;
        else
            not = choice->capacity_rows;
    }
    choice->capacity_rows = fits;
}

/* Tell whether what waits and is read early leaves the cache enough to be of use. */
static bool suits(const sharing *w, const pri_budget_choice *choice)
{
    double wanted = 0;

    if (total_of(w, choice) > w->limit) return false;
    if (!choice->open) return true;
    for (uint32_t l = 0; l < w->in->rule->num_lanes; l++) wanted += w->in->lane[l].mean.inputs;
    const double enough = fmin(2 * wanted, w->in->data->features.num_rows);
    return (double)choice->capacity_rows >= enough;
}

/* Let less wait: first what costs most, rows of more than one list; then batches, but for a few,
 * without which the cache knows little; and what is left of both only if the run fits no other way.
 * False: there is nothing to be had. */
static bool take_back(const sharing *w, pri_budget_choice *choice)
{
    if (choice->ahead > 1) {
        choice->ahead = 1;
    } else if (choice->window > FEW_WAITING) {
        choice->window = choice->window / 2 > FEW_WAITING ? choice->window / 2 : FEW_WAITING;
    } else if (total_of(w, choice) <= w->limit) {
        return false;
    } else if (choice->ahead > 0) {
        choice->ahead = 0;
    } else if (choice->window > 0) {
        choice->window /= 2;
    } else {
        return false;
    }
    return true;
}

static uint32_t window_of(const pri_budget_input *in)
{
    return pri_ahead_limit(&in->setup->cache);
}

/* Give the smallest limit: as few batches as can be, nothing kept that need not be. Rows that
 * opening would look at under so small a limit are counted with the rest. */
static uint64_t least_limit(const sharing *w)
{
    pri_budget_choice choice = { .open = is_open(w->in->setup), .evaluation_bytes = w->eval_least };

    if (choice.open) choice.capacity_rows = least_capacity(w->in, &choice);
    const uint64_t total = total_of(w, &choice);
    return (total + PRI_BUDGET_NOISE + MIB - 1) / MIB * MIB;
}

/* Give what rows read early may wait in: what the largest lane has; no list of another has more. */
static uint64_t staging_of(const pri_budget_input *in, const pri_budget_choice *choice)
{
    const uint64_t row   = staging_row(&in->data->features);
    const uint64_t asked = in->setup->io.staging;
    uint64_t       bytes = 0;

    for (uint32_t l = 0; l < in->rule->num_lanes; l++)
        bytes = most(bytes, rows_staged(in, choice, l).early * row);
    return asked ? least(asked, most(bytes, 1)) : most(bytes, 1); /* 0 is no limit */
}

void pri_budget_make(const pri_budget_input *in, uint64_t limit, pri_budget *out)
{
    sharing w = { .in = in, .limit = limit };

    *out = (pri_budget){ .choice = { .window = window_of(in), .ahead = in->setup->io.ahead } };
    out->choice.open = limit && is_open(in->setup);
    if (in->eval == PR_EVAL_EXACT)
        pri_exact_measure(in->shape, &in->data->features, in->rule->num_lanes, NULL, 0,
                          &w.eval_most, &w.eval_least, NULL);
    pri_budget_choice *c = &out->choice;
    if (!limit) {
        c->evaluation_bytes = w.eval_most;
        c->shared_bytes     = shared(&w, c);
    } else {
        do share(&w, c);
        while (!suits(&w, c) && take_back(&w, c));
    }
    if (in->eval == PR_EVAL_EXACT)
        pri_exact_measure(in->shape, &in->data->features, in->rule->num_lanes, NULL,
                          c->evaluation_bytes, NULL, NULL, &c->spill_bytes);
    out->total_bytes = pri_budget_bytes(in, c, out->bytes);
    if (limit && in->store == PR_STORE_DIRECT) c->staging_bytes = staging_of(in, c);
    out->fits        = !limit || out->total_bytes <= limit;
    out->least_bytes = least_limit(&w);
}

void pri_budget_apply(const pri_budget *budget, pr_train_setup *setup)
{
    const pri_budget_choice *c = &budget->choice;

    if (c->window < pri_ahead_limit(&setup->cache)) setup->cache.lookahead = c->window;
    setup->io.ahead = c->ahead;
    if (c->staging_bytes) setup->io.staging = c->staging_bytes;
    if (!c->open) return;
    setup->cache.rows = c->capacity_rows;
    if (c->capacity_rows == 0) setup->cache.factor = 0; /* no rows: all bypass */
}
