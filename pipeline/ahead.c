/* ahead.c: a ring of rooms; the batch of step s in order lives in room s modulo their number. */
#include "pipeline/ahead.h"

#include "pipeline/drawer.h"

/* A thread that draws has SPARE batches drawn behind the window, and the step behind the one in
 * work may be foreseen already (pri_ahead_look). */
enum { SPARE = 2, EARLY = 1, MAX_ROOMS = PR_MAX_WINDOW + 1 + SPARE + EARLY };

struct pri_ahead {
    pri_drawer *drawer;
    uint64_t    first;    /* step in order */
    uint64_t    taken;    /* first step that was not taken yet */
    uint64_t    foreseen; /* first step that was not foreseen yet */
    uint64_t    posted;   /* first step that was not posted to be drawn yet */
    uint64_t    failed;   /* first step that cannot be drawn */
    uint32_t    window;   /* of the next step */
    uint32_t    max_window, spare;
    uint32_t    num_rooms;
    pri_drawing aside; /* of turns out of order */
    pri_drawing ring[MAX_ROOMS];
};

uint32_t pri_ahead_limit(const pr_cache_options *cache)
{
    const int mode = pr_cache_mode_for(cache->mode, NULL);

    if (cache->policy != PR_POLICY_LOOKAHEAD || mode != PR_CACHE_RESIDENT) return 0;
    return cache->lookahead < PR_MAX_WINDOW ? cache->lookahead : PR_MAX_WINDOW; /* auto: the most */
}

uint32_t pri_ahead_depth(const pr_cache_options *cache)
{
    return pri_ahead_limit(cache) + SPARE + EARLY;
}

pr_status pri_ahead_create(const pri_ahead_setup *setup, pri_ahead **out)
{
    pr_status  st    = PR_OK;
    pri_ahead *ahead = NULL;

    *out = NULL;
    PR_ASSERT(setup->max_window <= PR_MAX_WINDOW);
    const bool     threaded  = setup->draw_threads > 0;
    const uint32_t num_rooms = setup->max_window + 1 + (threaded ? SPARE + EARLY : 0);
    PR_NEW(ahead, 1);
    ahead->first = ahead->taken = ahead->foreseen = ahead->posted = setup->first_step;
    ahead->max_window                                             = setup->max_window;
    ahead->spare                                                  = threaded ? SPARE : 0;
    ahead->failed                                                 = UINT64_MAX;
    ahead->window = setup->cache ? pr_cache_window(setup->cache) : 0;
    if (ahead->window > ahead->max_window) ahead->window = ahead->max_window;
    PR_TRY(pr_batch_room_create(setup->sampler, &ahead->aside.room));
    for (; ahead->num_rooms < num_rooms; ahead->num_rooms++) {
        st = pr_batch_room_create(setup->sampler, &ahead->ring[ahead->num_rooms].room);
        if (st != PR_OK) {
            pri_error_prefix("batch %u of %u to be held for --lookahead %u: ", ahead->num_rooms + 1,
                             num_rooms, setup->max_window);
            goto done;
        }
    }
    PR_TRY(pri_drawer_create(setup->sampler, num_rooms, setup->draw_threads, setup->team,
                             &ahead->drawer));
    *out  = ahead;
    ahead = NULL;
done:
    pri_ahead_free(ahead);
    return st;
}

void pri_ahead_free(pri_ahead *ahead)
{
    if (!ahead) return;
    pri_drawer_free(ahead->drawer);
    for (uint32_t i = 0; i < ahead->num_rooms; i++) pr_batch_room_free(ahead->ring[i].room);
    pr_batch_room_free(ahead->aside.room);
    pri_free(ahead);
}

void pri_ahead_ranges(const pri_ahead *ahead, pr_ranges *ranges)
{
    for (uint32_t i = 0; i < ahead->num_rooms; i++)
        pr_batch_room_ranges(ahead->ring[i].room, ranges);
    pr_batch_room_ranges(ahead->aside.room, ranges);
}

uint32_t pri_ahead_window(pri_lane *const *lanes, uint32_t num_lanes)
{
    PR_ASSERT(num_lanes > 0);
    (void)num_lanes;
    return lanes[0]->ahead->window; /* all have the same */
}

/* Deciding one step before lets a lane foresee for the next step while the others still compute,
 * and knows nothing of whether it will. */
void pri_ahead_begin(pri_lane *const *lanes, uint32_t num_lanes, pri_seeds *order, uint64_t step,
                     uint32_t *window, uint32_t *next_window)
{
    uint32_t widest = 0;

    for (uint32_t i = 0; i < num_lanes; i++) {
        const uint32_t wish  = pr_cache_window(lanes[i]->cache);
        const uint32_t most  = lanes[i]->ahead->max_window;
        const uint32_t given = wish < most ? wish : most;
        if (given > widest) widest = given;
    }
    *window      = pri_ahead_window(lanes, num_lanes);
    *next_window = widest;
    for (uint32_t i = 0; i < num_lanes; i++) lanes[i]->ahead->window = widest;
    const uint32_t far = *window > widest ? *window : widest;
    pri_seeds_reach(order, step + far + SPARE + EARLY);
}

