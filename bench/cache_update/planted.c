/* planted.c: look-ahead misses fewer rows but costs more a step; which is done first with the same
 * trace? Lists of the real sampler on the planted graph (as in bench_policies), rows of 512 bytes,
 * C = 2m, one thread. The caches and the gather take turns list by list; entering lists ahead is
 * inside the timer. Totals are of the 100 measured lists; the trace is replayed several times from
 * empty caches and the median total counts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cache_update/cases.h"
#include "bench/support/memory.h"
#include "bench/support/replay.h"

enum { COLS = 128, MAX_REPEATS = 7, NUM_RUNNERS = 3, TUNE_REPEATS = 7 };

typedef struct runner {
    const char *name;
    int         policy;
    uint32_t    lookahead;
} runner;

static const runner runners[NUM_RUNNERS] = { { "lru", PR_POLICY_LRU, 0 },
                                             { "lookahead", PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO },
                                             { "lookahead", PR_POLICY_LOOKAHEAD, 8 } };

typedef struct replayed {
    const bench_trace *trace;
    float             *rows, *block;
    pri_write         *write;
    bench_copy         gather;
    int64_t            total[NUM_RUNNERS + 1][MAX_REPEATS]; /* the last is the gather's */
    uint64_t           missed[NUM_RUNNERS], wanted;
    double             window[NUM_RUNNERS];
} replayed;

static void check_rows(const replayed *r, const pr_slab *view, pr_vids list)
{
    for (size_t i = 0; i < list.n; i++)
        BENCH_CHECK(!memcmp(view->rows + (size_t)view->slot_of_input[i] * view->ld,
                            r->rows + (size_t)list.at[i] * COLS, COLS * sizeof(float)),
                    "input %zu is not row %u", i, list.at[i]);
}

/* One list through the gather. */
static int64_t time_gather(const replayed *r, pr_vids list)
{
    const bench_plane plane = { r->rows, r->block, COLS };
    const bench_rows  rows  = { list.at, NULL, r->write, list.n };

    bench_rows_write(list.at, NULL, list.n, r->write);
    const int64_t start = pr_now_ns();
    bench_gather(&r->gather, &plane, 1, &rows, 1);
    return pr_now_ns() - start;
}

/* Replay the whole trace once through all caches. */
static void replay_once(replayed *r, const bench_replay *given, int repeat)
{
    const bench_trace *t = r->trace;
    bench_replaying    running[NUM_RUNNERS];
    pr_cache_plan      plan;

    r->wanted = 0;
    for (int i = 0; i < NUM_RUNNERS; i++) {
        bench_replay one = *given;
        one.policy       = runners[i].policy;
        one.lookahead    = runners[i].lookahead;
        running[i]       = bench_replay_start(&one);
        r->missed[i]     = 0;
    }
    for (uint32_t list = 0; list < t->kind.warm + t->kind.measured; list++) {
        const bool counts = list >= t->kind.warm;
        for (uint32_t turn = 0; turn < NUM_RUNNERS; turn++) {
            const uint32_t i  = (turn + list) % NUM_RUNNERS;
            const int64_t  ns = bench_replay_step(&running[i], list, &plan);
            if (repeat == 0 && list < 3) check_rows(r, &running[i].view, t->list[list]);
            if (!counts) continue;
            r->total[i][repeat] += ns;
            r->missed[i] += plan.rows_added + plan.rows_bypassed;
        }
        if (!counts) continue;
        r->total[NUM_RUNNERS][repeat] += time_gather(r, t->list[list]);
        r->wanted += t->list[list].n;
    }
    for (int i = 0; i < NUM_RUNNERS; i++) {
        r->window[i] = (double)running[i].window_sum / (t->kind.warm + t->kind.measured);
        bench_replay_end(&running[i]);
    }
}

