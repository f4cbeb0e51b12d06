/* test_topo.c: machines, real and made up, become lanes; cpusets and quotas are honoured. */
#include "support/support.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "numa/bind.h"
#include "numa/topo.h"

static pr_topo *made_up(const char *description)
{
    pr_topo *topo;
    assert_ok(pr_topo_synthetic(description, &topo));
    return topo;
}

static void the_real_machine_is_found(void **state)
{
    (void)state;
    pr_topo *topo;
    pr_plan  plan;

    assert_ok(pr_topo_discover(&topo));
    assert_true(pr_topo_num_nodes(topo) >= 1);
    cpu_set_t set;
    if (!pri_bind_by_user() && sched_getaffinity(0, sizeof set, &set) == 0)
        assert_int_equal(pr_topo_num_cpus(topo), CPU_COUNT(&set));
    assert_true(topo->num_cores >= 1 && topo->num_cores <= topo->num_cpus);
    assert_true(pr_topo_cpu_model(topo)[0] != '\0');
    uint32_t cores = 0;
    for (uint32_t i = 0; i < topo->num_nodes; i++) cores += topo->node[i].num_cores;
    assert_int_equal(cores, topo->num_cores);
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_OFF }, &plan));
    assert_int_equal(plan.num_lanes, 1);
    assert_int_equal(plan.lane[0].numa_node, -1);
    assert_int_equal(plan.num_threads, plan.lane[0].num_threads);
    assert_true(plan.num_threads >= 1 && plan.num_threads <= topo->num_cores);
    pr_topo_free(topo);
}

/* In a child process, as taskset would: only the first allowed CPU. */
static void the_affinity_the_process_was_started_with_is_honoured(void **state)
{
    (void)state;
    if (pri_bind_by_user()) skip(); /* OMP_PLACES counts instead of the affinity */
    const pid_t child = fork();
    int         status;

    assert_true(child >= 0);
    if (child == 0) {
        cpu_set_t set;
        pr_topo  *topo;
        pr_plan   plan;
        size_t    cpu = 0;
        if (sched_getaffinity(0, sizeof set, &set) != 0) _exit(1);
        while (!CPU_ISSET(cpu, &set)) cpu++;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) _exit(77);
        if (pr_topo_discover(&topo) != PR_OK) _exit(2);
        if (pr_topo_num_cpus(topo) != 1 || topo->num_cores != 1) _exit(3);
        if (pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO }, &plan) != PR_OK) _exit(4);
        if (plan.num_lanes != 1 || plan.num_threads != 1 || plan.lane[0].num_cores != 1) _exit(5);
        pr_topo_free(topo);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void made_up_machines_become_the_lanes_one_expects(void **state)
{
    (void)state;
    static const struct {
        const char *machine;
        uint32_t    threads;
        int         mode;
        uint32_t    nodes, lanes, total;
        struct {
            int32_t  node;
            uint32_t threads, cores;
        } lane[4];
    } known[] = {
        { "numa:1 core:2 pu:1", 0, PR_NUMA_AUTO, 1, 1, 2, { { 0, 2, 2 } } },
        { "numa:1 core:2 pu:1", 0, PR_NUMA_OFF, 1, 1, 2, { { -1, 2, 2 } } },
        { "numa:2 core:4 pu:1", 0, PR_NUMA_AUTO, 2, 2, 8, { { 0, 4, 4 }, { 1, 4, 4 } } },
        { "numa:2 core:4 pu:1", 0, PR_NUMA_STRICT, 2, 2, 8, { { 0, 4, 4 }, { 1, 4, 4 } } },
        { "numa:2 core:4 pu:1", 0, PR_NUMA_OFF, 2, 1, 8, { { -1, 8, 8 } } },
        { "numa:2 core:4 pu:1", 5, PR_NUMA_AUTO, 2, 2, 5, { { 0, 3, 4 }, { 1, 2, 4 } } },
        { "numa:2 core:4 pu:1", 1, PR_NUMA_AUTO, 2, 1, 1, { { 0, 1, 4 } } },
        { "numa:2 core:4 pu:1", 19, PR_NUMA_AUTO, 2, 2, 19, { { 0, 10, 4 }, { 1, 9, 4 } } },
        /* siblings are not used by default, but may be asked for */
        { "pack:2 [numa] core:4 pu:2", 0, PR_NUMA_AUTO, 2, 2, 8, { { 0, 4, 4 }, { 1, 4, 4 } } },
        { "pack:2 [numa] core:4 pu:2", 16, PR_NUMA_AUTO, 2, 2, 16, { { 0, 8, 4 }, { 1, 8, 4 } } },
        { "numa:4 core:8 pu:1",
          3,
          PR_NUMA_AUTO,
          4,
          3,
          3,
          { { 0, 1, 8 }, { 1, 1, 8 }, { 2, 1, 8 } } },
        { "numa:4 core:8 pu:1",
          10,
          PR_NUMA_AUTO,
          4,
          4,
          10,
          { { 0, 3, 8 }, { 1, 3, 8 }, { 2, 2, 8 }, { 3, 2, 8 } } },
        /* no cores known: every CPU is one */
        { "numa:2 pu:3", 0, PR_NUMA_AUTO, 2, 2, 6, { { 0, 3, 3 }, { 1, 3, 3 } } },
        { "4", 0, PR_NUMA_AUTO, 1, 1, 4, { { 0, 4, 4 } } },
        /* two memories on one package: the first one has the cores, all count */
        { "pack:2 [numa(memory=64GB)] [numa(memory=256GB)] core:4 pu:1",
          0,
          PR_NUMA_AUTO,
          4,
          2,
          8,
          { { 0, 4, 4 }, { 2, 4, 4 } } },
        /* a memory beside the whole machine does not take the cores of the nodes */
        { "[numa(memory=1GB)] pack:2 [numa(memory=2GB)] core:2 pu:1",
          0,
          PR_NUMA_AUTO,
          3,
          2,
          4,
          { { 0, 2, 2 }, { 1, 2, 2 } } },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pr_topo *topo = made_up(known[i].machine);
        pr_plan  plan;
        assert_ok(
            pr_topo_plan(topo, &(pr_plan_options){ known[i].threads, 0, known[i].mode }, &plan));
        assert_int_equal(pr_topo_num_nodes(topo), known[i].nodes);
        assert_int_equal(plan.num_lanes, known[i].lanes);
        assert_int_equal(plan.num_threads, known[i].total);
        assert_false(plan.can_bind);
        for (uint32_t l = 0; l < plan.num_lanes; l++) {
            assert_int_equal(plan.lane[l].numa_node, known[i].lane[l].node);
            assert_int_equal(plan.lane[l].num_threads, known[i].lane[l].threads);
            assert_int_equal(plan.lane[l].num_cores, known[i].lane[l].cores);
        }
        assert_string_equal(pr_topo_cpu_model(topo), "unknown");
        assert_true(pr_topo_cpu_quota(topo) == 0);
        pr_topo_free(topo);
    }
}

