/* topo_print.c: the machine and its lanes as words for people and as JSON. */
#include "numa/bind.h"
#include "numa/print.h"
#include "numa/topo.h"

#include <stdarg.h>
#include <string.h>

void pri_append(char *text, size_t bytes, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list      args;

    va_start(args, format);
    (void)vsnprintf(text + used, bytes - used, format, args);
    va_end(args);
}

const char *pri_size_text(uint64_t size_bytes, char *out, size_t bytes)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double                   value  = (double)size_bytes;
    size_t                   i      = 0;

    for (; value >= 1023.95 && i + 1 < sizeof unit / sizeof unit[0]; i++) value /= 1024;
    snprintf(out, bytes, "%.*f %s", i > 0 ? 1 : 0, value, unit[i]);
    return out;
}

/* Write the CPUs of a lane as a list: "0-3,8"; what is too long is cut. */
static void cpus_text(const pr_topo *topo, const pr_lane_plan *lane, char *out, size_t bytes)
{
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();

    out[0] = '\0';
    if (cpus && pri_topo_lane_cpus(topo, lane, cpus) == PR_OK)
        (void)hwloc_bitmap_list_snprintf(out, bytes, cpus);
    hwloc_bitmap_free(cpus);
}

static void print_lane(const pr_topo *topo, const pr_lane_plan *lane, uint32_t index, FILE *out)
{
    char where[32], cpus[256];

    snprintf(where, sizeof where, "NUMA node %d", lane->numa_node);
    cpus_text(topo, lane, cpus, sizeof cpus);
    fprintf(out, "  lane %-3u  %s, %u thread%s on %u core%s, CPUs %s\n", index,
            lane->numa_node < 0 ? "whole machine" : where, lane->num_threads,
            pri_plural(lane->num_threads), lane->num_cores, pri_plural(lane->num_cores), cpus);
}

static void print_usable(const pr_topo *topo, FILE *out)
{
    static const char *const by[] = { [PRI_LIMIT_CPUSET]   = "by cpuset",
                                      [PRI_LIMIT_AFFINITY] = "by affinity",
                                      [PRI_LIMIT_LIST]     = "by --cpus" };

    fprintf(out, "usable      %u core%s, %u CPU%s", topo->num_cores, pri_plural(topo->num_cores),
            topo->num_cpus, pri_plural(topo->num_cpus));
    if (topo->limit != PRI_LIMIT_NONE)
        fprintf(out, " of %u (%s)", topo->machine_cpus, by[topo->limit]);
    if (topo->cpu_quota > 0)
        fprintf(out, ", at most %.2f CPUs of time by quota\n", topo->cpu_quota);
    else
        fprintf(out, ", no quota\n");
}

void pr_topo_print(const pr_topo *topo, const pr_plan *plan, FILE *out)
{
    char text[32];

    fprintf(out, "machine     %s%s\n", topo->cpu_model, topo->real ? "" : " (not this machine)");
    print_usable(topo, out);
    fprintf(out, "NUMA nodes  %u\n", topo->num_nodes);
    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        const pri_node *node = &topo->node[i];
        fprintf(out, "  node %-3d  %u core%s, memory %s\n", node->os_index, node->num_cores,
                pri_plural(node->num_cores),
                node->memory_bytes > 0 ? pri_size_text(node->memory_bytes, text, sizeof text)
                : pri_topo_has_memory(topo, node) ? "unknown"
                                                  : "none");
    }
    if (!plan) return;
    fprintf(out, "plan        %u lane%s, %u thread%s, %s\n", plan->num_lanes,
            pri_plural(plan->num_lanes), plan->num_threads, pri_plural(plan->num_threads),
            plan->can_bind ? "can bind"
            : topo->real   ? "cannot bind: the kernel refuses"
                           : "binds nothing: it is not this machine");
    fprintf(out, "why         %s\n", plan->why);
    for (uint32_t i = 0; i < plan->num_lanes; i++) print_lane(topo, &plan->lane[i], i, out);
}

