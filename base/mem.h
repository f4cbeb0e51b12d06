/* mem.h: the one door to the heap, and address space by the page. Only `create` functions and
 * loaders call these; a step takes its memory from an arena. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed array; NULL when out of memory, when count * size overflows, or when a test asked this
 * call to fail. A count of 0 gives a pointer that can be freed. Any thread. */
void *pri_calloc(size_t count, size_t size);

/* Grow or shrink; contents are kept, new bytes are not cleared. NULL leaves `old` as it was. */
void *pri_realloc(void *old, size_t count, size_t size);

/* Give back what pri_calloc or pri_realloc gave; NULL is fine. */
void pri_free(void *ptr);

/* Bytes that go to somebody who gives them back with free(), such as a library: not zeroed, a call
 * through the door, but not counted as live. NULL as above. */
void *pri_malloc_away(size_t bytes);
void *pri_realloc_away(void *old, size_t bytes); /* the same for what these two gave */

/* Reserve zeroed address space; pages are committed when first touched. `huge` asks the kernel for
 * huge pages (a wish). From 2 MiB on the range is aligned to 2 MiB and nothing else lies in its
 * last 2 MiB; smaller ones have no huge pages. So none is shared with a neighbour, who may be of
 * another NUMA node. NULL when refused. Counts as a call through the door. */
void *pri_pages_map(size_t bytes, int huge);
void  pri_pages_unmap(void *ptr, size_t bytes); /* the same bytes; NULL is fine */

/* Give how many bytes of a mapping lie on huge pages now, read back from the kernel; 0 where it
 * does not say. Slow: for reports. */
size_t pri_pages_huge(const void *ptr, size_t bytes);

/* What went through the door so far, all threads together. */
uint64_t pri_mem_calls(void); /* allocations asked for, pages included */
int64_t  pri_mem_live(void);  /* allocated and not yet freed */

/* For tests: let the n-th allocation from now fail (0: the next), once; negative: none. */
void pri_mem_fail_at(int64_t n);

#endif