/* hwloc's notation has no uneven machines, so the nodes' cores are set here. */
static void uneven(pr_topo *topo, const uint32_t *cores)
{
    topo->num_cores = 0;
    for (uint32_t i = 0; i < topo->num_nodes; i++) {
        topo->node[i].num_cores = cores[i];
        topo->num_cores += cores[i];
    }
}

static void threads_follow_the_cores_of_uneven_nodes(void **state)
{
    (void)state;
    static const struct {
        uint32_t cores[4], threads, lanes, share[4];
        int32_t  node[4];
    } known[] = {
        { { 8, 4, 2, 2 }, 0, 4, { 8, 4, 2, 2 }, { 0, 1, 2, 3 } },
        { { 8, 4, 2, 2 }, 8, 4, { 4, 2, 1, 1 }, { 0, 1, 2, 3 } },
        { { 8, 0, 0, 8 }, 0, 2, { 8, 8 }, { 0, 3 } },
        { { 0, 0, 0, 3 }, 0, 1, { 3 }, { 3 } },
        { { 1, 16, 1, 1 }, 4, 4, { 1, 1, 1, 1 }, { 0, 1, 2, 3 } },
        { { 1, 16, 1, 1 }, 0, 4, { 1, 16, 1, 1 }, { 0, 1, 2, 3 } },
        /* fewer threads than nodes: the largest nodes, in their order */
        { { 1, 2, 4, 3 }, 2, 2, { 1, 1 }, { 2, 3 } },
        { { 2, 2, 2, 9 }, 2, 2, { 1, 1 }, { 0, 3 } },
        { { 1, 2, 4, 3 }, 1, 1, { 1 }, { 2 } },
    };
    pr_topo *topo = made_up("numa:4 core:16 pu:1");

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pr_plan plan;
        uneven(topo, known[i].cores);
        assert_ok(
            pr_topo_plan(topo, &(pr_plan_options){ known[i].threads, 0, PR_NUMA_AUTO }, &plan));
        assert_int_equal(plan.num_lanes, known[i].lanes);
        for (uint32_t l = 0; l < plan.num_lanes; l++) {
            assert_int_equal(plan.lane[l].num_threads, known[i].share[l]);
            assert_int_equal(plan.lane[l].numa_node, known[i].node[l]);
            assert_int_equal(plan.lane[l].num_cores, known[i].cores[known[i].node[l]]);
        }
    }
    pr_topo_free(topo);
}

