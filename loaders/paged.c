/* paged.c: see paged.h. */
#include "loaders/paged.h"

#include <inttypes.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

uint64_t pri_paged_bytes(uint64_t count, size_t size)
{
    const uint64_t bytes = count * size, unit = bytes >= HUGE_PAGE ? HUGE_PAGE : PAGE;
    return (bytes + unit - 1) / unit * unit;
}

pr_status pri_paged_take(pri_paged *array, uint64_t count, size_t size, const char *what)
{
    pr_status st = PR_OK;
    size_t    bytes;

    *array = (pri_paged){ 0 };
    PR_CHECK(!__builtin_mul_overflow(count ? count : 1, size, &bytes), PR_E_NOMEM,
             "cannot allocate %" PRIu64 " elements of %zu bytes for %s", count, size, what);
    array->at = pri_pages_map(bytes, 1);
    PR_CHECK(array->at, PR_E_NOMEM, "cannot allocate %" PRIu64 " elements of %zu bytes for %s",
             count, size, what);
    array->bytes = bytes;
done:
    return st;
}

void pri_paged_free(pri_paged *array)
{
    pri_pages_unmap(array->at, array->bytes);
    *array = (pri_paged){ 0 };
}
