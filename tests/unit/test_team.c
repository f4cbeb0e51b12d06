/* test_team.c: a lane's threads are where they should be, and say so when they are not. Every test
 * runs in a child process of its own: OpenMP keeps its pool, and a fork after it would hang. */
#include "support/support.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numa/team.h"
#include "numa/topo.h"

/* Inside a child: name what is wrong and give up. */
#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #cond,     \
                    pr_error_message());                                                           \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { SKIPPED = 77 };

static void in_child(int (*body)(void))
{
    int         status;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        static const char *const name[] = { "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY",
                                            "KMP_AFFINITY" };
        for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) unsetenv(name[i]);
        _exit(omp_get_thread_limit() < 8 ? SKIPPED : body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) fail_msg("the child ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == SKIPPED) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What the threads of the present team can do: how many, and the union of their CPUs. */
typedef struct crew {
    int       num_threads, most_cpus; /* CPUs the freest thread may use */
    cpu_set_t may;
} crew;

static crew look(void)
{
    crew found = { 0 };

    CPU_ZERO(&found.may);
#pragma omp parallel
    {
        cpu_set_t mine;
        sched_getaffinity(0, sizeof mine, &mine);
#pragma omp critical
        {
            found.num_threads++;
            CPU_OR(&found.may, &found.may, &mine);
            if (CPU_COUNT(&mine) > found.most_cpus) found.most_cpus = CPU_COUNT(&mine);
        }
    }
    return found;
}

static int open_team(uint32_t threads, pr_numa_mode mode, pr_topo **topo, pr_plan *plan,
                     pri_team **team)
{
    EXPECT(pr_topo_discover(topo) == PR_OK);
    EXPECT(pr_topo_plan(*topo, &(pr_plan_options){ threads, 0, (int)mode }, plan) == PR_OK);
    EXPECT(pri_team_create(*topo, plan, 0, mode, team) == PR_OK);
    return 0;
}

/* Enter with `threads` and check that they are on the lane, each on its own core when there is
 * one for each, and that leaving gives the CPUs back. */
static int enter_with(uint32_t threads, pr_numa_mode mode)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;
    cpu_set_t   before, after;

    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    EXPECT(open_team(threads, mode, &topo, &plan, &team) == 0);
    EXPECT(sched_getaffinity(0, sizeof after, &after) == 0);
    EXPECT(CPU_EQUAL(&before, &after)); /* create pins nobody */
    if (!plan.can_bind) return SKIPPED;
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    const uint32_t n = plan.lane[0].num_threads;
    EXPECT(pri_team_num_threads(team) == n && binding.num_threads == n);
    EXPECT(binding.threads_bound);
    EXPECT(binding.memory_bound || (plan.lane[0].numa_node < 0 && topo->num_nodes > 1));

    const crew now = look(); /* a plain region, as the kernels open them */
    EXPECT(now.num_threads == (int)n);
    if (n == plan.lane[0].num_cores && topo->num_cores == topo->num_cpus) {
        EXPECT(now.most_cpus == 1);
        EXPECT(CPU_COUNT(&now.may) == (int)n); /* no two on one core */
    }
    pri_team_free(team);
    EXPECT(sched_getaffinity(0, sizeof after, &after) == 0);
    EXPECT(CPU_EQUAL(&before, &after));
    pr_topo_free(topo);
    return 0;
}

static int enter_with_one(void)
{
    return enter_with(1, PR_NUMA_OFF);
}

static int enter_with_two(void)
{
    return enter_with(2, PR_NUMA_OFF);
}

static int enter_with_three(void)
{
    return enter_with(3, PR_NUMA_OFF);
}

static int enter_with_all(void)
{
    return enter_with(0, PR_NUMA_OFF);
}

static int enter_on_a_node(void)
{
    return enter_with(0, PR_NUMA_STRICT);
}

static void threads_are_on_the_cores_of_the_lane(void **state)
{
    (void)state;
    in_child(enter_with_one);
    in_child(enter_with_two);
    in_child(enter_with_three);
    in_child(enter_with_all);
    in_child(enter_on_a_node);
}

/* One team after another in one process, as a program that trains twice. */
static int enter_again_and_again(void)
{
    static const uint32_t threads[] = { 0, 1, 0, 3, 2, 1 };

    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        const int got = enter_with(threads[i], PR_NUMA_OFF);
        if (got != 0) return got;
    }
    return 0;
}

static void a_later_team_is_not_confined_by_an_earlier_one(void **state)
{
    (void)state;
    in_child(enter_again_and_again);
}

