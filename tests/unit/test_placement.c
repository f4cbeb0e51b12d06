/* test_placement.c: what must hold for any machine and any demand, and how placements are drawn. */
#include "support/placements.h"
#include "support/support.h"

#include "base/json.h"
#include "numa/placement.h"
#include "support/machines.h"

/* Make one up: packages with memory and cores, perhaps a memory beside all of them, perhaps without
 * memory somewhere, perhaps cut by a list of CPUs or a quota. */
static pr_topo *random_machine(test_rng *rng)
{
    const uint32_t packs    = 1 + test_below(rng, test_below(rng, 8) ? 8 : 70);
    const uint32_t cores    = 1 + test_below(rng, packs > 8 ? 4 : 12),
                   siblings = 1 + test_below(rng, 2);
    char           synthetic[256], cpus[64];
    pr_topo_source source   = { .synthetic = synthetic };
    const char    *edits[2] = { NULL, NULL };

    const uint32_t memory = test_below(rng, 8) ? 1 + test_below(rng, 4000) : 0;

    snprintf(synthetic, sizeof synthetic, "%spack:%u [numa(memory=%uMB)] core:%u pu:%u",
             test_below(rng, 4) ? "" : "[numa(memory=9GB)] ", packs, memory, cores, siblings);
    if (test_below(rng, 3) == 0) {
        const uint32_t first = test_below(rng, packs * cores * siblings);
        snprintf(cpus, sizeof cpus, "%u,%u-", test_below(rng, packs * cores * siblings), first);
        source.cpus = cpus;
    }
    if (test_below(rng, 3) == 0) source.cpu_quota = 0.25 * (1 + test_below(rng, 100));
    if (memory > 0 && test_below(rng, 6) == 0) {
        edits[0] = "local_memory=\"";
        edits[1] = test_below(rng, 2) ? "local_memory=\"0\" subtype=\"" : "local_memory=\"1";
    }
    pr_topo *topo = test_machine(source, edits);
    for (uint32_t i = 0; i < topo->num_nodes; i++) /* memories differ */
        if (topo->node[i].memory_bytes > 0 && test_below(rng, 2))
            topo->node[i].memory_bytes = 1 + (uint64_t)test_below(rng, 5000) * MiB;
    return topo;
}

static pr_plan_options random_options(test_rng *rng)
{
    pr_plan_options options = { .numa = (int)test_below(rng, 2) };

    if (test_below(rng, 2)) options.threads = 1 + test_below(rng, 100);
    if (test_below(rng, 2)) options.lanes = 1 + test_below(rng, PR_MAX_LANES);
    if (test_below(rng, 8) == 0) options.numa = PR_NUMA_OFF;
    if (options.numa == PR_NUMA_OFF && options.lanes > 1) options.lanes = 1;
    return options;
}

static void any_machine_has_a_plan_for_any_demand(void **state)
{
    (void)state;
    static const uint64_t units[] = { 0, 1, 16, 4096, 1000000 };
    static pr_placement   p;
    test_rng              rng     = { .key = test_seed() };
    uint32_t              spilled = 0, too_large = 0;

    for (int round = 0; round < 400; round++) {
        pr_topo        *topo    = random_machine(&rng);
        pr_plan_options options = random_options(&rng);
        uint64_t        parts[PR_MAX_LANES];
        pr_plan         plan;
        pr_demand       d = { .num_rows    = test_random(&rng) >> test_below(&rng, 33) % 32,
                              .row_bytes   = 1 + (test_random(&rng) >> (12 + test_below(&rng, 20))),
                              .sharded     = test_below(&rng, 8) > 0,
                              .shard_unit  = units[test_below(&rng, 5)],
                              .graph_bytes = (uint64_t)test_random(&rng) << test_below(&rng, 4),
                              .graph_copies = (int)test_below(&rng, 3) - 1 };
        for (int i = PR_ITEM_SLAB; i < PR_NUM_ITEMS; i++)
            d.lane_bytes[i] = test_random(&rng) >> test_below(&rng, 32);
        assert_ok(pr_topo_plan(topo, &options, &plan));
        if (test_below(&rng, 4) == 0) {
            uint64_t left = d.num_rows;
            for (uint32_t l = 0; l < plan.num_lanes; l++) {
                parts[l] = l + 1 < plan.num_lanes ? left / (1 + test_below(&rng, 4)) : left;
                left -= parts[l];
            }
            d.part_rows = parts;
        }
        test_place(topo, &options, &d, &p);
        spilled += p.num_shards > p.plan.num_lanes;
        too_large += !p.fits;
        pr_topo_free(topo);
    }
    assert_true(spilled > 10 && too_large > 10 && too_large < 390); /* both kinds were met */
}

