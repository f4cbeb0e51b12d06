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

/* One lane: cores of one NUMA node that this process may use. Several lanes may share a node; each
 * has a run of the node's cores. */
typedef struct pr_lane_plan {
    int32_t  numa_node;    /* OS index; -1: spans the machine */
    uint32_t num_threads;  /* at least 1 */
    uint32_t first_core;   /* of the node's cores that may be used, in hwloc's order */
    uint32_t num_cores;    /* physical cores of the lane; threads may be fewer or more */
    uint64_t memory_bytes; /* of the node; 0 when not known */
} pr_lane_plan;

typedef struct pr_plan {
    uint32_t     num_lanes, num_threads;
    bool         can_bind; /* false: a synthetic topology, or the kernel refuses */
    pr_lane_plan lane[PR_MAX_LANES];
    char         why[256]; /* what threads and lanes were decided by: half a sentence */
} pr_plan;

/* Where a machine's description comes from; all zero: the machine this process runs on. */
typedef struct pr_topo_source {
    const char *synthetic; /* made up, in hwloc's notation: "numa:4 core:8 pu:1"; NULL: not so */
    const char *xml;       /* a file that lstopo or hwloc wrote; NULL: none */
    const char *cpus;      /* only these logical CPUs, such as "0-3,8"; NULL or "": all allowed */
    double      cpu_quota; /* CPUs of time; 0: what the cgroups of this process grant, and for a
                              machine that is not ours no limit */
} pr_topo_source;

/* Describe a machine: ours (cpusets, the affinity the process was started with and cgroup quotas
 * are honoured), or another one, for planning only: nothing is ever bound there, whatever hwloc
 * answers. Takes some 10 ms.
 *
 * PR_E_ARG for a notation that hwloc does not read, more than 4096 CPUs, both kinds at once, a list
 * of CPUs that cannot be read or names none that is allowed; PR_E_INPUT for a file that is not
 * hwloc's XML. */
pr_status pr_topo_open(const pr_topo_source *source, pr_topo **out);

/* The same for our machine, and for one made up. */
pr_status pr_topo_discover(pr_topo **out);
pr_status pr_topo_synthetic(const char *description, pr_topo **out);
void      pr_topo_free(pr_topo *topo); /* NULL is fine */

/* What a plan may be told. */
typedef struct pr_plan_options {
    uint32_t threads; /* 0: as many as cpuset and CPU quota allow, one a core of the nodes that are
                         used, and at least one a lane that is asked for */
    uint32_t lanes;   /* 0: one a NUMA node that has cores; more than such nodes: nodes are cut into
                         runs of cores, the largest first (lanes share cores only when there are
                         more of them than cores); fewer: the largest nodes are used */
    int numa;         /* pr_numa_mode */
} pr_plan_options;

/* Split threads over lanes, in proportion to cores and at least one each; with fewer threads than
 * lanes there are fewer lanes. Cores of a node without memory go to the nearest node that has some.
 * PR_NUMA_OFF: one lane. PR_E_ARG for more than 4096 threads, more than PR_MAX_LANES lanes, and for
 * several lanes with PR_NUMA_OFF. */
pr_status pr_topo_plan(const pr_topo *topo, const pr_plan_options *options, pr_plan *out);

/* What a run keeps in memory, by kind. */
typedef enum pr_item {
    PR_ITEM_GRAPH,   /* arcs and offsets */
    PR_ITEM_STORE,   /* rows of the store: a shard, or all of it where it is read in place */
    PR_ITEM_SLAB,    /* slots of a cache partition */
    PR_ITEM_INDEX,   /* its index and policy */
    PR_ITEM_SAMPLER, /* tables, scratch and batches drawn ahead */
    PR_ITEM_TAPE,    /* activations and gradients */
    PR_NUM_ITEMS
} pr_item;

/* "graph", "store", ...; never NULL. */
const char *pr_item_name(pr_item item);

/* What a run asks of a machine, for pr_placement_make. */
typedef struct pr_demand {
    uint64_t num_rows, row_bytes; /* of the store, padding included */
    bool     sharded;             /* rows are copied to shards; false: read where they are */
    uint64_t shard_unit; /* ranges begin at multiples of so many rows (pr_store_unit); 0: any */
    const uint64_t *part_rows; /* [lanes] rows each lane's shard has; NULL: ranges of rows, cut in
                                  proportion to the lanes' threads */
    uint64_t graph_bytes;
    int      graph_copies; /* 1: each lane has a copy; 0: one, where it is; -1: copies where
                              they take at most an eighth of each lane's node */
    uint64_t lane_bytes[PR_NUM_ITEMS]; /* of each lane, at most: slab, index, sampler, tape */
    uint64_t lane_kept_bytes; /* what is expected of that, for which rows leave room; 0: slab and
                                 index as stated */
} pr_demand;

