/* topo_nodes.c: NUMA nodes, whose cores are whose, and how far one is from another. */
#include "numa/topo.h"

#include <stdlib.h>

#include <hwloc/distances.h>

/* Give the next core, or the next CPU where hwloc knows no cores, that meets `set`. */
static hwloc_obj_t next_core(hwloc_topology_t hw, hwloc_const_bitmap_t set, hwloc_obj_t last)
{
    const hwloc_obj_type_t type =
        hwloc_get_nbobjs_by_type(hw, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    hwloc_obj_t core = last;

    do core = hwloc_get_next_obj_by_type(hw, type, core);
    while (core && !hwloc_bitmap_intersects(core->cpuset, set));
    return core;
}

uint32_t pri_topo_count_cores(hwloc_topology_t hw, hwloc_const_bitmap_t set)
{
    uint32_t num = 0;

    for (hwloc_obj_t core = next_core(hw, set, NULL); core; core = next_core(hw, set, core)) num++;
    return num;
}

bool pri_topo_core(hwloc_topology_t hw, hwloc_const_bitmap_t set, uint32_t index,
                   hwloc_bitmap_t out)
{
    hwloc_obj_t core = next_core(hw, set, NULL);

    while (core && index-- > 0) core = next_core(hw, set, core);
    return core && hwloc_bitmap_and(out, core->cpuset, set) == 0;
}

pr_status pri_topo_lane_cpus(const pr_topo *topo, const pr_lane_plan *lane, hwloc_bitmap_t out)
{
    pr_status            st   = PR_OK;
    const pri_node      *node = pri_topo_node(topo, lane->numa_node);
    hwloc_const_bitmap_t all  = node ? node->cpuset : topo->allowed;
    hwloc_bitmap_t       core = hwloc_bitmap_alloc();
    const uint64_t       end  = (uint64_t)lane->first_core + lane->num_cores;
    uint32_t             i    = 0;

    PR_CHECK(core, PR_E_NOMEM, "cannot keep a set of CPUs");
    PR_CHECK(lane->numa_node < 0 || (node && node->num_cores > 0), PR_E_ARG,
             "it is planned for NUMA node %d, which has no cores here", lane->numa_node);
    hwloc_bitmap_zero(out);
    for (hwloc_obj_t at = next_core(topo->hw, all, NULL); at && i < end;
         at             = next_core(topo->hw, all, at), i++) {
        if (i < lane->first_core) continue;
        PR_CHECK(hwloc_bitmap_and(core, at->cpuset, all) == 0 &&
                     hwloc_bitmap_or(out, out, core) == 0,
                 PR_E_NOMEM, "cannot keep a set of CPUs");
    }
    PR_CHECK(i > lane->first_core, PR_E_ARG,
             "it is planned for %u cores from number %u on, there are %u here", lane->num_cores,
             lane->first_core, i);
done:
    hwloc_bitmap_free(core);
    return st;
}

const pri_node *pri_topo_node(const pr_topo *topo, int32_t os_index)
{
    for (uint32_t i = 0; i < topo->num_nodes; i++)
        if (topo->node[i].os_index == os_index) return &topo->node[i];
    return NULL;
}

bool pri_topo_has_memory(const pr_topo *topo, const pri_node *node)
{
    bool any = false;

    for (uint32_t i = 0; i < topo->num_nodes; i++) any = any || topo->node[i].memory_bytes > 0;
    return !any || node->memory_bytes > 0;
}

/* Order for handing out cores: nodes that claim few CPUs first, so that a memory beside the whole
 * machine does not take the cores of all others; then hwloc's order. */
static int by_claim(const void *a, const void *b)
{
    const pri_node *x = a, *y = b;
    const int       wx = hwloc_bitmap_weight(x->cpuset), wy = hwloc_bitmap_weight(y->cpuset);

    if (wx != wy) return wx < wy ? -1 : 1;
    return x->logical < y->logical ? -1 : x->logical > y->logical;
}

static int by_os_index(const void *a, const void *b)
{
    const pri_node *x = a, *y = b;

    return x->os_index < y->os_index ? -1 : x->os_index > y->os_index;
}

/* ---- distances ---- */

/* Without a table, nodes are near whose common parent is small, and of these those whose indices
 * are. */
static uint32_t apart_by_tree(hwloc_topology_t hw, const pri_node *a, const pri_node *b)
{
    hwloc_obj_t    x = hwloc_get_numanode_obj_by_os_index(hw, (unsigned)a->os_index);
    hwloc_obj_t    y = hwloc_get_numanode_obj_by_os_index(hw, (unsigned)b->os_index);
    const uint32_t steps =
        a->logical < b->logical ? b->logical - a->logical : a->logical - b->logical;
    uint32_t above = 0;

    if (!x || !y || x == y) return 0;
    while (x->parent && !hwloc_bitmap_isset(x->nodeset, y->os_index)) {
        x = x->parent;
        above++;
    }
    /* The memory of one place, such as DRAM and a CXL memory of a package, has one parent. */
    return (above << 16) + steps;
}

/* Fill topo->apart from the firmware's latencies where hwloc has them for all nodes. */
static pr_status measure(pr_topo *topo)
{
    pr_status                 st    = PR_OK;
    const uint32_t            n     = topo->num_nodes;
    unsigned                  num   = 1;
    struct hwloc_distances_s *table = NULL;

    PR_NEW(topo->apart, (size_t)n * n);
    const bool known = hwloc_distances_get_by_type(topo->hw, HWLOC_OBJ_NUMANODE, &num, &table,
                                                   HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) == 0 &&
                       num > 0 && table && table->nbobjs >= n;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            const pri_node *a = &topo->node[i], *b = &topo->node[j];
            hwloc_obj_t     x = hwloc_get_numanode_obj_by_os_index(topo->hw, (unsigned)a->os_index);
            hwloc_obj_t     y = hwloc_get_numanode_obj_by_os_index(topo->hw, (unsigned)b->os_index);
            hwloc_uint64_t  there = 0, back = 0;
            uint32_t        value = apart_by_tree(topo->hw, a, b);
            if (known && x && y && hwloc_distances_obj_pair_values(table, x, y, &there, &back) == 0)
                /* equal latencies are settled by the tree */
                value = (uint32_t)(there < 4095 ? there : 4095) << 20 | (value >> 16 & 15) << 16 |
                        (value & 0xffff);
            topo->apart[i * n + j] = i == j ? 0 : value;
        }
done:
    if (table) hwloc_distances_release(topo->hw, table);
    return st;
}

