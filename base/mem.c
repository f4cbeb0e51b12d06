/* mem.c: the heap door with its counters and fault injection. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic uint64_t num_calls;
static _Atomic int64_t  num_live;
static _Atomic int64_t  fail_in = -1;

enum { HUGE_BYTES = 2 << 20 };

static int refused(void)
{
    atomic_fetch_add_explicit(&num_calls, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) < 0) return 0;
    return atomic_fetch_sub(&fail_in, 1) == 0;
}

static void *counted(void *ptr)
{
    if (ptr) atomic_fetch_add_explicit(&num_live, 1, memory_order_relaxed);
    return ptr;
}

void *pri_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (refused() || __builtin_mul_overflow(count, size, &bytes)) return NULL;
    if (count == 0 || size == 0) count = size = 1;
    return counted(calloc(count, size));
}

void *pri_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (refused() || __builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *ptr = realloc(old, bytes ? bytes : 1);
    return old ? ptr : counted(ptr);
}

void pri_free(void *ptr)
{
    if (!ptr) return;
    atomic_fetch_sub_explicit(&num_live, 1, memory_order_relaxed);
    free(ptr);
}

void *pri_malloc_away(size_t bytes)
{
    return pri_realloc_away(NULL, bytes);
}

void *pri_realloc_away(void *old, size_t bytes)
{
    return refused() ? NULL : realloc(old, bytes ? bytes : 1);
}

/* Bytes of the mapping behind a range. Neighbouring mappings are one to the kernel, which puts a
 * huge page wherever 2 MiB of it are free: a page that another thread touches first, on its own
 * node. So a large range has whole 2 MiB windows to itself, and a small one takes no huge page. */
static size_t mapped(size_t bytes)
{
    const size_t unit = bytes >= HUGE_BYTES ? HUGE_BYTES : 4096;
    return (bytes + unit - 1) / unit * unit;
}

void *pri_pages_map(size_t bytes, int huge)
{
    if (refused() || bytes == 0 || bytes > SIZE_MAX / 2) return NULL;
    const size_t whole = mapped(bytes), slack = bytes >= HUGE_BYTES ? HUGE_BYTES : 0;
    char        *raw = mmap(NULL, whole + slack, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    char *at = raw;
    if (slack) { /* cut to aligned windows */
        at = (char *)(((uintptr_t)raw + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES);
        if (at > raw) munmap(raw, (size_t)(at - raw));
        char *end = raw + whole + slack;
        if (end > at + whole) munmap(at + whole, (size_t)(end - (at + whole)));
        if (huge) (void)madvise(at, whole, MADV_HUGEPAGE);
    } else {
        (void)madvise(at, whole, MADV_NOHUGEPAGE);
    }
    return counted(at);
}

void pri_pages_unmap(void *ptr, size_t bytes)
{
    if (!ptr) return;
    atomic_fetch_sub_explicit(&num_live, 1, memory_order_relaxed);
    (void)munmap(ptr, mapped(bytes));
}

/* The kernel lists mappings by their first and last byte; neighbours that look alike are one
 * mapping there, so what is counted may be a little more than ours. */
size_t pri_pages_huge(const void *ptr, size_t bytes)
{
    const uintptr_t first = (uintptr_t)ptr, last = first + bytes;
    size_t          huge = 0;
    char            line[512];
    bool            ours = false;
    FILE           *maps = ptr ? fopen("/proc/self/smaps", "re") : NULL;

    if (!maps) return 0;
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin, end, kib;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            ours = begin < last && end > first;
        else if (ours && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
            huge += (size_t)kib << 10;
    }
    (void)fclose(maps);
    return huge < bytes ? huge : bytes;
}

uint64_t pri_mem_calls(void)
{
    return atomic_load(&num_calls);
}

int64_t pri_mem_live(void)
{
    return atomic_load(&num_live);
}

void pri_mem_fail_at(int64_t n)
{
    atomic_store(&fail_in, n);
}
