/* bench_stickiness.c: how many rows does a step move, by the way its batches are drawn?
 *
 * Each setting (sampler, kappa, cache bias, seed order, echo) draws batches of the same seeds with
 * the real sampler: 72 of warm-up, as many as the longest kappa needs, 100 measured, 40 behind them
 * so that look-ahead and the optimum have a future. Each trace goes through a real cache of rows of
 * 4 bytes (what is moved does not depend on their size) at C = 2m and 4m, m once the setting's own
 * and once the uniform sampler's, under lru and under look-ahead.
 *
 * The unit is what gathering the uniform sampler's batches moves, so that a sampler which wants
 * fewer rows is credited for it: moved_per_uniform = rows moved / rows the uniform batches want.
 *
 * First of all it is verified that hit, added and bypassed rows of every step are the wanted ones,
 * and that no policy moves fewer rows than the optimum (Belady). --quick does that on a small graph
 * only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stickiness/settings.h"
#include "bench/stickiness/simulated.h"
#include "bench/stickiness/structure.h"
#include "bench/support/belady.h"
#include "bench/support/output.h"
#include "bench/support/replay.h"
#include "pipeline/order_open.h"

typedef struct bench_options {
    bool     quick, json;
    int      graph;
    uint32_t steps;
    char     csv[PR_TEXT_BYTES], dir[PR_TEXT_BYTES];
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
      "all|planted|rmat|wordnet|small" },
    { "steps", "steps", "measured steps", "100", PR_OPT_U32, offsetof(bench_options, steps), 1,
      10000, NULL },
};
static const pr_option_table table = { "bench_stickiness", options,
                                       sizeof options / sizeof *options };

enum { WARM = 72, ORDER_SEED = 1 }; /* steps: more than the largest kappa */

typedef struct contender {
    const char *name;
    int         policy;
    uint32_t    lookahead;
} contender;

static const contender contenders[] = {
    { "lru", PR_POLICY_LRU, 0 },
    { "lookahead auto", PR_POLICY_LOOKAHEAD, PR_WINDOW_AUTO },
    { "lookahead 8", PR_POLICY_LOOKAHEAD, 8 },
};
enum { NUM_CONTENDERS = sizeof contenders / sizeof *contenders };

/* What one trace is replayed for. */
typedef struct subject {
    bench_output        *out;
    const bench_trace   *trace;
    const bench_setting *setting;
    const pr_store      *store;
    double               uniform_m; /* mean length of the uniform sampler's lists */
} subject;

/* Rows moved in the measured steps, and in all. */
typedef struct result {
    uint64_t measured, total;
    double   window; /* mean of lists foreseen */
} result;

static bool is_measured(const bench_trace *t, uint32_t list)
{
    return list >= t->kind.warm && list < t->kind.warm + t->kind.measured;
}

static result replay(const subject *s, uint64_t rows, const contender *who)
{
    const bench_trace *t       = s->trace;
    bench_replaying    running = bench_replay_start(&(bench_replay){
           .trace     = t,
           .store     = s->store,
           .rows      = rows,
           .policy    = who->policy,
           .lookahead = who->lookahead,
    });
    result             r       = { 0 };
    pr_cache_plan      plan;

    for (uint32_t i = 0; i < t->num_lists; i++) {
        (void)bench_replay_step(&running, i, &plan);
        BENCH_CHECK(plan.rows_hit + plan.rows_added + plan.rows_bypassed == t->list[i].n,
                    "%s, %s: step %u wanted %zu rows, hit %llu, added %llu, bypassed %llu",
                    s->setting->name, who->name, i, t->list[i].n, (unsigned long long)plan.rows_hit,
                    (unsigned long long)plan.rows_added, (unsigned long long)plan.rows_bypassed);
        const uint64_t moved = plan.rows_added + plan.rows_bypassed;
        r.total += moved;
        if (is_measured(t, i)) r.measured += moved;
    }
    r.window = (double)running.window_sum / t->num_lists;
    bench_replay_end(&running);
    return r;
}

