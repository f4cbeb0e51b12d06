/* placement_print.c: a placement as a drawing for people, and as JSON. */
#include "numa/print.h"

#include <packrat/numa.h>

static void print_node_name(int32_t numa_node, FILE *out)
{
    if (numa_node < 0)
        fprintf(out, "  anywhere");
    else
        fprintf(out, "  node %-3d", numa_node);
}

static void print_shard(const pr_placement *p, uint32_t s, FILE *out)
{
    const pr_shard_plan *shard = &p->shard[s];
    char                 size[32];

    fprintf(out, "    shard %-3u      %s of lane %u: ", s,
            pri_size_text(shard->bytes, size, sizeof size), shard->lane);
    if (!p->ranges)
        fprintf(out, "%llu rows\n", (unsigned long long)shard->num_rows);
    else if (shard->num_rows == 0)
        fprintf(out, "no rows\n");
    else
        fprintf(out, "rows %llu .. %llu\n", (unsigned long long)shard->first_row,
                (unsigned long long)(shard->first_row + shard->num_rows - 1));
}

/* Tell whether a lane is drawn on a node: one of the whole machine is where its memory is, on the
 * only node or behind all of them. */
static bool is_home(const pr_placement *p, const pr_lane_plan *lane, const pr_node_plan *node)
{
    return lane->numa_node == node->numa_node || (lane->numa_node < 0 && p->num_nodes == 1);
}

/* Draw one node: its lanes, each with its partition, and its shards. */
static void print_node(const pr_placement *p, const pr_node_plan *node, FILE *out)
{
    char size[32];

    print_node_name(node->numa_node, out);
    if (node->memory_bytes > 0)
        fprintf(out, "  %s of memory", pri_size_text(node->memory_bytes, size, sizeof size));
    fprintf(out, "\n");
    for (uint32_t l = 0; l < p->plan.num_lanes; l++) {
        const pr_lane_plan *lane = &p->plan.lane[l];
        if (!is_home(p, lane, node)) continue;
        fprintf(out, "    lane %-3u       %u thread%s on core%s %u", l, lane->num_threads,
                pri_plural(lane->num_threads), pri_plural(lane->num_cores), lane->first_core);
        if (lane->num_cores > 1) fprintf(out, " .. %u", lane->first_core + lane->num_cores - 1);
        fprintf(out, "\n    partition %-3u  slab and index of lane %u\n", l, l);
    }
    for (uint32_t s = 0; s < p->num_shards; s++)
        if (p->shard[s].numa_node == node->numa_node) print_shard(p, s, out);
    if (node->bytes[PR_ITEM_GRAPH] > 0)
        fprintf(out, "    graph          %s\n",
                p->graph_copied ? "copied, one for each lane here" : "as it was read");
    if (node->bytes[PR_ITEM_STORE] > 0 && p->num_shards == 0)
        fprintf(out, "    store          all rows, where they are\n");
}

/* The table of bytes: a row for each node, a column for each kind. */
static void print_bytes(const pr_placement *p, FILE *out)
{
    uint64_t sum[PR_NUM_ITEMS] = { 0 }, total = 0;
    char     size[32];

    fprintf(out, "bytes     ");
    for (int i = 0; i < PR_NUM_ITEMS; i++) fprintf(out, " %10s", pr_item_name((pr_item)i));
    fprintf(out, " %10s\n", "sum");
    for (uint32_t n = 0; n < p->num_nodes; n++) {
        print_node_name(p->node[n].numa_node, out);
        for (int i = 0; i < PR_NUM_ITEMS; i++) {
            fprintf(out, " %10s", pri_size_text(p->node[n].bytes[i], size, sizeof size));
            sum[i] += p->node[n].bytes[i];
        }
        fprintf(out, " %10s\n", pri_size_text(p->node[n].total_bytes, size, sizeof size));
        total += p->node[n].total_bytes;
    }
    fprintf(out, "  sum     ");
    for (int i = 0; i < PR_NUM_ITEMS; i++)
        fprintf(out, " %10s", pri_size_text(sum[i], size, sizeof size));
    fprintf(out, " %10s\n", pri_size_text(total, size, sizeof size));
}

