/* bind.h: asking the kernel to keep threads and pages in their place, and asking it where they
 * are. Every answer is read back: on a machine that is not ours hwloc's calls succeed and do
 * nothing. */
#ifndef NUMA_BIND_H
#define NUMA_BIND_H

#include "numa/topo.h"

/* True when the user has placed OpenMP's threads already (OMP_PROC_BIND, OMP_PLACES and the
 * runtimes' own variables); "false" is a choice too. */
bool pri_bind_by_user(void);

/* Limit the calling thread to these CPUs; false when the kernel refuses. */
bool pri_bind_thread(const pr_topo *topo, hwloc_const_bitmap_t cpuset);

/* Read the calling thread's CPUs into `out`; false when they cannot be read. */
bool pri_bind_thread_read(const pr_topo *topo, hwloc_bitmap_t out);

/* True when the calling thread runs on one of these CPUs and may run on no other. */
bool pri_bind_thread_is_on(const pr_topo *topo, hwloc_const_bitmap_t cpuset);

/* True when the calling thread could be bound to each lane's CPUs in turn, and was seen there; it
 * has its own CPUs back afterwards. Never for a machine that is not ours, nor where the user has
 * placed the threads: a run binds none then. */
bool pri_bind_try(const pr_topo *topo, const pr_plan *plan);

/* Ask for the pages that the calling thread touches first on one node; -1: wherever the kernel
 * likes. False when the kernel refuses. */
bool pri_bind_thread_memory(const pr_topo *topo, int32_t os_index, bool strict);

/* True when touched pages lie on this node and nowhere else. */
bool pri_bind_pages_are_on(const pr_topo *topo, int32_t os_index, const void *ptr, size_t bytes);

#endif
