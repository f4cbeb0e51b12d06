/* split.h: which lane works on which of a step's seeds. Every lane gets its share, in proportion to
 * its threads, and of those that it may have, the ones whose rows are its own:
 *
 *     position       0  1  2  3  4  5  6  7        two lanes of as many threads: 4 seeds each
 *     lane of row    0  0  1  0  0  0  0  1
 *     goes to        0  0  1  0  0  1  1  1        lane 0 is full: 5 and 6 are surplus
 *
 * So no lane idles where all seeds lie in one shard (nodes 0 .. 139 of a graph, say). A function of
 * the seeds alone. A lane has its seeds in the order of the step and knows each one's position
 * there, so that what a batch is does not depend on how many lanes draw it. */
#ifndef PIPELINE_SPLIT_H
#define PIPELINE_SPLIT_H

#include <packrat/nouns.h>
#include <packrat/numa.h>
#include <packrat/sampler.h>

#include "base/check.h"

typedef struct pri_split pri_split;

/* Who gets what; a value. */
typedef struct pri_split_rule {
    uint32_t         num_lanes;             /* 1 .. PR_MAX_LANES */
    uint32_t         threads[PR_MAX_LANES]; /* of each lane, at least 1 */
    pr_vid           num_nodes;             /* seeds from there on are nobody's own */
    const pr_shards *shards;                /* NULL: no seed is: lanes get runs of the step */
} pri_split_rule;

/* One lane's part of a step's seeds; borrowed. */
typedef struct pri_lot {
    pr_vids           seeds;
    const uint32_t   *positions; /* [seeds.n] in the whole step, ascending; NULL: 0, 1, 2, ... */
    const pr_exclude *exclude;   /* neighbours they must not see; NULL: none */
} pri_lot;

/* Give how many of num_seeds, or of anything, each lane gets: shares that add up, each rounded down
 * or up. */
void pri_split_shares(const pri_split_rule *rule, uint64_t num_seeds, uint64_t *share);

/* Give the most seeds a lane gets of a step of at most max_seeds. */
uint32_t pri_split_most(const pri_split_rule *rule, uint32_t lane, uint32_t max_seeds);

/* Create what deals steps of at most max_seeds. The rule's shards are borrowed. Takes 9 bytes a
 * seed; no later call allocates. One thread at a time. */
pr_status pri_split_create(const pri_split_rule *rule, uint32_t max_seeds, pri_split **out);
void      pri_split_free(pri_split *split); /* NULL is fine */

uint32_t pri_split_num_lanes(const pri_split *split);

/* Deal the seeds of a step.
 *
 *   ids         out [seeds.n], lane after lane; must not overlap the seeds
 *   positions   out [seeds.n]
 *   begin       out [lanes + 1]: lane l has ids[begin[l] .. begin[l+1])
 *
 * Cannot fail. O(seeds.n). */
void pri_split_deal(pri_split *split, pr_vids seeds, pr_vid *ids, uint32_t *positions,
                    uint32_t *begin);

/* Deal a step into memory of the split's own; its lots are borrowed until the next one. */
void    pri_split_aside(pri_split *split, pr_vids seeds);
pri_lot pri_split_lot(const pri_split *split, uint32_t lane);

#endif
