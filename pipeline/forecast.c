/* forecast.c: see forecast.h. */
#include "pipeline/forecast.h"

#include <math.h>
#include <string.h>

#include "base/extent.h"
#include "base/rss.h"
#include "cache/slab.h"
#include "cache/store.h"
#include "pipeline/ahead.h"
#include "pipeline/lanes_open.h"

static const int64_t read_test_ns = 200000000;

/* What is worked with. */
typedef struct draft {
    pri_trainer      *t;
    pr_train_setup   *own; /* the trainer's options: decisions are written here */
    pri_forecast     *out;
    bool              thorough;
    pr_model_shape    shape;
    pri_seeds_plan    seeds;
    uint32_t          draw_threads[PR_MAX_LANES];
    pri_preview_input input[PR_MAX_LANES];
    pri_preview_sizes sizes[PR_MAX_LANES];
    pri_preview_moves moves[PR_MAX_LANES][PRI_PREVIEW_CACHES];
    pri_budget_input  budget;
    const char       *store_why;
    uint32_t         *scores;
} draft;

/* ---- which store ---- */
/* Make the plan that a store would have. */
static void plan_with(const draft *d, int store, uint64_t limit, pri_budget *out)
{
    pri_budget_input input = d->budget;

    input.store     = store;
    input.pipelined = pri_lanes_pipelined(d->t, store == PR_STORE_DIRECT);
    pri_budget_make(&input, limit, out);
}

/* Give the bytes that a copy of the rows may take within a limit: none where it would leave the
 * cache less than it would have without a limit, unless nothing else fits: staging for rows that
 * stay in their file can take more than few and short ones do. */
static uint64_t room_for_copy(const draft *d, uint64_t limit)
{
    const pr_features *x      = &d->t->dataset->features;
    double             wanted = 0;
    pri_budget         tried, direct;

    for (uint32_t l = 0; l < d->t->num_lanes; l++) wanted += d->sizes[l].mean.inputs;
    const double enough = fmin(d->own->cache.factor * wanted, x->num_rows);
    plan_with(d, PR_STORE_COPIED, limit, &tried);
    if (!tried.fits) return 1;
    if (!tried.choice.open || (double)tried.choice.capacity_rows >= enough) return UINT64_MAX;
    plan_with(d, PR_STORE_DIRECT, limit, &direct);
    return direct.fits ? 1 : UINT64_MAX;
}

/* Rows that are in memory as they were loaded have no copy to be chosen; without f32 rows mode off
 * has nothing to read. */
static int choose_store(draft *d, uint64_t limit)
{
    pr_store_setup     setup = pri_lanes_store(d->t);
    const pr_features *x     = setup.features;

    if (limit && setup.kind == PR_STORE_AUTO) {
        if (setup.in_place && x->kind == PR_FEATURES_DENSE && x->rows) {
            d->store_why = "in place: mode off reads rows where they are, and all are counted";
            return PR_STORE_IN_PLACE;
        }
        setup.memory = room_for_copy(d, limit);
    }
    return pri_store_choose(&setup, &d->store_why);
}

/* ---- batches and memory ---- */

static void describe_input(draft *d, uint32_t l)
{
    const pri_trainer    *t   = d->t;
    const pr_train_setup *own = d->own;

    d->draw_threads[l] =
        pri_lane_draw_threads(t->lane[l], own->train.sampler_threads, d->budget.pipelined);
    d->input[l] = (pri_preview_input){
        .graph     = &t->dataset->graph,
        .fanout    = &t->fanout,
        .sampling  = &own->sampler,
        .seed      = own->train.seed,
        .max_seeds = pri_split_most(&t->rule, l, pri_link_max_seeds(own)),
        .threads   = d->draw_threads[l],
        .seeds     = &d->seeds,
        .features  = &t->dataset->features,
        .lane      = l,
        .scored    = t->eval == PR_EVAL_SAMPLED ? t->split->val : (pr_vids){ 0 },
    };
}

