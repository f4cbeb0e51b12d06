/* test_topo_source.c: machines from XML, lists of CPUs and quotas; hostile ones are refused with a
 * sentence, and no machine that is not ours ever claims to bind. */
#include "support/support.h"

#include <math.h>

#include "base/json.h"
#include "numa/bind.h"
#include "numa/topo.h"
#include "support/machines.h"

static pr_topo *opened(pr_topo_source source)
{
    pr_topo *topo;
    assert_ok(pr_topo_open(&source, &topo));
    return topo;
}

static void a_machine_from_xml_is_the_one_that_was_written(void **state)
{
    (void)state;
    pr_topo *topo = opened((pr_topo_source){
        .xml = test_machine_xml("pack:2 [numa(memory=4GB)] core:3 pu:2", NULL, 0) });
    assert_int_equal(pr_topo_num_nodes(topo), 2);
    assert_int_equal(topo->num_cores, 6);
    assert_int_equal(topo->num_cpus, 12);
    assert_true(topo->node[1].memory_bytes == 4000000000u);
    assert_false(topo->real || topo->can_bind);
    pr_topo_free(topo);
}

static void a_node_without_cores_has_memory_and_no_lane(void **state)
{
    (void)state;
    static const test_edit edits[] = {
        { "os_index=\"2\" cpuset=\"0x0000000f\" complete_cpuset=\"0x0000000f\"",
          "os_index=\"2\" cpuset=\"0x0\" complete_cpuset=\"0x0\"" }
    };
    pr_topo *topo = opened((pr_topo_source){
        .xml = test_machine_xml("[numa(memory=64GB)] pack:2 [numa(memory=1GB)] core:2 pu:1", edits,
                                1) });
    pr_plan  plan;

    assert_int_equal(topo->num_nodes, 3);
    assert_int_equal(topo->node[2].num_cores, 0);
    assert_true(topo->node[2].memory_bytes == 64000000000u);
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0 }, &plan));
    assert_int_equal(plan.num_lanes, 2);
    pr_topo_free(topo);
}

static void memory_that_is_not_granted_is_not_planned_for(void **state)
{
    (void)state;
    static const test_edit edits[] = { { "allowed_nodeset=\"0x00000007\"",
                                         "allowed_nodeset=\"0x00000005\"" } };
    pr_topo               *topo =
        opened((pr_topo_source){ .xml = test_machine_xml("numa:3 core:2 pu:1", edits, 1) });
    uint32_t cores = 0;

    assert_int_equal(topo->num_nodes, 2);
    assert_int_equal(topo->node[0].os_index, 0);
    assert_int_equal(topo->node[1].os_index, 2);
    for (uint32_t i = 0; i < 2; i++) {
        cores += topo->node[i].num_cores;
        assert_int_equal(topo->node[i].num_cores,
                         pri_topo_count_cores(topo->hw, topo->node[i].cpuset));
    }
    assert_int_equal(cores, 6); /* those of node 1 have joined another */
    pr_topo_free(topo);
}

/* As the kernel describes a CXL memory: in a group of its own, without CPUs. Node 0 is not granted
 * (cpuset.mems), so all work is for node 1. */
