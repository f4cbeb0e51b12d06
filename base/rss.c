/* rss.c: see rss.h. */
#include "base/rss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Give a line of /proc/self/status that is in kB, in bytes. */
static uint64_t status_bytes(const char *name)
{
    const size_t n = strlen(name);
    char         line[256];
    uint64_t     bytes = 0;
    FILE        *file  = fopen("/proc/self/status", "re");

    while (file && !bytes && fgets(line, sizeof line, file))
        if (!strncmp(line, name, n)) bytes = (uint64_t)strtoull(line + n, NULL, 10) << 10;
    if (file) (void)fclose(file);
    return bytes;
}

uint64_t pri_rss_bytes(void)
{
    return status_bytes("VmRSS:");
}

uint64_t pri_rss_peak_bytes(void)
{
    return status_bytes("VmHWM:");
}

bool pri_rss_peak_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file) return false;
    const bool written = fputs("5", file) >= 0;
    return fclose(file) == 0 && written;
}
