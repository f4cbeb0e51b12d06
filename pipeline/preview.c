/* preview.c: see preview.h. */
#include "pipeline/preview.h"

#include <math.h>
#include <string.h>

#include "base/extent.h"
#include "pipeline/ahead.h"
#include "pipeline/phantom.h"
#include "pipeline/preview_reads.h"

enum {
    EVAL_BATCHES = 4,
    LEAST_STEPS  = 24,
    MOST_STEPS   = 256,     /* of a trial */
    TRIED_INPUTS = 16000000 /* of all its batches: a second or two */
};

/* ---- sizes ---- */

/* Sums and largest of one number a batch. */
typedef struct spread {
    double   sum, squares;
    uint64_t most;
} spread;

static void add(spread *s, uint64_t value)
{
    s->sum += (double)value;
    s->squares += (double)value * (double)value;
    if (value > s->most) s->most = value;
}

/* Give what no batch is expected to exceed: never more than a legal one has, and no more than was
 * seen where all were seen. */
static uint64_t largest(const spread *s, uint32_t num, uint64_t legal, bool all)
{
    const double mean     = s->sum / num;
    const double variance = fmax(0, s->squares / num - mean * mean);
    const double far      = fmax((double)s->most, mean + PRI_PREVIEW_SPREAD * sqrt(variance));
    const double value    = all ? (double)s->most : ceil((1 + PRI_PREVIEW_MARGIN) * far);

    return value < (double)legal ? (uint64_t)value : legal;
}

typedef struct sizes_job {
    const pri_preview_input *in;
    pri_preview_sizes       *out;
    pr_sampler              *sampler;
    pr_batch_room           *room;
    pri_seeds               *seeds;
    spread                   dst[PR_MAX_LAYERS], edges[PR_MAX_LAYERS], inputs, fresh;
    uint8_t                 *batch_of; /* [num_nodes] the last that had it, from 1; 0: none */
    uint32_t                 num;      /* batches of training */
} sizes_job;

static void count(sizes_job *job, const pr_batch *batch)
{
    for (uint32_t h = 0; h < batch->num_layers; h++) {
        add(&job->dst[h], batch->block[h].num_dst);
        add(&job->edges[h], batch->block[h].num_edges);
    }
    add(&job->inputs, batch->nodes.n);
}

/* Count the inputs of the nth batch that the one before did not have. */
static void count_fresh(sizes_job *job, const pr_batch *batch, uint32_t nth)
{
    uint64_t fresh = 0;

    for (size_t i = 0; i < batch->nodes.n; i++) {
        uint8_t *last = &job->batch_of[batch->nodes.at[i]];
        fresh += *last != nth;
        *last = (uint8_t)(nth + 1);
    }
    if (nth > 0) add(&job->fresh, fresh);
}

static pr_status draw_training(sizes_job *job)
{
    pr_status      st    = PR_OK;
    const uint64_t steps = pri_seeds_num_steps(job->seeds);
    pr_batch       batch;

    job->num = steps < PRI_PREVIEW_BATCHES ? (uint32_t)steps : PRI_PREVIEW_BATCHES;
    for (uint32_t s = 0; s < job->num; s++) {
        pri_seeds_reach(job->seeds, s);
        const pri_lot lot  = pri_seeds_lot(job->seeds, s, job->in->lane);
        const pr_draw draw = { .phase     = PR_PHASE_TRAIN,
                               .epoch     = pri_seeds_of(job->seeds, s).epoch,
                               .step      = s,
                               .positions = lot.positions,
                               .exclude   = lot.exclude };
        PR_TRY(pr_sampler_draw(job->sampler, job->room, lot.seeds, draw, &batch));
        count(job, &batch);
        count_fresh(job, &batch, s);
        job->out->sample_ns += (double)batch.sample_ns / job->num;
    }
done:
    return st;
}

/* Sampled evaluation has batches of other nodes in the same room. They make sizes no smaller; the
 * mean is that of training. */
