/* topo.h: what numa/ knows about the machine, behind the opaque pr_topo. */
#ifndef NUMA_TOPO_H
#define NUMA_TOPO_H

#include <packrat/numa.h>

#include "base/check.h"

#include <hwloc.h>

/* One NUMA node. A core belongs to exactly one node, or the sum over nodes would exceed the
 * machine: where two memories sit on one package, the first has the cores. */
typedef struct pri_node {
    int32_t        os_index;
    uint32_t       logical;      /* hwloc's index: near nodes have near indices */
    uint32_t       num_cores;    /* cores a lane of this node gets; 0: no lane */
    uint64_t       memory_bytes; /* 0 when not known, or none */
    hwloc_bitmap_t cpuset;       /* the allowed CPUs of those cores */
} pri_node;

/* What last took CPUs of the machine away. */
typedef enum pri_limit {
    PRI_LIMIT_NONE,
    PRI_LIMIT_CPUSET,
    PRI_LIMIT_AFFINITY,
    PRI_LIMIT_LIST
} pri_limit;

struct pr_topo {
    hwloc_topology_t hw;
    bool             real;     /* the machine we run on, not a made-up one */
    bool             can_bind; /* real, and the kernel lets a thread set its affinity */
    hwloc_bitmap_t   allowed;  /* CPUs this process may use */
    uint32_t         num_cpus, num_cores;
    uint32_t         machine_cpus; /* with those that this process may not use */
    pri_limit        limit;
    double           cpu_quota; /* 0: no limit */
    uint32_t         num_nodes;
    uint32_t         machine_nodes; /* with those whose memory the cpuset forbids */
    pri_node        *node;          /* [num_nodes], by OS index */
    uint32_t        *apart; /* [num_nodes, num_nodes] how far the memory of the second is from the
                               first; only for comparing nodes as seen from one */
    char cpu_model[128];
};

/* Load hwloc's topology of a source into *hw; *real: it is the machine we run on. */
pr_status pri_topo_load(const pr_topo_source *source, hwloc_topology_t *hw, bool *real);

/* Read a list of CPUs such as "0-3,8" into `out`. PR_E_ARG says what is wrong with it. */
pr_status pri_topo_read_cpus(const char *list, hwloc_bitmap_t out);

/* List the NUMA nodes that may be used, hand every allowed core to one of them, and fill `apart`.
 * Needs hw and allowed. */
pr_status pri_topo_list_nodes(pr_topo *topo);

/* Count the physical cores with at least one CPU in `set`; each CPU is one where cores are not
 * known. */
uint32_t pri_topo_count_cores(hwloc_topology_t hw, hwloc_const_bitmap_t set);

/* Give the CPUs of the index-th such core, cut to `set`; false when there are fewer. */
bool pri_topo_core(hwloc_topology_t hw, hwloc_const_bitmap_t set, uint32_t index,
                   hwloc_bitmap_t out);

/* Give the CPUs of a lane: `num` cores from the first-th on, of a node or, with -1, of all that
 * this process may use; PR_E_ARG when the first is not there, or the node has none. */
pr_status pri_topo_lane_cpus(const pr_topo *topo, const pr_lane_plan *lane, hwloc_bitmap_t out);

/* Find a node by its OS index; NULL when the machine has none such. */
const pri_node *pri_topo_node(const pr_topo *topo, int32_t os_index);

/* True when a node may be asked for memory: it has some, or no node of the machine says how much it
 * has. */
bool pri_topo_has_memory(const pr_topo *topo, const pri_node *node);

/* Give how many CPUs the cgroups of this process grant (quota over period, the smallest on the way
 * up to the root, cgroup v1 and v2); 0: no limit. `root` is "" or, for tests, a directory that
 * holds a made-up /proc and /sys. Cannot fail: what cannot be read sets no limit. */
double pri_quota_cpus(const char *root);

/* The same for bytes of memory that may still be taken, page cache counted as taken. */
double pri_quota_memory(const char *root);

/* The same for all they may take, whatever is taken of it now. */
double pri_quota_memory_most(const char *root);

/* pr_memory_available() and pr_memory_limit() below `root`. */
uint64_t pri_memory_available(const char *root);
uint64_t pri_memory_limit(const char *root);

#endif