#define PR_MAX_SHARDS     128u
#define PR_MAX_NUMA_NODES 256u

/* Rows of the store that one node has and one lane works for. */
typedef struct pr_shard_plan {
    int32_t  numa_node;
    uint32_t lane;
    uint64_t first_row, num_rows; /* first_row: 0 unless shards are ranges */
    uint64_t bytes;
} pr_shard_plan;

/* What a node is to hold. */
typedef struct pr_node_plan {
    int32_t  numa_node;    /* -1: wherever the kernel has it */
    uint64_t memory_bytes; /* 0: not known, or none */
    uint64_t bytes[PR_NUM_ITEMS], total_bytes;
} pr_node_plan;

/* Everything a run puts anywhere: a value, good for machines we do not own. */
typedef struct pr_placement {
    pr_plan       plan;
    bool          ranges, sharded, graph_copied;
    uint32_t      num_shards, num_nodes; /* num_shards 0: not sharded */
    pr_shard_plan shard[PR_MAX_SHARDS];
    pr_node_plan  node[PR_MAX_NUMA_NODES + 1]; /* by OS index; the last may be -1 */
    bool          fits; /* no node is asked for more than it has, as far as is expected */
    char          why[PR_TEXT_BYTES]; /* what does not fit, or was moved; "" when nothing */
} pr_placement;

/* Decide which node holds what. Lanes' memory goes to their nodes, shards too; rows beyond what a
 * node has go to the nearest node with room, those without cores first, as further shards of the
 * lane (ranges only). Bytes are accounted for to the last one. Cannot fail but for NULLs and a
 * demand that overflows (PR_E_ARG). */
pr_status pr_placement_make(const pr_topo *topo, const pr_plan *plan, const pr_demand *demand,
                            pr_placement *out);

/* A range of memory and the node it was meant for. */
typedef struct pr_range {
    const char *what; /* a literal: "shard", "slab", "index", "sampler", "batch", "tape", "graph" */
    const void *at;
    size_t      bytes;
    int32_t     numa_node; /* -1: any */
    uint32_t    lane;
} pr_range;

#define PR_MAX_RANGES 256u

/* A list of them; those beyond the end are counted only. */
typedef struct pr_ranges {
    uint32_t num, dropped;
    int32_t  numa_node; /* of what is added */
    uint32_t lane;
    pr_range at[PR_MAX_RANGES];
} pr_ranges;

/* Append one; nothing happens for NULL and 0 bytes. */
void pr_ranges_add(pr_ranges *ranges, const char *what, const void *at, size_t bytes);

/* Where the pages of a range are, by the kernel's answer. */
typedef struct pr_residency {
    uint64_t pages;                      /* of the range */
    uint64_t checked;                    /* that the kernel was asked about */
    uint64_t on_node, elsewhere, absent; /* of those; absent: never touched, or swapped out */
} pr_residency;

/* Ask the kernel, page by page (move_pages without a target); of more than max_pages, as many at
 * even distances. 0: all. With numa_node -1 every present page counts as on its node.
 * PR_E_UNSUPPORTED when the kernel does not say, PR_E_ARG for a range that ends behind the last
 * address. Some 0.1 us a page. */
pr_status pr_residency_read(const pr_range *range, uint64_t max_pages, pr_residency *out);

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

/* Bytes of memory that a process may ever take: the machine's, or the limit of its cgroups where
 * that is less. Unlike what is available it does not depend on the moment. 0 when not known. */
uint64_t pr_memory_limit(void);

void     pr_topo_print(const pr_topo *topo, const pr_plan *plan, FILE *out);
pr_json *pr_topo_json(const pr_topo *topo, const pr_plan *plan); /* NULL when out of memory */

/* The same for a placement, to be printed behind the topology. */
void     pr_placement_print(const pr_placement *placement, FILE *out);
pr_json *pr_placement_json(const pr_placement *placement);

#ifdef __cplusplus
}
#endif
#endif
