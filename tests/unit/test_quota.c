/* test_quota.c: what cgroups grant of CPUs and memory, in made-up systems. */
#include "support/support.h"

#include <sys/stat.h>

#include "numa/topo.h"

/* A directory that holds a made-up /proc and /sys. */
static const char *system_root(const char *cgroup)
{
    const char *root = test_directory();
    char        path[PR_TEXT_BYTES];

    snprintf(path, sizeof path, "%s/proc", root);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/proc/self", root);
    mkdir(path, 0777);
    test_file(path, "cgroup", cgroup, strlen(cgroup));
    return root;
}

/* Write `content` to root/name, making the directories on the way. */
static void put(const char *root, const char *name, const char *content)
{
    char path[PR_TEXT_BYTES];

    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%s/%.*s", root, (int)(slash - name), name);
        mkdir(path, 0777);
    }
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void a_cgroup_v2_quota_is_the_least_on_the_way_up(void **state)
{
    (void)state;
    const char *root = system_root("0::/a/b/c\n");

    assert_true(pri_quota_cpus(root) == 0); /* no such directory at all */
    put(root, "sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    assert_true(pri_quota_cpus(root) == 0);
    put(root, "sys/fs/cgroup/a/cpu.max", "350000 100000\n");
    assert_true(pri_quota_cpus(root) == 3.5);
    put(root, "sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    assert_true(pri_quota_cpus(root) == 3.5);
    put(root, "sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
    assert_true(pri_quota_cpus(root) == 0.5);
    put(root, "sys/fs/cgroup/other/cpu.max", "1 100000\n"); /* not ours */
    assert_true(pri_quota_cpus(root) == 0.5);
}

/* A container sees its own group as the root while /proc may still name the host's path. */
static void a_containers_quota_is_found_at_the_mount(void **state)
{
    (void)state;
    const char *root = system_root("0::/\n");
    put(root, "sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_true(pri_quota_cpus(root) == 2);

    root = system_root("0::/system.slice/docker-1234.scope\n");
    put(root, "sys/fs/cgroup/cpu.max", "300000 100000\n");
    assert_true(pri_quota_cpus(root) == 3);

    root = system_root("5:cpu,cpuacct:/docker/1234\n0::/\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_true(pri_quota_cpus(root) == 1.5);
}

static void cgroup_v1_and_hybrid_layouts_are_read(void **state)
{
    (void)state;
    const char *root = system_root("3:cpuset:/x\n2:cpuacct:/x\n1:cpu:/x/y\n0::/x\n");

    put(root, "sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1\n");
    put(root, "sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000\n");
    put(root, "sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "1\n"); /* not the cpu controller */
    put(root, "sys/fs/cgroup/cpuset/x/cpu.cfs_period_us", "100000\n");
    assert_true(pri_quota_cpus(root) == 0);
    put(root, "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "800000\n");
    assert_true(pri_quota_cpus(root) == 0); /* no period */
    put(root, "sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    assert_true(pri_quota_cpus(root) == 8);
    put(root, "sys/fs/cgroup/unified/x/cpu.max", "700000 100000\n");
    assert_true(pri_quota_cpus(root) == 7);
}

static void odd_cgroup_files_set_no_limit(void **state)
{
    (void)state;
    static const char *const odd[] = { "",         "\n",           "max\n",       "100000\n",
                                       "0 100000", "-5 100000\n",  "100000 0\n",  "100000 -1\n",
                                       "x y\n",    "100000 max\n", "100000max\n", " \n" };
    const char              *root  = system_root("0::/g\n");

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        put(root, "sys/fs/cgroup/g/cpu.max", odd[i]);
        if (pri_quota_cpus(root) != 0) fail_msg("'%s' sets a limit", odd[i]);
    }
    put(root, "sys/fs/cgroup/g/cpu.max", "99999999999999999999 100000\n");
    assert_true(pri_quota_cpus(root) > 1e6);

    static char line[20000];
    memset(line, 'g', sizeof line - 1);
    memcpy(line, "0::/", 4);
    assert_true(pri_quota_cpus(system_root(line)) == 0);
    assert_true(pri_quota_cpus(system_root("")) == 0);
    assert_true(pri_quota_cpus(system_root("nonsense\n:\n::\n0::\n0::x\n0:/\n")) == 0);
    assert_true(pri_quota_cpus(system_root("0::/../../..\n")) == 0);
    assert_true(pri_quota_cpus("/nonexistent") == 0);
    assert_true(pri_quota_cpus("") >= 0); /* the machine's own */
}

static void memory_is_what_the_kernel_or_the_cgroup_leaves_whichever_is_less(void **state)
{
    (void)state;
    const char *root = system_root("0::/a/b\n");

    assert_int_equal(pri_memory_available(root), 0); /* nothing is known */
    put(root, "proc/meminfo", "MemTotal: 4000 kB\nMemFree: 10 kB\nMemAvailable:   3000 kB\n");
    assert_int_equal(pri_memory_available(root), 3000 << 10);
    put(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
    put(root, "sys/fs/cgroup/a/b/memory.current", "5000\n");
    assert_int_equal(pri_memory_available(root), 3000 << 10);
    put(root, "sys/fs/cgroup/a/memory.max", "1000000\n");
    put(root, "sys/fs/cgroup/a/memory.current", "400000\n");
    assert_int_equal(pri_memory_available(root), 600000);
    put(root, "sys/fs/cgroup/a/memory.current", "2000000\n"); /* over its limit */
    assert_int_equal(pri_memory_available(root), 1);

    root = system_root("4:memory:/x\n0::/\n");
    put(root, "proc/meminfo", "MemAvailable: 3000 kB\n");
    put(root, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "sys/fs/cgroup/memory/x/memory.usage_in_bytes", "4096\n");
    assert_int_equal(pri_memory_available(root), 3000 << 10);
    put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n");
    put(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n");
    assert_int_equal(pri_memory_available(root), 4096);
    assert_true(pr_memory_available() > 0);
}

static void the_limit_of_memory_does_not_depend_on_what_is_taken(void **state)
{
    (void)state;
    const char *root = system_root("0::/a/b\n");

    assert_int_equal(pri_memory_limit(root), 0); /* nothing is known */
    put(root, "proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 3000 kB\n");
    assert_int_equal(pri_memory_limit(root), 4000 << 10);
    put(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_int_equal(pri_memory_limit(root), 4000 << 10);
    put(root, "sys/fs/cgroup/a/memory.max", "1000000\n");
    for (int i = 0; i < 2; i++) {
        put(root, "sys/fs/cgroup/a/memory.current", i ? "999999\n" : "4096\n");
        assert_int_equal(pri_memory_limit(root), 1000000);
    }

    root = system_root("4:memory:/x\n0::/\n");
    put(root, "proc/meminfo", "MemTotal: 4000 kB\n");
    put(root, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(pri_memory_limit(root), 4000 << 10);
    put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n");
    put(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "8192\n");
    assert_int_equal(pri_memory_limit(root), 8192);
    assert_true(pr_memory_limit() >= pr_memory_available());
}

static void files_that_can_be_dropped_are_free_memory(void **state)
{
    (void)state;
    const char *root = system_root("0::/a\n");

    put(root, "proc/meminfo", "MemAvailable: 3000 kB\n");
    put(root, "sys/fs/cgroup/a/memory.max", "1000000\n");
    put(root, "sys/fs/cgroup/a/memory.current", "900000\n");
    put(root, "sys/fs/cgroup/a/memory.stat",
        "anon 300000\nfile 600000\ninactive_file 400000\nactive_file 100000\n"
        "workingset_activate_file 77\n");
    assert_int_equal(pri_memory_available(root), 600000);
    put(root, "sys/fs/cgroup/a/memory.stat", "inactive_file 99999999\n"); /* more than is used */
    assert_int_equal(pri_memory_available(root), 1000000);
    put(root, "sys/fs/cgroup/a/memory.stat", "inactive_file\nactive_file x\n\n");
    assert_int_equal(pri_memory_available(root), 100000);

    root = system_root("4:memory:/x\n");
    put(root, "proc/meminfo", "MemAvailable: 3000 kB\n");
    put(root, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1000000\n");
    put(root, "sys/fs/cgroup/memory/x/memory.usage_in_bytes", "900000\n");
    put(root, "sys/fs/cgroup/memory/x/memory.stat",
        "inactive_file 1\nactive_file 2\ntotal_inactive_file 300000\ntotal_active_file 50000\n");
    assert_int_equal(pri_memory_available(root), 450000);
}

static void the_last_level_cache_has_a_size(void **state)
{
    (void)state;
    assert_true(pr_llc_bytes() >= 64 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cgroup_v2_quota_is_the_least_on_the_way_up),
        cmocka_unit_test(a_containers_quota_is_found_at_the_mount),
        cmocka_unit_test(cgroup_v1_and_hybrid_layouts_are_read),
        cmocka_unit_test(odd_cgroup_files_set_no_limit),
        cmocka_unit_test(memory_is_what_the_kernel_or_the_cgroup_leaves_whichever_is_less),
        cmocka_unit_test(the_limit_of_memory_does_not_depend_on_what_is_taken),
        cmocka_unit_test(files_that_can_be_dropped_are_free_memory),
        cmocka_unit_test(the_last_level_cache_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