static void report(const subject *s, const char *of, double factor, uint64_t rows,
                   const char *policy, const result *r)
{
    const bench_trace *t     = s->trace;
    const double       moved = (double)r->measured / t->kind.measured;
    const double  before     = bench_simulated(t->kind.graph, s->setting->name, policy, of, factor);
    bench_output *out        = s->out;

    bench_case(out);
    bench_text(out, "graph", t->kind.graph);
    bench_int(out, "nodes", t->num_rows);
    bench_int(out, "arcs", t->num_arcs);
    bench_text(out, "fanout", t->kind.fanout);
    bench_int(out, "batch", t->kind.batch);
    bench_int(out, "warm_steps", t->kind.warm);
    bench_int(out, "steps", t->kind.measured);
    bench_text(out, "setting", s->setting->name);
    bench_text(out, "sampler", pr_sampler_kind_name(s->setting->sampler.kind));
    if (s->setting->sampler.kind == PR_SAMPLER_LABOR) {
        bench_int(out, "kappa", s->setting->sampler.kappa);
        bench_text(out, "kappa_form", s->setting->sampler.kappa_form ? "drift" : "staggered");
        bench_int(out, "cache_bias", s->setting->sampler.cache_bias);
    }
    bench_text(out, "order", s->setting->order.kind == PR_ORDER_RANDOM ? "random" : "community");
    bench_int(out, "echo", s->setting->order.echo);
    bench_int(out, "echo_pool", s->setting->order.pool);
    bench_real(out, "m", t->mean_m);
    bench_real(out, "uniform_m", s->uniform_m);
    bench_real(out, "m_per_uniform", t->mean_m / s->uniform_m);
    bench_real(out, "sample_ms", (double)t->sample_ns / t->num_lists * 1e-6);
    bench_text(out, "capacity_of", of);
    bench_real(out, "capacity_factor", factor);
    bench_int(out, "capacity_rows", rows);
    bench_text(out, "policy", policy);
    bench_real(out, "window", r->window);
    bench_real(out, "rows_moved", moved);
    bench_real(out, "moved_per_m", moved / t->mean_m);
    bench_real(out, "moved_per_uniform", moved / s->uniform_m);
    bench_real(out, "simulated", before);
    bench_real(out, "vs_simulated", moved / s->uniform_m / before);
    bench_case_end(out);
}

static result optimum_of(const bench_trace *t, uint32_t rows)
{
    uint64_t *misses = bench_new(t->num_lists, sizeof *misses);
    result    r      = { .window = (double)NAN };

    bench_belady(t, rows, misses);
    for (uint32_t i = 0; i < t->num_lists; i++) {
        r.total += misses[i];
        if (is_measured(t, i)) r.measured += misses[i];
    }
    free(misses);
    return r;
}

/* All policies at one capacity; `of` says whose m it is counted in. */
static void run_capacity(const subject *s, const char *of, double m, double factor)
{
    const bench_trace *t    = s->trace;
    uint64_t           rows = (uint64_t)(factor * m + 0.5);

    if (rows > t->num_rows) rows = t->num_rows;
    if (rows < t->max_m)
        rows = t->max_m; /* the longest list must fit: the optimum knows no bypass */
    const result best = optimum_of(t, (uint32_t)rows);
    for (int i = 0; i < NUM_CONTENDERS; i++) {
        const result r = replay(s, rows, &contenders[i]);
        BENCH_CHECK(r.total >= best.total,
                    "%s, %s moved %llu rows of %s at %llu slots, the optimum %llu: one is wrong",
                    s->setting->name, contenders[i].name, (unsigned long long)r.total,
                    t->kind.graph, (unsigned long long)rows, (unsigned long long)best.total);
        report(s, of, factor, rows, contenders[i].name, &r);
    }
    report(s, of, factor, rows, "optimum", &best);
}

