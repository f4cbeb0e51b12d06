/* area.c: see area.h. */
#include "numa/area.h"

#include "numa/topo.h"

static bool can_bind(const pr_topo *topo)
{
    const struct hwloc_topology_support *can =
        topo && topo->real ? hwloc_topology_get_support(topo->hw) : NULL;

    return can && can->membind && can->membind->set_area_membind;
}

/* Whether the pages at both ends of a range have this policy. hwloc asks for one page after the
 * other, so the range as a whole would take long. */
static bool is_bound(const pr_topo *topo, const char *at, size_t bytes, hwloc_const_nodeset_t nodes,
                     hwloc_membind_policy_t wanted)
{
    const char *const      ends[] = { at, at + bytes - 1 };
    hwloc_bitmap_t         seen   = hwloc_bitmap_alloc();
    hwloc_membind_policy_t policy;
    bool                   bound = seen != NULL;

    for (int i = 0; i < 2 && bound; i++)
        bound = hwloc_get_area_membind(topo->hw, ends[i], 1, seen, &policy,
                                       HWLOC_MEMBIND_BYNODESET) == 0 &&
                policy == wanted && hwloc_bitmap_isequal(seen, nodes);
    hwloc_bitmap_free(seen);
    return bound;
}

bool pri_area_bind(const pr_topo *topo, void *at, size_t bytes, int32_t numa_node, bool strict)
{
    const int      flags = HWLOC_MEMBIND_BYNODESET | (strict ? HWLOC_MEMBIND_STRICT : 0);
    hwloc_bitmap_t node  = NULL;
    bool           bound = false;

    if (!topo || !topo->real || !pri_topo_node(topo, numa_node)) return false;
    if (bytes == 0 || topo->num_nodes == 1) return true;
    if (!can_bind(topo)) return false;
    node  = hwloc_bitmap_alloc();
    bound = node && hwloc_bitmap_only(node, (unsigned)numa_node) == 0 &&
            hwloc_set_area_membind(topo->hw, at, bytes, node, HWLOC_MEMBIND_BIND, flags) == 0 &&
            is_bound(topo, at, bytes, node, HWLOC_MEMBIND_BIND);
    hwloc_bitmap_free(node);
    return bound;
}

bool pri_area_interleave(const pr_topo *topo, void *at, size_t bytes)
{
    hwloc_bitmap_t nodes = NULL;
    bool           done  = false;

    if (!topo || !topo->real) return false;
    if (bytes == 0 || topo->num_nodes == 1) return true;
    if (!can_bind(topo)) return false;
    nodes = hwloc_bitmap_alloc();
    done  = nodes != NULL;
    for (uint32_t i = 0; i < topo->num_nodes && done; i++)
        if (topo->node[i].memory_bytes > 0)
            done = hwloc_bitmap_set(nodes, (unsigned)topo->node[i].os_index) == 0;
    done = done && hwloc_set_area_membind(topo->hw, at, bytes, nodes, HWLOC_MEMBIND_INTERLEAVE,
                                          HWLOC_MEMBIND_BYNODESET) == 0;
    hwloc_bitmap_free(nodes);
    return done;
}

int32_t pri_area_only_node(const pr_topo *topo)
{
    return topo && topo->real && topo->num_nodes == 1 ? topo->node[0].os_index : -1;
}

bool pri_area_hides_nodes(const pr_topo *topo)
{
    return topo && topo->num_nodes < topo->machine_nodes;
}
