/* test_numa.c: every create function of numa/ survives each of its allocations failing. */
#include "support/support.h"

#include "numa/team.h"
#include "support/machines.h"

static pr_status discover(void *unused, void **out)
{
    (void)unused;
    return pr_topo_discover((pr_topo **)out);
}

static pr_status make_up(void *description, void **out)
{
    return pr_topo_synthetic(description, (pr_topo **)out);
}

static pr_status read_xml(void *path, void **out)
{
    return pr_topo_open(&(pr_topo_source){ .xml = path, .cpus = "0-6", .cpu_quota = 2 },
                        (pr_topo **)out);
}

static void free_topo(void *topo)
{
    pr_topo_free(topo);
}

static void a_topo_survives_every_failed_allocation(void **state)
{
    (void)state;
    char description[] = "numa:4 core:2 pu:2";

    test_oom("pr_topo_discover", discover, free_topo, NULL);
    test_oom("pr_topo_synthetic", make_up, free_topo, description);
    test_oom("pr_topo_open", read_xml, free_topo,
             (void *)(uintptr_t)test_machine_xml(description, NULL, 0));
}

typedef struct lane {
    const pr_topo *topo;
    const pr_plan *plan;
} lane;

static pr_status create_team(void *context, void **out)
{
    const lane *at = context;
    return pri_team_create(at->topo, at->plan, 0, PR_NUMA_AUTO, (pri_team **)out);
}

static void free_team(void *team)
{
    pri_team_free(team);
}

static void a_team_survives_every_failed_allocation(void **state)
{
    (void)state;
    pr_topo *topo;
    pr_plan  plan;

    assert_ok(pr_topo_synthetic("numa:2 core:4 pu:1", &topo));
    for (uint32_t threads = 2; threads <= 8; threads += 6) { /* pinned apart and not */
        assert_ok(pr_topo_plan(topo, &(pr_plan_options){ threads, 0, PR_NUMA_AUTO }, &plan));
        test_oom("pri_team_create", create_team, free_team, &(lane){ topo, &plan });
    }
    pr_topo_free(topo);
}

/* Several lanes on a node: each team has a run of the cores. */
static void a_team_on_a_part_of_a_node_survives_them_too(void **state)
{
    (void)state;
    pr_topo *topo;
    pr_plan  plan;

    assert_ok(pr_topo_synthetic("numa:1 core:4 pu:1", &topo));
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ .lanes = 2 }, &plan));
    test_oom("pri_team_create", create_team, free_team, &(lane){ topo, &plan });
    pr_topo_free(topo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topo_survives_every_failed_allocation),
        cmocka_unit_test(a_team_survives_every_failed_allocation),
        cmocka_unit_test(a_team_on_a_part_of_a_node_survives_them_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