static void strays_make_no_lane_on_a_node_without_cores(void **state)
{
    (void)state;
    char xml[] = /* clang-format off */
        "<topology version='2.0'>"
        "<object type='Machine' cpuset='0xf' complete_cpuset='0xf' nodeset='0x7' complete_nodeset='0x7' os_index='0' gp_index='1' allowed_cpuset='0xf' allowed_nodeset='0x6'>"
        "<object type='Package' cpuset='0x3' complete_cpuset='0x3' nodeset='0x1' complete_nodeset='0x1' os_index='0' gp_index='2'>"
        "<object type='NUMANode' cpuset='0x3' complete_cpuset='0x3' nodeset='0x1' complete_nodeset='0x1' os_index='0' gp_index='3' local_memory='1073741824'/>"
        "<object type='PU' cpuset='0x1' complete_cpuset='0x1' nodeset='0x1' complete_nodeset='0x1' os_index='0' gp_index='4'/>"
        "<object type='PU' cpuset='0x2' complete_cpuset='0x2' nodeset='0x1' complete_nodeset='0x1' os_index='1' gp_index='5'/>"
        "</object>"
        "<object type='Package' cpuset='0xc' complete_cpuset='0xc' nodeset='0x2' complete_nodeset='0x2' os_index='1' gp_index='6'>"
        "<object type='NUMANode' cpuset='0xc' complete_cpuset='0xc' nodeset='0x2' complete_nodeset='0x2' os_index='1' gp_index='7' local_memory='1073741824'/>"
        "<object type='PU' cpuset='0x4' complete_cpuset='0x4' nodeset='0x2' complete_nodeset='0x2' os_index='2' gp_index='8'/>"
        "<object type='PU' cpuset='0x8' complete_cpuset='0x8' nodeset='0x2' complete_nodeset='0x2' os_index='3' gp_index='9'/>"
        "</object>"
        "<object type='Group' cpuset='0x0' complete_cpuset='0x0' nodeset='0x4' complete_nodeset='0x4' gp_index='10' kind='1001' subkind='0'>"
        "<object type='NUMANode' cpuset='0x0' complete_cpuset='0x0' nodeset='0x4' complete_nodeset='0x4' os_index='2' gp_index='11' local_memory='64000000000'/>"
        "</object></object></topology>"; /* clang-format on */
    for (char *c = xml; *c; c++)
        if (*c == '\'') *c = '"';
    const char *path = test_file(test_directory(), "cxl.xml", xml, sizeof xml - 1);
    pr_topo    *topo = opened((pr_topo_source){ .xml = path });

    assert_int_equal(topo->num_nodes, 2);
    assert_int_equal(topo->node[0].os_index, 1);
    assert_int_equal(topo->node[0].num_cores, 4);
    assert_int_equal(topo->node[1].num_cores, 0);
    pr_topo_free(topo);
}

static void files_that_are_no_machine_are_named(void **state)
{
    (void)state;
    const char *directory = test_directory();
    pr_topo    *topo;
    char        text[512];
    struct {
        const char *text, *words;
    } bad[] = {
        { "", "has 0 bytes, a machine's description has 1 .. 16777216" },
        { "hello", "is not a machine as hwloc writes it" },
        { "<topology", "hwloc" },
        { "<topology version=\"2.0\"></topology>", "hwloc" },
        { "<!DOCTYPE a [<!ENTITY b \"c\">]><topology>&b;</topology>", "is not a machine" },
        { "<topology version=\"2.0\"><object type=\"Machine\" cpuset=\"0x1\"/></topology>",
          "hwloc" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = test_file(directory, "bad.xml", bad[i].text, strlen(bad[i].text));
        assert_fails(PR_E_INPUT, bad[i].words,
                     pr_topo_open(&(pr_topo_source){ .xml = path }, &topo));
        assert_non_null(strstr(pr_error_message(), path));
        assert_null(topo);
    }
    snprintf(text, sizeof text, "%s/none.xml", directory);
    assert_fails(PR_E_INPUT, "No such file", pr_topo_open(&(pr_topo_source){ .xml = text }, &topo));
    assert_fails(PR_E_INPUT, "is not a file",
                 pr_topo_open(&(pr_topo_source){ .xml = directory }, &topo));
    const char *zeroes = test_file(directory, "zero.xml", "<topology\0>", 11);
    assert_fails(PR_E_INPUT, "is not a machine",
                 pr_topo_open(&(pr_topo_source){ .xml = zeroes }, &topo));
}

/* hwloc trusts its XML, and some of these would end the process: a child tries them first. */
static void damaged_xml_never_ends_the_process(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",           "0",    "-1", "0x0",      "0xf...f",
        "0xffffffff", "Core", "PU", "NUMANode", "99999999999999999999"
    };
    test_rng    rng       = { .key = test_seed() };
    const char *directory = test_directory();
    const char *path =
        test_machine_xml("[numa(memory=64GB)] pack:2 [numa(memory=1GB)] core:2 pu:1", NULL, 0);
    size_t bytes, refused = 0;
    char  *whole = test_read(path, &bytes);

    for (int round = 0; round < 60; round++) {
        char text[16384], *at = whole;
        for (uint32_t skip = test_below(&rng, 100) + 1; skip > 0; skip--) {
            char *next = strstr(at, "=\"");
            if (!next) break;
            at = next + 2;
        }
        const size_t    before = (size_t)(at - whole), gone = strcspn(at, "\"");
        const int       n       = snprintf(text, sizeof text, "%.*s%s%s", (int)before, whole,
                                           values[test_below(&rng, 10)], at + gone);
        const char     *damaged = test_file(directory, "damaged.xml", text, (size_t)n);
        pr_topo        *topo;
        const pr_status st = pr_topo_open(&(pr_topo_source){ .xml = damaged }, &topo);
        if (st == PR_OK) {
            pr_plan plan;
            assert_false(topo->can_bind);
            (void)pr_topo_plan(topo, &(pr_plan_options){ 0 }, &plan);
        } else {
            assert_true(st == PR_E_INPUT || st == PR_E_LIBRARY);
            refused++;
        }
        pr_topo_free(topo);
    }
    assert_true(refused > 0);
    free(whole);
}

