/* topo.c: what the machine is: CPUs this process may use, NUMA nodes, quota, CPU model. */
#include "numa/topo.h"

#include <math.h>
#include <omp.h>
#include <unistd.h>

#include "numa/bind.h"
#include "numa/team.h"

/* Add the CPUs of OpenMP's places. When the user asks for them, libgomp binds the first thread to
 * the first place before main, so that the affinity alone would show one CPU. */
static pr_status add_places(hwloc_bitmap_t set)
{
    pr_status st  = PR_OK;
    int      *cpu = NULL;

    for (int place = 0; place < omp_get_num_places(); place++) {
        const int n = omp_get_place_num_procs(place);
        pri_free(cpu);
        PR_NEW(cpu, n);
        omp_get_place_proc_ids(place, cpu);
        for (int i = 0; i < n; i++)
            PR_CHECK(hwloc_bitmap_set(set, (unsigned)cpu[i]) == 0, PR_E_NOMEM,
                     "cannot keep a set of CPUs");
    }
done:
    pri_free(cpu);
    return st;
}

/* Take away the allowed CPUs that are not in `set`, and remember why if that leaves fewer. */
static pr_status cut(pr_topo *topo, hwloc_const_bitmap_t set, pri_limit limit)
{
    pr_status st = PR_OK;

    if (hwloc_bitmap_isincluded(topo->allowed, set)) goto done;
    PR_CHECK(hwloc_bitmap_and(topo->allowed, topo->allowed, set) == 0, PR_E_NOMEM,
             "cannot keep a set of CPUs");
    topo->limit = limit;
done:
    return st;
}

/* Count all CPUs of the machine. hwloc leaves those out that the cgroup's cpuset does. */
static uint32_t count_machine(const pr_topo *topo)
{
    const int  found  = hwloc_get_nbobjs_by_type(topo->hw, HWLOC_OBJ_PU);
    const long online = topo->real ? sysconf(_SC_NPROCESSORS_ONLN) : 0;
    const long most   = online > found ? online : found;

    return most > 0 ? (uint32_t)most : 0;
}

/* Find the CPUs this process may use: the cgroup's cpuset, which hwloc honours, cut to the
 * affinity the process was started with (taskset) and to the list that the source names. */
static pr_status list_cpus(pr_topo *topo, const char *list)
{
    pr_status      st    = PR_OK;
    hwloc_bitmap_t named = hwloc_bitmap_alloc();

    topo->allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topo->hw));
    PR_CHECK(named && topo->allowed, PR_E_NOMEM, "cannot keep a set of CPUs");
    topo->machine_cpus = count_machine(topo);
    if (topo->real) {
        const int nodes     = hwloc_bitmap_weight(hwloc_topology_get_complete_nodeset(topo->hw));
        topo->machine_nodes = nodes > 0 ? (uint32_t)nodes : 0; /* below 0: without end */
    }
    if (hwloc_bitmap_weight(topo->allowed) < (int)topo->machine_cpus)
        topo->limit = PRI_LIMIT_CPUSET;
    if (topo->real && hwloc_get_proc_cpubind(topo->hw, getpid(), named, 0) == 0) {
        if (pri_bind_by_user()) PR_TRY(add_places(named));
        if (hwloc_bitmap_intersects(named, topo->allowed))
            PR_TRY(cut(topo, named, PRI_LIMIT_AFFINITY));
    }
    if (list && list[0]) {
        PR_TRY(pri_topo_read_cpus(list, named));
        PR_CHECK(hwloc_bitmap_intersects(named, topo->allowed), PR_E_ARG,
                 "the list of CPUs '%s' names none that may be used", list);
        PR_TRY(cut(topo, named, PRI_LIMIT_LIST));
    }
    const int num_cpus = hwloc_bitmap_weight(topo->allowed);
    PR_CHECK(num_cpus > 0, PR_E_LIBRARY, "hwloc found no CPU that this process may use");
    topo->num_cpus  = (uint32_t)num_cpus;
    topo->num_cores = pri_topo_count_cores(topo->hw, topo->allowed);
done:
    hwloc_bitmap_free(named);
    return st;
}

/* Try whether the kernel lets this thread set its affinity, with the one it has. */
static bool kernel_binds(const pr_topo *topo)
{
    hwloc_bitmap_t now = hwloc_bitmap_alloc();

    const bool binds = topo->real && now &&
                       hwloc_get_cpubind(topo->hw, now, HWLOC_CPUBIND_THREAD) == 0 &&
                       hwloc_set_cpubind(topo->hw, now, HWLOC_CPUBIND_THREAD) == 0;
    hwloc_bitmap_free(now);
    return binds;
}

static void name_cpu(pr_topo *topo)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(topo->hw, HWLOC_OBJ_PACKAGE, 0);
    const char *name    = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;

    if (!name) name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topo->hw), "CPUModel");
    snprintf(topo->cpu_model, sizeof topo->cpu_model, "%s", name && name[0] ? name : "unknown");
}

pr_status pr_topo_open(const pr_topo_source *source, pr_topo **out)
{
    pr_status st   = PR_OK;
    pr_topo  *topo = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(source, PR_E_ARG, "source is NULL");
    PR_CHECK(isfinite(source->cpu_quota) && source->cpu_quota >= 0, PR_E_ARG,
             "the CPU quota is %g, must be 0 or more CPUs", source->cpu_quota);
    PR_NEW(topo, 1);
    PR_TRY(pri_topo_load(source, &topo->hw, &topo->real));
    PR_TRY(list_cpus(topo, source->cpus));
    PR_TRY(pri_topo_list_nodes(topo));
    name_cpu(topo);
    topo->can_bind  = kernel_binds(topo);
    topo->cpu_quota = source->cpu_quota > 0 ? source->cpu_quota
                      : topo->real          ? pri_quota_cpus("")
                                            : 0;
    *out            = topo;
    topo            = NULL;
done:
    pr_topo_free(topo);
    return st;
}

pr_status pr_topo_discover(pr_topo **out)
{
    return pr_topo_open(&(pr_topo_source){ 0 }, out);
}

pr_status pr_topo_synthetic(const char *description, pr_topo **out)
{
    pr_status st = PR_OK;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(description, PR_E_ARG, "the made-up machine's description is NULL");
    PR_TRY(pr_topo_open(&(pr_topo_source){ .synthetic = description }, out));
done:
    return st;
}

void pr_topo_free(pr_topo *topo)
{
    if (!topo) return;
    for (uint32_t i = 0; i < topo->num_nodes; i++) hwloc_bitmap_free(topo->node[i].cpuset);
    pri_free(topo->apart);
    pri_free(topo->node);
    hwloc_bitmap_free(topo->allowed);
    if (topo->hw) hwloc_topology_destroy(topo->hw);
    pri_free(topo);
}

const char *pr_topo_cpu_model(const pr_topo *topo)
{
    return topo->cpu_model;
}

uint32_t pr_topo_num_nodes(const pr_topo *topo)
{
    return topo->num_nodes;
}

uint32_t pr_topo_num_cpus(const pr_topo *topo)
{
    return topo->num_cpus;
}

bool pri_topo_is_limited(const pr_topo *topo)
{
    return topo->limit != PRI_LIMIT_NONE || topo->num_nodes < topo->machine_nodes ||
           (topo->cpu_quota > 0 && topo->cpu_quota < (double)topo->num_cores);
}

double pr_topo_cpu_quota(const pr_topo *topo)
{
    return topo->cpu_quota;
}
