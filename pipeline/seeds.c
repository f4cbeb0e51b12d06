/* seeds.c: one epoch's order at a time, and a ring of copies: the steps that wait may belong to an
 * epoch before the one whose order is laid out, where an epoch has few steps even to several. */
#include "pipeline/seeds.h"

#include <packrat/sampler.h>

#include <string.h>

struct pri_seeds {
    pr_vids  nodes;
    uint64_t seed, num_steps, steps_per_epoch;
    uint32_t batch_size; /* at most nodes.n */
    uint32_t num_kept;   /* steps the ring holds */
    uint64_t reached;    /* steps that were laid out */
    pr_vid  *order;      /* [nodes.n] of the epoch of the latest step */
    pr_vid  *kept;       /* [num_kept, batch_size] */
};

pr_status pri_seeds_create(pr_vids nodes, uint64_t seed, uint32_t batch_size, uint64_t num_steps,
                           uint32_t max_ahead, pri_seeds **out)
{
    pr_status  st    = PR_OK;
    pri_seeds *seeds = NULL;

    *out = NULL;
    PR_ASSERT(nodes.n > 0 && batch_size > 0);
    if (batch_size > nodes.n) batch_size = (uint32_t)nodes.n;
    PR_NEW(seeds, 1);
    *seeds = (pri_seeds){ .nodes           = nodes,
                          .seed            = seed,
                          .num_steps       = num_steps,
                          .steps_per_epoch = (nodes.n + batch_size - 1) / batch_size,
                          .batch_size      = batch_size,
                          .num_kept        = max_ahead + 1 };
    PR_NEW(seeds->order, nodes.n);
    PR_NEW(seeds->kept, (size_t)seeds->num_kept * batch_size);
    *out  = seeds;
    seeds = NULL;
done:
    pri_seeds_free(seeds);
    return st;
}

void pri_seeds_free(pri_seeds *seeds)
{
    if (!seeds) return;
    pri_free(seeds->kept);
    pri_free(seeds->order);
    pri_free(seeds);
}

uint64_t pri_seeds_steps_per_epoch(const pri_seeds *seeds)
{
    return seeds->steps_per_epoch;
}

uint64_t pri_seeds_num_steps(const pri_seeds *seeds)
{
    return seeds->num_steps;
}

/* Give the place of a step's copy in the ring. */
static pr_vid *copy_of(const pri_seeds *seeds, uint64_t step)
{
    return seeds->kept + (size_t)(step % seeds->num_kept) * seeds->batch_size;
}

/* Give where a step begins in its epoch's order, and how many seeds it has. */
static size_t begin_of(const pri_seeds *seeds, uint64_t step, size_t *n)
{
    const size_t begin = (size_t)(step % seeds->steps_per_epoch) * seeds->batch_size;
    const size_t left  = seeds->nodes.n - begin;

    *n = left < seeds->batch_size ? left : seeds->batch_size;
    return begin;
}

void pri_seeds_reach(pri_seeds *seeds, uint64_t step)
{
    for (; seeds->reached <= step && seeds->reached < seeds->num_steps; seeds->reached++) {
        size_t         n;
        const uint64_t next  = seeds->reached;
        const size_t   begin = begin_of(seeds, next, &n);
        if (begin == 0)
            pr_seed_order(seeds->nodes, seeds->seed, (uint32_t)(next / seeds->steps_per_epoch),
                          seeds->order);
        memcpy(copy_of(seeds, next), seeds->order + begin, n * sizeof *seeds->order);
    }
}

pri_step_seeds pri_seeds_of(const pri_seeds *seeds, uint64_t step)
{
    pri_step_seeds out = { .epoch = (uint32_t)(step / seeds->steps_per_epoch) };

    PR_ASSERT(step < seeds->reached && step + seeds->num_kept >= seeds->reached);
    (void)begin_of(seeds, step, &out.ids.n);
    out.ids.at = copy_of(seeds, step);
    return out;
}

pr_vids pri_seeds_part(pr_vids seeds, uint32_t part, uint32_t num_parts, uint32_t *first)
{
    const size_t begin = seeds.n * part / num_parts;
    const size_t end   = seeds.n * (part + 1) / num_parts;

    *first = (uint32_t)begin;
    return (pr_vids){ seeds.at + begin, end - begin };
}