static void ranges_are_in_proportion_to_threads(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int round = 0; round < 500; round++) {
        pr_plan        plan = { .num_lanes = 1 + test_below(&rng, PR_MAX_LANES) };
        const uint64_t rows = test_random(&rng) >> test_below(&rng, 32);
        const uint64_t unit = test_below(&rng, 2) ? 0 : 1 + test_below(&rng, 5000);
        uint64_t       first[PR_MAX_LANES + 1], threads = 0;
        for (uint32_t l = 0; l < plan.num_lanes; l++)
            threads += plan.lane[l].num_threads = 1 + test_below(&rng, 64);
        pri_placement_cut(&plan, rows, unit, first);
        assert_true(first[0] == 0 && first[plan.num_lanes] == rows);
        for (uint32_t l = 0; l < plan.num_lanes; l++) {
            const double fair = (double)rows * plan.lane[l].num_threads / (double)threads;
            assert_true(first[l] <= first[l + 1]);
            assert_true(first[l] % (unit ? unit : 1) == 0 || first[l] == rows);
            const double off = (double)(first[l + 1] - first[l]) - fair;
            assert_true(off < (double)unit + 2 && off > -(double)unit - 2);
        }
    }
}

static void more_than_64_nodes_have_64_lanes_and_the_rows_of_all(void **state)
{
    (void)state;
    static pr_placement  p;
    const pr_topo_source source = { .synthetic = "numa:80 core:2 pu:1" };
    pr_topo             *topo   = test_machine(source, NULL);
    const pr_demand d = { .num_rows = 66000, .row_bytes = MiB, .sharded = true, .shard_unit = 8 };

    test_place(topo, &(pr_plan_options){ 0 }, &d, &p);
    assert_int_equal(p.plan.num_lanes, PR_MAX_LANES);
    assert_int_equal(p.plan.num_threads, 2 * PR_MAX_LANES);
    assert_true(p.num_shards > PR_MAX_LANES); /* nodes without lanes have rows too */
    assert_true(p.fits);
    assert_int_equal(p.num_nodes, 80);
    pr_topo_free(topo);
}

/* A ring of four: node 3 is beside node 0, node 2 is not. */
static void latencies_decide_which_node_is_near(void **state)
{
    (void)state;
    static const uint64_t ring[16] = { 10, 16, 22, 14, 16, 10, 16, 22,
                                       22, 16, 10, 16, 14, 22, 16, 10 };
    static pr_placement   p;
    const char *const     machine  = "numa:4 core:2 pu:1";
    const pr_demand       d        = { .num_rows = 3500, .row_bytes = MiB, .sharded = true };
    const pr_topo_source  blind    = { .synthetic = machine, .cpus = "0-1" };
    const pr_topo_source  measured = { .xml = test_machine_far_xml(machine, ring), .cpus = "0-1" };

    pr_topo *topo = test_machine(blind, NULL); /* the next one, where nothing is known */
    test_place(topo, &(pr_plan_options){ 0 }, &d, &p);
    for (int32_t s = 0; s < 4; s++) assert_int_equal(p.shard[s].numa_node, s);
    pr_topo_free(topo);
    topo = test_machine(measured, NULL);
    test_place(topo, &(pr_plan_options){ 0 }, &d, &p);
    static const int32_t order[] = { 0, 3, 1, 2 };
    for (int s = 0; s < 4; s++) assert_int_equal(p.shard[s].numa_node, order[s]);
    pr_topo_free(topo);
}