/* Draw batches of every lane, one after the other, and fill in what the plan is made from. */
static pr_status look(draft *d)
{
    pr_status    st = PR_OK;
    pri_trainer *t  = d->t;

    pr_model_describe(t->model, &d->shape);
    d->seeds           = pri_trainer_seeds_plan(t);
    const uint64_t now = pri_rss_bytes();
    d->budget          = (pri_budget_input){
                 .setup        = d->own,
                 .data         = t->dataset,
                 .shape        = &d->shape,
                 .fanout       = &t->fanout,
                 .rule         = &t->rule,
                 .lane         = d->sizes,
                 .threads      = t->plan.num_threads,
                 .pipelined    = pri_lanes_pipelined(t, true), /* the store is not known yet: at most */
                 .graph_copied = t->placing.placement.graph_copied,
                 .eval         = t->eval,
                 .opened_bytes = t->opened_bytes,
                 .base_bytes   = now > t->opened_bytes ? now - t->opened_bytes : now,
                 .peak_bytes   = pri_rss_peak_bytes(),
    };
    if (t->link)
        d->budget.link =
            pri_link_measure(t->link, d->own->train.batch_size, d->seeds.max_ahead + 1);
    for (uint32_t l = 0; l < t->num_lanes; l++) {
        describe_input(d, l);
        PR_TRY(pri_preview_measure(t->lane[l], &d->input[l], &d->sizes[l]));
    }
done:
    return st;
}

/* Give the smallest limit that works: with auto, rows that a file has need not be in memory, and
 * may be. */
static uint64_t least_limit(const draft *d)
{
    const pr_features *x       = &d->t->dataset->features;
    uint64_t           limit   = d->out->budget.least_bytes;
    static const int   kinds[] = { PR_STORE_COPIED, PR_STORE_DIRECT };

    if (d->own->cache.store != PR_STORE_AUTO || !x->file) return limit;
    if (d->own->cache.mode == PR_CACHE_OFF && x->rows) return limit;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pri_budget other;
        plan_with(d, kinds[i], 0, &other);
        if (other.least_bytes < limit) limit = other.least_bytes;
    }
    return limit;
}

static void share_out(draft *d)
{
    pri_trainer   *t     = d->t;
    const uint64_t limit = d->own->machine.memory;
    pr_forecast   *said  = &d->out->said;

    const int kind      = choose_store(d, limit);
    d->budget.store     = kind;
    d->budget.pipelined = pri_lanes_pipelined(t, kind == PR_STORE_DIRECT);
    pri_budget_make(&d->budget, limit, &d->out->budget);
    said->least_bytes = least_limit(d); /* before the options are changed */
    pri_budget_apply(&d->out->budget, d->own);
    if (limit) d->own->cache.store = kind;
    const pri_budget *b = &d->out->budget;
    memcpy(said->bytes, b->bytes, sizeof said->bytes);
    said->limit_bytes = limit;
    said->total_bytes = b->total_bytes;
    said->fits        = b->fits;
    said->spill_bytes = b->choice.spill_bytes;
    said->spills      = b->choice.spill_bytes > 0;
    snprintf(said->store, sizeof said->store, "%s", d->store_why);
}

/* ---- a step ---- */

static pr_cache_options lane_cache(const draft *d, uint32_t lane, double factor)
{
    pr_cache_options cache = pri_lanes_cache(&d->t->rule, d->own->cache, lane);

    if (factor > 1 && cache.rows)
        cache.rows = (uint64_t)((double)cache.rows * factor);
    else if (factor > 1 && cache.bytes)
        cache.bytes = (uint64_t)((double)cache.bytes * factor);
    else if (factor > 1)
        cache.factor = cache.factor > 0 ? cache.factor * factor : 1;
    /* Slots of the trial are narrow: bytes are turned into rows here. */
    const size_t slot = pri_slab_ld(d->t->dataset->features.num_cols) * sizeof(float);
    if (cache.bytes && !cache.rows) {
        cache.rows  = cache.bytes / slot ? cache.bytes / slot : 1;
        cache.bytes = 0;
    }
    return cache;
}

