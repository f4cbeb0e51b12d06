/* doors.c: see doors.h. */
#include "bench/scaling/doors.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/nn/aggregate.h"

enum { NEIGHBOURS = 10, ROUNDS = 5, COUNTED = 20, SETTLE = 3, WAKES = 400, MAX_SIZES = 3 };

/* The mean over neighbours of random rows, as the first layer has it: Y [num, 2 cols]. */
typedef struct spmm {
    const bench_world *world;
    uint32_t           num;
    uint32_t          *begin; /* [num + 1] */
    float             *y;
    bench_samples     *times;
} spmm;

static pr_status aggregate(pri_lane *lane, void *argument)
{
    spmm              *s     = argument;
    const pr_features *x     = &s->world->features;
    const pri_rows     rows  = { .at = x->rows, .ld = x->ld, .cols = x->num_cols };
    const pri_lists    lists = { .num     = s->num,
                                 .begin32 = s->begin,
                                 .index   = s->world->graph.indices }; /* any vertices */

    (void)lane;
    for (int i = 0; i < COUNTED + SETTLE; i++) {
        const int64_t start = pr_now_ns();
        pri_aggregate_concat(&lists, &rows, s->y, 2 * (size_t)x->num_cols);
        if (i >= SETTLE) bench_samples_add(s->times, pr_now_ns() - start);
    }
    return PR_OK;
}

/* Let one run's first lane do it. */
static void run_aggregate(const bench_grid *grid, const bench_config *config, spmm *s)
{
    pri_lane *lane;

    BENCH_TRY(pri_lane_create(grid->plan.world->topo, &config->machine, 0, PR_NUMA_OFF, &lane));
    BENCH_TRY(pri_lane_run(lane, aggregate, s));
    pri_lane_free(lane);
}

static void report_aggregate(bench_output *out, const spmm *s, const bench_config *config,
                             double one)
{
    const bench_figures f     = bench_figures_of(s->times, ROUNDS);
    const double        bytes = (double)s->begin[s->num] * s->world->features.num_cols * 4;

    bench_case(out);
    bench_text(out, "door", "aggregate");
    bench_int(out, "batch_size", s->num); /* destinations */
    bench_int(out, "lanes", 1);
    bench_int(out, "threads", config->threads);
    bench_int(out, "steps", s->times->n);
    bench_times(out, "step", &f);
    bench_real(out, "speedup", one / f.median);
    bench_real(out, "efficiency", one / f.median / config->threads);
    bench_real(out, "gbps", bytes / f.median);
    bench_case_end(out);
}

static void measure_aggregate(bench_output *out, const bench_grid *grid, bool quick, uint32_t num)
{
    const bench_world *w     = grid->plan.world;
    const size_t       size  = (size_t)num * 2 * w->features.num_cols;
    float             *first = bench_new(size, sizeof *first);
    spmm               s     = { .world = w,
                                 .num   = num,
                                 .begin = bench_new((size_t)num + 1, sizeof *s.begin),
                                 .y     = bench_new(size, sizeof *s.y) };
    bench_samples      times[BENCH_MAX_CONFIGS];

    for (uint32_t d = 0; d < num; d++) s.begin[d + 1] = s.begin[d] + NEIGHBOURS;
    for (uint32_t i = 0; i < grid->num; i++) times[i] = bench_samples_new(ROUNDS * COUNTED);
    for (uint32_t n = 0; n < (quick ? 1 : ROUNDS) * grid->num; n++) {
        const uint32_t      i      = n % grid->num;
        const bench_config *config = &grid->config[i];
        if (config->lanes > 1) continue;
        s.times = &times[i];
        run_aggregate(grid, config, &s);
        if (n == 0) memcpy(first, s.y, size * sizeof *first);
        BENCH_CHECK(!memcmp(first, s.y, size * sizeof *first),
                    "means over neighbours differ between 1 and %u threads", config->threads);
    }
    const double one = bench_median(times[0].ns, times[0].n);
    for (uint32_t i = 0; i < grid->num; i++) {
        s.times = &times[i];
        if (!quick && grid->config[i].lanes == 1) report_aggregate(out, &s, &grid->config[i], one);
        bench_samples_free(&times[i]);
    }
    free(s.begin);
    free(s.y);
    free(first);
}

static pr_status nothing(pri_lane *lane, void *argument)
{
    (void)lane;
    (void)argument;
    return PR_OK;
}

/* What it takes to hand an empty job to all lanes and wait, as a step does twice. */
static void measure_wake(bench_output *out, const bench_grid *grid, const bench_config *config,
                         bool quick)
{
    pri_lane          *lane[PR_MAX_LANES];
    void              *none[PR_MAX_LANES] = { NULL };
    const uint32_t     num                = config->lanes;
    bench_samples      times              = bench_samples_new(WAKES);
    const pr_numa_mode mode               = num > 1 ? PR_NUMA_AUTO : PR_NUMA_OFF;

    for (uint32_t i = 0; i < num; i++)
        BENCH_TRY(pri_lane_create(grid->plan.world->topo, &config->machine, i, mode, &lane[i]));
    for (int i = 0; i < WAKES; i++) {
        const int64_t start = pr_now_ns();
        BENCH_TRY(pri_lanes_run(lane, num, nothing, none));
        bench_samples_add(&times, pr_now_ns() - start);
    }
    for (uint32_t i = 0; i < num; i++) pri_lane_free(lane[i]);
    if (!quick) {
        const bench_figures f = bench_figures_of(&times, 1);
        bench_case(out);
        bench_text(out, "door", "wake");
        bench_int(out, "lanes", num);
        bench_int(out, "threads", config->threads);
        bench_int(out, "steps", times.n);
        bench_times(out, "step", &f);
        bench_case_end(out);
    }
    bench_samples_free(&times);
}

void bench_doors(bench_output *out, const bench_grid *grid, bool quick)
{
    static const uint32_t sizes[MAX_SIZES] = { 64, 1024, 16384 };

    bench_output_table(
        out, "the mean over 10 neighbours of random rows (SpMM) alone",
        "batch_size threads step_ns step_min_ns step_spread speedup efficiency gbps");
    for (int i = 0; i < (quick ? 2 : MAX_SIZES); i++) measure_aggregate(out, grid, quick, sizes[i]);
    bench_output_table(out, "an empty job on all lanes",
                       "lanes threads step_ns step_min_ns step_spread");
    for (uint32_t i = 0; i < grid->num; i++) {
        const bench_config *config = &grid->config[i];
        if (config->threads == (config->lanes > 1 ? config->lanes : 1))
            measure_wake(out, grid, config, quick);
    }
}