static void bad_demands_are_named(void **state)
{
    (void)state;
    static pr_placement  p;
    const pr_topo_source source   = { .synthetic = "numa:2 core:2 pu:1" };
    pr_topo             *topo     = test_machine(source, NULL);
    const uint64_t       parts[2] = { 3, 4 };
    pr_plan              plan;
    pr_demand            d = { .num_rows = 8, .row_bytes = 4 };

    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0 }, &plan));
    assert_fails(PR_E_ARG, "NULL", pr_placement_make(NULL, &plan, &d, &p));
    assert_fails(PR_E_ARG, "NULL", pr_placement_make(topo, NULL, &d, &p));
    assert_fails(PR_E_ARG, "NULL", pr_placement_make(topo, &plan, NULL, &p));
    assert_fails(PR_E_ARG, "NULL", pr_placement_make(topo, &plan, &d, NULL));
    d.part_rows = parts;
    assert_fails(PR_E_ARG, "parts have 7 rows, the store has 8",
                 pr_placement_make(topo, &plan, &d, &p));
    d.part_rows = NULL;
    d.num_rows  = (uint64_t)1 << 41;
    assert_fails(PR_E_ARG, "at most 2^40", pr_placement_make(topo, &plan, &d, &p));
    d = (pr_demand){ .num_rows = (uint64_t)1 << 40, .row_bytes = 1 << 24 };
    assert_fails(PR_E_ARG, "do not fit in 64 bits", pr_placement_make(topo, &plan, &d, &p));
    d = (pr_demand){ .num_rows = 1, .row_bytes = 1, .graph_bytes = UINT64_MAX / 2 + 1 };
    assert_fails(PR_E_ARG, "does not fit in 64 bits", pr_placement_make(topo, &plan, &d, &p));
    d = (pr_demand){ .lane_bytes = { [PR_ITEM_TAPE] = UINT64_MAX } };
    assert_fails(PR_E_ARG, "does not fit in 64 bits", pr_placement_make(topo, &plan, &d, &p));
    plan.num_lanes = 0;
    assert_fails(PR_E_ARG, "0 lanes, must have 1 .. 64", pr_placement_make(topo, &plan, &d, &p));
    assert_string_equal(pr_item_name(PR_ITEM_SAMPLER), "sampler");
    assert_string_equal(pr_item_name((pr_item)99), "?");
    pr_topo_free(topo);
}

/* ---- words ---- */