static pr_status draw_evaluation(sizes_job *job)
{
    pr_status     st   = PR_OK;
    const pr_vids all  = job->in->scored;
    const size_t  size = job->in->max_seeds < all.n ? job->in->max_seeds : all.n;
    pr_batch      batch;

    for (uint32_t i = 0; i < EVAL_BATCHES && all.n > 0; i++) {
        const size_t  at    = (all.n - size) / (EVAL_BATCHES - 1) * i;
        const pr_vids seeds = { all.at + at, size };
        const pr_draw draw  = { .phase = PR_PHASE_EVAL, .step = i };
        PR_TRY(pr_sampler_draw(job->sampler, job->room, seeds, draw, &batch));
        for (uint32_t h = 0; h < batch.num_layers; h++) {
            if (batch.block[h].num_dst > job->dst[h].most)
                job->dst[h].most = batch.block[h].num_dst;
            if (batch.block[h].num_edges > job->edges[h].most)
                job->edges[h].most = batch.block[h].num_edges;
        }
        if (batch.nodes.n > job->inputs.most) job->inputs.most = batch.nodes.n;
    }
done:
    return st;
}

/* Turn what was seen into what is expected. */
static void sum_up(sizes_job *job)
{
    pri_preview_sizes *out = job->out;
    const uint32_t     num = job->num ? job->num : 1;
    const bool         all =
        pri_seeds_num_steps(job->seeds) <= PRI_PREVIEW_BATCHES && job->in->scored.n == 0;

    out->num_batches = job->num;
    for (uint32_t h = 0; h < job->in->fanout->num_layers; h++) {
        const pri_sampler_bounds *most = &out->bounds;
        out->drawn.max_dst[h]   = (uint32_t)largest(&job->dst[h], num, most->max_dst[h], all);
        out->drawn.max_edges[h] = largest(&job->edges[h], num, most->max_edges[h], all);
        out->mean.dst[h]        = job->dst[h].sum / num;
        out->mean.edges[h]      = job->edges[h].sum / num;
    }
    out->drawn.max_inputs = (uint32_t)largest(&job->inputs, num, out->bounds.max_inputs, all);
    out->mean.inputs      = job->inputs.sum / num;
    out->max_fresh        = num < 2 ? out->drawn.max_inputs
                                    : (uint32_t)largest(&job->fresh, num - 1, out->drawn.max_inputs, all);
}

/* Make the sampler, a room and the stream; of the stream so many steps are kept. */
static pr_status open_sources(const pri_preview_input *in, uint32_t kept, pr_sampler **sampler,
                              pri_seeds **seeds)
{
    pr_status      st   = PR_OK;
    pri_seeds_plan plan = *in->seeds;

    plan.max_ahead = kept;
    PR_TRY(pr_sampler_create(in->graph, in->fanout, in->sampling, in->seed, in->max_seeds,
                             in->threads, sampler));
    PR_TRY(pri_seeds_open(&plan, seeds));
done:
    return st;
}

static pr_status measure(pri_lane *lane, void *argument)
{
    pr_status                st  = PR_OK;
    sizes_job               *job = argument;
    const pri_preview_input *in  = job->in;

    (void)lane;
    PR_TRY(pri_sampler_measure(in->graph, in->fanout, in->sampling, in->max_seeds, in->threads,
                               &job->out->bounds));
    PR_TRY(open_sources(in, 1, &job->sampler, &job->seeds));
    PR_TRY(pr_batch_room_create(job->sampler, &job->room));
    PR_NEW(job->batch_of, in->graph->num_nodes);
    PR_TRY(draw_training(job));
    PR_TRY(draw_evaluation(job));
    sum_up(job);
    PR_TRY(pri_sampler_measure_drawn(in->graph, in->fanout, in->sampling, &job->out->bounds,
                                     &job->out->drawn, in->threads, pri_page_most(),
                                     &job->out->sampler_bytes, &job->out->room_bytes));
done:
    pri_free(job->batch_of);
    pri_seeds_free(job->seeds);
    pr_batch_room_free(job->room);
    pr_sampler_free(job->sampler);
    return st;
}

pr_status pri_preview_measure(pri_lane *lane, const pri_preview_input *input,
                              pri_preview_sizes *out)
{
    sizes_job job = { .in = input, .out = out };

    *out = (pri_preview_sizes){ 0 };
    return pri_lane_run(lane, measure, &job);
}

/* ---- what a cache would do ---- */

enum { NUM_LISTS = PR_MAX_WINDOW + 2 };

