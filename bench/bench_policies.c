/* bench_policies.c: how many rows does each policy miss, and how many need it have missed?
 *
 * Traces of wanted lists come from the real sampler on a community graph, on R-MAT and on WordNet
 * (20 lists of warm-up, 100 measured, 40 behind them so that the optimum has a future). Each goes
 * through a real cache of rows of 4 bytes (misses do not depend on their size) at C = 1.5m, 2m and
 * 4m, m the mean length of the measured lists, once for each policy; and through Belady's choice,
 * computed here over the whole trace, which no policy can beat.
 *
 * --quick does the same on a small graph and fails unless no policy misses fewer rows than the
 * optimum and a look-ahead that covers the whole trace misses as many. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/belady.h"
#include "bench/support/output.h"
#include "bench/support/replay.h"

typedef struct bench_options {
    bool quick, json;
    int  graph;
    char csv[PR_TEXT_BYTES], dir[PR_TEXT_BYTES];
} bench_options;

static const pr_option options[] = {
    { "quick", "", "check on a small graph only", "false", PR_OPT_FLAG,
      offsetof(bench_options, quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG,
      offsetof(bench_options, json), 0, 0, NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, offsetof(bench_options, csv), 0,
      0, NULL },
    { "dir", "dir", "where graphs are kept; made when they are not there", "out/bench", PR_OPT_TEXT,
      offsetof(bench_options, dir), 0, 0, NULL },
    { "only", "", "one graph", "all", PR_OPT_CHOICE, offsetof(bench_options, graph), 0, 0,
      "all|planted|rmat|wordnet" },
};
static const pr_option_table table = { "bench_policies", options,
                                       sizeof options / sizeof *options };

typedef struct contender {
    const char *name;
    int         policy;
    uint32_t    lookahead;
    int         rank; /* pr_cache_rank of policy static */
} contender;

static const contender contenders[] = {
    { "lru", PR_POLICY_LRU, 0, 0 },
    { "sieve", PR_POLICY_SIEVE, 0, 0 },
    { "static degree", PR_POLICY_STATIC, 0, PR_RANK_DEGREE },
    { "static presampled", PR_POLICY_STATIC, 0, PR_RANK_PRESAMPLED },
    { "lookahead auto", PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO, 0 },
    { "lookahead 8", PR_POLICY_LOOKAHEAD, 8, 0 },
    { "lookahead 16", PR_POLICY_LOOKAHEAD, 16, 0 },
    { "lookahead 31", PR_POLICY_LOOKAHEAD, PR_MAX_WINDOW, 0 },
};
enum { NUM_CONTENDERS = sizeof contenders / sizeof *contenders };

/* Misses of the measured lists and of all, and what they cost. */
typedef struct result {
    uint64_t measured, total;
    double   window; /* mean of lists foreseen */
    double   ns_per_row;
} result;

static result measured_of(const bench_trace *t, const uint64_t *misses)
{
    result r = { 0 };
    for (uint32_t i = 0; i < t->num_lists; i++) {
        r.total += misses[i];
        if (i >= t->kind.warm && i < t->kind.warm + t->kind.measured) r.measured += misses[i];
    }
    return r;
}

static result replay(const bench_trace *t, const pr_store *store, uint64_t rows,
                     const contender *who)
{
    const uint32_t *scores  = who->rank == PR_RANK_PRESAMPLED ? t->presampled : t->degree;
    bench_replaying running = bench_replay_start(&(bench_replay){
        .trace     = t,
        .store     = store,
        .rows      = rows,
        .policy    = who->policy,
        .lookahead = who->lookahead,
        .scores    = who->policy == PR_POLICY_STATIC ? scores : NULL,
    });
    uint64_t       *misses = bench_new(t->num_lists, sizeof *misses), wanted = 0;
    int64_t         ns = 0;
    pr_cache_plan   plan;

    for (uint32_t i = 0; i < t->num_lists; i++) {
        ns += bench_replay_step(&running, i, &plan);
        misses[i] = plan.rows_added + plan.rows_bypassed;
        wanted += plan.num_wanted;
    }
    result r     = measured_of(t, misses);
    r.window     = (double)running.window_sum / t->num_lists;
    r.ns_per_row = (double)ns / (double)wanted;
    bench_replay_end(&running);
    free(misses);
    return r;
}