/* ---- cores ---- */

/* Give a node's cores to another. */
static pr_status hand_over(pr_topo *topo, pri_node *from, pri_node *to)
{
    pr_status st = PR_OK;

    PR_CHECK(hwloc_bitmap_or(to->cpuset, to->cpuset, from->cpuset) == 0, PR_E_NOMEM,
             "cannot keep the CPUs of NUMA node %d", to->os_index);
    to->num_cores   = pri_topo_count_cores(topo->hw, to->cpuset);
    from->num_cores = 0;
    hwloc_bitmap_zero(from->cpuset);
done:
    return st;
}

/* Find the nearest node with memory, with cores or without. */
static pri_node *nearest_memory(pr_topo *topo, uint32_t from, bool with_cores)
{
    pri_node *nearest = NULL;
    uint32_t  least   = UINT32_MAX;

    for (uint32_t j = 0; j < topo->num_nodes; j++) {
        pri_node      *other = &topo->node[j];
        const uint32_t apart = topo->apart[from * topo->num_nodes + j];
        if (other->memory_bytes == 0 || (with_cores && other->num_cores == 0) || apart >= least)
            continue;
        nearest = other;
        least   = apart;
    }
    return nearest;
}

/* Give the cores of nodes without memory to the nearest node that has some, if possible one that
 * has cores too: a lane needs local memory. Where no node knows its memory (made-up machines), all
 * keep theirs. */
static pr_status adopt_cores(pr_topo *topo)
{
    pr_status st = PR_OK;

    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        pri_node *orphan = &topo->node[i];
        if (orphan->num_cores == 0 || orphan->memory_bytes > 0) continue;
        pri_node *nearest = nearest_memory(topo, i, true);
        if (!nearest) nearest = nearest_memory(topo, i, false);
        if (nearest) PR_TRY(hand_over(topo, orphan, nearest));
    }