typedef struct trial {
    const pri_preview_cache *of;
    pri_phantom             *store;
    pri_preview_reads       *reads; /* NULL: rows are in memory */
    pr_cache                *cache;
    uint64_t                 foreseen; /* first step that was not entered yet */
    uint32_t                 window;
} trial;

typedef struct run_job {
    const pri_preview_input *in;
    const pri_preview_sizes *sizes;
    pri_preview_moves       *out;
    int64_t                  read_ns;
    trial                    trial[PRI_PREVIEW_CACHES];
    uint32_t                 num, num_steps;
    pr_sampler              *sampler;
    pr_batch_room           *room;
    pri_seeds               *seeds;
    uint64_t                 drawn; /* steps */
    pr_vid                  *list[NUM_LISTS];
    size_t                   list_bytes;
    size_t                   length[NUM_LISTS];
} run_job;

/* Draw the next step's list. */
static pr_status draw_list(run_job *job)
{
    pr_status st = PR_OK;
    pr_batch  batch;

    const uint64_t step = job->drawn;
    pri_seeds_reach(job->seeds, step);
    const pri_lot lot  = pri_seeds_lot(job->seeds, step, job->in->lane);
    const pr_draw draw = { .phase     = PR_PHASE_TRAIN,
                           .epoch     = pri_seeds_of(job->seeds, step).epoch,
                           .step      = step,
                           .positions = lot.positions,
                           .exclude   = lot.exclude };
    PR_TRY(pr_sampler_draw(job->sampler, job->room, lot.seeds, draw, &batch));
    memcpy(job->list[step % NUM_LISTS], batch.nodes.at, batch.nodes.n * sizeof(pr_vid));
    job->length[step % NUM_LISTS] = batch.nodes.n;
    job->drawn++;
done:
    return st;
}

/* Take one step's list through one cache, as ahead.c and bring.c do. */
static pr_status take(run_job *job, trial *t, uint64_t step, const pr_cache_plan **plan)
{
    pr_status      st   = PR_OK;
    const uint64_t end  = pri_seeds_num_steps(job->seeds);
    const uint32_t wish = pr_cache_window(t->cache), most = pri_ahead_limit(&t->of->options);
    pr_slab        view;

    for (; t->foreseen <= step + t->window && t->foreseen < end; t->foreseen++) {
        while (job->drawn <= t->foreseen) PR_TRY(draw_list(job));
        const size_t at = t->foreseen % NUM_LISTS;
        PR_TRY(pr_cache_foresee(t->cache, (pr_vids){ job->list[at], job->length[at] }));
    }
    t->window = wish < most ? wish : most; /* of the next step: decided one before */
    PR_TRY(pr_cache_prepare_next(t->cache, plan));
    PR_TRY(pr_cache_fetch(t->cache));
    PR_TRY(pr_cache_place(t->cache, &view));
    pr_cache_release(t->cache);
done:
    return st;
}

/* Add what a step did; the first half of the steps only warms the cache. */
static void add_step(run_job *job, uint32_t i, uint64_t step, const pr_cache_plan *plan,
                     const pr_fetch_cost *cost)
{
    pri_preview_moves *out  = &job->out[i];
    const uint32_t     warm = job->num_steps / 2;
    const double       part = 1.0 / (job->num_steps - warm);

    if (step < warm) return;
    out->inputs += part * (double)plan->num_wanted;
    out->rows_moved += part * (double)plan->rows_moved;
    out->rows_added += part * (double)(plan->rows_added + plan->rows_bypassed);
    out->reads_disk += part * (double)cost->reads;
    out->bytes_disk += part * (double)cost->bytes;
}