/* Try the cache of every lane. */
static pr_status try_caches(draft *d)
{
    pr_status      st       = PR_OK;
    pri_trainer   *t        = d->t;
    const bool     direct   = d->budget.store == PR_STORE_DIRECT;
    const bool     resident = d->own->cache.mode == PR_CACHE_RESIDENT;
    const uint32_t num      = d->thorough && resident ? 2 : 1;

    PR_TRY(pri_lanes_rank(t, &d->scores));
    for (uint32_t l = 0; l < t->num_lanes; l++) {
        pri_preview_cache cache[PRI_PREVIEW_CACHES];
        for (uint32_t i = 0; i < num; i++)
            cache[i] = (pri_preview_cache){ .options   = lane_cache(d, l, i + 1.0),
                                            .tuning    = &t->tuned.tuning,
                                            .scores    = d->scores,
                                            .from_file = direct,
                                            .io        = &d->own->io };
        PR_TRY(pri_preview_run(t->lane[l], &d->input[l], &d->sizes[l], cache, num,
                               d->thorough && direct ? read_test_ns : 0, d->moves[l]));
    }
done:
    return st;
}

/* Rows that are read in place do not move. */
static void no_moves(draft *d)
{
    for (uint32_t l = 0; l < d->t->num_lanes; l++)
        d->moves[l][0] =
            (pri_preview_moves){ .inputs = d->sizes[l].mean.inputs, .disk_ns = (double)NAN };
}

/* Give what a lane's thread does in a step, in nanoseconds. */
static double compute_ns(const draft *d, uint32_t l)
{
    const pri_trainer    *t     = d->t;
    const pr_features    *x     = &t->dataset->features;
    const bool            off   = d->own->cache.mode == PR_CACHE_OFF;
    const bool            terms = off && x->kind == PR_FEATURES_CSR && x->num_rows > 0;
    const pri_worth_input input = {
        .num_nodes = t->dataset->graph.num_nodes,
        .num_edges = t->dataset->graph.num_edges,
        .fanout    = &t->fanout,
        .sampling  = &d->own->sampler,
        .row_bytes = off ? 0 : pri_slab_ld(x->num_cols) * sizeof(float),
        .row_terms = terms ? (double)x->indptr[x->num_rows] / x->num_rows : 0,
        .shape     = &d->shape,
    };
    pri_worth_batch batch = d->sizes[l].mean;

    batch.rows_moved = d->moves[l][0].rows_moved;
    return pri_worth_compute_ns(&input, &batch, t->lane[l]->binding.num_threads);
}

/* Put a step together: the slowest lane is what the others wait for. */
static void forecast_step(draft *d)
{
    pr_forecast *said = &d->out->said;

    said->disk_ns = 0;
    for (uint32_t l = 0; l < d->t->num_lanes; l++) {
        const pri_preview_moves *m = &d->moves[l][0];
        said->inputs += m->inputs;
        said->rows_moved += m->rows_moved;
        said->reads_disk += m->reads_disk;
        said->bytes_disk += m->bytes_disk;
        said->capacity_rows += m->capacity_rows;
        said->disk_ns += m->disk_ns; /* one disk serves all lanes */
        said->compute_ns = fmax(said->compute_ns, compute_ns(d, l));
        said->sample_ns  = fmax(said->sample_ns, d->sizes[l].sample_ns);
        said->lookahead  = m->lookahead;
        if (m->num_steps > said->batches_drawn) said->batches_drawn = m->num_steps;
    }
    const bool   direct = d->budget.store == PR_STORE_DIRECT;
    const double disk   = direct && isfinite(said->disk_ns) ? said->disk_ns : 0;
    if (!direct) said->disk_ns = 0;
    said->bytes_moved = said->rows_moved * (double)d->t->dataset->features.num_cols * sizeof(float);
    said->limit       = "compute";
    if (said->sample_ns > said->compute_ns) said->limit = "sampling";
    if (disk > fmax(said->sample_ns, said->compute_ns)) said->limit = "disk";
    said->step_ns = d->budget.pipelined ? fmax(disk, fmax(said->sample_ns, said->compute_ns))
                                        : disk + said->sample_ns + said->compute_ns;
    if (direct && !isfinite(said->disk_ns)) said->step_ns = (double)NAN;
}

/* ---- words ---- */

/* Write bytes as people, and options, say them. */
static void say_bytes(uint64_t bytes, char out[32])
{
    const uint64_t mib = (bytes + (1 << 20) - 1) >> 20;

    snprintf(out, 32, "%lluM", (unsigned long long)mib);
}