static void report(update_bench *b, const replayed *r, uint64_t capacity, int repeats)
{
    const double lru    = bench_median(r->total[0], (size_t)repeats);
    const double gather = bench_median(r->total[NUM_RUNNERS], (size_t)repeats);
    const double steps  = r->trace->kind.measured;

    bench_output_table(b->out, "total time of the planted trace, C = 2m",
                       "policy window miss_rate total_ns time_vs_lru time_ratio gather_gbps");
    for (int i = 0; i < NUM_RUNNERS; i++) {
        const double total = bench_median(r->total[i], (size_t)repeats);
        double       each[MAX_REPEATS];
        for (int j = 0; j < repeats; j++) each[j] = (double)r->total[i][j];
        bench_case(b->out);
        bench_text(b->out, "group", "planted");
        bench_text(b->out, "regime", "interleaved");
        bench_text(b->out, "door", "prepare+place");
        bench_text(b->out, "policy", runners[i].name);
        bench_text(b->out, "lookahead",
                   i == 0                                   ? ""
                   : runners[i].lookahead == PR_WINDOW_AUTO ? "auto"
                                                            : "8");
        bench_int(b->out, "num_rows", r->trace->num_rows);
        bench_int(b->out, "cols", COLS);
        bench_int(b->out, "row_bytes", COLS * sizeof(float));
        bench_int(b->out, "planes", 1);
        bench_int(b->out, "m", (uint64_t)(r->trace->mean_m + 0.5));
        bench_int(b->out, "capacity_rows", capacity);
        bench_int(b->out, "k", (uint64_t)(2 * (double)r->missed[i] / steps));
        bench_int(b->out, "added", (uint64_t)((double)r->missed[i] / steps));
        bench_int(b->out, "threads", 1);
        bench_int(b->out, "steps", r->trace->kind.measured);
        bench_int(b->out, "repeats", (uint64_t)repeats);
        bench_ns(b->out, "update_ns", total / steps);
        bench_ns(b->out, "gather_ns", gather / steps);
        bench_real(b->out, "speedup_vs_gather", gather / total);
        bench_real(b->out, "copy_ns", (double)NAN); /* no bare copy here */
        bench_real(b->out, "overhead_vs_copy", (double)NAN);
        bench_real(b->out, "time_ratio", total / gather);
        bench_real(b->out, "window", r->window[i]);
        bench_real(b->out, "miss_rate", (double)r->missed[i] / (double)r->wanted);
        bench_ns(b->out, "total_ns", total);
        bench_reals(b->out, "total_each_ns", each, (size_t)repeats);
        bench_real(b->out, "time_vs_lru", total / lru);
        report_gather(b, &r->gather, (double)r->wanted * COLS * sizeof(float) / gather);
        bench_case_end(b->out);
    }
}

static void tune_gather(replayed *r)
{
    const bench_plane plane = { r->rows, r->block, COLS };
    const pr_vids     first = r->trace->list[0];
    const bench_rows  list  = { first.at, NULL, r->write, first.n };

    bench_rows_write(first.at, NULL, first.n, r->write);
    bench_gathers found = bench_gathers_tune(&(bench_tuning_case){ .planes     = &plane,
                                                                   .num_planes = 1,
                                                                   .lists      = &list,
                                                                   .num_lists  = 1,
                                                                   .repeats    = TUNE_REPEATS,
                                                                   .threads    = 1 });
    r->gather           = found.best;
    bench_gathers_free(&found);
}

void run_planted_time(update_bench *b)
{
    const bool   quick = b->options->quick;
    replayed     r = { .trace = bench_trace_new(quick ? &bench_trace_small : &bench_trace_planted,
                                                b->options->dir) };
    const pr_vid N = r.trace->num_rows;
    const size_t most = r.trace->max_m, row_bytes = COLS * sizeof(float);
    const pr_tuning tuning   = update_tuning(b, row_bytes, 1);
    uint64_t        capacity = (uint64_t)(2 * r.trace->mean_m + 0.5);
    const uint32_t  wanted   = b->options->steps / 200; /* replays of 100 lists */
    const int repeats = quick || wanted < 1 ? 1 : wanted > MAX_REPEATS ? MAX_REPEATS : (int)wanted;
    pr_store *store;

    r.rows  = bench_block_new(N * row_bytes);
    r.block = bench_block_new(most * row_bytes);
    r.write = bench_new(most, sizeof *r.write);
    bench_fill_rows(r.rows, N, COLS, 0);
    const pr_features features = { .num_rows = N, .num_cols = COLS, .rows = r.rows, .ld = COLS };
    BENCH_TRY(pr_store_memory(&features, &store));
    if (capacity > N) capacity = N;
    tune_gather(&r);
    for (int i = 0; i < repeats; i++)
        replay_once(&r,
                    &(bench_replay){
                        .trace = r.trace, .store = store, .tuning = &tuning, .rows = capacity },
                    i);
    if (!quick) report(b, &r, capacity, repeats);
    pr_store_free(store);
    bench_block_free(r.rows, N * row_bytes);
    bench_block_free(r.block, most * row_bytes);
    free(r.write);
    bench_trace_free((bench_trace *)(uintptr_t)r.trace);
}