static void a_placement_is_drawn_for_people(void **state)
{
    (void)state;
    static pr_placement  p;
    static char          text[16384];
    const pr_topo_source source = { .synthetic = "numa:2 core:2 pu:1" };
    pr_topo             *topo   = test_machine(source, NULL);
    const pr_demand      d      = { .num_rows    = 1500,
                                    .row_bytes   = MiB,
                                    .sharded     = true,
                                    .shard_unit  = 10,
                                    .graph_bytes = 3 * MiB,
                                    .lane_bytes  = { [PR_ITEM_SLAB] = 512 * MiB } };

    test_place(topo, &(pr_plan_options){ 0 }, &d, &p);
    FILE *file = fmemopen(text, sizeof text, "w");
    pr_placement_print(&p, file);
    fclose(file);
    const char *wanted[] = {
        "placement   rows in 2 shards, by range of ids; 2 partitions; one graph\n",
        "  node 0    1.0 GiB of memory\n",
        "    lane 0         2 threads on cores 0 .. 1\n",
        "    partition 1    slab and index of lane 1\n",
        "    shard 1        750.0 MiB of lane 1: rows 750 .. 1499\n",
        "  anywhere  2.0 GiB of memory\n    graph          as it was read\n",
        "bytes           graph      store       slab      index    sampler       tape        sum\n",
        "  node 1          0 B  750.0 MiB  512.0 MiB        0 B        0 B        0 B    1.2 GiB\n",
        "  sum         3.0 MiB    1.5 GiB    1.0 GiB        0 B        0 B        0 B    2.5 GiB\n",
        "fits        no: 480 rows (0.47 GiB) have no room on any node; node 0 is asked for ",
        " 1.23 GiB, it has 1.00; node 1 is asked for 1.23 GiB, it has 1.00\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(text, wanted[i])) fail_msg("no '%s' in\n%s", wanted[i], text);
    pr_topo_free(topo);
}

static void a_lane_of_the_whole_machine_is_drawn_where_its_memory_is(void **state)
{
    (void)state;
    static pr_placement p;
    static char         text[16384];
    const struct {
        const char *machine, *drawn;
    } known[] = {
        { "numa:1 core:2 pu:1",
          "  node 0    1.0 GiB of memory\n    lane 0         2 threads on cores "
          "0 .. 1\n    partition 0    slab and index of lane 0\n" },
        { "numa:2 core:2 pu:1",
          "  anywhere  2.0 GiB of memory\n    lane 0         4 threads on cores "
          "0 .. 3\n    partition 0    slab and index of lane 0\n" },
    };
    const pr_demand d = { .num_rows = 10, .row_bytes = 64, .lane_bytes = { [PR_ITEM_SLAB] = MiB } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const pr_topo_source source = { .synthetic = known[i].machine };
        pr_topo             *topo   = test_machine(source, NULL);
        test_place(topo, &(pr_plan_options){ .numa = PR_NUMA_OFF }, &d, &p);
        FILE *file = fmemopen(text, sizeof text, "w");
        pr_placement_print(&p, file);
        fclose(file);
        if (!strstr(text, known[i].drawn)) fail_msg("no '%s' in\n%s", known[i].drawn, text);
        pr_topo_free(topo);
    }
}

static void the_json_accounts_for_every_byte(void **state)
{
    (void)state;
    static pr_placement  p;
    const pr_topo_source source = { .synthetic = "numa:2 core:2 pu:1" };
    pr_topo             *topo   = test_machine(source, NULL);
    const pr_demand      d      = { .num_rows    = (uint64_t)1 << 32,
                                    .row_bytes   = 512,
                                    .sharded     = true,
                                    .graph_bytes = 5,
                                    .lane_bytes  = { [PR_ITEM_TAPE] = 7 } };

    test_place(topo, &(pr_plan_options){ 0 }, &d, &p);
    pr_json *json = pr_placement_json(&p);
    char    *text = pr_json_text(json);
    assert_non_null(strstr(text, "\"shards\":2,\"partitions\":2"));
    assert_non_null(strstr(text, "{\"shard\":1,\"numa_node\":1,\"lane\":1,\"first_row\":2147483648,"
                                 "\"rows\":2147483648,\"bytes\":1099511627776}"));
    assert_non_null(strstr(text, "{\"numa_node\":1,\"memory_bytes\":1073741824,\"bytes\":{"
                                 "\"graph\":0,\"store\":1099511627776,\"slab\":0,\"index\":0,"
                                 "\"sampler\":0,\"tape\":7},\"total_bytes\":1099511627783}"));
    assert_non_null(strstr(text, "{\"numa_node\":-1,\"memory_bytes\":2147483648,\"bytes\":{"
                                 "\"graph\":5,"));
    assert_non_null(strstr(text, "\"fits\":false,\"why\":\"4290772992 rows"));
    free(text);
    pr_json_free(json);
    pr_topo_free(topo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_machine_has_a_plan_for_any_demand),
        cmocka_unit_test(ranges_are_in_proportion_to_threads),
        cmocka_unit_test(more_than_64_nodes_have_64_lanes_and_the_rows_of_all),
        cmocka_unit_test(latencies_decide_which_node_is_near),
        cmocka_unit_test(bad_demands_are_named),
        cmocka_unit_test(a_placement_is_drawn_for_people),
        cmocka_unit_test(a_lane_of_the_whole_machine_is_drawn_where_its_memory_is),
        cmocka_unit_test(the_json_accounts_for_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