static int with_the_users_placement(void)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;
    cpu_set_t   before, after;

    setenv("OMP_PROC_BIND", "false", 1);
    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    EXPECT(open_team(0, PR_NUMA_OFF, &topo, &plan, &team) == 0);
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    const crew now = look();
    EXPECT(now.num_threads == (int)plan.num_threads);
    EXPECT(now.most_cpus == CPU_COUNT(&before));
    EXPECT(sched_getaffinity(0, sizeof after, &after) == 0);
    EXPECT(CPU_EQUAL(&before, &after));
    pri_team_free(team);
    pr_topo_free(topo);
    return 0;
}

/* With OMP_PLACES libgomp binds the first thread before main: run this program again, as the user
 * would start it. */
static int start_again(void)
{
    setenv("OMP_PLACES", "threads", 1);
    setenv("TEST_TEAM_AGAIN", "1", 1);
    execl("/proc/self/exe", "test_team", (char *)NULL);
    return SKIPPED;
}

static int see_all_cpus(int num_cpus)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;

    EXPECT(open_team(0, PR_NUMA_OFF, &topo, &plan, &team) == 0);
    EXPECT((int)pr_topo_num_cpus(topo) == num_cpus);
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    EXPECT(binding.threads_bound);
    pri_team_free(team);
    pr_topo_free(topo);
    return 0;
}

static void the_users_places_do_not_hide_the_other_cpus(void **state)
{
    (void)state;
    cpu_set_t set;
    char      count[16];

#ifdef __clang__
    printf("skipped: libomp runs beside the libgomp of libdnnl, which binds the first thread "
           "before libomp looks; neither can tell the other CPUs\n");
    skip();
#endif
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    snprintf(count, sizeof count, "%d", CPU_COUNT(&set));
    setenv("TEST_TEAM_CPUS", count, 1);
    in_child(start_again);
}

static void the_users_own_placement_is_left_alone(void **state)
{
    (void)state;
    in_child(with_the_users_placement);
}

static int on_a_made_up_machine(void)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;
    cpu_set_t   before, after;

    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    EXPECT(pr_topo_synthetic("numa:4 core:1 pu:1", &topo) == PR_OK);
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ 8, 0, PR_NUMA_AUTO }, &plan) == PR_OK);
    EXPECT(pri_team_create(topo, &plan, 3, PR_NUMA_AUTO, &team) == PR_OK);
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    EXPECT(binding.num_threads == 2 && !binding.threads_bound && !binding.memory_bound);
    EXPECT(look().num_threads == 2);
    EXPECT(sched_getaffinity(0, sizeof after, &after) == 0);
    EXPECT(CPU_EQUAL(&before, &after));
    pri_team_free(team);
    EXPECT(pri_team_create(topo, &plan, 3, PR_NUMA_STRICT, &team) == PR_OK);
    EXPECT(pri_team_enter(team, &binding) == PR_E_UNSUPPORTED);
    EXPECT(strstr(pr_error_message(), "lane 3: 0 of 2 threads are on their cores"));
    pri_team_free(team);
    pr_topo_free(topo);
    return 0;
}

static void a_made_up_machine_binds_nothing_and_strict_says_so(void **state)
{
    (void)state;
    in_child(on_a_made_up_machine);
}

/* A lane whose CPUs exist only on paper: the kernel refuses, which is no error unless strict. */
static int with_a_refusing_kernel(void)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;

    EXPECT(pr_topo_synthetic("numa:2 core:1 pu:1(indexes=900,901)", &topo) == PR_OK);
    topo->can_bind = true; /* hwloc would say yes and do nothing */
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO }, &plan) == PR_OK);
    EXPECT(pri_team_create(topo, &plan, 0, PR_NUMA_AUTO, &team) == PR_OK);
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    EXPECT(!binding.threads_bound && !binding.memory_bound);
    pri_team_free(team);
    EXPECT(pri_team_create(topo, &plan, 1, PR_NUMA_STRICT, &team) == PR_OK);
    EXPECT(pri_team_enter(team, &binding) == PR_E_UNSUPPORTED);
    EXPECT(strstr(pr_error_message(), "lane 1: 0 of 1 threads"));
    pri_team_free(team);
    pr_topo_free(topo);
    return 0;
}

static void calls_that_succeed_and_do_nothing_are_not_believed(void **state)
{
    (void)state;
    in_child(with_a_refusing_kernel);
}

typedef struct lane_job {
    pr_topo           *topo;
    const pr_plan     *plan;
    uint32_t           lane;
    pthread_barrier_t *both;
    int                seen; /* threads of a plain region, while the other lane has its own */
    pr_status          st;
    bool               bound;
} lane_job;

static void *run_lane(void *context)
{
    lane_job   *job = context;
    pri_team   *team;
    pri_binding binding;

    job->st = pri_team_create(job->topo, job->plan, job->lane, PR_NUMA_AUTO, &team);
    if (job->st == PR_OK) job->st = pri_team_enter(team, &binding);
    pthread_barrier_wait(job->both);
    if (job->st != PR_OK) return NULL;
    job->bound = binding.threads_bound;
    job->seen  = look().num_threads;
    pthread_barrier_wait(job->both);
    pri_team_free(team);
    return NULL;
}

