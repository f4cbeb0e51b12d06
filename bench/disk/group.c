/* group.c: see group.h. */
#include "bench/disk/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/support/bench.h"

static bool write_to(const char *folder, const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    const bool written = fputs(text, file) >= 0;
    return (fclose(file) == 0) && written;
}

static uint64_t read_from(const char *folder, const char *name)
{
    char               path[512];
    unsigned long long value = 0;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%llu", &value) != 1) value = 0;
    (void)fclose(file);
    return value;
}

static void say_none(const char *what)
{
    static bool said;

    if (!said)
        fprintf(stderr, "bench_disk: no memory group: %s: %s; nothing is limited\n", what,
                strerror(errno));
    said = true;
}

void disk_group_make(disk_group *group, uint64_t bytes)
{
    static uint32_t nth;
    char            text[32];

    group->path[0] = '\0';
    if (!bytes) return;
    const bool        unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    const char *const root    = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    if (unified) (void)write_to(root, "cgroup.subtree_control", "+memory");
    snprintf(group->path, sizeof group->path, "%s/packrat-bench-%d-%u", root, (int)getpid(), nth++);
    if (mkdir(group->path, 0755) != 0) {
        say_none(group->path);
        group->path[0] = '\0';
        return;
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    if (!write_to(group->path, unified ? "memory.max" : "memory.limit_in_bytes", text)) {
        say_none("it takes no limit");
        disk_group_remove(group);
        group->path[0] = '\0';
        return;
    }
    (void)write_to(group->path, unified ? "memory.swap.max" : "memory.swappiness", "0");
}

void disk_group_enter(const disk_group *group)
{
    char text[32];

    if (!group->path[0]) return;
    snprintf(text, sizeof text, "%d", (int)getpid());
    BENCH_CHECK(write_to(group->path, "cgroup.procs", text), "%s cannot be entered: %s",
                group->path, strerror(errno));
}

uint64_t disk_group_peak(const disk_group *group)
{
    if (!group->path[0]) return 0;
    const uint64_t peak = read_from(group->path, "memory.peak");
    return peak ? peak : read_from(group->path, "memory.max_usage_in_bytes");
}

void disk_group_remove(const disk_group *group)
{
    if (group->path[0]) (void)rmdir(group->path);
}