static void any_plan_gives_out_all_threads_and_stays_in_proportion(void **state)
{
    (void)state;
    test_rng rng  = { .key = test_seed() };
    pr_topo *topo = made_up("numa:8 core:4 pu:1");

    for (int round = 0; round < 2000; round++) {
        uint32_t cores[8], threads = 1 + test_below(&rng, round % 2 ? 40 : 4096), sum = 0;
        pr_plan  plan;
        for (int i = 0; i < 8; i++) cores[i] = test_below(&rng, 3) ? test_below(&rng, 33) : 0;
        cores[test_below(&rng, 8)] = 1;
        uneven(topo, cores);
        assert_ok(pr_topo_plan(topo, &(pr_plan_options){ threads, 0, PR_NUMA_AUTO }, &plan));
        assert_int_equal(plan.num_threads, threads);
        assert_true(plan.num_lanes <= threads);
        int32_t  last       = -1;
        uint32_t lane_cores = 0;
        for (uint32_t l = 0; l < plan.num_lanes; l++) lane_cores += plan.lane[l].num_cores;
        for (uint32_t l = 0; l < plan.num_lanes; l++) {
            const pr_lane_plan *lane = &plan.lane[l];
            assert_true(lane->numa_node > last);
            last = lane->numa_node;
            assert_int_equal(lane->num_cores, cores[lane->numa_node]);
            assert_true(lane->num_threads >= 1);
            /* with a core for every thread, no lane has more threads than cores */
            if (threads <= lane_cores) assert_true(lane->num_threads <= lane->num_cores);
            if (threads == lane_cores) assert_int_equal(lane->num_threads, lane->num_cores);
            sum += lane->num_threads;
        }
        assert_int_equal(sum, threads);
    }
    pr_topo_free(topo);
}

static void a_lane_needs_memory_of_its_own(void **state)
{
    (void)state;
    pr_topo *topo = made_up("pack:3 [numa(memory=0)] core:2 pu:1");
    pr_plan  plan;

    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO },
                           &plan)); /* nobody knows: each has a lane */
    assert_int_equal(plan.num_lanes, 3);
    assert_int_equal(plan.lane[0].memory_bytes, 0);
    pr_topo_free(topo);

    topo = made_up("numa:3 core:2 pu:1");
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_OFF }, &plan));
    assert_true(plan.lane[0].memory_bytes == (uint64_t)3 << 30);
    pr_topo_free(topo);
}

/* In a child process: a machine of four nodes, read from a file, whose third has no memory. */
static int discover_from_file(const char *path)
{
    pr_topo *topo;
    pr_plan  plan;

    setenv("HWLOC_XMLFILE", path, 1);
    if (pr_topo_discover(&topo) != PR_OK || pr_topo_num_nodes(topo) != 4) return 1;
    if (pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO }, &plan) != PR_OK) return 2;
    if (plan.can_bind || plan.num_threads != 8 || plan.num_lanes != 3) return 3;
    if (plan.lane[0].numa_node != 0 || plan.lane[1].numa_node != 1 || plan.lane[2].numa_node != 3)
        return 4;
    if (plan.lane[1].num_cores != 4 || plan.lane[1].num_threads != 4) return 5;
    pr_topo_free(topo);
    return 0;
}

static void cores_without_memory_join_a_node_beside_them(void **state)
{
    (void)state;
    pr_topo *topo = made_up("numa:4 core:2 pu:1");
    char    *text;
    int      bytes, status;

    assert_int_equal(hwloc_topology_export_xmlbuffer(topo->hw, &text, &bytes, 0), 0);
    char *memory = text;
    for (int i = 0; i < 3; i++) {
        memory = strstr(memory + 1, "local_memory=\"");
        assert_non_null(memory);
    }
    memory += strlen("local_memory=\"");
    for (size_t i = strcspn(memory, "\""); i-- > 0;) memory[i] = '0';
    const char *path = test_file(test_directory(), "machine.xml", text, strlen(text));
    hwloc_free_xmlbuffer(topo->hw, text);
    pr_topo_free(topo);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(discover_from_file(path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_quota_limits_the_default_but_not_the_user(void **state)
{
    (void)state;
    static const struct {
        double   quota;
        uint32_t threads;
    } known[] = {
        { 0, 16 }, { 0.1, 1 }, { 1, 1 }, { 2.5, 2 }, { 15.99, 15 }, { 16, 16 }, { 64, 16 }
    };
    pr_topo *topo = made_up("numa:2 core:8 pu:2");
    pr_plan  plan;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        topo->cpu_quota = known[i].quota;
        assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_OFF }, &plan));
        assert_int_equal(plan.num_threads, known[i].threads);
        assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 7, 0, PR_NUMA_OFF }, &plan));
        assert_int_equal(plan.num_threads, 7);
    }
    pr_topo_free(topo);
}