/* Two lanes with different numbers of threads, each on its own thread. */
static int with_two_lanes(void)
{
    pr_topo          *topo;
    pr_plan           plan;
    pthread_t         thread[2];
    lane_job          job[2];
    pthread_barrier_t both;

    EXPECT(pr_topo_discover(&topo) == PR_OK);
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ 3, 0, PR_NUMA_OFF }, &plan) == PR_OK);
    plan.num_lanes           = 2; /* a second one on the same cores */
    plan.lane[1]             = plan.lane[0];
    plan.lane[1].num_threads = 2;
    pthread_barrier_init(&both, NULL, 2);
    for (uint32_t i = 0; i < 2; i++) {
        job[i] = (lane_job){ .topo = topo, .plan = &plan, .lane = i, .both = &both };
        EXPECT(pthread_create(&thread[i], NULL, run_lane, &job[i]) == 0);
    }
    for (uint32_t i = 0; i < 2; i++) EXPECT(pthread_join(thread[i], NULL) == 0);
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(job[i].st == PR_OK);
        EXPECT(job[i].bound || !plan.can_bind);
        EXPECT(job[i].seen == (int)plan.lane[i].num_threads);
    }
    pthread_barrier_destroy(&both);
    pr_topo_free(topo);
    return 0;
}

static void lanes_have_teams_of_their_own(void **state)
{
    (void)state;
    in_child(with_two_lanes);
}

static int with_bad_requests(void)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;

    EXPECT(pr_topo_synthetic("numa:2 core:2 pu:1", &topo) == PR_OK);
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_AUTO }, &plan) == PR_OK);
    EXPECT(pri_team_create(topo, &plan, 2, PR_NUMA_AUTO, &team) == PR_E_ARG && !team);
    EXPECT(strstr(pr_error_message(), "lane is 2, the plan has 2"));
    plan.lane[1].numa_node = 7;
    EXPECT(pri_team_create(topo, &plan, 1, PR_NUMA_AUTO, &team) == PR_E_ARG && !team);
    EXPECT(strstr(pr_error_message(), "NUMA node 7, which has no cores"));
    plan.lane[0].num_threads = 0;
    EXPECT(pri_team_create(topo, &plan, 0, PR_NUMA_AUTO, &team) == PR_E_ARG && !team);
    EXPECT(pri_team_create(NULL, &plan, 0, PR_NUMA_AUTO, &team) == PR_E_ARG);
    EXPECT(pri_team_create(topo, &plan, 0, PR_NUMA_AUTO, NULL) == PR_E_ARG);
    EXPECT(pri_team_enter(NULL, &binding) == PR_E_ARG);
    pri_team_free(NULL);
    pr_topo_free(topo);
    return 0;
}

static void bad_lanes_are_named(void **state)
{
    (void)state;
    in_child(with_bad_requests);
}

/* Needs a machine with at least two NUMA nodes: what a team touches first is on the lane's node. */
static int with_memory_of_each_node(void)
{
    enum { BYTES = 8 << 20 };
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;

    EXPECT(pr_topo_discover(&topo) == PR_OK);
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ 0, 0, PR_NUMA_STRICT }, &plan) == PR_OK);
    if (plan.num_lanes < 2 || !plan.can_bind) return SKIPPED;
    for (uint32_t lane = 0; lane < plan.num_lanes; lane++) {
        EXPECT(pri_team_create(topo, &plan, lane, PR_NUMA_STRICT, &team) == PR_OK);
        EXPECT(pri_team_enter(team, &binding) == PR_OK);
        EXPECT(binding.threads_bound && binding.memory_bound);
        char *pages = pri_pages_map(BYTES, 1);
        EXPECT(pages);
        memset(pages, 1, BYTES);
        hwloc_bitmap_t seen = hwloc_bitmap_alloc();
        EXPECT(hwloc_get_area_memlocation(topo->hw, pages, BYTES, seen, HWLOC_MEMBIND_BYNODESET) ==
               0);
        EXPECT(hwloc_bitmap_weight(seen) == 1);
        EXPECT(hwloc_bitmap_isset(seen, (unsigned)plan.lane[lane].numa_node));
        hwloc_bitmap_free(seen);
        pri_pages_unmap(pages, BYTES);
        pri_team_free(team);
    }
    pr_topo_free(topo);
    return 0;
}

static void memory_is_on_the_node_of_the_lane(void **state)
{
    (void)state;
    in_child(with_memory_of_each_node);
}

/* What a thread beside the team sees, before and after it attends. */
typedef struct helper {
    const pri_team *team;
    cpu_set_t       before, after;
    crew            found;
} helper;

