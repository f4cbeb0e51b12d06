/* arc_list.h: the in-neighbours of one node: sorted, with self loops and equal arcs as asked for.
 * An arc without weight is its source; one with a weight is a key, source above and weight below:
 * weights are not negative, so their bits ascend as they do, and the order of equal arcs, whose
 * weights are added up, does not depend on who put them there. */
#ifndef LOADERS_ARC_LIST_H
#define LOADERS_ARC_LIST_H

#include <packrat/nouns.h>

#include "base/check.h"

enum { PRI_LOOPS_DROP, PRI_LOOPS_KEEP, PRI_LOOPS_ADD };

typedef struct pri_arc_rules {
    bool           keep_all;   /* of equal arcs; else one, with the sum of their weights */
    int            self_loops; /* add: keep, and a node that has none gets one, of weight 1 */
    const int64_t *ids;        /* what errors call the nodes; NULL: their numbers */
} pri_arc_rules;

typedef struct pri_arc_tally {
    uint64_t self_loops_dropped, duplicates_dropped;
} pri_arc_tally;

uint64_t pri_arc_key(pr_vid src, float weight);
float    pri_arc_weight(uint64_t key);

/* Sort a list in place; ids are below num_nodes. Any threads, different lists. */
void pri_list_sort(pr_vid *list, uint64_t n, pr_vid num_nodes);
void pri_keys_sort(uint64_t *key, uint64_t n, pr_vid num_nodes);

/* Do as the rules say with the sorted list of node v.
 *
 *   n      its arcs; with PRI_LOOPS_ADD there is room for one more
 *   to     where what is kept goes: the list itself, or below it
 *   kept   out
 *
 * PR_E_INPUT when the weights of equal arcs add up to more than f32 holds. */
void      pri_list_finish(pr_vid *list, uint64_t n, pr_vid v, const pri_arc_rules *rules,
                          pri_arc_tally *tally, pr_vid *to, uint64_t *kept);
pr_status pri_keys_finish(uint64_t *key, uint64_t n, pr_vid v, const pri_arc_rules *rules,
                          pri_arc_tally *tally, uint64_t *to, uint64_t *kept);

#endif