static void bad_requests_are_named(void **state)
{
    (void)state;
    pr_topo *topo = made_up("numa:2 core:4 pu:1"), *none;
    pr_plan  plan = { .num_lanes = 77 };

    assert_fails(PR_E_ARG, "threads is 4097, must be in 0 .. 4096",
                 pr_topo_plan(topo, &(pr_plan_options){ 4097, 0, PR_NUMA_AUTO }, &plan));
    assert_fails(PR_E_ARG, "threads is 4294967295",
                 pr_topo_plan(topo, &(pr_plan_options){ UINT32_MAX, 0, PR_NUMA_OFF }, &plan));
    assert_fails(PR_E_ARG, "NUMA mode is 9",
                 pr_topo_plan(topo, &(pr_plan_options){ 1, 0, (pr_numa_mode)9 }, &plan));
    assert_fails(PR_E_ARG, "NULL",
                 pr_topo_plan(NULL, &(pr_plan_options){ 1, 0, PR_NUMA_OFF }, &plan));
    assert_fails(PR_E_ARG, "NULL",
                 pr_topo_plan(topo, &(pr_plan_options){ 1, 0, PR_NUMA_OFF }, NULL));
    assert_int_equal(plan.num_lanes, 77); /* untouched */
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 4096, 0, PR_NUMA_AUTO }, &plan));
    assert_int_equal(plan.lane[1].num_threads, 2048);
    assert_fails(PR_E_ARG, "NULL", pr_topo_synthetic(NULL, &none));
    assert_null(none);
    assert_fails(PR_E_ARG, "NULL", pr_topo_synthetic("numa:1 pu:1", NULL));
    assert_fails(PR_E_ARG, "NULL", pr_topo_discover(NULL));
    pr_topo_free(topo);
    pr_topo_free(NULL);
}

static void bad_descriptions_are_refused_quickly(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "bogus",
        "numa:0 pu:1",
        "numa:-1 pu:1",
        "numa:2 core:2",
        "numa:2 pu:",
        "numa:2 pu:1x",
        "[numa(memory=1GB)",
        "pu:pu",
        "numa:99999999999999999999",
        "((((((",
        "%s%n",
    };
    static const char *const big[] = { "numa:256 core:256 pu:1",
                                       "numa:4 core:2000000000 pu:1",
                                       "65536 65536 65536 65536",
                                       "pu:4097",
                                       "numa:4294967295 core:4294967295 pu:4294967295",
                                       "numa:0x1000 core:0x1000 pu:1",
                                       "numa:+4000 core:+4000 pu:1",
                                       "numa:2(indexes=[:) core:4000 pu:4000" };
    char                     text[3000];
    pr_topo                 *topo;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const pr_status st = pr_topo_synthetic(bad[i], &topo);
        if (st != PR_E_ARG) fail_msg("'%s' gave %s", bad[i], pr_status_name(st));
        assert_null(topo);
        assert_non_null(strstr(pr_error_message(), "made-up machine"));
    }
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++)
        assert_fails(PR_E_ARG, "more than 4096 CPUs", pr_topo_synthetic(big[i], &topo));
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_fails(PR_E_ARG, "has 2999 bytes, at most 1024", pr_topo_synthetic(text, &topo));
    assert_null(topo);
}

static void more_nodes_than_lanes_leave_the_smallest_out(void **state)
{
    (void)state;
    pr_topo *topo = made_up("numa:70 core:2 pu:1");
    pr_plan  plan;

    topo->node[0].num_cores = 1;
    topo->num_cores--;
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO }, &plan));
    assert_int_equal(plan.num_lanes, PR_MAX_LANES);
    assert_int_equal(plan.num_threads, 128); /* none for the nodes left out */
    assert_int_equal(plan.lane[0].numa_node, 1);
    assert_int_equal(plan.lane[63].numa_node, 64);
    pr_topo_free(topo);
}

static const char *printed(const pr_topo *topo, const pr_plan *plan)
{
    static char text[8192];
    FILE       *file = fmemopen(text, sizeof text, "w");
    pr_topo_print(topo, plan, file);
    fclose(file);
    return text;
}

