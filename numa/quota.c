/* quota.c: how many CPUs and how much memory the cgroups grant. A container with a quota of 2 CPUs
 * on 64 cores sees 64 cores; starting 64 threads there stalls all of them for most of every period.
 */
#include "numa/topo.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 2 * PR_TEXT_BYTES };

/* Read a file's first line into `line`; false when there is none. */
static bool first_line(const char *path, char *line, size_t bytes)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const bool read = fgets(line, (int)bytes, file) != NULL;
    (void)fclose(file);
    return read;
}

/* Give quota / period, or 0 (no limit) for anything but two positive numbers. */
static double ratio(const char *quota, const char *period)
{
    char           *quota_end, *period_end;
    const long long q = strtoll(quota, &quota_end, 10), p = strtoll(period, &period_end, 10);

    if (quota_end == quota || period_end == period || q <= 0 || p <= 0) return 0;
    return (double)q / (double)p;
}

/* cgroup v2: one file with "quota period", or "max period". */
static double limit_v2(const char *directory)
{
    char path[PATH_BYTES + 32], line[128];

    snprintf(path, sizeof path, "%s/cpu.max", directory);
    if (!first_line(path, line, sizeof line)) return 0;
    const char *blank = strchr(line, ' ');
    return blank ? ratio(line, blank) : 0;
}

/* cgroup v1: two files; a quota of -1 is none. */
static double limit_v1(const char *directory)
{
    char path[PATH_BYTES + 32], quota[128], period[128];

    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
    if (!first_line(path, quota, sizeof quota)) return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
    if (!first_line(path, period, sizeof period)) return 0;
    return ratio(quota, period);
}

/* A number of bytes in a file of its own; 0 when there is none ("max"). */
static double bytes_in(const char *directory, const char *name)
{
    char path[PATH_BYTES + 64], line[128], *end;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!first_line(path, line, sizeof line)) return 0;
    const double bytes = strtod(line, &end);
    return end == line ? 0 : bytes;
}

/* The bytes that one line of a table of names and numbers has; 0 without it. */
static double bytes_called(const char *line, const char *name)
{
    const size_t n = strlen(name);

    return !strncmp(line, name, n) && line[n] == ' ' ? strtod(line + n + 1, NULL) : 0;
}

/* Pages of files that a group is charged for and would give back before it refuses anything: a file
 * that was read stays there as long as nobody wants the room. Of version 1 the totals count, with
 * the groups below, as does its usage. */
static double reclaimable(const char *directory, const char *inactive, const char *active)
{
    char   path[PATH_BYTES + 64], line[256];
    double bytes = 0;

    snprintf(path, sizeof path, "%s/memory.stat", directory);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        bytes += bytes_called(line, inactive) + bytes_called(line, active);
    (void)fclose(file);
    return bytes;
}

/* What a group may still take: at least a byte, as 0 says that there is no limit. */
static double room(double limit, double used, double given_back)
{
    if (limit <= 0) return 0;
    if (given_back > used) given_back = used;
    return limit > used - given_back + 1 ? limit - (used - given_back) : 1;
}

/* The limit itself, whatever is taken of it. */
static double memory_most_v2(const char *directory)
{
    return bytes_in(directory, "memory.max");
}

static double memory_most_v1(const char *directory)
{
    return bytes_in(directory, "memory.limit_in_bytes");
}

static double memory_v2(const char *directory)
{
    return room(bytes_in(directory, "memory.max"), bytes_in(directory, "memory.current"),
                reclaimable(directory, "inactive_file", "active_file"));
}

static double memory_v1(const char *directory)
{
    return room(bytes_in(directory, "memory.limit_in_bytes"),
                bytes_in(directory, "memory.usage_in_bytes"),
                reclaimable(directory, "total_inactive_file", "total_active_file"));
}

/* Take the smallest limit of a group and its parents. The group's path may not exist below `mount`
 * (a container sees its own group as the root); the walk up then ends at the mount, which does. */
static void walk_up(const char *mount, const char *group, double (*limit_of)(const char *),
                    double *least)
{
    char directory[PATH_BYTES];

    const int n = snprintf(directory, sizeof directory, "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof directory) return;
    const size_t mount_bytes = strlen(mount);
    for (;;) {
        const double limit = limit_of(directory);
        if (limit > 0 && (*least == 0 || limit < *least)) *least = limit;
        char *slash = strrchr(directory, '/');
        if (!slash || (size_t)(slash - directory) < mount_bytes) return;
        *slash = '\0';
    }
}

static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !memcmp(at, word, n)) return true;
    return false;
}

/* Give the smallest limit of this process's groups for one controller. */
static double least_limit(const char *root, const char *controller, double (*v2)(const char *),
                          double (*v1)(const char *))
{
    char   path[PATH_BYTES], mount[PATH_BYTES], line[PR_TEXT_BYTES];
    double least = 0;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) { /* "hierarchy:controllers:/group" */
        line[strcspn(line, "\n")] = '\0';
        char *controllers         = strchr(line, ':');
        char *group               = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group || group[1] != '/') continue;
        *group++ = '\0';
        controllers++;
        if (!strcmp(group, "/")) group = "";
        if (!controllers[0]) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
            walk_up(mount, group, v2, &least);
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/unified", root);
            walk_up(mount, group, v2, &least);
        } else if (has_word(controllers, controller)) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controllers);
            walk_up(mount, group, v1, &least);
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controller);
            walk_up(mount, group, v1, &least);
        }
    }
    (void)fclose(file);
    return least;
}

double pri_quota_cpus(const char *root)
{
    return least_limit(root, "cpu", limit_v2, limit_v1);
}

double pri_quota_memory(const char *root)
{
    return least_limit(root, "memory", memory_v2, memory_v1);
}

double pri_quota_memory_most(const char *root)
{
    return least_limit(root, "memory", memory_most_v2, memory_most_v1);
}
