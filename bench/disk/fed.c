/* fed.c: see fed.h.
 *
 *     lane       | compute 7        | compute 8        |
 *     feeder     | rows of 8        | rows of 9        |
 *     sampler    | draws 9          | draws 10         |
 *
 * so that three batches exist at a time. */
#include "bench/disk/fed.h"

#include <math.h>
#include <stdlib.h>

enum { ROOMS = 3 };

struct disk_fed {
    bench_run      run;
    pr_features    features; /* the rows without their file, and a store of them: never read, but */
    pr_store      *store;    /* what gives the lane its sampler and tape */
    disk_feeder    feeder;
    pri_worker    *drawer, *bringer;
    pr_batch_room *room[ROOMS];
    pr_batch       batch[ROOMS];
    uint64_t       step, num_steps;   /* the one in work */
    uint64_t       drawing, bringing; /* what the two threads have, or had last */
    pri_nn_times   times;
    pri_loss       loss;
    uint32_t       num_seeds;
};

static pr_status draw(void *argument)
{
    disk_fed            *fed   = argument;
    const uint64_t       step  = fed->drawing;
    const pri_step_seeds seeds = pri_seeds_of(fed->run.seeds, step);

    return pr_sampler_draw(fed->run.lane[0]->sampler, fed->room[step % ROOMS], seeds.ids,
                           (pr_draw){ .phase = PR_PHASE_TRAIN, .epoch = seeds.epoch, .step = step },
                           &fed->batch[step % ROOMS]);
}

static pr_status bring(void *argument)
{
    disk_fed *fed = argument;

    fed->feeder.bring(fed->feeder.own, fed->bringing, &fed->batch[fed->bringing % ROOMS]);
    return PR_OK;
}

static pr_status attend(void *argument)
{
    pri_team_attend(argument, 1);
    return PR_OK;
}

static void post_draw(disk_fed *fed, uint64_t step)
{
    if (step >= fed->num_steps) return;
    pri_seeds_reach(fed->run.seeds, step);
    fed->drawing = step;
    pri_worker_post(fed->drawer, draw, fed);
}

/* Wait for the batch of a step that was posted. */
static void wait_drawn(disk_fed *fed, uint64_t step)
{
    if (step < fed->num_steps) BENCH_TRY(pri_worker_wait(fed->drawer));
}

static void post_bring(disk_fed *fed, uint64_t step)
{
    if (step >= fed->num_steps) return;
    fed->bringing = step;
    pri_worker_post(fed->bringer, bring, fed);
}

disk_fed *disk_fed_open(const disk_setting *setting, const disk_feeder *feeder, uint32_t max_ahead)
{
    disk_fed             *fed = bench_new(1, sizeof *fed);
    pr_cache_options      cache;
    const pr_option_group group    = { &pr_cache_option_table, &cache };
    pri_worker          **start[2] = { &fed->drawer, &fed->bringer };

    pr_options_init(&group, 1);
    cache.mode = PR_CACHE_OFF;
    BENCH_CHECK(setting->world->features.rows, "rows must be f32: they are gathered as they are");
    fed->features      = setting->world->features;
    fed->features.file = NULL;
    BENCH_TRY(pr_store_memory(&fed->features, &fed->store));
    const bench_run_plan plan = { .world     = setting->world,
                                  .fanout    = setting->fanout,
                                  .sampling  = setting->sampling,
                                  .hidden    = setting->hidden,
                                  .batch     = setting->batch,
                                  .threads   = setting->threads,
                                  .num_steps = setting->num_steps,
                                  .pipelined = true, /* a sampler for one thread */
                                  .cache     = &cache,
                                  .store     = fed->store,
                                  .max_ahead = max_ahead + ROOMS };
    bench_run_open(&fed->run, &plan);
    fed->feeder    = *feeder;
    fed->num_steps = setting->num_steps;
    for (int i = 0; i < ROOMS; i++)
        BENCH_TRY(pr_batch_room_create(fed->run.lane[0]->sampler, &fed->room[i]));
    for (int i = 0; i < 2; i++) {
        BENCH_TRY(pri_worker_start("a feeder", start[i]));
        pri_worker_post(*start[i], attend, fed->run.lane[0]->team);
        BENCH_TRY(pri_worker_wait(*start[i]));
    }
    return fed;
}

void disk_fed_close(disk_fed *fed)
{
    pri_worker_free(fed->drawer); /* after the jobs they have */
    pri_worker_free(fed->bringer);
    for (int i = 0; i < ROOMS; i++) pr_batch_room_free(fed->room[i]);
    bench_run_close(&fed->run);
    pr_store_free(fed->store);
    free(fed);
}

uint64_t disk_fed_next(const disk_fed *fed)
{
    return fed->step;
}

bench_run *disk_fed_run(disk_fed *fed)
{
    return &fed->run;
}

static pr_status compute(pri_lane *lane, void *argument)
{
    pr_status       st    = PR_OK;
    disk_fed       *fed   = argument;
    const pr_batch *batch = &fed->batch[fed->step % ROOMS];
    bench_run      *run   = &fed->run;
    pr_slab         slab;

    fed->feeder.view(fed->feeder.own, fed->step, batch, &slab);
    PR_TRY(pri_nn_forward(run->model, lane->tape, batch, &slab, true, BENCH_SEED, &fed->times));
    const pri_targets targets = { .classes     = run->world->labels,
                                  .num_outputs = run->world->num_classes };
    pri_nn_loss(lane->tape, batch, &targets, batch->num_seeds, &fed->loss);
    PR_TRY(pri_nn_backward(run->model, lane->tape, batch, &fed->times));
    float               *gradient  = pri_nn_gradient(lane->tape);
    pr_optimizer_options optimizer = run->optimizer;
    optimizer.lr                   = pr_learning_rate(&run->optimizer, fed->step, fed->num_steps);
    pri_nn_update(run->model, pri_nn_slice_of(run->model, 0, 1), &gradient, 1, &optimizer,
                  &fed->times);
    pri_nn_updated(run->model);
done:
    return st;
}

disk_step disk_fed_step(disk_fed *fed)
{
    const uint64_t step     = fed->step;
    void          *argument = fed;

    const int64_t start = pr_now_ns();
    if (step == 0) { /* nothing was begun yet */
        post_draw(fed, 0);
        wait_drawn(fed, 0);
        post_bring(fed, 0);
        post_draw(fed, 1);
    }
    BENCH_TRY(pri_worker_wait(fed->bringer));
    wait_drawn(fed, step + 1);
    const int64_t fed_at = pr_now_ns();
    post_bring(fed, step + 1);
    post_draw(fed, step + 2);
    BENCH_TRY(pri_lanes_run(fed->run.lane, 1, compute, &argument));
    const pr_batch *batch = &fed->batch[step % ROOMS];
    fed->step++;
    return (disk_step){ .step_ns    = pr_now_ns() - start,
                        .wait_ns    = fed_at - start,
                        .batch_hash = batch->hash,
                        .inputs     = batch->nodes.n,
                        .loss = batch->num_seeds ? fed->loss.sum / batch->num_seeds : (double)NAN };
}