static void report(bench_output *out, const bench_trace *t, double factor, uint64_t rows,
                   const char *policy, const result *r, const result *best)
{
    const double m = t->mean_m, steps = t->kind.measured;

    bench_case(out);
    bench_text(out, "graph", t->kind.graph);
    bench_int(out, "nodes", t->num_rows);
    bench_int(out, "arcs", t->num_arcs);
    bench_text(out, "fanout", t->kind.fanout);
    bench_int(out, "batch", t->kind.batch);
    bench_int(out, "steps", t->kind.measured);
    bench_real(out, "m", m);
    bench_real(out, "capacity_factor", factor);
    bench_int(out, "capacity_rows", rows);
    bench_text(out, "policy", policy);
    bench_real(out, "window", r->window);
    bench_int(out, "accesses", (uint64_t)(m * steps + 0.5));
    bench_int(out, "misses", r->measured);
    bench_real(out, "misses_per_m", (double)r->measured / (m * steps));
    bench_real(out, "vs_optimum",
               best->measured ? (double)r->measured / (double)best->measured : 1.0);
    bench_real(out, "ns_per_row", r->ns_per_row);
    bench_case_end(out);
}

/* All policies at one capacity. */
static void run_capacity(bench_output *out, const bench_trace *t, const pr_store *store,
                         double factor)
{
    uint64_t  rows   = (uint64_t)(factor * t->mean_m + 0.5);
    uint64_t *misses = bench_new(t->num_lists, sizeof *misses);

    if (rows > t->num_rows) rows = t->num_rows;
    if (rows < t->max_m) rows = t->max_m; /* a list much longer than the mean must fit */
    bench_belady(t, (uint32_t)rows, misses);
    result best     = measured_of(t, misses);
    best.ns_per_row = best.window = (double)NAN; /* it was not timed */
    report(out, t, factor, rows, "optimum", &best, &best);
    for (int i = 0; i < NUM_CONTENDERS; i++) {
        const result r = replay(t, store, rows, &contenders[i]);
        BENCH_CHECK(r.total >= best.total,
                    "%s missed %llu rows of %s at %llu slots, the optimum %llu: one is wrong",
                    contenders[i].name, (unsigned long long)r.total, t->kind.graph,
                    (unsigned long long)rows, (unsigned long long)best.total);
        BENCH_CHECK(t->num_lists > PR_MAX_WINDOW + 1 || contenders[i].lookahead != PR_MAX_WINDOW ||
                        r.total == best.total,
                    "looking ahead over the whole trace missed %llu rows, the optimum %llu",
                    (unsigned long long)r.total, (unsigned long long)best.total);
        report(out, t, factor, rows, contenders[i].name, &r, &best);
    }
    free(misses);
}

static void run_trace(bench_output *out, const bench_trace_kind *kind, const char *dir)
{
    static const double factors[] = { 1.5, 2, 4 };
    bench_trace        *t         = bench_trace_new(kind, dir);
    pr_store           *store;

    if (!t) {
        bench_output_note(out, "%s is left out: it cannot be made here (see above)", kind->graph);
        return;
    }
    float            *rows     = bench_new(t->num_rows, sizeof *rows);
    const pr_features features = { .num_rows = t->num_rows, .num_cols = 1, .rows = rows, .ld = 1 };
    BENCH_TRY(pr_store_memory(&features, &store));
    bench_output_table(out, kind->graph,
                       "policy capacity_factor capacity_rows m misses_per_m vs_optimum window "
                       "ns_per_row");
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        run_capacity(out, t, store, factors[i]);
    pr_store_free(store);
    free(rows);
    bench_trace_free(t);
}

int main(int argc, char **argv)
{
    static const bench_trace_kind *const kinds[] = { &bench_trace_planted, &bench_trace_rmat,
                                                     &bench_trace_wordnet };
    static bench_options                 o;
    const pr_option_group                group = { &table, &o };

    bench_read_options("bench_policies", &group, argc, argv);
    bench_output *out = bench_output_new("policies", o.json, o.quick, o.csv, argc, argv);
    if (o.quick) run_trace(out, &bench_trace_small, o.dir);
    for (int i = 0; i < 3 && !o.quick; i++)
        if (o.graph == 0 || o.graph == i + 1) run_trace(out, kinds[i], o.dir);
    bench_output_free(out);
    if (o.quick) printf("bench_policies: no policy beats the optimum, full look-ahead equals it\n");
    return 0;
}