static pr_status open_trials(run_job *job)
{
    pr_status      st   = PR_OK;
    const uint32_t most = job->sizes->bounds.max_inputs;

    PR_TRY(open_sources(job->in, NUM_LISTS, &job->sampler, &job->seeds));
    PR_TRY(pr_batch_room_create(job->sampler, &job->room));
    job->list_bytes = ((size_t)most + 1) * sizeof(pr_vid);
    for (uint32_t i = 0; i < NUM_LISTS; i++) {
        job->list[i] = pri_pages_map(job->list_bytes, 0);
        PR_CHECK(job->list[i], PR_E_NOMEM, "cannot reserve %zu bytes for a list of rows",
                 job->list_bytes);
    }
    for (uint32_t i = 0; i < job->num; i++) {
        trial *t = &job->trial[i];
        PR_TRY(pri_phantom_create(job->in->graph->num_nodes, most, &t->store));
        if (t->of->from_file)
            PR_TRY(pri_preview_reads_open(job->in->features, t->of->io, most, &t->reads));
        const pr_store *const stores[] = { pri_phantom_store(t->store) };
        const pr_cache_setup  setup    = { .options    = &t->of->options,
                                           .stores     = stores,
                                           .num_planes = 1,
                                           .max_wanted = most,
                                           .tuning     = t->of->tuning,
                                           .scores     = t->of->scores,
                                           .numa_node  = -1 };
        PR_TRY(pr_cache_open(&setup, &t->cache));
        const uint32_t wish = pr_cache_window(t->cache), cap = pri_ahead_limit(&t->of->options);
        t->window = wish < cap ? wish : cap;
    }
done:
    return st;
}

static void close_trials(run_job *job)
{
    for (uint32_t i = 0; i < job->num; i++) {
        pr_cache_free(job->trial[i].cache);
        pri_phantom_free(job->trial[i].store);
        pri_preview_reads_free(job->trial[i].reads);
    }
    for (uint32_t i = 0; i < NUM_LISTS; i++) pri_pages_unmap(job->list[i], job->list_bytes);
    pri_seeds_free(job->seeds);
    pr_batch_room_free(job->room);
    pr_sampler_free(job->sampler);
}

/* Give how many steps warm a cache and can be paid: the more, the smaller batches are. */
static uint32_t steps_of(const run_job *job)
{
    const double   inputs = job->sizes->mean.inputs;
    const double   paid   = inputs > 0 ? TRIED_INPUTS / inputs : MOST_STEPS;
    const uint64_t end    = pri_seeds_num_steps(job->seeds);
    const double   steps = paid < LEAST_STEPS ? LEAST_STEPS : paid > MOST_STEPS ? MOST_STEPS : paid;

    return (uint64_t)steps < end ? (uint32_t)steps : (uint32_t)end;
}

static pr_status run(pri_lane *lane, void *argument)
{
    pr_status            st  = PR_OK;
    run_job             *job = argument;
    const pr_cache_plan *plan;
    pr_fetch_cost        cost;

    (void)lane;
    PR_TRY(open_trials(job));
    job->num_steps = steps_of(job);
    for (uint64_t step = 0; step < job->num_steps; step++)
        for (uint32_t i = 0; i < job->num; i++) {
            const trial *t = &job->trial[i];
            PR_TRY(take(job, &job->trial[i], step, &plan));
            cost = (pr_fetch_cost){ 0 };
            size_t           n;
            const pri_write *rows = pri_phantom_fetched(t->store, &n);
            if (t->reads) pri_preview_reads_count(t->reads, rows, n, &cost);
            add_step(job, i, step, plan, &cost);
        }
    for (uint32_t i = 0; i < job->num; i++) {
        trial *t                  = &job->trial[i];
        job->out[i].num_steps     = job->num_steps;
        job->out[i].lookahead     = t->window;
        job->out[i].capacity_rows = pr_cache_capacity_rows(t->cache);
    }
    const trial *first = &job->trial[0];
    if (job->read_ns > 0 && first->reads)
        job->out[0].disk_ns = pri_preview_reads_time(first->reads, job->read_ns);
done:
    close_trials(job);
    return st;
}

pr_status pri_preview_run(pri_lane *lane, const pri_preview_input *input,
                          const pri_preview_sizes *sizes, const pri_preview_cache *cache,
                          uint32_t num, int64_t read_ns, pri_preview_moves *out)
{
    run_job job = { .in = input, .sizes = sizes, .out = out, .read_ns = read_ns, .num = num };

    PR_ASSERT(num >= 1 && num <= PRI_PREVIEW_CACHES);
    for (uint32_t i = 0; i < num; i++) {
        job.trial[i].of = &cache[i];
        out[i]          = (pri_preview_moves){ .disk_ns = (double)NAN };
    }
    return pri_lane_run(lane, run, &job);
}
