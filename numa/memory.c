/* memory.c: how much memory may still be taken. */
#include "numa/topo.h"

#include <inttypes.h>

uint64_t pri_memory_available(const char *root)
{
    char     path[PR_TEXT_BYTES + 32], line[256];
    uint64_t kib = 0, bytes = 0;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1) bytes = kib << 10;
    if (file) (void)fclose(file);
    const double quota = pri_quota_memory(root);
    if (quota > 0 && (bytes == 0 || quota < (double)bytes)) bytes = (uint64_t)quota;
    return bytes;
}

uint64_t pr_memory_available(void)
{
    return pri_memory_available("");
}
