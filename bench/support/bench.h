/* bench.h: how a bench ends when something is wrong, and small things every bench needs. */
#ifndef BENCH_SUPPORT_BENCH_H
#define BENCH_SUPPORT_BENCH_H

#include <packrat/packrat.h>

/* Say what is wrong on stderr and end with exit status 1. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set the options to their defaults and read the command line. --help prints the options and ends
 * with exit status 0, what cannot be read with 2. */
void bench_read_options(const char *name, const pr_option_group *group, int argc, char **argv);

/* A library call that must work. */
#define BENCH_TRY(call)                                                                            \
    do {                                                                                           \
        if ((call) != PR_OK) bench_fail("%s: %s", #call, pr_error_message());                      \
    } while (0)

/* Something that must hold. */
#define BENCH_CHECK(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) bench_fail(__VA_ARGS__);                                                 \
    } while (0)

/* Zeroed memory for `count` things, or the bench ends. Free with free(). */
void *bench_new(size_t count, size_t size);

/* A stream of random words, repeatable: *state is all there is. */
uint64_t bench_draw(uint64_t *state);
uint32_t bench_draw_below(uint64_t *state, uint32_t n); /* n >= 1 */

/* CPU time of the calling thread. */
uint64_t bench_cpu_ns(void);

/* Write 0 .. n-1 in random order. */
void bench_permutation(uint32_t *out, uint32_t n, uint64_t *state);

#endif
