/* alias.h: one arc of a row in proportion to the arcs' weights, from one random number and one
 * look-up (Walker, ACM TOMS 1977; built as Vose, IEEE TSE 1991, but in integers and in place).
 *
 * A row of n arcs has n equal slots of 2^32 units, and each arc has units in proportion to its
 * weight, n 2^32 in all. Slot i holds units of arc i below `below`, and of arc `other` from there:
 *
 *     slot      |    0    |    1    |    2    |    3    |
 *     arc       | 0  : 2  | 1  : 2  |    2    | 3 :  2  |       weights 2, 2, 9, 1 or so
 *                  below 0                       below 3
 *
 * Rounding to whole units moves at most 2^-33 of the row's weight; an arc of weight 0 has no unit.
 */
#ifndef PIPELINE_SAMPLER_ALIAS_H
#define PIPELINE_SAMPLER_ALIAS_H

#include <packrat/nouns.h>
#include <packrat/numa.h>

#include "base/check.h"

typedef struct pri_alias_entry {
    uint32_t below; /* units of the slot's own arc; of no matter where `other` is that arc */
    uint32_t other; /* place in the row */
} pri_alias_entry;

typedef struct pri_alias {
    pri_alias_entry *entry;    /* [num_edges], as the graph's arcs */
    size_t           bytes;    /* of `entry` */
    uint64_t        *gaps;     /* bit v: vertex v has arcs of weight 0; NULL: no vertex has */
    uint32_t        *positive; /* [num_nodes] arcs of positive weight; NULL like gaps */
    size_t           gaps_bytes, positive_bytes;
} pri_alias;

/* Build the slots of all rows; takes 8 bytes an arc, and 4 a vertex where there are weights of 0.
 * Free with pri_alias_clear; zeroed ones are fine. PR_E_ARG for a weight that is negative or not
 * finite. Deterministic. O(num_edges). */
pr_status pri_alias_init(pri_alias *alias, const pr_graph *graph, uint32_t threads);
void      pri_alias_clear(pri_alias *alias);

/* Append the memory it holds. */
void pri_alias_ranges(const pri_alias *alias, pr_ranges *ranges);

/* Give the arcs of positive weight of a vertex of this degree. */
static inline uint32_t pri_alias_positive(const pri_alias *alias, pr_vid v, uint32_t degree)
{
    const bool whole = !alias->gaps || !(alias->gaps[v / 64] >> v % 64 & 1);
    return whole ? degree : alias->positive[v];
}

#endif
