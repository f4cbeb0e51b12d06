/* bench.c: the options and the end of a bench, memory and random streams. */
#include "bench/support/bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

void bench_read_options(const char *name, const pr_option_group *group, int argc, char **argv)
{
    size_t none;

    pr_options_init(group, 1);
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        printf("usage: %s [options]\n", argv[0]);
        pr_options_help(group, 1, stdout);
        exit(0);
    }
    if (pr_options_parse(group, 1, argc - 1, (const char *const *)argv + 1, NULL, 0, &none) ==
        PR_OK)
        return;
    fprintf(stderr, "%s: %s\n", name, pr_error_message());
    pr_options_help(&(pr_option_group){ group->table, NULL }, 1, stderr);
    exit(2);
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

uint64_t bench_cpu_ns(void)
{
    struct timespec now;

    BENCH_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0,
                "no clock of a thread's CPU time");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_permutation(uint32_t *out, uint32_t n, uint64_t *state)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t j = bench_draw_below(state, i + 1);
        out[i]           = out[j];
        out[j]           = i;
    }
}