/* Draw one setting's batches and replay them; the uniform sampler's come first and set the unit. */
static void run_setting(subject *s, const bench_graph *graph, bench_trace_kind kind,
                        const bench_setting *setting, const pri_order_source *order)
{
    static const double factors[] = { 2, 4 };

    kind.sampler         = &setting->sampler;
    kind.order           = order;
    bench_trace *const t = bench_trace_draw(graph, &kind);
    s->trace             = t;
    s->setting           = setting;
    const bool first     = s->uniform_m == 0; /* both m are one */
    if (first) s->uniform_m = t->mean_m;
    BENCH_CHECK(setting->sampler.kind != PR_SAMPLER_LABOR || t->mean_m <= 1.02 * s->uniform_m,
                "%s wants %.0f rows of %s a step, uniform %.0f: neighbours are not shared",
                setting->name, t->mean_m, t->kind.graph, s->uniform_m);
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        if (!first) run_capacity(s, "own", t->mean_m, factors[i]);
        run_capacity(s, "uniform", s->uniform_m, factors[i]);
    }
    bench_trace_free(t);
}

/* All settings; clusters are found once. */
static void run_settings(subject *s, const bench_graph *g, const bench_trace_kind *kind)
{
    static bench_setting settings[BENCH_NUM_SETTINGS];
    pri_order_source     community = { 0 };

    bench_settings_list(settings);
    for (int i = 0; i < BENCH_NUM_SETTINGS; i++) {
        const pr_order_options *how    = &settings[i].order;
        pri_order_source        other  = { 0 };
        pri_order_source *const source = how->kind == PR_ORDER_COMMUNITY ? &community : &other;
        if (!source->options)
            BENCH_TRY(pri_order_open(how, &g->graph, g->train, ORDER_SEED, 0, NULL, source));
        run_setting(s, g, *kind, &settings[i], source);
        pri_order_close(&other);
    }
    pri_order_close(&community);
}

static void run_graph(bench_output *out, bench_trace_kind kind, const bench_options *o)
{
    bench_graph *g = bench_graph_new(kind.graph, o->dir);
    subject      s = { .out = out };
    pr_store    *store;

    if (!g) {
        bench_output_note(out, "%s is left out: it cannot be made here (see above)", kind.graph);
        return;
    }
    kind.warm = WARM;
    if (!o->quick) kind.measured = o->steps;
    if (!strcmp(kind.graph, "planted")) bench_structure_report(out, &g->graph);
    float            *rows     = bench_new(g->graph.num_nodes, sizeof *rows);
    const pr_features features = {
        .num_rows = g->graph.num_nodes, .num_cols = 1, .rows = rows, .ld = 1
    };
    BENCH_TRY(pr_store_memory(&features, &store));
    s.store = store;
    bench_output_table(
        out, kind.graph,
        "setting:22 m_per_uniform policy:14 capacity_of capacity_factor capacity_rows "
        "moved_per_uniform simulated window sample_ms");
    run_settings(&s, g, &kind);
    pr_store_free(store);
    free(rows);
    bench_graph_free(g);
}

int main(int argc, char **argv)
{
    static const bench_trace_kind *const kinds[] = { &bench_trace_planted, &bench_trace_rmat,
                                                     &bench_trace_wordnet, &bench_trace_small };
    static bench_options                 o;
    const pr_option_group                group = { &table, &o };

    bench_read_options("bench_stickiness", &group, argc, argv);
    bench_output *out = bench_output_new("stickiness", o.json, o.quick, o.csv, argc, argv);
    for (int i = 0; i < 4; i++)
        if (o.quick ? i == 3 : o.graph ? o.graph == i + 1 : i < 3) run_graph(out, *kinds[i], &o);
    bench_output_free(out);
    if (o.quick)
        printf("bench_stickiness: every wanted row is hit or moved, nothing beats the optimum\n");
    return 0;
}
