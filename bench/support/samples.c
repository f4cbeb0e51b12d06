/* samples.c: medians, spreads and confidence intervals. */
#include "bench/support/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/bench.h"

enum { CLOCK_CALLS = 1001 };

bench_samples bench_samples_new(size_t room)
{
    return (bench_samples){ .ns = bench_new(room, sizeof(int64_t)), .room = room };
}

void bench_samples_free(bench_samples *s)
{
    free(s->ns);
    *s = (bench_samples){ 0 };
}

void bench_samples_add(bench_samples *s, int64_t ns)
{
    BENCH_CHECK(s->n < s->room, "more than %zu samples", s->room);
    s->ns[s->n++] = ns;
}

static int compare_ns(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t *sorted_copy(const int64_t *ns, size_t n)
{
    int64_t *copy = bench_new(n, sizeof *copy);
    memcpy(copy, ns, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, compare_ns);
    return copy;
}

/* The q-th part of sorted values, between neighbours in proportion. */
static double quantile(const int64_t *sorted, size_t n, double q)
{
    const double at  = q * (double)(n - 1);
    const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return (double)sorted[low] + (at - (double)low) * (double)(sorted[high] - sorted[low]);
}

double bench_median(const int64_t *ns, size_t n)
{
    int64_t     *copy   = sorted_copy(ns, n);
    const double median = quantile(copy, n, 0.5);
    free(copy);
    return median;
}

double bench_student_t(uint32_t df)
{
    static const double table[] = { 12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                    2.4469,  2.3646, 2.3060, 2.2622, 2.2281 };
    if (df <= sizeof table / sizeof *table) return table[df - 1];

    const double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, v = df;
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

/* Half the width of the interval around the mean of the blocks' means. */
static double block_ci95(const bench_samples *s, uint32_t blocks)
{
    const size_t each = blocks ? s->n / blocks : 0;
    double       sum = 0, squares = 0;

    if (blocks < 2 || each == 0) return (double)NAN;
    for (uint32_t b = 0; b < blocks; b++) {
        double mean = 0;
        for (size_t i = 0; i < each; i++) mean += (double)s->ns[b * each + i];
        mean /= (double)each;
        sum += mean;
        squares += mean * mean;
    }
    const double mean = sum / blocks, variance = (squares - sum * mean) / (blocks - 1);
    return bench_student_t(blocks - 1) * sqrt((variance > 0 ? variance : 0) / blocks);
}

bench_figures bench_figures_of(const bench_samples *s, uint32_t blocks)
{
    BENCH_CHECK(s->n > 0, "no samples");
    int64_t      *sorted = sorted_copy(s->ns, s->n);
    bench_figures f      = { .median = quantile(sorted, s->n, 0.5), .min = (double)sorted[0] };

    f.spread =
        (quantile(sorted, s->n, 0.9) - quantile(sorted, s->n, 0.1)) / (f.median > 0 ? f.median : 1);
    for (size_t i = 0; i < s->n; i++) f.mean += (double)s->ns[i];
    f.mean /= (double)s->n;
    f.ci95 = block_ci95(s, blocks);
    free(sorted);
    return f;
}

double bench_clock_ns(void)
{
    static int64_t ns[CLOCK_CALLS];
    for (int i = 0; i < CLOCK_CALLS; i++) {
        const int64_t start = pr_now_ns();
        ns[i]               = pr_now_ns() - start;
    }
    return bench_median(ns, CLOCK_CALLS);
}

static void check_near(const char *what, double found, double known, double tolerance)
{
    BENCH_CHECK(fabs(found - known) <= tolerance, "%s is %g, must be %g", what, found, known);
}

void bench_samples_check(void)
{
    bench_samples s = bench_samples_new(8);

    check_near("t(4)", bench_student_t(4), 2.7764, 1e-3); /* printed tables */
    check_near("t(11)", bench_student_t(11), 2.2010, 1e-3);
    check_near("t(30)", bench_student_t(30), 2.0423, 1e-3);
    check_near("t(1000)", bench_student_t(1000), 1.9623, 1e-3);
    for (int64_t i = 8; i >= 1; i--) bench_samples_add(&s, i);
    const bench_figures f = bench_figures_of(&s, 4); /* block means 7.5, 5.5, 3.5, 1.5 */
    check_near("the median of 1 .. 8", f.median, 4.5, 1e-12);
    check_near("the mean of 1 .. 8", f.mean, 4.5, 1e-12);
    check_near("the interval of 1.5, 3.5, 5.5, 7.5", f.ci95, 3.1824 * 2.58199 / 2, 1e-3);
    bench_samples_free(&s);
}
