/* packrat/numa.h: what the machine is, and how its cores become lanes. */
#ifndef PACKRAT_NUMA_H
#define PACKRAT_NUMA_H

#include <packrat/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pr_topo pr_topo;

#define PR_MAX_LANES 64u

typedef enum pr_numa_mode { PR_NUMA_AUTO, PR_NUMA_STRICT, PR_NUMA_OFF } pr_numa_mode;

/* One lane: the cores of one NUMA node that this process may use. */
typedef struct pr_lane_plan {
    int32_t  numa_node;    /* OS index; -1: spans the machine */
    uint32_t num_threads;  /* at least 1 */
    uint32_t num_cores;    /* physical cores of the lane; threads may be fewer or more */
    uint64_t memory_bytes; /* of the node; 0 when not known */
} pr_lane_plan;

typedef struct pr_plan {
    uint32_t     num_lanes, num_threads;
    bool         can_bind; /* false: a synthetic topology, or the kernel refuses */
    pr_lane_plan lane[PR_MAX_LANES];
} pr_plan;

/* Discover the machine this process runs on: cpusets, the affinity it was started with (taskset,
 * OMP_PLACES) and cgroup CPU quotas are honoured. Takes some 10 ms. */
pr_status pr_topo_discover(pr_topo **out);

/* A made-up machine in hwloc's synthetic notation, for planning only: "numa:4 core:8 pu:1".
 * PR_E_ARG for another notation and for more than 4096 CPUs. */
pr_status pr_topo_synthetic(const char *description, pr_topo **out);
void      pr_topo_free(pr_topo *topo); /* NULL is fine */

/* Split `threads` (0: as many as the cpuset and the CPU quota allow, one a core) over lanes, one
 * lane per NUMA node that has cores, in proportion to them and at least one each; with fewer
 * threads than nodes the largest nodes get them. Cores of a node without memory go to the nearest
 * node that has some. PR_NUMA_OFF: one lane. PR_E_ARG when threads exceeds 4096. */
pr_status pr_topo_plan(const pr_topo *topo, uint32_t threads, pr_numa_mode mode, pr_plan *out);

/* Words for people and the log. */
const char *pr_topo_cpu_model(const pr_topo *topo); /* borrowed; "unknown" */
uint32_t    pr_topo_num_nodes(const pr_topo *topo); /* NUMA nodes with memory or cores */
uint32_t    pr_topo_num_cpus(const pr_topo *topo);  /* logical CPUs allowed */
double      pr_topo_cpu_quota(const pr_topo *topo); /* CPUs by cgroup; 0: no limit */

/* Bytes of the last-level cache that CPU 0 reaches; 16 MiB where the kernel does not say. */
uint64_t pr_llc_bytes(void);

/* Bytes of memory that may still be taken: what the kernel calls available, or what the cgroups of
 * this process leave of their limit where that is less; 0 when not known. */
uint64_t pr_memory_available(void);

void     pr_topo_print(const pr_topo *topo, const pr_plan *plan, FILE *out);
pr_json *pr_topo_json(const pr_topo *topo, const pr_plan *plan); /* NULL when out of memory */

#ifdef __cplusplus
}
#endif
#endif
