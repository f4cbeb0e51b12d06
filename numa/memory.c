/* memory.c: how much memory may be taken, at this moment and ever. */
#include "numa/topo.h"

#include <inttypes.h>
#include <string.h>

/* Give what /proc/meminfo says under a name that ends in a colon; 0 without it. */
static uint64_t meminfo_bytes(const char *root, const char *name)
{
    const size_t n = strlen(name);
    char         path[PR_TEXT_BYTES + 32], line[256];
    uint64_t     kib = 0, bytes = 0;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, n) && sscanf(line + n, " %" SCNu64 " kB", &kib) == 1)
            bytes = kib << 10;
    if (file) (void)fclose(file);
    return bytes;
}

/* Give the less of both; a quota of 0 is none, bytes of 0 are not known. */
static uint64_t within_quota(uint64_t bytes, double quota)
{
    return quota > 0 && (bytes == 0 || quota < (double)bytes) ? (uint64_t)quota : bytes;
}

uint64_t pri_memory_available(const char *root)
{
    return within_quota(meminfo_bytes(root, "MemAvailable:"), pri_quota_memory(root));
}

uint64_t pri_memory_limit(const char *root)
{
    return within_quota(meminfo_bytes(root, "MemTotal:"), pri_quota_memory_most(root));
}

uint64_t pr_memory_available(void)
{
    return pri_memory_available("");
}

uint64_t pr_memory_limit(void)
{
    return pri_memory_limit("");
}
