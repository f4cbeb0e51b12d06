/* placement.h: cutting rows into ranges, for the plan and for whoever deals them to lanes. */
#ifndef NUMA_PLACEMENT_H
#define NUMA_PLACEMENT_H

#include <packrat/numa.h>

/* Cut num_rows into a range for each lane, in proportion to its threads, at multiples of `unit`
 * rows (0: any); lane l has rows first[l] .. first[l + 1]-1, which may be none.
 *
 *   first   out [num_lanes + 1]
 *
 * Cannot fail. num_rows at most 2^40. */
void pri_placement_cut(const pr_plan *plan, uint64_t num_rows, uint64_t unit, uint64_t *first);

#endif