static void *attend(void *context)
{
    helper *own = context;

    (void)sched_getaffinity(0, sizeof own->before, &own->before);
    pri_team_attend(own->team, 3);
    (void)sched_getaffinity(0, sizeof own->after, &own->after);
    own->found = look();
    return NULL;
}

/* A thread that the pinned master starts has the master's core only, until it attends. */
static int help_beside_the_team(void)
{
    pr_topo    *topo;
    pr_plan     plan;
    pri_team   *team;
    pri_binding binding;
    helper      own = { 0 };
    cpu_set_t   all;
    pthread_t   thread;

    EXPECT(sched_getaffinity(0, sizeof all, &all) == 0);
    EXPECT(open_team(0, PR_NUMA_OFF, &topo, &plan, &team) == 0);
    if (!plan.can_bind || topo->num_cores != topo->num_cpus) return SKIPPED;
    EXPECT(pri_team_enter(team, &binding) == PR_OK);
    own.team = team;
    EXPECT(pthread_create(&thread, NULL, attend, &own) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    const bool pinned = plan.lane[0].num_threads == plan.lane[0].num_cores;
    EXPECT(CPU_COUNT(&own.before) == (pinned ? 1 : CPU_COUNT(&all)));
    EXPECT(CPU_EQUAL(&own.after, &all));
    EXPECT(own.found.num_threads == 3 && CPU_EQUAL(&own.found.may, &all));
    pri_team_free(team);
    pr_topo_free(topo);
    return 0;
}

static void threads_beside_a_team_may_use_all_its_cpus(void **state)
{
    (void)state;
    in_child(help_beside_the_team);
}

/* Two lanes on one node, one after the other: each is seen on its own run of cores. */
static int enter_two_on_a_node(void)
{
    pr_topo  *topo;
    pr_plan   plan;
    cpu_set_t seen[2], both;

    EXPECT(pr_topo_discover(&topo) == PR_OK);
    EXPECT(pr_topo_plan(topo, &(pr_plan_options){ .threads = 2, .lanes = 2 }, &plan) == PR_OK);
    EXPECT(plan.num_lanes == 2);
    if (!plan.can_bind || topo->num_nodes > 1 || topo->num_cores < 2) return SKIPPED;
    for (uint32_t l = 0; l < 2; l++) {
        pri_team   *team;
        pri_binding binding;
        EXPECT(pri_team_create(topo, &plan, l, PR_NUMA_STRICT, &team) == PR_OK);
        EXPECT(pri_team_enter(team, &binding) == PR_OK);
        EXPECT(binding.threads_bound);
        seen[l] = look().may;
        pri_team_free(team);
    }
    CPU_AND(&both, &seen[0], &seen[1]);
    EXPECT(CPU_COUNT(&both) == 0 && CPU_COUNT(&seen[0]) > 0 && CPU_COUNT(&seen[1]) > 0);
    pr_topo_free(topo);
    return 0;
}

static void lanes_on_one_node_have_cores_of_their_own(void **state)
{
    (void)state;
    in_child(enter_two_on_a_node);
}

static void a_lane_beyond_the_cores_is_named(void **state)
{
    (void)state;
    pr_topo  *topo;
    pri_team *team;
    pr_plan   plan;

    assert_ok(pr_topo_synthetic("numa:2 core:4 pu:1", &topo));
    assert_ok(pr_topo_plan(topo, &(pr_plan_options){ .lanes = 4 }, &plan));
    plan.lane[1].first_core = 4;
    assert_fails(PR_E_ARG, "lane 1: it is planned for 2 cores from number 4 on, there are 4 here",
                 pri_team_create(topo, &plan, 1, PR_NUMA_AUTO, &team));
    assert_null(team);
    pr_topo_free(topo);
}

int main(void)
{
    if (getenv("TEST_TEAM_AGAIN")) return see_all_cpus(atoi(getenv("TEST_TEAM_CPUS")));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_on_the_cores_of_the_lane),
        cmocka_unit_test(a_later_team_is_not_confined_by_an_earlier_one),
        cmocka_unit_test(the_users_own_placement_is_left_alone),
        cmocka_unit_test(the_users_places_do_not_hide_the_other_cpus),
        cmocka_unit_test(a_made_up_machine_binds_nothing_and_strict_says_so),
        cmocka_unit_test(calls_that_succeed_and_do_nothing_are_not_believed),
        cmocka_unit_test(lanes_have_teams_of_their_own),
        cmocka_unit_test(threads_beside_a_team_may_use_all_its_cpus),
        cmocka_unit_test(bad_lanes_are_named),
        cmocka_unit_test(memory_is_on_the_node_of_the_lane),
        cmocka_unit_test(lanes_on_one_node_have_cores_of_their_own),
        cmocka_unit_test(a_lane_beyond_the_cores_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
