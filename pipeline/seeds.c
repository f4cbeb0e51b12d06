/* seeds.c: one epoch's order at a time, and a ring of copies: the steps that wait may belong to an
 * epoch before the one whose order is laid out, where an epoch has few steps even to several. */
#include "pipeline/seeds.h"

#include <string.h>

struct pri_seeds {
    pri_seeds_plan  plan; /* batch_size: at most the nodes */
    uint64_t        steps_per_epoch;
    uint32_t        num_kept; /* steps the ring holds */
    uint64_t        reached;  /* steps that were laid out */
    pri_seed_order *source;
    pr_vid         *order; /* [nodes] of the epoch of the latest step */
    pr_vid         *block; /* [pool * batch_size] as arranged for its round; NULL: no echo */
    pr_vid         *kept;  /* [num_kept, batch_size]; NULL: link has them */

    pri_link_batches *link; /* NULL: nodes are seeds */

    /* With several lanes steps are kept as they were dealt; else both are NULL. */
    uint32_t *positions; /* [num_kept, batch_size] in the step */
    uint32_t *begin;     /* [num_kept, lanes + 1] of each lane's seeds */
};

static uint32_t num_lanes_of(const pri_seeds *seeds)
{
    return seeds->plan.split ? pri_split_num_lanes(seeds->plan.split) : 1;
}

pr_status pri_seeds_open(const pri_seeds_plan *plan, pri_seeds **out)
{
    pr_status    st    = PR_OK;
    pri_seeds   *seeds = NULL;
    const size_t n     = plan->order.nodes.n;

    *out = NULL;
    PR_ASSERT(n > 0 && plan->batch_size > 0 && plan->echo.times > 0 && plan->echo.pool > 0);
    PR_NEW(seeds, 1);
    seeds->plan     = *plan;
    seeds->num_kept = plan->max_ahead + 1;
    seeds->reached  = plan->first_step;
    if (plan->batch_size > n) seeds->plan.batch_size = (uint32_t)n;
    const uint64_t batch   = seeds->plan.batch_size;
    const uint64_t pool    = plan->echo.pool * batch;
    seeds->steps_per_epoch = pri_echo_steps(plan->echo, n, (uint32_t)batch);
    PR_TRY(pri_seed_order_create(&plan->order, &seeds->source));
    PR_NEW(seeds->order, n);
    if (plan->echo.times > 1) PR_NEW(seeds->block, pool < n ? pool : n);
    if (plan->link)
        PR_TRY(pri_link_batches_create(plan->link, (uint32_t)batch, seeds->num_kept, &seeds->link));
    else
        PR_NEW(seeds->kept, seeds->num_kept * batch);
    if (num_lanes_of(seeds) > 1) {
        PR_NEW(seeds->positions, seeds->num_kept * batch);
        PR_NEW(seeds->begin, seeds->num_kept * (num_lanes_of(seeds) + UINT64_C(1)));
    }
    *out  = seeds;
    seeds = NULL;
done:
    pri_seeds_free(seeds);
    return st;
}

pr_status pri_seeds_create(pr_vids nodes, uint64_t seed, uint32_t batch_size, uint64_t num_steps,
                           uint32_t max_ahead, pri_seeds **out)
{
    const pri_seeds_plan plan = {
        .order      = { .kind = PR_ORDER_RANDOM, .nodes = nodes, .seed = seed },
        .echo       = { 1, 1 },
        .batch_size = batch_size,
        .num_steps  = num_steps,
        .max_ahead  = max_ahead,
    };
    return pri_seeds_open(&plan, out);
}

void pri_seeds_free(pri_seeds *seeds)
{
    if (!seeds) return;
    pri_seed_order_free(seeds->source);
    pri_free(seeds->begin);
    pri_free(seeds->positions);
    pri_free(seeds->kept);
    pri_link_batches_free(seeds->link);
    pri_free(seeds->block);
    pri_free(seeds->order);
    pri_free(seeds);
}

uint64_t pri_seeds_steps_per_epoch(const pri_seeds *seeds)
{
    return seeds->steps_per_epoch;
}