done:
    return st;
}

/* Find the node with memory that has the fewest cores; one with cores if possible. */
static pri_node *fewest_cores(pr_topo *topo)
{
    pri_node *least = NULL;

    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        pri_node *node = &topo->node[i];
        if (!pri_topo_has_memory(topo, node)) continue;
        const bool first = !least || (least->num_cores == 0 && node->num_cores > 0);
        if (first || (node->num_cores > 0 && node->num_cores < least->num_cores)) least = node;
    }
    return least;
}

/* Give CPUs that belong to no node, as the cgroup does not grant the memory beside them
 * (cpuset.mems), to nodes with memory and cores. */
static pr_status adopt_strays(pr_topo *topo, hwloc_bitmap_t left)
{
    pr_status      st   = PR_OK;
    hwloc_bitmap_t core = hwloc_bitmap_alloc();

    PR_CHECK(core, PR_E_NOMEM, "cannot keep a set of CPUs");
    while (pri_topo_core(topo->hw, left, 0, core)) {
        pri_node *least = fewest_cores(topo);
        PR_CHECK(least, PR_E_LIBRARY, "no NUMA node has memory for this process");
        PR_CHECK(hwloc_bitmap_or(least->cpuset, least->cpuset, core) == 0 &&
                     hwloc_bitmap_andnot(left, left, core) == 0,
                 PR_E_NOMEM, "cannot keep the CPUs of NUMA node %d", least->os_index);
        least->num_cores = pri_topo_count_cores(topo->hw, least->cpuset);
    }
done:
    hwloc_bitmap_free(core);
    return st;
}

/* List the nodes whose memory this process may use; those that the cgroup does not grant are as if
 * they were not there. */
static pr_status find_nodes(pr_topo *topo)
{
    pr_status            st      = PR_OK;
    hwloc_obj_t          obj     = NULL;
    const int            found   = hwloc_get_nbobjs_by_type(topo->hw, HWLOC_OBJ_NUMANODE);
    hwloc_const_bitmap_t granted = hwloc_topology_get_allowed_nodeset(topo->hw);

    PR_CHECK(found > 0, PR_E_LIBRARY, "hwloc found no NUMA node");
    PR_NEW(topo->node, found);
    while ((obj = hwloc_get_next_obj_by_type(topo->hw, HWLOC_OBJ_NUMANODE, obj))) {
        pri_node *node = &topo->node[topo->num_nodes];
        if (!hwloc_bitmap_isset(granted, obj->os_index)) continue;
        node->os_index     = (int32_t)obj->os_index;
        node->logical      = obj->logical_index;
        node->memory_bytes = obj->attr->numanode.local_memory;
        node->cpuset       = hwloc_bitmap_dup(obj->cpuset);
        PR_CHECK(node->cpuset, PR_E_NOMEM, "cannot keep the CPUs of NUMA node %d", node->os_index);
        topo->num_nodes++;
    }
    PR_CHECK(topo->num_nodes > 0, PR_E_LIBRARY, "this process may use the memory of no NUMA node");
done:
    return st;
}

pr_status pri_topo_list_nodes(pr_topo *topo)
{
    pr_status      st   = PR_OK;
    hwloc_bitmap_t left = hwloc_bitmap_dup(topo->allowed); /* CPUs not yet handed out */

    PR_CHECK(left, PR_E_NOMEM, "cannot keep a set of CPUs");
    PR_TRY(find_nodes(topo));
    qsort(topo->node, topo->num_nodes, sizeof *topo->node, by_claim);
    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        pri_node *node = &topo->node[i];
        PR_CHECK(hwloc_bitmap_and(node->cpuset, node->cpuset, left) == 0 &&
                     hwloc_bitmap_andnot(left, left, node->cpuset) == 0,
                 PR_E_NOMEM, "cannot keep the CPUs of NUMA node %d", node->os_index);
        node->num_cores = pri_topo_count_cores(topo->hw, node->cpuset);
    }
    qsort(topo->node, topo->num_nodes, sizeof *topo->node, by_os_index);
    PR_TRY(measure(topo));
    PR_TRY(adopt_cores(topo));
    PR_TRY(adopt_strays(topo, left));
done:
    hwloc_bitmap_free(left);
    return st;
}
