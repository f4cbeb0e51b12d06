/* bench_scaling.c: does a training step get faster with more threads, and with more lanes? And does
 * what a run decides by itself (pipeline/worth.h) come near the best that was measured?
 *
 * Whole steps (sample, prepare, place, compute, update) of batches of 32, 128, 1024 and 4096 seeds,
 * on 1, 2, 4, ... threads of one lane over the whole machine, and on the same threads split over
 * 2, 4, ... lanes, as --lanes does it: one or more a NUMA node, nodes cut where there are fewer.
 * Graph, features and labels are random, all runs train on the same seeds.
 *
 * Runs take turns in one process: each opens, takes SETTLE steps uncounted and then its block of
 * steps, and closes, so that only one run's threads exist at a time. That is repeated `rounds`
 * times. Every step is compared with the first run's: equal batch_hash, and losses equal to
 * rounding; a run's own losses are the same bits in every round. Times are wall clock, medians over
 * all counted steps; those of parts are the slowest lane's, sampling in line.
 *
 * Two more doors: `aggregate`, the mean over neighbours of random rows alone (SpMM), and `wake`, an
 * empty job on all lanes. --quick compares a few steps and times nothing. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "bench/scaling/doors.h"
#include "bench/scaling/grid.h"
#include "bench/support/output.h"

enum {
    SETTLE     = 4,
    BEHIND     = 64, /* more than any window: every step draws */
    MAX_BLOCK  = 40,
    MAX_ROUNDS = 100,
    ARCS       = 16
};

/* Losses are sums in another order on other threads; what that does to parameters grows slowly. */
static const double loss_tolerance = 2e-3;

typedef struct bench_options {
    bool     quick, json;
    uint32_t rounds, threads, lanes, features, hidden, nodes_log2, batch_size;
    int      sampler;
    char     csv[PR_TEXT_BYTES], fanout[PR_TEXT_BYTES];
} bench_options;

