/* samples.h: times of one thing, and the figures that are reported of them. */
#ifndef BENCH_SUPPORT_SAMPLES_H
#define BENCH_SUPPORT_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_samples {
    int64_t *ns; /* [room], in the order they were taken */
    size_t   n, room;
} bench_samples;

bench_samples bench_samples_new(size_t room);
void          bench_samples_free(bench_samples *s);
void          bench_samples_add(bench_samples *s, int64_t ns); /* at most `room` times */

/* What is reported. The mean's interval is Student's t over the means of equal blocks of
 * consecutive samples: single steps are not independent, blocks nearly are. */
typedef struct bench_figures {
    double median, min;
    double spread; /* (90th - 10th percentile) / median */
    double mean;
    double ci95; /* half the width of the 95 % confidence interval of the mean; NaN for one block */
} bench_figures;

/* Give the figures of all samples, in `blocks` blocks; n >= 1, the rest of a division counts for
 * all but the mean's interval. */
bench_figures bench_figures_of(const bench_samples *s, uint32_t blocks);

/* Give the median of ns[0 .. n). */
double bench_median(const int64_t *ns, size_t n);

/* Give the quantile of Student's t that leaves 2.5 % above it; df >= 1. From the series of Hill's
 * normal expansion (Abramowitz and Stegun 26.7.5) for df > 10, else from a table; good to 0.001. */
double bench_student_t(uint32_t df);

/* Give what two calls of the clock cost, in ns: every time reported contains it once. */
double bench_clock_ns(void);

/* Fail the bench unless the functions above give what is known. */
void bench_samples_check(void);

#endif