/* Write the largest parts: "tape 200M, graph 60M, ...". */
static void say_parts(const uint64_t *bytes, char *out, size_t room)
{
    bool   said[PR_NUM_MEMORY_ITEMS] = { false };
    size_t used                      = 0;

    out[0] = 0;
    for (int n = 0; n < 4; n++) {
        int at = -1;
        for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++)
            if (!said[i] && bytes[i] && (at < 0 || bytes[i] > bytes[at])) at = i;
        if (at < 0) return;
        char size[32];
        said[at] = true;
        say_bytes(bytes[at], size);
        const int m = snprintf(out + used, room - used, "%s%s %s", n ? ", " : "",
                               pr_memory_item_name((pr_memory_item)at), size);
        if (m < 0 || (size_t)m >= room - used) return;
        used += (size_t)m;
    }
}

static void say_misfit(const draft *d)
{
    pr_forecast *said = &d->out->said;
    char         asked[32], works[32], parts[256];

    say_bytes(said->limit_bytes, asked);
    say_bytes(said->least_bytes, works);
    say_parts(said->bytes, parts, sizeof parts);
    snprintf(said->why, sizeof said->why, "--memory %s is too little for %s: %s works%s (%s)",
             asked, d->t->dataset->name, works,
             d->out->budget.choice.open || d->own->cache.mode != PR_CACHE_RESIDENT
                 ? ""
                 : " with the capacity that was asked for",
             parts);
}

/* Say what twice the capacity would do. */
static void say_more(draft *d)
{
    pr_forecast   *said  = &d->out->said;
    double         moved = 0;
    uint64_t       rows  = 0;
    const uint64_t slot  = pri_slab_ld(d->t->dataset->features.num_cols) * sizeof(float);
    char           more[32];

    for (uint32_t l = 0; l < d->t->num_lanes; l++) {
        moved += d->moves[l][1].rows_moved;
        rows += d->moves[l][1].capacity_rows;
    }
    d->out->more_moved = moved;
    if (rows <= said->capacity_rows || said->inputs <= 0) return;
    d->out->more_bytes = (rows - said->capacity_rows) * slot;
    say_bytes(d->out->more_bytes, more);
    snprintf(said->why, sizeof said->why,
             "%s more for the cache: %.0f %% of the rows wanted would be moved instead of %.0f %%",
             more, 100 * moved / said->inputs, 100 * said->rows_moved / said->inputs);
}

/* ---- all of it ---- */

static pr_status work_out(draft *d)
{
    pr_status    st   = PR_OK;
    pr_forecast *said = &d->out->said;

    /* Said before it is planned for. */
    if (d->own->cache.store == PR_STORE_DIRECT)
        PR_TRY(pri_store_check_direct(&d->t->dataset->features));
    PR_TRY(look(d));
    share_out(d);
    said->threads       = d->t->plan.num_threads;
    said->lanes         = d->t->num_lanes;
    said->num_rows      = d->t->dataset->features.num_rows;
    d->out->more_moved  = (double)NAN;
    said->capacity_rows = 0;
    if (!said->fits && !d->thorough) {
        say_misfit(d);
        goto done;
    }
    if (d->own->cache.mode == PR_CACHE_OFF)
        no_moves(d);
    else
        PR_TRY(try_caches(d));
    forecast_step(d);
    if (!said->fits)
        say_misfit(d);
    else if (d->thorough && d->own->cache.mode == PR_CACHE_RESIDENT)
        say_more(d);
done:
    return st;
}

pr_status pri_forecast_make(pri_trainer *trainer, bool thorough, pri_forecast **out)
{
    pr_status st = PR_OK;
    draft    *d  = NULL;

    *out = NULL;
    PR_NEW(d, 1);
    PR_NEW(d->out, 1);
    d->t        = trainer;
    d->own      = trainer->own;
    d->thorough = thorough;
    PR_TRY(work_out(d));
    *out   = d->out;
    d->out = NULL;
done:
    if (d) {
        pri_free(d->scores);
        pri_free(d->out);
    }
    pri_free(d);
    return st;
}

const char *pr_memory_item_name(pr_memory_item item)
{
    static const char *const names[PR_NUM_MEMORY_ITEMS] = { "base",    "graph",      "rows",
                                                            "slab",    "index",      "staging",
                                                            "sampler", "batches",    "tape",
                                                            "model",   "evaluation", "other" };
    return (unsigned)item < PR_NUM_MEMORY_ITEMS ? names[item] : "unknown";
}