static void a_list_of_cpus_cuts_the_machine(void **state)
{
    (void)state;
    static const struct {
        const char *cpus;
        uint32_t    num_cpus, num_cores, node[2];
    } known[] = {
        { "", 16, 8, { 4, 4 } },   { "0-15", 16, 8, { 4, 4 } },      { "0", 1, 1, { 1, 0 } },
        { "0-1", 2, 1, { 1, 0 } }, { "0,2", 2, 2, { 2, 0 } },        { "6-9", 4, 2, { 1, 1 } },
        { "8-", 8, 4, { 0, 4 } },  { "0-3,8-9,77", 6, 3, { 2, 1 } }, { "15,0,3", 3, 3, { 2, 1 } },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pr_topo *topo =
            opened((pr_topo_source){ .synthetic = "numa:2 core:4 pu:2", .cpus = known[i].cpus });
        assert_int_equal(topo->num_cpus, known[i].num_cpus);
        assert_int_equal(topo->num_cores, known[i].num_cores);
        for (uint32_t n = 0; n < 2; n++)
            assert_int_equal(topo->node[n].num_cores, known[i].node[n]);
        pr_topo_free(topo);
    }
}

static void bad_sources_are_named(void **state)
{
    (void)state;
    static const char *const lists[] = {
        ",",           "0,", ",0",  "a",   "0-a",   "3-2",   "-1",
        "0--1",        " 0", "0 1", "0x1", "1-2-3", "65536", "99999999999999999999",
        "0-4294967295"
    };
    pr_topo *topo = (pr_topo *)1;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const pr_topo_source source = { .synthetic = "numa:2 core:4 pu:1", .cpus = lists[i] };
        assert_fails(PR_E_ARG, "must be like 0-3,8", pr_topo_open(&source, &topo));
        assert_null(topo);
    }
    assert_fails(
        PR_E_ARG, "'8-9' names none that may be used",
        pr_topo_open(&(pr_topo_source){ .synthetic = "numa:2 core:4 pu:1", .cpus = "8-9" }, &topo));
    assert_fails(PR_E_ARG, "exclude each other",
                 pr_topo_open(&(pr_topo_source){ .synthetic = "pu:1", .xml = "file" }, &topo));
    assert_fails(PR_E_ARG, "quota is -1",
                 pr_topo_open(&(pr_topo_source){ .synthetic = "pu:1", .cpu_quota = -1 }, &topo));
    assert_fails(PR_E_ARG, "quota is inf",
                 pr_topo_open(&(pr_topo_source){ .cpu_quota = (double)INFINITY }, &topo));
    assert_fails(PR_E_ARG, "more than 4096 CPUs",
                 pr_topo_open(&(pr_topo_source){ .synthetic = "numa:64 core:65 pu:1" }, &topo));
    assert_fails(PR_E_ARG, "has 257 NUMA nodes, must have 1 .. 256",
                 pr_topo_open(&(pr_topo_source){ .synthetic = "numa:257 pu:1" }, &topo));
    assert_fails(PR_E_ARG, "NULL", pr_topo_open(NULL, &topo));
    assert_fails(PR_E_ARG, "NULL", pr_topo_open(&(pr_topo_source){ 0 }, NULL));
}

