/* bench_pipeline.c: how long is a step whose stages overlap: as long as the longest of them, or as
 * their sum?
 *
 * Three stages: sampling (a thread draws), fetch (a store that sleeps a fixed time for each step's
 * missing rows, so that waiting needs no core) and the lane's own work (prepare, place, compute,
 * update). Cases differ in which of them is the longest. Each is trained in line and pipelined, in
 * turns of BLOCK steps, the first SETTLE of a turn uncounted: what was drawn while the other had
 * its turn is used up by then. Same seeds, so the same batches; the bench fails unless both runs
 * have equal batch_hash, rows and losses at every step.
 *
 * Latency is chosen from a first round in line without any: a multiple of the longer of sampling
 * and the lane's work. Times are wall clock, medians; the stages' are those of the run in line,
 * where nothing shares caches or memory with them. It takes two quiet cores: one computes, one
 * draws.
 *
 * --quick compares a few steps and times nothing. */
#include <stdlib.h>
#include <string.h>

#include "bench/support/run.h"
#include "bench/support/output.h"

enum { BLOCK = 24, SETTLE = 6, PROBE = 16, MAX_BLOCKS = 1000 };

typedef struct bench_options {
    bool     quick, json;
    uint32_t blocks, threads, features, hidden;
    char     csv[PR_TEXT_BYTES];
} bench_options;

static const pr_option options[] = {
    { "quick", "", "compare a few steps only", "false", PR_OPT_FLAG, offsetof(bench_options, quick),
      0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG,
      offsetof(bench_options, json), 0, 0, NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, offsetof(bench_options, csv), 0,
      0, NULL },
    { "blocks", "blocks", "turns of 24 steps of each run", "6", PR_OPT_U32,
      offsetof(bench_options, blocks), 1, MAX_BLOCKS, NULL },
    { "threads", "threads", "that compute; one more draws", "1", PR_OPT_U32,
      offsetof(bench_options, threads), 1, 4096, NULL },
    { "features", "columns", "of a row", "128", PR_OPT_U32, offsetof(bench_options, features), 1,
      4096, NULL },
    { "hidden", "units", "of the model; 0: as each case has it", "0", PR_OPT_U32,
      offsetof(bench_options, hidden), 0, 4096, NULL },
};
static const pr_option_table table = { "bench_pipeline", options,
                                       sizeof options / sizeof *options };

typedef struct stage_case {
    const char *name;
    const char *fanout;
    uint32_t    hidden;
    double      latency; /* times the longer of sampling and the lane's work */
} stage_case;

static const stage_case cases[] = {
    { "fetch is longest", "15,10", 256, 1.25 },
    { "all are about as long", "15,10", 256, 1.0 },
    { "compute is longest", "15,10", 256, 0.6 },
    { "little to fetch", "15,10", 64, 0.1 },
};

/* Times of the counted steps of one run. */
typedef struct stage_times {
    bench_samples step, sample, fetch, lane, wait;
} stage_times;

static stage_times stage_times_new(size_t n)
{
    return (stage_times){ bench_samples_new(n), bench_samples_new(n), bench_samples_new(n),
                          bench_samples_new(n), bench_samples_new(n) };
}

static void stage_times_free(stage_times *t)
{
    bench_samples_free(&t->step);
    bench_samples_free(&t->sample);
    bench_samples_free(&t->fetch);
    bench_samples_free(&t->lane);
    bench_samples_free(&t->wait);
}

static void count(stage_times *t, const pr_step *row)
{
    bench_samples_add(&t->step, row->step_ns);
    bench_samples_add(&t->sample, row->sample_ns);
    bench_samples_add(&t->fetch, row->fetch_ns);
    bench_samples_add(&t->lane, row->step_ns - row->wait_ns);
    bench_samples_add(&t->wait, row->wait_ns);
}

static double median(const bench_samples *s)
{
    return bench_median(s->ns, s->n);
}

static void compare(const pr_step *a, const pr_step *b)
{
    BENCH_CHECK(a->batch_hash == b->batch_hash && a->rows_hit == b->rows_hit &&
                    a->rows_added == b->rows_added && a->rows_bypassed == b->rows_bypassed &&
                    memcmp(&a->loss, &b->loss, sizeof a->loss) == 0,
                "step %llu differs: in line hash %016llx, %llu hits, loss %.9g; pipelined %016llx, "
                "%llu hits, loss %.9g",
                (unsigned long long)a->step, (unsigned long long)a->batch_hash,
                (unsigned long long)a->rows_hit, a->loss, (unsigned long long)b->batch_hash,
                (unsigned long long)b->rows_hit, b->loss);
}

/* Both runs take turns from where they are. */
static void take_turns(bench_run *run[2], uint32_t blocks, uint32_t block, stage_times *times)
{
    pr_step *rows = bench_new(block, sizeof *rows);

    for (uint32_t b = 0; b < blocks; b++) {
        for (uint32_t i = 0; i < block; i++) {
            rows[i] = bench_run_step(run[0]);
            if (times && i >= SETTLE) count(&times[0], &rows[i]);
        }
        for (uint32_t i = 0; i < block; i++) {
            const pr_step row = bench_run_step(run[1]);
            compare(&rows[i], &row);
            if (times && i >= SETTLE) count(&times[1], &row);
        }
    }
    free(rows);
}

