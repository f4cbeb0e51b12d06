/* settings.c: the settings as the command line would name them, in order of what they cost. */
#include "bench/stickiness/settings.h"

typedef struct row {
    const char *name, *kind;
    uint32_t    kappa;
    int         form; /* pr_kappa_form */
    uint32_t    bias;
    const char *order;
    uint32_t    echo, pool;
} row;

static const row rows[BENCH_NUM_SETTINGS] = {
    { "uniform", "uniform", 1, PR_KAPPA_STAGGERED, 1, "random", 1, 1 },
    { "labor 1", "labor", 1, PR_KAPPA_STAGGERED, 1, "random", 1, 1 },
    { "labor 8", "labor", 8, PR_KAPPA_STAGGERED, 1, "random", 1, 1 },
    { "labor 64", "labor", 64, PR_KAPPA_STAGGERED, 1, "random", 1, 1 },
    { "labor 8 drift", "labor", 8, PR_KAPPA_DRIFT, 1, "random", 1, 1 },
    { "labor 8 bias 4", "labor", 8, PR_KAPPA_STAGGERED, 4, "random", 1, 1 },
    { "labor 8 bias 8", "labor", 8, PR_KAPPA_STAGGERED, 8, "random", 1, 1 },
    { "labor 8 bias 16", "labor", 8, PR_KAPPA_STAGGERED, 16, "random", 1, 1 },
    { "uniform, community", "uniform", 1, PR_KAPPA_STAGGERED, 1, "community", 1, 1 },
    { "labor 8, community", "labor", 8, PR_KAPPA_STAGGERED, 1, "community", 1, 1 },
    { "uniform, echo 2 pool 1", "uniform", 1, PR_KAPPA_STAGGERED, 1, "random", 2, 1 },
    { "uniform, echo 2 pool 4", "uniform", 1, PR_KAPPA_STAGGERED, 1, "random", 2, 4 },
    { "uniform, echo 4 pool 1", "uniform", 1, PR_KAPPA_STAGGERED, 1, "random", 4, 1 },
    { "uniform, echo 4 pool 4", "uniform", 1, PR_KAPPA_STAGGERED, 1, "random", 4, 4 },
};

void bench_settings_list(bench_setting out[BENCH_NUM_SETTINGS])
{
    for (int i = 0; i < BENCH_NUM_SETTINGS; i++) {
        const row            *r        = &rows[i];
        const pr_option_group groups[] = { { &pr_sampler_option_table, &out[i].sampler },
                                           { &pr_order_option_table, &out[i].order } };

        pr_options_init(groups, 2);
        BENCH_TRY(pr_options_set(groups, 2, "sampler", r->kind));
        BENCH_TRY(pr_options_set(groups, 2, "order", r->order));
        out[i].name               = r->name;
        out[i].sampler.kappa      = r->kappa;
        out[i].sampler.kappa_form = r->form;
        out[i].sampler.cache_bias = r->bias;
        out[i].order.echo         = r->echo;
        out[i].order.pool         = r->pool;
    }
}