#define AT(member) offsetof(bench_options, member)
static const pr_option options[] = {
    { "quick", "", "compare a few steps only", "false", PR_OPT_FLAG, AT(quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG, AT(json), 0, 0,
      NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, AT(csv), 0, 0, NULL },
    { "rounds", "", "turns of each run", "5", PR_OPT_U32, AT(rounds), 1, MAX_ROUNDS, NULL },
    { "threads", "threads", "most threads; 0: as many as a run would take", "0", PR_OPT_U32,
      AT(threads), 0, 4096, NULL },
    { "lanes", "lanes", "most lanes; 0: one a NUMA node, two at least", "0", PR_OPT_U32, AT(lanes),
      0, PR_MAX_LANES, NULL },
    { "batch-size", "seeds", "one batch size; 0: 32, 128, 1024 and 4096", "0", PR_OPT_U32,
      AT(batch_size), 0, 1 << 20, NULL },
    { "fanout", "list", "neighbours a hop", "15,10", PR_OPT_TEXT, AT(fanout), 0, 0, NULL },
    { "sampler", "", "which neighbours are kept", "labor", PR_OPT_CHOICE, AT(sampler), 0, 0,
      "uniform|labor" },
    { "features", "columns", "of a row", "128", PR_OPT_U32, AT(features), 1, 4096, NULL },
    { "hidden", "units", "of the model", "256", PR_OPT_U32, AT(hidden), 1, 4096, NULL },
    { "nodes-log2", "", "vertices, 16 arcs each", "19", PR_OPT_U32, AT(nodes_log2), 14, 28, NULL },
};
static const pr_option_table table = { "bench_scaling", options, sizeof options / sizeof *options };

/* The parts of a step that are reported, and where they are in its row. */
typedef struct step_part {
    const char *name;
    size_t      at;
} step_part;

#define PART(member)                                                                               \
    {                                                                                              \
#        member, offsetof(pr_step, member)                                                         \
    }
static const step_part parts[] = {
    PART(step_ns),      PART(sample_ns), PART(wait_ns),     PART(prepare_ns), PART(place_ns),
    PART(aggregate_ns), PART(gemm_ns),   PART(backward_ns), PART(update_ns),  PART(other_ns),
};
enum { NUM_PARTS = sizeof parts / sizeof *parts };

/* Everything the cases of one batch size share. */
typedef struct contest {
    const bench_options *o;
    bench_world         *world;
    pr_sampler_options   sampling;
    const bench_grid    *grid;
    uint32_t             batch, block, rounds;
    uint64_t             hash[SETTLE + MAX_BLOCK];
    double               loss[BENCH_MAX_CONFIGS][SETTLE + MAX_BLOCK];
    bench_samples        times[BENCH_MAX_CONFIGS][NUM_PARTS];
} contest;

static void compare(contest *c, uint32_t which, uint32_t round, const pr_step *row)
{
    const bench_config *config = &c->grid->config[which];
    const uint64_t      at     = row->step;

    if (which == 0 && round == 0) c->hash[at] = row->batch_hash;
    if (round == 0) c->loss[which][at] = row->loss;
    const double first = c->loss[0][at];
    BENCH_CHECK(row->batch_hash == c->hash[at] && fabs(row->loss - first) <= loss_tolerance &&
                    memcmp(&row->loss, &c->loss[which][at], sizeof row->loss) == 0,
                "batch %u, step %llu differs: hash %016llx, loss %.9g with 1 thread; with %u lanes "
                "of %u threads in round %u %016llx, %.9g (%.9g in round 0)",
                c->batch, (unsigned long long)at, (unsigned long long)c->hash[at], first,
                config->lanes, config->threads, round, (unsigned long long)row->batch_hash,
                row->loss, c->loss[which][at]);
}

static void take_turn(contest *c, uint32_t which, uint32_t round)
{
    static bench_run     run;
    const bench_config  *config = &c->grid->config[which];
    const bench_run_plan plan   = { .world     = c->world,
                                    .fanout    = c->o->fanout,
                                    .sampling  = &c->sampling,
                                    .hidden    = c->o->hidden,
                                    .batch     = c->batch,
                                    .threads   = config->threads,
                                    .lanes     = config->lanes > 1 ? config->lanes : 0,
                                    .num_steps = SETTLE + c->block + BEHIND };

    bench_run_open(&run, &plan);
    run.optimizer.lr = 1e-3; /* rounding must not be made large by training */
    for (uint32_t i = 0; i < SETTLE + c->block; i++) {
        const pr_step row = bench_run_step(&run);
        compare(c, which, round, &row);
        for (int p = 0; p < NUM_PARTS && i >= SETTLE; p++) {
            int64_t ns;
            memcpy(&ns, (const char *)&row + parts[p].at, sizeof ns);
            bench_samples_add(&c->times[which][p], ns);
        }
    }
    bench_run_close(&run);
}

static double median(const bench_samples *s)
{
    return bench_median(s->ns, s->n);
}

static uint32_t best_of(const contest *c)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < c->grid->num; i++)
        if (median(&c->times[i][0]) < median(&c->times[best][0])) best = i;
    return best;
}

static void report_case(bench_output *out, const contest *c, uint32_t which, bool is_auto,
                        double best)
{
    const bench_config *config = &c->grid->config[which];
    const bench_figures step   = bench_figures_of(&c->times[which][0], c->rounds);
    const double        one    = median(&c->times[0][0]);

    bench_case(out);
    bench_text(out, "door", "step");
    bench_int(out, "batch_size", c->batch);
    bench_int(out, "lanes", config->lanes);
    bench_int(out, "threads", config->threads);
    bench_int(out, "steps", c->times[which][0].n);
    bench_times(out, "step", &step);
    bench_real(out, "speedup", one / step.median);
    bench_real(out, "efficiency", one / step.median / config->threads);
    bench_real(out, "of_best", step.median / best);
    bench_text(out, "auto", is_auto ? "auto" : "");
    bench_ns(out, "estimate_ns", bench_grid_estimate(c->grid, which, c->batch));
    for (int p = 1; p < NUM_PARTS; p++) bench_ns(out, parts[p].name, median(&c->times[which][p]));
    bench_case_end(out);
}

/* Say which run is taken without being told, and how near to the best it is. */
static void report_auto(bench_output *out, const contest *c, const bench_choice *choice,
                        uint32_t best)
{
    const bench_config *b = &c->grid->config[best], *a = &c->grid->config[choice->config];
    const double        of_best = median(&c->times[choice->config][0]) / median(&c->times[best][0]);

    const bool measured = a->lanes == choice->lanes && a->threads == choice->threads;

    bench_output_note(out,
                      "batch %u: auto takes %u lane%s of %u thread%s in all%s%s; best "
                      "measured: %u and %u; %s%.2f of it, %s",
                      c->batch, choice->lanes, choice->lanes == 1 ? "" : "s", choice->threads,
                      choice->threads == 1 ? "" : "s", choice->why[0] ? ": " : "", choice->why,
                      b->lanes, b->threads, measured ? "" : "the nearest to auto's that was, ",
                      of_best, of_best <= 1.1 ? "within 10 %" : "NOT within 10 %");
}