static pri_drawing *drawing_of(pri_ahead *ahead, uint64_t step)
{
    return &ahead->ring[step % ahead->num_rooms];
}

/* Name the lane's part of one step. */
static void name(pri_drawing *drawing, pr_phase phase, uint32_t epoch, uint64_t step, pri_lot lot)
{
    drawing->seeds = lot.seeds;
    drawing->draw  = (pr_draw){ .phase     = phase,
                                .epoch     = epoch,
                                .step      = step,
                                .positions = lot.positions,
                                .exclude   = lot.exclude };
}

/* Have the batches drawn that a step with this window needs, and some to spare. */
static void post(pri_ahead *ahead, const pri_turn *turn, uint64_t last)
{
    const uint64_t end = pri_seeds_num_steps(turn->order);

    for (; ahead->posted <= last && ahead->posted < end; ahead->posted++) {
        const uint64_t step    = ahead->posted;
        const uint32_t epoch   = pri_seeds_of(turn->order, step).epoch;
        pri_drawing   *drawing = drawing_of(ahead, step);
        PR_ASSERT(step < turn->step + ahead->num_rooms); /* its room is empty */
        name(drawing, turn->phase, epoch, step, pri_seeds_lot(turn->order, step, turn->lane));
        pri_drawer_post(ahead->drawer, drawing);
    }
}

/* Foresee until `window` batches wait behind the step's. */
static pr_status fill(pri_lane *lane, const pri_turn *turn, uint64_t step, uint32_t window,
                      pri_ahead_times *times)
{
    pr_status  st    = PR_OK;
    pri_ahead *ahead = lane->ahead;

    PR_ASSERT(window <= ahead->max_window && step <= ahead->foreseen);
    post(ahead, turn, step + window + ahead->spare);
    while (ahead->foreseen <= step + window && ahead->foreseen < ahead->posted &&
           ahead->failed == UINT64_MAX) {
        pri_drawing    *drawing = drawing_of(ahead, ahead->foreseen);
        const int64_t   start   = pr_now_ns();
        const pr_status drawn   = pri_drawer_wait(ahead->drawer, drawing);
        const int64_t   got     = pr_now_ns();
        times->wait_ns += got - start;
        if (drawn != PR_OK) {
            ahead->failed = ahead->foreseen;
            break;
        }
        PR_TRY(pr_cache_foresee(lane->cache, drawing->batch.nodes));
        ahead->foreseen++;
        times->prepare_ns += pr_now_ns() - got;
    }
done:
    return st;
}

static pr_status take_aside(pri_lane *lane, const pri_turn *turn, pr_batch *batch,
                            pri_ahead_times *times)
{
    pri_ahead    *ahead = lane->ahead;
    const int64_t start = pr_now_ns();

    name(&ahead->aside, turn->phase, turn->epoch, turn->step, turn->lot);
    ahead->aside.draw.own = turn->own;
    const pr_status st    = pri_drawer_now(ahead->drawer, &ahead->aside);
    times->wait_ns += pr_now_ns() - start;
    if (st == PR_OK) *batch = ahead->aside.batch;
    return st;
}

pr_status pri_ahead_take(pri_lane *lane, const pri_turn *turn, pr_batch *batch,
                         uint32_t *num_waiting, pri_ahead_times *times)
{
    pr_status  st    = PR_OK;
    pri_ahead *ahead = lane->ahead;

    if (turn->order) {
        PR_ASSERT(turn->step == ahead->taken);
        PR_TRY(fill(lane, turn, turn->step, turn->window, times));
        pri_drawing *drawing = drawing_of(ahead, turn->step);
        if (turn->step == ahead->failed) PR_TRY(pri_drawer_wait(ahead->drawer, drawing));
        *batch       = drawing->batch;
        ahead->taken = turn->step + 1;
    } else {
        PR_TRY(take_aside(lane, turn, batch, times));
    }
    *num_waiting = (uint32_t)(ahead->first + pri_drawer_num_drawn(ahead->drawer) - ahead->taken);
done:
    return st;
}

pr_status pri_ahead_look(pri_lane *lane, const pri_turn *turn, bool *ready, pri_ahead_times *times)
{
    const uint64_t  next = turn->step + 1;
    const pr_status st   = fill(lane, turn, next, turn->next_window, times);

    *ready = st == PR_OK && next < lane->ahead->foreseen;
    return st;
}
