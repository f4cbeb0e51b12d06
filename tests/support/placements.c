/* placements.c: see placements.h. */
#include "support/placements.h"

#include "support/machines.h"
#include "support/support.h"

pr_topo *test_machine(pr_topo_source source, const char *const edits[2])
{
    pr_topo *topo;

    if (edits && edits[0]) {
        source.xml = test_machine_xml(source.synthetic, &(test_edit){ edits[0], edits[1] }, 1);
        source.synthetic = NULL;
    }
    assert_ok(pr_topo_open(&source, &topo));
    return topo;
}

static bool cores_overlap(const pr_lane_plan *a, const pr_lane_plan *b)
{
    return a->numa_node == b->numa_node && a->first_core < b->first_core + b->num_cores &&
           b->first_core < a->first_core + a->num_cores;
}

static uint64_t sum_of_demand(const pr_placement *p, const pr_demand *d)
{
    uint64_t sum = d->num_rows * d->row_bytes;

    for (int i = 0; i < PR_NUM_ITEMS; i++) sum += d->lane_bytes[i] * p->plan.num_lanes;
    return sum + d->graph_bytes * (p->graph_copied ? p->plan.num_lanes : 1);
}

static void check_lanes(const pr_topo *topo, const pr_plan_options *options, const pr_plan *plan)
{
    uint32_t threads = 0;

    assert_true(plan->num_lanes >= 1 && plan->num_lanes <= PR_MAX_LANES);
    assert_true(strlen(plan->why) > 0 && strlen(plan->why) < sizeof plan->why - 1);
    assert_false(plan->can_bind);
    if (options->threads) assert_int_equal(plan->num_threads, options->threads);
    for (uint32_t l = 0; l < plan->num_lanes; l++) {
        const pr_lane_plan *lane = &plan->lane[l];
        const pri_node     *node = pri_topo_node(topo, lane->numa_node);
        hwloc_bitmap_t      cpus = hwloc_bitmap_alloc();
        assert_true(lane->num_threads >= 1 && lane->num_cores >= 1);
        assert_ok(pri_topo_lane_cpus(topo, lane, cpus));
        assert_int_equal(pri_topo_count_cores(topo->hw, cpus), lane->num_cores);
        assert_true(hwloc_bitmap_isincluded(cpus, topo->allowed));
        if (options->numa != PR_NUMA_OFF) {
            assert_non_null(node);
            assert_true(lane->first_core + lane->num_cores <= node->num_cores);
            assert_true(pri_topo_has_memory(topo, node));
        }
        threads += lane->num_threads;
        /* lanes share a core only where there are more lanes than cores */
        uint32_t on_node = 0;
        for (uint32_t m = 0; m < plan->num_lanes; m++)
            on_node += plan->lane[m].numa_node == lane->numa_node;
        for (uint32_t m = 0; m < l && node && on_node <= node->num_cores; m++)
            assert_false(cores_overlap(lane, &plan->lane[m]));
        hwloc_bitmap_free(cpus);
    }
    assert_int_equal(threads, plan->num_threads);
}

static void check_shards(const pr_placement *p, const pr_demand *d)
{
    uint64_t next = 0, of_lane[PR_MAX_LANES] = { 0 };

    assert_true(p->num_shards <= PR_MAX_SHARDS);
    if (!d->sharded) {
        assert_int_equal(p->num_shards, 0);
        return;
    }
    for (uint32_t s = 0; s < p->num_shards; s++) {
        const pr_shard_plan *shard = &p->shard[s];
        assert_true(shard->lane < p->plan.num_lanes);
        assert_true(shard->bytes == shard->num_rows * d->row_bytes);
        of_lane[shard->lane] += shard->num_rows;
        if (p->ranges) {
            assert_true(shard->first_row == next);
            if (d->shard_unit && shard->first_row < d->num_rows)
                assert_true(shard->first_row % d->shard_unit == 0);
        }
        next += shard->num_rows;
        if (s > 0) assert_true(shard->lane >= p->shard[s - 1].lane);
    }
    assert_true(next == d->num_rows); /* every row once */
    if (d->part_rows)
        for (uint32_t l = 0; l < p->plan.num_lanes; l++) assert_true(of_lane[l] == d->part_rows[l]);
    for (uint32_t l = 0, s = 0; l < p->plan.num_lanes; l++) { /* no lane without a shard */
        while (s < p->num_shards && p->shard[s].lane < l) s++;
        assert_true(s < p->num_shards && p->shard[s].lane == l);
    }
}

static void check_bytes(const pr_topo *topo, const pr_placement *p, const pr_demand *d)
{
    uint64_t sum = 0, of_item[PR_NUM_ITEMS] = { 0 };

    for (uint32_t n = 0; n < p->num_nodes; n++) {
        const pr_node_plan *plan  = &p->node[n];
        const pri_node     *node  = pri_topo_node(topo, plan->numa_node);
        uint64_t            total = 0;
        for (int i = 0; i < PR_NUM_ITEMS; i++) {
            total += plan->bytes[i];
            of_item[i] += plan->bytes[i];
        }
        assert_true(total == plan->total_bytes);
        assert_true(n + 1 == p->num_nodes || plan->numa_node >= 0);
        if (node && !pri_topo_has_memory(topo, node)) assert_true(total == 0);
        if (p->fits && plan->memory_bytes > 0) /* samplers and tapes take less than they might */
            assert_true(total - plan->bytes[PR_ITEM_SAMPLER] - plan->bytes[PR_ITEM_TAPE] <=
                        plan->memory_bytes);
        sum += total;
    }
    assert_true(sum == sum_of_demand(p, d));
    assert_true(of_item[PR_ITEM_STORE] == d->num_rows * d->row_bytes);
    assert_true(of_item[PR_ITEM_SLAB] == d->lane_bytes[PR_ITEM_SLAB] * p->plan.num_lanes);
    assert_true(p->fits || p->why[0]); /* what does not fit is said */
}

void test_place(const pr_topo *topo, const pr_plan_options *options, const pr_demand *demand,
                pr_placement *out)
{
    static pr_placement again;
    pr_plan             plan;

    assert_ok(pr_topo_plan(topo, options, &plan));
    memset(out, 0x5a, sizeof *out);
    assert_ok(pr_placement_make(topo, &plan, demand, out));
    assert_ok(pr_placement_make(topo, &plan, demand, &again));
    assert_memory_equal(out, &again, sizeof again);
    check_lanes(topo, options, &out->plan);
    check_shards(out, demand);
    check_bytes(topo, out, demand);
}