/* Give the longer of sampling and the lane's work, in line. */
static double longest_without_fetch(bench_run *run[2])
{
    stage_times times[2] = { stage_times_new(PROBE), stage_times_new(PROBE) };

    take_turns(run, 1, PROBE + SETTLE, times);
    const double sample = median(&times[0].sample), lane = median(&times[0].lane);
    for (int i = 0; i < 2; i++) stage_times_free(&times[i]);
    return sample > lane ? sample : lane;
}

static uint32_t hidden_of(const bench_options *o, const stage_case *which)
{
    return o->quick ? 16 : o->hidden ? o->hidden : which->hidden;
}

static void report(bench_output *out, const bench_options *o, const stage_case *which,
                   const stage_times *times)
{
    const double      sample = median(&times[0].sample), fetch = median(&times[0].fetch);
    const double      lane = median(&times[0].lane), in_line = median(&times[0].step);
    const double      pipelined = median(&times[1].step);
    const char *const longest   = fetch >= sample && fetch >= lane ? "fetch"
                                  : sample >= lane                 ? "sampling"
                                                                   : "compute";
    const double most = fetch >= sample && fetch >= lane ? fetch : sample >= lane ? sample : lane;

    bench_case(out);
    bench_text(out, "case", which->name);
    bench_text(out, "fanout", which->fanout);
    bench_int(out, "hidden", hidden_of(o, which));
    bench_int(out, "threads", o->threads);
    bench_int(out, "steps", times[1].step.n);
    bench_ns(out, "sample_ns", sample);
    bench_ns(out, "fetch_ns", fetch);
    bench_ns(out, "lane_ns", lane);
    bench_text(out, "longest", longest);
    bench_ns(out, "longest_ns", most);
    bench_ns(out, "sum_ns", sample + fetch + lane);
    bench_ns(out, "in_line_ns", in_line);
    bench_ns(out, "pipelined_ns", pipelined);
    bench_ns(out, "pipelined_wait_ns", median(&times[1].wait));
    bench_ns(out, "pipelined_lane_ns", median(&times[1].lane));
    bench_ns(out, "pipelined_sample_ns", median(&times[1].sample));
    bench_real(out, "vs_longest", pipelined / most);
    bench_real(out, "vs_sum", pipelined / (sample + fetch + lane));
    bench_real(out, "speedup", in_line / pipelined);
    bench_case_end(out);
}

static void run_case(bench_output *out, const bench_options *o, const bench_world *world,
                     const stage_case *which)
{
    static bench_run in_line, pipelined;
    bench_run       *run[2] = { &in_line, &pipelined };
    const uint32_t   blocks = o->quick ? 2 : o->blocks;
    const uint64_t   steps  = (uint64_t)blocks * BLOCK + PROBE + SETTLE;
    bench_run_plan   plan   = { .world        = world,
                                .fanout       = which->fanout,
                                .hidden       = hidden_of(o, which),
                                .batch        = o->quick ? 64 : 512,
                                .threads      = o->threads,
                                .num_steps    = steps,
                                .slow         = true,
                                .cache_factor = 1.2 }; /* less than the graph, or nothing would be
                                                          left to fetch */

    for (int i = 0; i < 2; i++) {
        plan.pipelined = i == 1;
        bench_run_open(run[i], &plan);
    }
    const double  other   = longest_without_fetch(run);
    const int64_t latency = o->quick ? 100000 : (int64_t)(which->latency * other);
    for (int i = 0; i < 2; i++) run[i]->slow.latency_ns = latency;
    stage_times times[2] = { stage_times_new((size_t)blocks * BLOCK),
                             stage_times_new((size_t)blocks * BLOCK) };
    take_turns(run, blocks, BLOCK, times);
    if (!o->quick) report(out, o, which, times);
    for (int i = 0; i < 2; i++) {
        stage_times_free(&times[i]);
        bench_run_close(run[i]);
    }
}

int main(int argc, char **argv)
{
    static bench_options  o;
    const pr_option_group group = { &table, &o };

    bench_read_options("bench_pipeline", &group, argc, argv);
    bench_output *out   = bench_output_new("pipeline", o.json, o.quick, o.csv, argc, argv);
    bench_world   world = bench_world_new(o.quick ? 4000 : 1 << 16, 24, o.quick ? 16 : o.features);
    BENCH_TRY(pr_store_memory(&world.features, &world.store));
    bench_output_table(out, "in line and pipelined",
                       "case sample_ns fetch_ns lane_ns longest in_line_ns pipelined_ns vs_longest "
                       "vs_sum speedup");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) run_case(out, &o, &world, &cases[i]);
    bench_world_free(&world);
    bench_output_free(out);
    if (o.quick) printf("bench_pipeline: pipelined and in line every step is the same\n");
    return 0;
}
