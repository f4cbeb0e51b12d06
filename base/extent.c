/* extent.c: see extent.h. */
#include "base/extent.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_PAGE = 4096, HUGE_PAGE = 2 << 20 }; /* as in mem.c */

size_t pri_page_most(void)
{
    char  line[128] = "";
    FILE *file      = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

    if (!file) return SMALL_PAGE;
    const bool said = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    return said && !strstr(line, "[never]") ? HUGE_PAGE : SMALL_PAGE;
}

uint64_t pri_extents_resident(const pri_extent *extent, size_t n, uint64_t whole, size_t page)
{
    uint64_t pages = 0, behind = 0; /* behind: first page that was not counted yet */

    if (whole < HUGE_PAGE) page = SMALL_PAGE; /* such a reservation has none */
    const uint64_t most = (whole + page - 1) / page;
    for (size_t i = 0; i < n; i++) {
        if (extent[i].bytes == 0) continue;
        uint64_t first = extent[i].at / page;
        uint64_t end   = (extent[i].at + extent[i].bytes + page - 1) / page;
        if (first < behind) first = behind;
        if (end > most) end = most;
        if (end <= first) continue;
        pages += end - first;
        behind = end;
    }
    return pages * page;
}

uint64_t pri_prefix_resident(uint64_t bytes, uint64_t whole, size_t page)
{
    const pri_extent extent = { 0, bytes };

    return pri_extents_resident(&extent, 1, whole, page);
}