static void run_contest(bench_output *out, const bench_options *o, bench_world *world,
                        const bench_grid *grid, uint32_t batch)
{
    static contest c;

    c = (contest){ .o      = o,
                   .world  = world,
                   .grid   = grid,
                   .batch  = batch,
                   .block  = o->quick       ? 2
                             : batch > 2048 ? 8
                             : batch > 512  ? 16
                                            : MAX_BLOCK,
                   .rounds = o->quick ? 2 : o->rounds };
    pr_sampler_default(&c.sampling);
    c.sampling.kind = o->sampler == 0 ? PR_SAMPLER_UNIFORM : PR_SAMPLER_LABOR;
    for (uint32_t i = 0; i < grid->num; i++)
        for (int p = 0; p < NUM_PARTS; p++)
            c.times[i][p] = bench_samples_new((size_t)c.rounds * c.block);
    for (uint32_t round = 0; round < c.rounds; round++)
        for (uint32_t i = 0; i < grid->num; i++) take_turn(&c, i, round);

    const uint32_t     best   = best_of(&c);
    const bench_choice choice = bench_grid_choice(grid, batch);
    for (uint32_t i = 0; i < grid->num && !o->quick; i++)
        report_case(out, &c, i, i == choice.config, median(&c.times[best][0]));
    if (!o->quick) report_auto(out, &c, &choice, best);
    for (uint32_t i = 0; i < grid->num; i++)
        for (int p = 0; p < NUM_PARTS; p++) bench_samples_free(&c.times[i][p]);
}

int main(int argc, char **argv)
{
    static const uint32_t all[] = { 32, 128, 1024, 4096 }, few[] = { 16, 64 };
    static bench_options  o;
    static bench_grid     grid;
    const pr_option_group group = { &table, &o };

    bench_read_options("bench_scaling", &group, argc, argv);
    if (o.quick) {
        o.nodes_log2 = 12;
        o.features   = 16;
        o.hidden     = 16;
    }
    omp_set_num_threads(1); /* no team of the main thread's that would wait beside the runs' */
    bench_output         *out   = bench_output_new("scaling", o.json, o.quick, o.csv, argc, argv);
    bench_world           world = bench_world_new((pr_vid)1 << o.nodes_log2, ARCS, o.features);
    const bench_grid_plan plan  = { .world   = &world,
                                    .fanout  = o.fanout,
                                    .hidden  = o.hidden,
                                    .labor   = o.sampler == 1,
                                    .threads = o.quick ? 2 : o.threads,
                                    .lanes   = o.quick ? 2 : o.lanes };
    bench_grid_open(&grid, &plan);
    if (!o.quick)
        bench_output_note(out,
                          "up to %u threads and %u lanes on %u core%s of %u NUMA node%s; more "
                          "was not measured",
                          grid.max_threads, grid.max_lanes, grid.num_cores,
                          grid.num_cores == 1 ? "" : "s", pr_topo_num_nodes(world.topo),
                          pr_topo_num_nodes(world.topo) == 1 ? "" : "s");
    bench_output_table(out, "training steps",
                       "batch_size lanes threads step_ns step_min_ns step_spread speedup "
                       "efficiency of_best auto:4 sample_ns prepare_ns place_ns aggregate_ns "
                       "gemm_ns backward_ns update_ns other_ns");
    if (o.quick)
        for (int i = 0; i < 2; i++) run_contest(out, &o, &world, &grid, few[i]);
    else if (o.batch_size)
        run_contest(out, &o, &world, &grid, o.batch_size);
    else
        for (int i = 0; i < 4; i++) run_contest(out, &o, &world, &grid, all[i]);
    bench_doors(out, &grid, o.quick);
    bench_world_free(&world);
    bench_output_free(out);
    if (o.quick) printf("bench_scaling: every number of threads and lanes trains the same\n");
    return 0;
}
