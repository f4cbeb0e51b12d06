/* topo_print.c: the machine and its lanes as words for people and as JSON. */
#include "numa/topo.h"

/* Write a size as people read it: "23.5 GiB"; "unknown" for 0. */
static const char *size_text(uint64_t size_bytes, char *out, size_t bytes)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double                   value  = (double)size_bytes;
    size_t                   i      = 0;

    if (size_bytes == 0) {
        snprintf(out, bytes, "unknown");
        return out;
    }
    for (; value >= 1024 && i + 1 < sizeof unit / sizeof unit[0]; i++) value /= 1024;
    snprintf(out, bytes, "%.*f %s", i > 0 ? 1 : 0, value, unit[i]);
    return out;
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void print_lane(const pr_lane_plan *lane, uint32_t index, FILE *out)
{
    char where[32];

    snprintf(where, sizeof where, "NUMA node %d", lane->numa_node);
    fprintf(out, "  lane %-3u  %s, %u thread%s on %u core%s\n", index,
            lane->numa_node < 0 ? "whole machine" : where, lane->num_threads,
            plural(lane->num_threads), lane->num_cores, plural(lane->num_cores));
}

void pr_topo_print(const pr_topo *topo, const pr_plan *plan, FILE *out)
{
    char text[32];

    fprintf(out, "machine     %s%s\n", topo->cpu_model, topo->real ? "" : " (made up)");
    fprintf(out, "usable      %u core%s, %u CPU%s", topo->num_cores, plural(topo->num_cores),
            topo->num_cpus, plural(topo->num_cpus));
    if (topo->cpu_quota > 0)
        fprintf(out, ", at most %.2f CPUs of time by quota\n", topo->cpu_quota);
    else
        fprintf(out, ", no quota\n");
    fprintf(out, "NUMA nodes  %u\n", topo->num_nodes);
    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        const pri_node *node = &topo->node[i];
        fprintf(out, "  node %-3d  %u core%s, memory %s\n", node->os_index, node->num_cores,
                plural(node->num_cores), size_text(node->memory_bytes, text, sizeof text));
    }
    if (!plan) return;
    fprintf(out, "plan        %u lane%s, %u thread%s, %s\n", plan->num_lanes,
            plural(plan->num_lanes), plan->num_threads, plural(plan->num_threads),
            plan->can_bind ? "bound" : "not bound");
    for (uint32_t i = 0; i < plan->num_lanes; i++) print_lane(&plan->lane[i], i, out);
}

/* Each of these stops at the first failure and passes it on, so that a list of members reads as
 * one. */
static pr_status put_int(pr_status st, pr_json *object, const char *key, uint64_t value)
{
    return st != PR_OK ? st : pr_json_set_int(object, key, (int64_t)value);
}

/* Append `item` to `array`, or free it when something failed before. */
static pr_status put_item(pr_status st, pr_json *array, pr_json *item)
{
    if (st == PR_OK) return pr_json_append(array, item);
    pr_json_free(item);
    return st;
}

static pr_status put_list(pr_status st, pr_json *object, const char *key, pr_json *list)
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
        st                   = put_int(st, item, "cores", node->num_cores);
        st                   = put_int(st, item, "cpus", (uint64_t)(cpus < 0 ? 0 : cpus));
        st                   = put_int(st, item, "memory_bytes", node->memory_bytes);
        st                   = put_item(st, list, item);
    }
    return put_list(st, object, "node_list", list);
}

static pr_status put_lanes(pr_status st, pr_json *object, const pr_plan *plan)
{
    pr_json *list = pr_json_array();

    for (uint32_t i = 0; st == PR_OK && i < plan->num_lanes; i++) {
        const pr_lane_plan *lane = &plan->lane[i];
        pr_json            *item = pr_json_object();
        st                       = pr_json_set_int(item, "lane", i);
        if (st == PR_OK) st = pr_json_set_int(item, "numa_node", lane->numa_node);
        st = put_int(st, item, "threads", lane->num_threads);
        st = put_int(st, item, "cores", lane->num_cores);
        st = put_int(st, item, "memory_bytes", lane->memory_bytes);
        st = put_item(st, list, item);
    }
    return put_list(st, object, "lane_list", list);
}

pr_json *pr_topo_json(const pr_topo *topo, const pr_plan *plan)
{
    pr_json  *json = pr_json_object();
    pr_status st   = pr_json_set_string(json, "cpu_model", topo->cpu_model);

    st = put_int(st, json, "cpus", topo->num_cpus);
    st = put_int(st, json, "cores", topo->num_cores);
    if (st == PR_OK)
        st = topo->cpu_quota > 0 ? pr_json_set_real(json, "quota", topo->cpu_quota)
                                 : pr_json_set_null(json, "quota");
    st = put_int(st, json, "nodes", topo->num_nodes);
    st = put_nodes(st, json, topo);
    if (plan) {
        st = put_int(st, json, "lanes", plan->num_lanes);
        st = put_int(st, json, "partitions", plan->num_lanes);
        st = put_int(st, json, "threads", plan->num_threads);
        if (st == PR_OK) st = pr_json_set_bool(json, "bound", plan->can_bind);
        st = put_lanes(st, json, plan);
    }
    if (st == PR_OK) return json;
    pr_json_free(json);
    return NULL;
}
