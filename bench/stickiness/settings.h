/* settings.h: the ways of drawing batches that the bench compares. */
#ifndef BENCH_STICKINESS_SETTINGS_H
#define BENCH_STICKINESS_SETTINGS_H

#include "bench/support/bench.h"

typedef struct bench_setting {
    const char        *name; /* as column setting of the log's view v_tradeoff */
    pr_sampler_options sampler;
    const char        *order; /* of the seeds: "random", "community" */
    uint32_t           echo, echo_pool;
} bench_setting;

/* Uniform, in random order, is the first: the others are measured by what its gather moves. */
extern const size_t bench_num_settings;
void                bench_setting_at(size_t i, bench_setting *out);

#endif