pr_status pri_put_int(pr_status st, pr_json *object, const char *key, uint64_t value)
{
    return st != PR_OK ? st : pr_json_set_int(object, key, (int64_t)value);
}

pr_status pri_put_item(pr_status st, pr_json *array, pr_json *item)
{
    if (st == PR_OK) return pr_json_append(array, item);
    pr_json_free(item);
    return st;
}

pr_status pri_put_list(pr_status st, pr_json *object, const char *key, pr_json *list)
{
    if (st == PR_OK) return pr_json_set(object, key, list);
    pr_json_free(list);
    return st;
}

static pr_status put_nodes(pr_status st, pr_json *object, const pr_topo *topo)
{
    pr_json *list = pr_json_array();

    for (uint32_t i = 0; st == PR_OK && i < topo->num_nodes; i++) {
        const pri_node *node = &topo->node[i];
        pr_json        *item = pr_json_object();
        const int       cpus = hwloc_bitmap_weight(node->cpuset);
        st                   = pr_json_set_int(item, "node", node->os_index);
        st                   = pri_put_int(st, item, "cores", node->num_cores);
        st                   = pri_put_int(st, item, "cpus", (uint64_t)(cpus < 0 ? 0 : cpus));
        st                   = pri_put_int(st, item, "memory_bytes", node->memory_bytes);
        st                   = pri_put_item(st, list, item);
    }
    return pri_put_list(st, object, "node_list", list);
}

static pr_status put_lanes(pr_status st, pr_json *object, const pr_topo *topo, const pr_plan *plan)
{
    char     cpus[1024];
    pr_json *list = pr_json_array();

    for (uint32_t i = 0; st == PR_OK && i < plan->num_lanes; i++) {
        const pr_lane_plan *lane = &plan->lane[i];
        pr_json            *item = pr_json_object();
        st                       = pr_json_set_int(item, "lane", i);
        if (st == PR_OK) st = pr_json_set_int(item, "numa_node", lane->numa_node);
        st = pri_put_int(st, item, "threads", lane->num_threads);
        st = pri_put_int(st, item, "first_core", lane->first_core);
        st = pri_put_int(st, item, "cores", lane->num_cores);
        cpus_text(topo, lane, cpus, sizeof cpus);
        if (st == PR_OK) st = pr_json_set_string(item, "cpus", cpus);
        st = pri_put_int(st, item, "memory_bytes", lane->memory_bytes);
        st = pri_put_item(st, list, item);
    }
    return pri_put_list(st, object, "lane_list", list);
}

pr_json *pr_topo_json(const pr_topo *topo, const pr_plan *plan)
{
    pr_json  *json = pr_json_object();
    pr_status st   = pr_json_set_string(json, "cpu_model", topo->cpu_model);

    if (st == PR_OK) st = pr_json_set_bool(json, "this_machine", topo->real);
    st = pri_put_int(st, json, "cpus", topo->num_cpus);
    st = pri_put_int(st, json, "machine_cpus", topo->machine_cpus);
    st = pri_put_int(st, json, "cores", topo->num_cores);
    if (st == PR_OK)
        st = topo->cpu_quota > 0 ? pr_json_set_real(json, "quota", topo->cpu_quota)
                                 : pr_json_set_null(json, "quota");
    st = pri_put_int(st, json, "nodes", topo->num_nodes);
    st = put_nodes(st, json, topo);
    if (plan) {
        st = pri_put_int(st, json, "lanes", plan->num_lanes);
        st = pri_put_int(st, json, "partitions", plan->num_lanes);
        st = pri_put_int(st, json, "threads", plan->num_threads);
        if (st == PR_OK) st = pr_json_set_bool(json, "bound", pri_bind_try(topo, plan));
        if (st == PR_OK) st = pr_json_set_bool(json, "can_bind", plan->can_bind);
        if (st == PR_OK) st = pr_json_set_string(json, "why", plan->why);
        st = put_lanes(st, json, topo, plan);
    }
    if (st == PR_OK) return json;
    pr_json_free(json);
    return NULL;
}
