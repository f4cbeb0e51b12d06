/* version.c: which hwloc this is. */
#include <stdio.h>

#include <hwloc.h>

#include "numa/team.h"

void pri_numa_version(char *out, size_t bytes)
{
    const unsigned version = hwloc_get_api_version();
    snprintf(out, bytes, "%u.%u", version >> 16, version >> 8 & 0xff);
}
