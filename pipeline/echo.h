/* echo.h: using seeds more than once. The epoch's order is cut into blocks of `pool` batches; each
 * block is used `times` times before the next begins, every time in another arrangement:
 *
 * With times 3 and pool 2:
 *
 *     order    a b c d e                    five batches
 *     steps    a b  r r  r r   c d  r r  r r   e r r            r: of the block, shuffled anew
 *     block    0 0  0 0  0 0   1 1  1 1  1 1   2 2 2
 *     round    0 0  1 1  2 2   0 0  1 1  2 2   0 1 2
 *
 * So each seed is used `times` times an epoch, in as many steps, and no step has one twice. Round 0
 * is the order itself. */
#ifndef PIPELINE_ECHO_H
#define PIPELINE_ECHO_H

#include <packrat/nouns.h>

typedef struct pri_echo {
    uint32_t times; /* at least 1: no echo */
    uint32_t pool;  /* batches of a block, at least 1 */
} pri_echo;

/* Where the seeds of a step are. */
typedef struct pri_echo_place {
    uint32_t block, round;
    uint64_t begin; /* of the block in the epoch's order */
    uint64_t size;  /* seeds of the block */
    uint64_t at;    /* of the step's first seed in the block as it is arranged in this round */
    uint32_t n;     /* seeds of the step */
} pri_echo_place;

/* Steps of an epoch of num_seeds seeds in batches of batch_size; both at least 1. */
uint64_t pri_echo_steps(pri_echo echo, uint64_t num_seeds, uint32_t batch_size);

/* Find the seeds of step `step` of an epoch, below pri_echo_steps. */
pri_echo_place pri_echo_find(pri_echo echo, uint64_t num_seeds, uint32_t batch_size, uint64_t step);

/* Arrange a block for one round: a permutation keyed by (seed, epoch, block, round); round 0 leaves
 * it as it is.
 *
 *   ids   [place->size] the block in the epoch's order; in and out
 */
void pri_echo_arrange(uint64_t seed, uint32_t epoch, const pri_echo_place *place, pr_vid *ids);

#endif
