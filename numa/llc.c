/* llc.c: the size of the last-level cache. Read from sysfs: hwloc would want a whole discovery for
 * it, and sysconf is wrong in guests whose processor is described by its host. */
#include <packrat/numa.h>

#include <stdio.h>

enum { MOST_LEVELS = 8 };
static const uint64_t when_unknown = UINT64_C(16) << 20;

static bool read_cache(int index, unsigned *level, unsigned long *kib)
{
    char  path[128];
    bool  good;
    FILE *file;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", index);
    file = fopen(path, "re");
    if (!file) return false;
    good = fscanf(file, "%u", level) == 1;
    (void)fclose(file);
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    file = good ? fopen(path, "re") : NULL;
    if (!file) return false;
    good = fscanf(file, "%luK", kib) == 1;
    (void)fclose(file);
    return good;
}

uint64_t pr_llc_bytes(void)
{
    unsigned      level, last = 0;
    unsigned long kib, size   = 0;

    for (int i = 0; i < MOST_LEVELS; i++)
        if (read_cache(i, &level, &kib) && level >= last) {
            last = level;
            size = kib;
        }
    return size ? (uint64_t)size << 10 : when_unknown;
}