void pr_placement_print(const pr_placement *placement, FILE *out)
{
    const pr_placement *p = placement;

    fprintf(out, "placement   ");
    if (p->num_shards == 0)
        fprintf(out, "rows are read where they are");
    else
        fprintf(out, "rows in %u shard%s, %s", p->num_shards, pri_plural(p->num_shards),
                p->ranges ? "by range of ids" : "dealt row by row");
    fprintf(out, "; %u partition%s; %s\n", p->plan.num_lanes, pri_plural(p->plan.num_lanes),
            p->graph_copied ? "a copy of the graph for each lane" : "one graph");
    for (uint32_t n = 0; n < p->num_nodes; n++) print_node(p, &p->node[n], out);
    print_bytes(p, out);
    fprintf(out, "            slab, sampler and tape at most, as address space: batches take what "
                 "they need\n");
    fprintf(out, "fits        %s%s%s\n", p->fits ? "yes" : "no", p->why[0] ? ": " : "", p->why);
}

/* ---- JSON ---- */

static pr_status put_shards(pr_status st, pr_json *object, const pr_placement *p)
{
    pr_json *list = pr_json_array();

    for (uint32_t s = 0; st == PR_OK && s < p->num_shards; s++) {
        const pr_shard_plan *shard = &p->shard[s];
        pr_json             *item  = pr_json_object();
        st                         = pr_json_set_int(item, "shard", s);
        if (st == PR_OK) st = pr_json_set_int(item, "numa_node", shard->numa_node);
        st = pri_put_int(st, item, "lane", shard->lane);
        if (p->ranges) st = pri_put_int(st, item, "first_row", shard->first_row);
        st = pri_put_int(st, item, "rows", shard->num_rows);
        st = pri_put_int(st, item, "bytes", shard->bytes);
        st = pri_put_item(st, list, item);
    }
    return pri_put_list(st, object, "shard_list", list);
}

static pr_status put_nodes(pr_status st, pr_json *object, const pr_placement *p)
{
    pr_json *list = pr_json_array();

    for (uint32_t n = 0; st == PR_OK && n < p->num_nodes; n++) {
        const pr_node_plan *node = &p->node[n];
        pr_json            *item = pr_json_object(), *bytes = pr_json_object();
        st = pr_json_set_int(item, "numa_node", node->numa_node);
        st = pri_put_int(st, item, "memory_bytes", node->memory_bytes);
        for (int i = 0; i < PR_NUM_ITEMS; i++)
            st = pri_put_int(st, bytes, pr_item_name((pr_item)i), node->bytes[i]);
        st = pri_put_list(st, item, "bytes", bytes);
        st = pri_put_int(st, item, "total_bytes", node->total_bytes);
        st = pri_put_item(st, list, item);
    }
    return pri_put_list(st, object, "node_list", list);
}

pr_json *pr_placement_json(const pr_placement *placement)
{
    const pr_placement *p    = placement;
    pr_json            *json = pr_json_object();
    pr_status           st   = pr_json_set_bool(json, "sharded", p->sharded);

    if (st == PR_OK) st = pr_json_set_bool(json, "ranges", p->ranges);
    if (st == PR_OK) st = pr_json_set_bool(json, "graph_copied", p->graph_copied);
    st = pri_put_int(st, json, "shards", p->num_shards);
    st = pri_put_int(st, json, "partitions", p->plan.num_lanes);
    st = put_shards(st, json, p);
    st = put_nodes(st, json, p);
    if (st == PR_OK) st = pr_json_set_bool(json, "fits", p->fits);
    if (st == PR_OK) st = pr_json_set_string(json, "why", p->why);
    if (st == PR_OK) return json;
    pr_json_free(json);
    return NULL;
}
