/* split.c: two passes over a step's seeds. The first notes whose each is and counts; the second
 * gives every seed to its own lane while that has room for its own, and else to the first lane that
 * is short of seeds. */
#include "pipeline/split.h"

#include <string.h>

enum { NOBODY = 255 };
_Static_assert(PR_MAX_LANES < NOBODY, "a lane is kept in a byte");

struct pri_split {
    pri_split_rule rule;
    uint32_t       max_seeds;
    uint8_t       *owner;                   /* [max_seeds] lane of the seed at a position */
    pr_vid        *ids;                     /* [max_seeds] of the step dealt aside */
    uint32_t      *positions;               /* [max_seeds] */
    uint32_t       begin[PR_MAX_LANES + 1]; /* of that step */
};

void pri_split_shares(const pri_split_rule *rule, uint64_t num_seeds, uint64_t *share)
{
    uint64_t threads = 0, given = 0; /* no product below overflows */
    uint64_t rest[PR_MAX_LANES];     /* of the division; the largest are rounded up */

    for (uint32_t l = 0; l < rule->num_lanes; l++) threads += rule->threads[l];
    for (uint32_t l = 0; l < rule->num_lanes; l++) {
        const uint64_t odd = num_seeds % threads * rule->threads[l];
        share[l]           = num_seeds / threads * rule->threads[l] + odd / threads;
        rest[l]            = odd % threads;
        given += share[l];
    }
    for (; given < num_seeds; given++) {
        uint32_t most = 0;
        for (uint32_t l = 1; l < rule->num_lanes; l++)
            if (rest[l] > rest[most]) most = l;
        share[most]++;
        rest[most] = 0;
    }
}

uint32_t pri_split_most(const pri_split_rule *rule, uint32_t lane, uint32_t max_seeds)
{
    uint64_t threads = 0;

    for (uint32_t l = 0; l < rule->num_lanes; l++) threads += rule->threads[l];
    return (uint32_t)(((uint64_t)max_seeds * rule->threads[lane] + threads - 1) / threads);
}

pr_status pri_split_create(const pri_split_rule *rule, uint32_t max_seeds, pri_split **out)
{
    pr_status  st    = PR_OK;
    pri_split *split = NULL;

    *out = NULL;
    PR_ASSERT(rule->num_lanes >= 1 && rule->num_lanes <= PR_MAX_LANES);
    PR_NEW(split, 1);
    split->rule      = *rule;
    split->max_seeds = max_seeds;
    PR_NEW(split->owner, max_seeds);
    PR_NEW(split->ids, max_seeds);
    PR_NEW(split->positions, max_seeds);
    *out  = split;
    split = NULL;
done:
    pri_split_free(split);
    return st;
}

void pri_split_free(pri_split *split)
{
    if (!split) return;
    pri_free(split->owner);
    pri_free(split->ids);
    pri_free(split->positions);
    pri_free(split);
}

uint32_t pri_split_num_lanes(const pri_split *split)
{
    return split->rule.num_lanes;
}

/* Give the shard of a row by its range: the last one that begins at or before it and is not
 * empty. */
static uint32_t shard_of(const pr_shards *shards, pr_vid v)
{
    uint32_t low = 0, high = shards->num_shards; /* it is in low .. high-1 */

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (shards->first[middle] <= v)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Note whose each seed is; gives how many are each lane's own. */
static void find_owners(pri_split *split, pr_vids seeds, uint64_t *num_own)
{
    const pr_shards *shards = split->rule.shards;

    memset(num_own, 0, split->rule.num_lanes * sizeof *num_own);
    for (size_t i = 0; i < seeds.n; i++) {
        const pr_vid v    = seeds.at[i];
        uint8_t      lane = NOBODY;
        if (shards && v < split->rule.num_nodes)
            lane = (uint8_t)shards->lane[shards->of_row ? shards->of_row[v] : shard_of(shards, v)];
        PR_ASSERT(lane == NOBODY || lane < split->rule.num_lanes);
        split->owner[i] = lane;
        if (lane != NOBODY) num_own[lane]++;
    }
}

void pri_split_deal(pri_split *split, pr_vids seeds, pr_vid *ids, uint32_t *positions,
                    uint32_t *begin)
{
    const uint32_t num_lanes = split->rule.num_lanes;
    uint64_t       share[PR_MAX_LANES], own[PR_MAX_LANES], room[PR_MAX_LANES];
    uint32_t       end[PR_MAX_LANES], first_short = 0;

    PR_ASSERT(seeds.n <= split->max_seeds);
    pri_split_shares(&split->rule, seeds.n, share);
    find_owners(split, seeds, own);
    begin[0] = 0;
    for (uint32_t l = 0; l < num_lanes; l++) {
        if (own[l] > share[l]) own[l] = share[l]; /* from here: own seeds it has yet to get */
        room[l]      = share[l] - own[l];         /* and those of others */
        end[l]       = begin[l];
        begin[l + 1] = begin[l] + (uint32_t)share[l];
    }
    for (size_t i = 0; i < seeds.n; i++) {
        uint32_t lane = split->owner[i];
        if (lane != NOBODY && own[lane] > 0) {
            own[lane]--;
        } else {
            while (room[first_short] == 0) first_short++;
            lane = first_short;
            room[lane]--;
        }
        ids[end[lane]]       = seeds.at[i];
        positions[end[lane]] = (uint32_t)i;
        end[lane]++;
    }
}

void pri_split_aside(pri_split *split, pr_vids seeds)
{
    pri_split_deal(split, seeds, split->ids, split->positions, split->begin);
}

pri_lot pri_split_lot(const pri_split *split, uint32_t lane)
{
    const uint32_t begin = split->begin[lane];

    return (pri_lot){ .seeds     = { split->ids + begin, split->begin[lane + 1] - begin },
                      .positions = split->positions + begin };
}
