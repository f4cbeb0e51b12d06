/* topo.c: what the machine is: cores this process may use, NUMA nodes, quota, CPU model. */
#include "numa/topo.h"

#include <ctype.h>
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numa/bind.h"

enum { MAX_SYNTHETIC_BYTES = 1024, MAX_SYNTHETIC_CPUS = 4096 };

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

const pri_node *pri_topo_node(const pr_topo *topo, int32_t os_index)
{
    for (uint32_t i = 0; i < topo->num_nodes; i++)
        if (topo->node[i].os_index == os_index) return &topo->node[i];
    return NULL;
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

/* Give the cores of nodes without memory to the nearest node that has both: a lane needs local
 * memory. Where no node with cores knows its memory (made-up machines), all keep theirs. */
static pr_status adopt_cores(pr_topo *topo)
{
    pr_status st = PR_OK;

    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        pri_node *orphan = &topo->node[i], *nearest = NULL;
        uint32_t  least = UINT32_MAX;
        if (orphan->num_cores == 0 || orphan->memory_bytes > 0) continue;
        for (uint32_t j = 0; j < topo->num_nodes; j++) {
            pri_node      *other = &topo->node[j];
            const uint32_t apart = other->logical > orphan->logical
                                       ? other->logical - orphan->logical
                                       : orphan->logical - other->logical;
            if (other->num_cores == 0 || other->memory_bytes == 0 || apart >= least) continue;
            nearest = other;
            least   = apart;
        }
        if (!nearest) continue;
        PR_CHECK(hwloc_bitmap_or(nearest->cpuset, nearest->cpuset, orphan->cpuset) == 0, PR_E_NOMEM,
                 "cannot keep the CPUs of NUMA node %d", nearest->os_index);
        nearest->num_cores += orphan->num_cores;
        orphan->num_cores = 0;
        hwloc_bitmap_zero(orphan->cpuset);
    }
done:
    return st;
}

/* List the NUMA nodes and hand every allowed core to one of them. */
static pr_status list_nodes(pr_topo *topo)
{
    pr_status      st    = PR_OK;
    hwloc_obj_t    obj   = NULL;
    const int      found = hwloc_get_nbobjs_by_type(topo->hw, HWLOC_OBJ_NUMANODE);
    hwloc_bitmap_t left  = hwloc_bitmap_dup(topo->allowed); /* CPUs not yet handed out */

    PR_CHECK(left, PR_E_NOMEM, "cannot keep a set of CPUs");
    PR_CHECK(found > 0, PR_E_LIBRARY, "hwloc found no NUMA node");
    PR_NEW(topo->node, found);
    while ((obj = hwloc_get_next_obj_by_type(topo->hw, HWLOC_OBJ_NUMANODE, obj))) {
        pri_node *node     = &topo->node[topo->num_nodes];
        node->os_index     = (int32_t)obj->os_index;
        node->logical      = obj->logical_index;
        node->memory_bytes = obj->attr->numanode.local_memory;
        node->cpuset       = hwloc_bitmap_dup(obj->cpuset);
        PR_CHECK(node->cpuset, PR_E_NOMEM, "cannot keep the CPUs of NUMA node %d", node->os_index);
        topo->num_nodes++;
    }
    qsort(topo->node, topo->num_nodes, sizeof *topo->node, by_claim);
    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        pri_node *node = &topo->node[i];
        PR_CHECK(hwloc_bitmap_and(node->cpuset, node->cpuset, left) == 0 &&
                     hwloc_bitmap_andnot(left, left, node->cpuset) == 0,
                 PR_E_NOMEM, "cannot keep the CPUs of NUMA node %d", node->os_index);
        node->num_cores = pri_topo_count_cores(topo->hw, node->cpuset);
    }
    qsort(topo->node, topo->num_nodes, sizeof *topo->node, by_os_index);
    PR_TRY(adopt_cores(topo));
done:
    hwloc_bitmap_free(left);
    return st;
}

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

/* Find the CPUs this process may use: the cgroup's cpuset, which hwloc honours, cut to the
 * affinity the process was started with (taskset). */
