/* ahead.c: a ring of rooms; the batch of step s in order lives in room s modulo their number. */
#include "pipeline/ahead.h"

struct pri_ahead {
    pr_batch_room *aside; /* of turns out of order */
    uint64_t       next;  /* first step that was not drawn yet */
    uint64_t       taken; /* steps that were taken, in order */
    uint32_t       num_rooms;
    struct {
        pr_batch_room *room;
        pr_batch       batch;
    } ring[PR_MAX_WINDOW + 1]; /* [num_rooms] */
};

uint32_t pri_ahead_limit(const pr_cache_options *cache)
{
    if (cache->policy != PR_POLICY_LOOKAHEAD || cache->mode != PR_CACHE_RESIDENT) return 0;
    return cache->lookahead < PR_MAX_WINDOW ? cache->lookahead : PR_MAX_WINDOW; /* auto: the most */
}

pr_status pri_ahead_create(const pr_sampler *sampler, uint32_t max_window, pri_ahead **out)
{
    pr_status  st    = PR_OK;
    pri_ahead *ahead = NULL;

    *out = NULL;
    PR_ASSERT(max_window <= PR_MAX_WINDOW);
    PR_NEW(ahead, 1);
    PR_TRY(pr_batch_room_create(sampler, &ahead->aside));
    for (; ahead->num_rooms <= max_window; ahead->num_rooms++) {
        st = pr_batch_room_create(sampler, &ahead->ring[ahead->num_rooms].room);
        if (st != PR_OK) {
            pri_error_prefix("batch %u of %u to be held for --lookahead %u: ", ahead->num_rooms + 1,
                             max_window + 1, max_window);
            goto done;
        }
    }
    *out  = ahead;
    ahead = NULL;
done:
    pri_ahead_free(ahead);
    return st;
}

void pri_ahead_free(pri_ahead *ahead)
{
    if (!ahead) return;
    for (uint32_t i = 0; i < ahead->num_rooms; i++) pr_batch_room_free(ahead->ring[i].room);
    pr_batch_room_free(ahead->aside);
    pri_free(ahead);
}

uint32_t pri_ahead_window(pri_lane *const *lanes, uint32_t num_lanes)
{
    uint32_t widest = 0;

    for (uint32_t i = 0; i < num_lanes; i++) {
        const uint32_t wish  = pr_cache_window(lanes[i]->cache);
        const uint32_t most  = lanes[i]->ahead->num_rooms - 1;
        const uint32_t given = wish < most ? wish : most;
        if (given > widest) widest = given;
    }
    return widest;
}

/* Draw the lane's part of one step's seeds. */
static pr_status draw(pri_lane *lane, pr_batch_room *room, const pri_turn *turn,
                      const pri_step_seeds *seeds, uint64_t step, pr_batch *out)
{
    pr_draw       draw = { .phase = turn->phase, .epoch = seeds->epoch, .step = step };
    const pr_vids mine =
        pri_seeds_part(seeds->ids, turn->part, turn->num_parts, &draw.first_position);

    return pr_sampler_draw(lane->sampler, room, mine, draw, out);
}

/* Draw and foresee until `window` batches wait behind the turn's. */
static pr_status fill(pri_lane *lane, const pri_turn *turn, int64_t *foresee_ns)
{
    pr_status      st    = PR_OK;
    pri_ahead     *ahead = lane->ahead;
    const uint64_t end   = pri_seeds_num_steps(turn->order);

    PR_ASSERT(turn->window < ahead->num_rooms && turn->step <= ahead->next);
    for (; ahead->next <= turn->step + turn->window && ahead->next < end; ahead->next++) {
        const pri_step_seeds seeds = pri_seeds_of(turn->order, ahead->next);
        const uint32_t       at    = (uint32_t)(ahead->next % ahead->num_rooms);
        pr_batch            *batch = &ahead->ring[at].batch;
        PR_TRY(draw(lane, ahead->ring[at].room, turn, &seeds, ahead->next, batch));
        const int64_t drawn = pr_now_ns();
        PR_TRY(pr_cache_foresee(lane->cache, batch->nodes));
        *foresee_ns += pr_now_ns() - drawn;
    }
done:
    return st;
}

pr_status pri_ahead_take(pri_lane *lane, const pri_turn *turn, pr_batch *batch,
                         uint32_t *num_waiting, int64_t *foresee_ns)
{
    pr_status  st    = PR_OK;
    pri_ahead *ahead = lane->ahead;

    *foresee_ns = 0;
    if (turn->order) {
        PR_TRY(fill(lane, turn, foresee_ns));
        *batch       = ahead->ring[turn->step % ahead->num_rooms].batch;
        ahead->taken = turn->step + 1;
    } else {
        const pri_step_seeds seeds = { turn->epoch, turn->seeds };
        PR_TRY(draw(lane, ahead->aside, turn, &seeds, turn->step, batch));
    }
    *num_waiting = (uint32_t)(ahead->next - ahead->taken);
done:
    return st;
}
