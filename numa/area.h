/* area.h: which node the pages of a range go to, said before anybody touches them. Nothing is done
 * for a machine that is not ours: hwloc would say yes there. */
#ifndef NUMA_AREA_H
#define NUMA_AREA_H

#include <packrat/numa.h>

/* Ask for the pages of a range on one node, whoever touches them first. Pages that were touched
 * stay where they are.
 *
 *   at, bytes   whole pages; borders are widened to them
 *   strict      memory that the node lacks is refused, not taken elsewhere
 *
 * False when the kernel refuses, as read back, and on a machine that is not ours or has no such
 * node. Where there is one node only, its pages are there anyway: true. */
bool pri_area_bind(const pr_topo *topo, void *at, size_t bytes, int32_t numa_node, bool strict);

/* Spread the pages of a range over all nodes with memory, evenly: for what every lane reads. */
bool pri_area_interleave(const pr_topo *topo, void *at, size_t bytes);

/* Give the only NUMA node of this machine; -1 when it has several, or is not ours. */
int32_t pri_area_only_node(const pr_topo *topo);

/* Say whether memory that others brought, such as a file in the page cache, can be on nodes that
 * this process may not use (cpuset.mems). */
bool pri_area_hides_nodes(const pr_topo *topo);

#endif