static void what_limits_threads_and_lanes_is_said(void **state)
{
    (void)state;
    static const struct {
        pr_topo_source  source;
        pr_plan_options options;
        const char     *why;
    } known[] = {
        { { .synthetic = "numa:2 core:4 pu:2" },
          { 0 },
          "8 threads, one a core; 2 lanes, one a NUMA node" },
        { { .synthetic = "numa:1 core:4 pu:2" },
          { 0 },
          "4 threads, one a core; 1 lane, as one NUMA node has cores" },
        { { .synthetic = "numa:2 core:4 pu:2", .cpus = "0" },
          { 0 },
          "1 thread, one a core: --cpus leaves 1 of 16 CPUs; 1 lane, as one NUMA node has cores" },
        { { .synthetic = "numa:2 core:4 pu:2", .cpu_quota = 1.5 },
          { 0 },
          "1 thread: a CPU quota of 1.50; 1 lane, as there are no more threads: 1 of 2 NUMA "
          "nodes" },
        { { .synthetic = "numa:2 core:4 pu:2", .cpus = "0-9", .cpu_quota = 3.25 },
          { 0 },
          "3 threads: --cpus leaves 10 of 16 CPUs and a CPU quota of 3.25; 2 lanes, one a NUMA "
          "node" },
        { { .synthetic = "numa:2 core:4 pu:1" },
          { .threads = 3 },
          "3 threads as asked for; 2 lanes, one a NUMA node" },
        { { .synthetic = "numa:2 core:4 pu:1" },
          { .lanes = 4 },
          "8 threads, one a core; 4 lanes as asked for, on 2 of 2 NUMA nodes" },
        { { .synthetic = "numa:2 core:1 pu:1" },
          { .lanes = 4 },
          "4 threads, one a lane; 4 lanes as asked for, on 2 of 2 NUMA nodes, which share cores" },
        { { .synthetic = "numa:2 core:4 pu:1" },
          { .threads = 3, .lanes = 4 },
          "3 threads as asked for; 3 lanes, as there are no more threads" },
        { { .synthetic = "numa:2 core:4 pu:1" },
          { .lanes = 1 },
          "4 threads, one a core; 1 lane as asked for, on 1 of 2 NUMA nodes" },
        { { .synthetic = "numa:2 core:4 pu:1" },
          { .numa = PR_NUMA_OFF },
          "8 threads, one a core; 1 lane as --numa is off" },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pr_topo *topo = opened(known[i].source);
        pr_plan  plan;
        assert_ok(pr_topo_plan(topo, &known[i].options, &plan));
        assert_string_equal(plan.why, known[i].why);
        pr_topo_free(topo);
    }
}

/* What the environment says about another machine makes it no more ours. */
static void no_other_machine_binds(void **state)
{
    (void)state;
    const pr_topo_source sources[] = { { .synthetic = "numa:1 core:1 pu:1" },
                                       { .xml = test_machine_xml("numa:1 core:1 pu:1", NULL, 0) } };

    assert_int_equal(setenv("HWLOC_THISSYSTEM", "1", 1), 0);
    for (size_t i = 0; i < 2; i++) {
        pr_topo *topo = opened(sources[i]);
        pr_plan  plan;
        assert_false(topo->real || topo->can_bind);
        assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0 }, &plan));
        assert_false(plan.can_bind);
        plan.can_bind = true; /* whatever a plan says */
        assert_false(pri_bind_try(topo, &plan));
        pr_json *json  = pr_topo_json(topo, &plan);
        bool     bound = true;
        assert_true(pri_json_as_bool(pri_json_find(json, "bound"), &bound) && !bound);
        pr_json_free(json);
        pr_topo_free(topo);
    }
    assert_int_equal(unsetenv("HWLOC_THISSYSTEM"), 0);
}

static void our_machine_may_be_cut_too(void **state)
{
    (void)state;
    pr_topo *all = opened((pr_topo_source){ 0 });
    char     first[32];

    snprintf(first, sizeof first, "%d", hwloc_bitmap_first(all->allowed));
    pr_topo *one = opened((pr_topo_source){ .cpus = first, .cpu_quota = 0.5 });
    assert_int_equal(one->num_cpus, 1);
    assert_true(pr_topo_cpu_quota(one) == 0.5);
    assert_int_equal(one->can_bind, all->can_bind);
    pr_topo_free(one);
    pr_topo_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_from_xml_is_the_one_that_was_written),
        cmocka_unit_test(a_node_without_cores_has_memory_and_no_lane),
        cmocka_unit_test(memory_that_is_not_granted_is_not_planned_for),
        cmocka_unit_test(strays_make_no_lane_on_a_node_without_cores),
        cmocka_unit_test(files_that_are_no_machine_are_named),
        cmocka_unit_test(damaged_xml_never_ends_the_process),
        cmocka_unit_test(a_list_of_cpus_cuts_the_machine),
        cmocka_unit_test(bad_sources_are_named),
        cmocka_unit_test(what_limits_threads_and_lanes_is_said),
        cmocka_unit_test(no_other_machine_binds),
        cmocka_unit_test(our_machine_may_be_cut_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