uint64_t pri_seeds_num_steps(const pri_seeds *seeds)
{
    return seeds->plan.num_steps;
}

/* Give the place of a step's first seed in the ring. */
static size_t place_in_ring(const pri_seeds *seeds, uint64_t step)
{
    return (size_t)(step % seeds->num_kept) * seeds->plan.batch_size;
}

static uint32_t *begins_of(const pri_seeds *seeds, uint64_t step)
{
    return seeds->begin + (size_t)(step % seeds->num_kept) * (num_lanes_of(seeds) + (size_t)1);
}

/* Keep a step, dealt where there are several lanes. */
static void keep(pri_seeds *seeds, uint64_t step, pr_vids ids)
{
    const size_t at = place_in_ring(seeds, step);

    if (seeds->link)
        pri_link_batches_make(seeds->link, step, ids);
    else if (seeds->begin)
        pri_split_deal(seeds->plan.split, ids, seeds->kept + at, seeds->positions + at,
                       begins_of(seeds, step));
    else
        memcpy(seeds->kept + at, ids.at, ids.n * sizeof *ids.at);
}

static pri_echo_place place_of(const pri_seeds *seeds, uint64_t step)
{
    const pri_seeds_plan *plan = &seeds->plan;
    return pri_echo_find(plan->echo, plan->order.nodes.n, plan->batch_size,
                         step % seeds->steps_per_epoch);
}

/* Make one step ready, all before it being so, or gone. */
static void lay_out(pri_seeds *seeds, uint64_t step)
{
    const bool     begins = step == seeds->plan.first_step; /* maybe within an epoch or round */
    const uint32_t epoch  = (uint32_t)(step / seeds->steps_per_epoch);
    const pri_echo_place place = place_of(seeds, step);
    const pr_vid        *from  = seeds->order + place.begin;

    if (begins || step % seeds->steps_per_epoch == 0)
        pri_seed_order_write(seeds->source, epoch, seeds->order);
    if (seeds->block) {
        if (begins || place.at == 0) { /* a round begins */
            memcpy(seeds->block, from, place.size * sizeof *seeds->block);
            pri_echo_arrange(seeds->plan.order.seed, epoch, &place, seeds->block);
        }
        from = seeds->block;
    }
    keep(seeds, step, (pr_vids){ from + place.at, place.n });
}

void pri_seeds_reach(pri_seeds *seeds, uint64_t step)
{
    for (; seeds->reached <= step && seeds->reached < seeds->plan.num_steps; seeds->reached++)
        lay_out(seeds, seeds->reached);
}

pri_step_seeds pri_seeds_of(const pri_seeds *seeds, uint64_t step)
{
    PR_ASSERT(step < seeds->reached && step + seeds->num_kept >= seeds->reached);
    PR_ASSERT(step >= seeds->plan.first_step);
    const uint32_t epoch = (uint32_t)(step / seeds->steps_per_epoch);
    if (seeds->link)
        return (pri_step_seeds){ epoch, pri_link_batches_of(seeds->link, step)->seeds };
    return (pri_step_seeds){
        .epoch = epoch, .ids = { seeds->kept + place_in_ring(seeds, step), place_of(seeds, step).n }
    };
}

const pri_link_step *pri_seeds_link(const pri_seeds *seeds, uint64_t step)
{
    return seeds->link ? pri_link_batches_of(seeds->link, step) : NULL;
}

pri_lot pri_seeds_lot(const pri_seeds *seeds, uint64_t step, uint32_t lane)
{
    const pr_vids ids = pri_seeds_of(seeds, step).ids;

    PR_ASSERT(lane < num_lanes_of(seeds));
    if (seeds->link)
        return (pri_lot){ .seeds   = ids,
                          .exclude = &pri_link_batches_of(seeds->link, step)->exclude };
    if (!seeds->begin) return (pri_lot){ .seeds = ids };
    const uint32_t *begin = begins_of(seeds, step) + lane;
    return (pri_lot){ .seeds     = { ids.at + begin[0], begin[1] - begin[0] },
                      .positions = seeds->positions + place_in_ring(seeds, step) + begin[0] };
}
