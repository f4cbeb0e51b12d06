/* placements.h: what must hold of a placement of any machine for any demand, and machines to place
 * things on. */
#ifndef TESTS_PLACEMENTS_H
#define TESTS_PLACEMENTS_H

#include "numa/topo.h"

enum { MiB = 1 << 20 };

/* Open a machine; with `edits` (from, to) it is written as XML, edited and read again. */
pr_topo *test_machine(pr_topo_source source, const char *const edits[2]);

/* Plan and place, and check what holds for all: lanes with threads and cores of their own, every
 * row in one shard, units kept, every byte on a node that has memory, and the same when done
 * again. */
void test_place(const pr_topo *topo, const pr_plan_options *options, const pr_demand *demand,
                pr_placement *out);

#endif