static pr_status list_cpus(pr_topo *topo)
{
    pr_status      st    = PR_OK;
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();

    topo->allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topo->hw));
    PR_CHECK(bound && topo->allowed, PR_E_NOMEM, "cannot keep a set of CPUs");
    if (topo->real && hwloc_get_proc_cpubind(topo->hw, getpid(), bound, 0) == 0) {
        if (pri_bind_by_user()) PR_TRY(add_places(bound));
        PR_CHECK(!hwloc_bitmap_intersects(bound, topo->allowed) ||
                     hwloc_bitmap_and(topo->allowed, topo->allowed, bound) == 0,
                 PR_E_NOMEM, "cannot keep a set of CPUs");
    }
    const int num_cpus = hwloc_bitmap_weight(topo->allowed);
    PR_CHECK(num_cpus > 0, PR_E_LIBRARY, "hwloc found no CPU that this process may use");
    topo->num_cpus  = (uint32_t)num_cpus;
    topo->num_cores = pri_topo_count_cores(topo->hw, topo->allowed);
done:
    hwloc_bitmap_free(bound);
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

/* Build a topo, from the machine (synthetic NULL) or from a description. */
static pr_status build(const char *synthetic, pr_topo **out)
{
    pr_status st   = PR_OK;
    pr_topo  *topo = NULL;

    PR_NEW(topo, 1);
    PR_CHECK(hwloc_topology_init(&topo->hw) == 0, PR_E_NOMEM, "cannot create an hwloc topology");
    PR_CHECK(!synthetic || hwloc_topology_set_synthetic(topo->hw, synthetic) == 0, PR_E_ARG,
             "made-up machine '%s' is not hwloc's notation, such as \"numa:4 core:8 pu:1\"",
             synthetic);
    PR_CHECK(hwloc_topology_load(topo->hw) == 0, PR_E_LIBRARY, "hwloc cannot load the topology: %s",
             strerror(errno));
    topo->real = !synthetic && hwloc_topology_is_thissystem(topo->hw);
    PR_TRY(list_cpus(topo));
    PR_TRY(list_nodes(topo));
    name_cpu(topo);
    topo->can_bind  = kernel_binds(topo);
    topo->cpu_quota = topo->real ? pri_quota_cpus("") : 0;
    *out            = topo;
    topo            = NULL;
done:
    pr_topo_free(topo);
    return st;
}

pr_status pr_topo_discover(pr_topo **out)
{
    pr_status st = PR_OK;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(build(NULL, out));
done:
    return st;
}

/* Bound the CPUs of a description from above: the product of the numbers that are not within
 * brackets. hwloc takes time quadratic in them. */
static uint64_t synthetic_cpus(const char *text)
{
    uint64_t product = 1;
    int      depth   = 0;

    for (const char *c = text; *c && product <= MAX_SYNTHETIC_CPUS; c++) {
        depth += (*c == '(' || *c == '[') - (*c == ')' || *c == ']');
        const bool starts = c == text || c[-1] == ':' || isspace((unsigned char)c[-1]);
        if (depth > 0 || !starts || !isdigit((unsigned char)*c)) continue;
        const unsigned long n = strtoul(c, NULL, 10);
        product *= n == 0 ? 1 : n > MAX_SYNTHETIC_CPUS ? MAX_SYNTHETIC_CPUS + 1 : n;
    }
    return product;
}

pr_status pr_topo_synthetic(const char *description, pr_topo **out)
{
    pr_status st = PR_OK;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(description, PR_E_ARG, "the made-up machine's description is NULL");
    PR_CHECK(strlen(description) <= MAX_SYNTHETIC_BYTES, PR_E_ARG,
             "the made-up machine's description has %zu bytes, at most %d are allowed",
             strlen(description), MAX_SYNTHETIC_BYTES);
    PR_CHECK(synthetic_cpus(description) <= MAX_SYNTHETIC_CPUS, PR_E_ARG,
             "made-up machine '%s' has more than %d CPUs", description, MAX_SYNTHETIC_CPUS);
    PR_TRY(build(description, out));
done:
    return st;
}

void pr_topo_free(pr_topo *topo)
{
    if (!topo) return;
    for (uint32_t i = 0; i < topo->num_nodes; i++) hwloc_bitmap_free(topo->node[i].cpuset);
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

double pr_topo_cpu_quota(const pr_topo *topo)
{
    return topo->cpu_quota;
}
