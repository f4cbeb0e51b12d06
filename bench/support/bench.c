/* bench.c: the end of a failing bench, memory and random streams. */
#include "bench/support/bench.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/rng.h"

void bench_fail(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void *bench_new(size_t count, size_t size)
{
    void *at = calloc(count ? count : 1, size);
    if (!at) bench_fail("no memory for %zu things of %zu bytes", count, size);
    return at;
}

uint64_t bench_draw(uint64_t *state)
{
    const uint64_t word = pri_mix64(*state);
    *state += 0x9e3779b97f4a7c15u; /* SplitMix64 */
    return word;
}

uint32_t bench_draw_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((bench_draw(state) >> 32) * n >> 32);
}

void bench_permutation(uint32_t *out, uint32_t n, uint64_t *state)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t j = bench_draw_below(state, i + 1);
        out[i]           = out[j];
        out[j]           = i;
    }
}
