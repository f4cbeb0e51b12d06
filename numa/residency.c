/* residency.c: where the kernel has the pages of a range.
 *
 * hwloc answers for an area as a whole (hwloc_get_area_memlocation: the nodes that have any of its
 * pages), which is one call a page for what is wanted here; move_pages(2) without a target is what
 * it asks, and gives many pages at a time. A huge page answers for each small page in it. */
#include <packrat/numa.h>

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

enum { CHUNK = 512 }; /* pages a call; 6 KiB of stack */

void pr_ranges_add(pr_ranges *ranges, const char *what, const void *at, size_t bytes)
{
    if (!at || bytes == 0) return;
    if (ranges->num >= PR_MAX_RANGES) {
        ranges->dropped++;
        return;
    }
    ranges->at[ranges->num++] = (pr_range){
        .what = what, .at = at, .bytes = bytes, .numa_node = ranges->numa_node, .lane = ranges->lane
    };
}

/* Count what the kernel said about `num` pages. */
static pr_status count(const pr_range *range, const int *status, size_t num, pr_residency *out)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < num; i++) {
        if (status[i] == -ENOENT || status[i] == -EFAULT) { /* untouched, the zero page, no map */
            out->absent++;
            continue;
        }
        PR_CHECK(status[i] >= 0, PR_E_UNSUPPORTED, "the kernel does not say where a page is: %s",
                 strerror(-status[i]));
        if (range->numa_node < 0 || status[i] == range->numa_node)
            out->on_node++;
        else
            out->elsewhere++;
    }
    out->checked += num;
done:
    return st;
}

pr_status pr_residency_read(const pr_range *range, uint64_t max_pages, pr_residency *out)
{
    pr_status st = PR_OK;
    void     *page[CHUNK];
    int       status[CHUNK];

    PR_CHECK(range && out, PR_E_ARG, "%s is NULL", range ? "out" : "range");
    *out = (pr_residency){ 0 };
    PR_CHECK(range->bytes <= UINTPTR_MAX - (uintptr_t)range->at, PR_E_ARG,
             "a range of %zu bytes from %p on ends behind the last address", range->bytes,
             range->at);
    const uintptr_t size  = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = (uintptr_t)range->at / size;
    const uintptr_t behind =
        range->bytes ? ((uintptr_t)range->at + range->bytes - 1) / size + 1 : first;
    out->pages           = behind - first;
    const uint64_t asked = max_pages == 0 || max_pages > out->pages ? out->pages : max_pages;
    if (asked == 0) goto done;

    /* The i-th page asked about is i * pages / asked, kept as quotient and remainder. */
    const uint64_t step = out->pages / asked, part = out->pages % asked;
    uint64_t       at = 0, over = 0;
    for (uint64_t left = asked; left > 0;) {
        const size_t num = left < CHUNK ? (size_t)left : CHUNK;
        for (size_t i = 0; i < num; i++) {
            page[i] = (void *)((first + at) * size);
            at += step + (over >= asked - part);
            over = over >= asked - part ? over - (asked - part) : over + part;
        }
        PR_CHECK(syscall(SYS_move_pages, 0, (unsigned long)num, page, NULL, status, 0) >= 0,
                 PR_E_UNSUPPORTED, "the kernel does not say where pages are: %s", strerror(errno));
        PR_TRY(count(range, status, num, out));
        left -= num;
    }
done:
    return st;
}
