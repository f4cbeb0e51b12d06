/* memory.c: blocks, their pages, and the flush. */
#include "bench/support/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "bench/support/bench.h"

enum { FLUSH_TIMES = 3, LINE_BYTES = 64 };

void *bench_block_new(size_t bytes)
{
    void *at = pri_pages_map(bytes, 1);
    BENCH_CHECK(at, "no memory for a block of %zu bytes", bytes);
    memset(at, 0, bytes);
    return at;
}

void bench_block_free(void *block, size_t bytes)
{
    pri_pages_unmap(block, bytes);
}

size_t bench_block_huge_bytes(const void *block, size_t bytes)
{
    const uintptr_t begin = (uintptr_t)block, end = begin + bytes;
    FILE           *maps = fopen("/proc/self/smaps", "r");
    char            line[512];
    uintptr_t       from = 0, to = 0, first, last;
    size_t          huge = 0, kib;

    if (!maps) return 0;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2)
            from = first, to = last;
        else if (from < end && to > begin && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
            huge += kib << 10;
    }
    fclose(maps);
    return huge < bytes ? huge : bytes; /* a neighbour may share the mapping */
}

void bench_fill_rows(float *rows, uint32_t num_rows, uint32_t cols, uint32_t plane)
{
    BENCH_CHECK(num_rows <= 1u << 24, "%u rows cannot all be told apart by a float", num_rows);
#pragma omp parallel for schedule(static)
    for (uint32_t i = 0; i < num_rows; i++) {
        float *const row  = rows + (size_t)i * cols;
        uint64_t     word = pri_mix64((uint64_t)plane << 32 | i);
        row[0]            = (float)i;
        for (uint32_t c = 1; c < cols; c++) {
            row[c] = (float)(word >> 40) * 0x1p-24f;
            word   = word * 6364136223846793005u + 1442695040888963407u;
        }
    }
}

size_t bench_llc_bytes(void)
{
    const uint64_t bytes = pr_llc_bytes();
    return bytes > 0 ? (size_t)bytes : (size_t)32 << 20;
}

size_t bench_flush_bytes(void)
{
    return FLUSH_TIMES * bench_llc_bytes();
}

void bench_flush_llc(void)
{
    static unsigned char *buffer;
    const size_t          bytes = bench_flush_bytes();
    unsigned              sum   = 0;

    if (!buffer) {
        buffer = bench_block_new(bytes);
        memset(buffer, 1, bytes);
    }
    for (size_t i = 0; i < bytes; i += LINE_BYTES) sum += buffer[i];
    BENCH_CHECK(sum == (unsigned)(bytes / LINE_BYTES), "the flush read %u lines", sum);
}
