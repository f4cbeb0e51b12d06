/* settings.h: the ways of drawing batches that the bench compares. */
#ifndef BENCH_STICKINESS_SETTINGS_H
#define BENCH_STICKINESS_SETTINGS_H

#include "bench/support/bench.h"

typedef struct bench_setting {
    const char        *name; /* as column setting of the log's view v_tradeoff */
    pr_sampler_options sampler;
    pr_order_options   order;
} bench_setting;

/* Uniform, in random order, is the first: the others are measured by what its gather moves. */
enum { BENCH_NUM_SETTINGS = 14 };
void bench_settings_list(bench_setting out[BENCH_NUM_SETTINGS]);

#endif
