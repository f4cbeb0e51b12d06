/* bind.c: see bind.h. */
#include "numa/bind.h"

#include <sched.h>
#include <stdlib.h>

bool pri_bind_by_user(void)
{
    static const char *const name[] = { "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY",
                                        "KMP_AFFINITY" };

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        const char *value = getenv(name[i]);
        if (value && value[0]) return true;
    }
    return false;
}

bool pri_bind_thread(const pr_topo *topo, hwloc_const_bitmap_t cpuset)
{
    return hwloc_set_cpubind(topo->hw, cpuset, HWLOC_CPUBIND_THREAD) == 0;
}

bool pri_bind_thread_read(const pr_topo *topo, hwloc_bitmap_t out)
{
    return hwloc_get_cpubind(topo->hw, out, HWLOC_CPUBIND_THREAD) == 0;
}

bool pri_bind_thread_is_on(const pr_topo *topo, hwloc_const_bitmap_t cpuset)
{
    hwloc_bitmap_t now = hwloc_bitmap_alloc();
    const int      cpu = sched_getcpu();

    const bool on = now && pri_bind_thread_read(topo, now) &&
                    hwloc_bitmap_isincluded(now, cpuset) && cpu >= 0 &&
                    hwloc_bitmap_isset(cpuset, (unsigned)cpu);
    hwloc_bitmap_free(now);
    return on;
}

bool pri_bind_try(const pr_topo *topo, const pr_plan *plan)
{
    hwloc_bitmap_t before = hwloc_bitmap_alloc(), cpus = hwloc_bitmap_alloc();
    bool good = plan->can_bind && topo->can_bind && !pri_bind_by_user() && before && cpus &&
                pri_bind_thread_read(topo, before);

    if (good) {
        for (uint32_t l = 0; good && l < plan->num_lanes; l++)
            good = pri_topo_lane_cpus(topo, &plan->lane[l], cpus) == PR_OK &&
                   pri_bind_thread(topo, cpus) && pri_bind_thread_is_on(topo, cpus);
        good = pri_bind_thread(topo, before) && good;
    }
    hwloc_bitmap_free(before);
    hwloc_bitmap_free(cpus);
    return good;
}

/* Give a set of one node; NULL when out of memory. */
static hwloc_bitmap_t only(int32_t os_index)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();

    if (set && hwloc_bitmap_only(set, (unsigned)os_index) == 0) return set;
    hwloc_bitmap_free(set);
    return NULL;
}

bool pri_bind_thread_memory(const pr_topo *topo, int32_t os_index, bool strict)
{
    const int flags =
        HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET | (strict ? HWLOC_MEMBIND_STRICT : 0);

    if (os_index < 0)
        return hwloc_set_membind(topo->hw, hwloc_topology_get_topology_nodeset(topo->hw),
                                 HWLOC_MEMBIND_DEFAULT,
                                 HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) == 0;
    hwloc_bitmap_t node = only(os_index);
    const bool     done = node && hwloc_set_membind(topo->hw, node, HWLOC_MEMBIND_BIND, flags) == 0;
    hwloc_bitmap_free(node);
    return done;
}

bool pri_bind_pages_are_on(const pr_topo *topo, int32_t os_index, const void *ptr, size_t bytes)
{
    hwloc_bitmap_t node = only(os_index), seen = hwloc_bitmap_alloc();

    const bool on =
        node && seen &&
        hwloc_get_area_memlocation(topo->hw, ptr, bytes, seen, HWLOC_MEMBIND_BYNODESET) == 0 &&
        hwloc_bitmap_isequal(node, seen);
    hwloc_bitmap_free(node);
    hwloc_bitmap_free(seen);
    return on;
}