static void the_printed_machine_reads_well(void **state)
{
    (void)state;
    pr_topo *topo = made_up("pack:2 [numa(memory=64GB)] core:4 pu:2");
    pr_plan  plan;

    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 5, 0, PR_NUMA_AUTO }, &plan));
    assert_string_equal(printed(topo, &plan),
                        "machine     unknown (not this machine)\n"
                        "usable      8 cores, 16 CPUs, no quota\n"
                        "NUMA nodes  2\n"
                        "  node 0    4 cores, memory 59.6 GiB\n"
                        "  node 1    4 cores, memory 59.6 GiB\n"
                        "plan        2 lanes, 5 threads, binds nothing: it is not this machine\n"
                        "why         5 threads as asked for; 2 lanes, one a NUMA node\n"
                        "  lane 0    NUMA node 0, 3 threads on 4 cores, CPUs 0-7\n"
                        "  lane 1    NUMA node 1, 2 threads on 4 cores, CPUs 8-15\n");
    topo->cpu_quota = 1.5;
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_OFF }, &plan));
    assert_non_null(strstr(printed(topo, &plan), "at most 1.50 CPUs of time by quota\n"));
    assert_non_null(
        strstr(printed(topo, &plan), "whole machine, 1 thread on 8 cores, CPUs 0-15\n"));
    assert_null(strstr(printed(topo, NULL), "plan"));
    pr_topo_free(topo);
}

static int64_t whole(const pr_json *json, const char *key)
{
    int64_t value = INT64_MIN;
    assert_true(pri_json_as_int(pri_json_find(json, key), &value));
    return value;
}

static void the_json_has_the_fixed_names(void **state)
{
    (void)state;
    pr_topo *topo = made_up("numa:2 core:4 pu:1");
    pr_plan  plan;
    bool     bound = true;

    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ 3, 0, PR_NUMA_AUTO }, &plan));
    pr_json *json = pr_topo_json(topo, &plan);
    assert_int_equal(whole(json, "nodes"), 2);
    assert_int_equal(whole(json, "lanes"), 2);
    assert_int_equal(whole(json, "partitions"), 2);
    assert_int_equal(whole(json, "threads"), 3);
    assert_int_equal(whole(json, "cpus"), 8);
    assert_true(pri_json_as_bool(pri_json_find(json, "bound"), &bound) && !bound);
    assert_string_equal(pri_json_as_string(pri_json_find(json, "cpu_model")), "unknown");
    char *text = pr_json_text(json);
    assert_non_null(strstr(text, "\"quota\":null"));
    assert_non_null(strstr(text, "\"node_list\":[{\"node\":0,\"cores\":4,\"cpus\":4,"
                                 "\"memory_bytes\":1073741824},{\"node\":1,"));
    assert_non_null(strstr(text, "\"lane_list\":[{\"lane\":0,\"numa_node\":0,\"threads\":2,"
                                 "\"first_core\":0,\"cores\":4,\"cpus\":\"0-3\","
                                 "\"memory_bytes\":1073741824},{\"lane\":1,"));
    assert_non_null(strstr(text, "\"this_machine\":false"));
    assert_non_null(strstr(text, "\"why\":\"3 threads as asked for; 2 lanes, one a NUMA node\""));
    free(text);
    pr_json_free(json);
    topo->cpu_quota = 1.5;
    json            = pr_topo_json(topo, NULL);
    text            = pr_json_text(json);
    assert_non_null(strstr(text, "\"quota\":1.5"));
    assert_null(pri_json_find(json, "lanes"));
    free(text);
    pr_json_free(json);
    pr_topo_free(topo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_machine_is_found),
        cmocka_unit_test(the_affinity_the_process_was_started_with_is_honoured),
        cmocka_unit_test(made_up_machines_become_the_lanes_one_expects),
        cmocka_unit_test(threads_follow_the_cores_of_uneven_nodes),
        cmocka_unit_test(any_plan_gives_out_all_threads_and_stays_in_proportion),
        cmocka_unit_test(a_lane_needs_memory_of_its_own),
        cmocka_unit_test(cores_without_memory_join_a_node_beside_them),
        cmocka_unit_test(the_quota_limits_the_default_but_not_the_user),
        cmocka_unit_test(bad_requests_are_named),
        cmocka_unit_test(bad_descriptions_are_refused_quickly),
        cmocka_unit_test(more_nodes_than_lanes_leave_the_smallest_out),
        cmocka_unit_test(the_printed_machine_reads_well),
        cmocka_unit_test(the_json_has_the_fixed_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
