/* bench_sampler.c: what does a sampled edge cost, by kind of sampling and instruction set, and
 * against the sampler one writes first?
 *
 * R-MAT graphs of packrat gen (0.57 / 0.19 / 0.19) of 2^20 nodes and 16 million arcs and of 2^22
 * and 64 million, their arrays on huge pages; fanout 15,10,5, batches of 1024 seeds, new ones for
 * every batch. All contenders draw each batch in turn in one process, the caches flushed before
 * every draw. Philox and relabelling are included, batch_hash is apart. ns_per_edge is thread CPU
 * time, with several threads wall clock; medians over all batches.
 *
 * Verified while it runs: every uniform batch is the plain sampler's, number for number; of the
 * other kinds the first batches are checked against the graph, and they are equal for every
 * instruction set and number of threads. --quick does that on a small graph. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "base/mem.h"
#include "bench/sampler/contest.h"
#include "bench/support/graph.h"
#include "bench/support/output.h"

typedef struct bench_options {
    bool     quick, json, no_flush;
    char     csv[PR_TEXT_BYTES], dir[PR_TEXT_BYTES], fanout[PR_TEXT_BYTES];
    uint32_t nodes_log2, batches, batch_size, threads;
    int      sampler, isa, pages;
} bench_options;

enum { ALL = 0, MAX_PLAYERS = 64, WARM = 5 };

static const pr_option options[] = {
    { "quick", "", "check on a small graph only", "false", PR_OPT_FLAG,
      offsetof(bench_options, quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG,
      offsetof(bench_options, json), 0, 0, NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, offsetof(bench_options, csv), 0,
      0, NULL },
    { "dir", "dir", "where graphs are kept; made when they are not there", "out/bench", PR_OPT_TEXT,
      offsetof(bench_options, dir), 0, 0, NULL },
    { "nodes-log2", "", "one graph of so many nodes, 16 arcs each; 0: one of 20 and one of 22", "0",
      PR_OPT_U32, offsetof(bench_options, nodes_log2), 0, 28, NULL },
    { "fanout", "list", "neighbours a hop", "15,10,5", PR_OPT_TEXT, offsetof(bench_options, fanout),
      0, 0, NULL },
    { "batch-size", "seeds", "seeds of a batch", "1024", PR_OPT_U32,
      offsetof(bench_options, batch_size), 1, 1 << 20, NULL },
    { "batches", "", "counted batches", "60", PR_OPT_U32, offsetof(bench_options, batches), 1,
      100000, NULL },
    { "threads", "", "threads of the cases with several; 1: none of them", "2", PR_OPT_U32,
      offsetof(bench_options, threads), 1, 1024, NULL },
    { "sampler", "", "one kind of sampling", "all", PR_OPT_CHOICE, offsetof(bench_options, sampler),
      0, 0, "all|uniform|replace|weighted|labor|walk" },
    { "isa", "", "one instruction set", "all", PR_OPT_CHOICE, offsetof(bench_options, isa), 0, 0,
      "all|portable|avx2|avx512" },
    { "pages", "", "what the graph's arrays are on", "huge", PR_OPT_CHOICE,
      offsetof(bench_options, pages), 0, 0, "huge|small" },
    { "no-flush", "", "leave the caches as the last contender left them", "false", PR_OPT_FLAG,
      offsetof(bench_options, no_flush), 0, 0, NULL },
};
static const pr_option_table table = { "bench_sampler", options, sizeof options / sizeof *options };

/* The kinds' cases; all run with every instruction set, and with the best on several threads. */
static const bench_contender cases[] = {
    { .name = "uniform", .kind = PR_SAMPLER_UNIFORM, .kappa = 1, .cache_bias = 1 },
    { .name = "replace", .kind = PR_SAMPLER_REPLACE, .kappa = 1, .cache_bias = 1 },
    { .name = "weighted", .kind = PR_SAMPLER_WEIGHTED, .kappa = 1, .cache_bias = 1 },
    { .name = "labor", .kind = PR_SAMPLER_LABOR, .kappa = 1, .cache_bias = 1 },
    { .name = "labor", .kind = PR_SAMPLER_LABOR, .kappa = 8, .cache_bias = 1 },
    { .name = "labor", .kind = PR_SAMPLER_LABOR, .kappa = 8, .cache_bias = 8 },
    { .name = "walk", .kind = PR_SAMPLER_WALK, .kappa = 1, .cache_bias = 1 },
};
enum { NUM_CASES = sizeof cases / sizeof *cases };

/* A copy of a graph on pages of one size. */
typedef struct copied_graph {
    pr_graph graph;
    size_t   bytes[3];
    void    *at[3];
} copied_graph;

static void *new_block(size_t bytes, bool huge)
{
    void *at = pri_pages_map(bytes, huge);
    BENCH_CHECK(at, "no memory for a block of %zu bytes", bytes);
    return at;
}

/* Copy, and give every arc a weight above 0 for the kinds that want one. */
static void copied_open(copied_graph *c, const pr_graph *g, bool huge)
{
    uint64_t state = 3;

    c->bytes[0] = ((size_t)g->num_nodes + 1) * sizeof *g->indptr;
    c->bytes[1] = (size_t)g->num_edges * sizeof *g->indices;
    c->bytes[2] = (size_t)g->num_edges * sizeof *g->weights;
    for (int i = 0; i < 3; i++) c->at[i] = new_block(c->bytes[i], huge);
    memcpy(c->at[0], g->indptr, c->bytes[0]);
    memcpy(c->at[1], g->indices, c->bytes[1]);
    float *weights = c->at[2];
    for (pr_eid e = 0; e < g->num_edges; e++)
        weights[e] = (float)((bench_draw(&state) >> 40) + 1) * 0x1p-24f;
    c->graph = (pr_graph){ g->num_nodes, g->num_edges, c->at[0], c->at[1], weights };
}

static void copied_close(copied_graph *c)
{
    for (int i = 0; i < 3; i++) pri_pages_unmap(c->at[i], c->bytes[i]);
}

/* ---- what came of it ---- */

static double per_edge(const bench_samples *s)
{
    return bench_figures_of(s, 1).median / 1000; /* picoseconds */
}

/* The figures of the single thread that others are measured by. */
typedef struct yardstick {
    double plain, uniform_batch; /* ns an edge; ns a batch of the best uniform */
} yardstick;

static void report(bench_output *out, const bench_contest_rules *rules, const bench_options *o,
                   const bench_player *p, const bench_player *alone, yardstick by)
{
    const bool           together = p->who.threads > 1;
    const bench_samples *samples  = together ? &p->wall : &p->cpu;
    const bench_figures  f = bench_figures_of(samples, 1), batch = bench_figures_of(&p->batch, 1);

    bench_case(out);
    bench_int(out, "nodes", rules->graph->num_nodes);
    bench_int(out, "edges", rules->graph->num_edges);
    bench_text(out, "fanout", o->fanout);
    bench_int(out, "batch_size", rules->batch_size);
    bench_int(out, "batches", rules->batches);
    bench_text(out, "regime", rules->flush ? "flushed" : "hot");
    bench_text(out, "pages", o->pages ? "small" : "huge");
    bench_int(out, "threads", p->who.threads);
    bench_text(out, "sampler", p->who.name);
    bench_int(out, "kappa", p->who.kappa);
    bench_int(out, "cache_bias", p->who.cache_bias);
    bench_text(out, "isa", p->who.plain ? "portable" : pri_isa_name(p->who.isa));
    bench_text(out, "clock", together ? "wall" : "cpu");
    bench_real(out, "ns_per_edge", f.median / 1000);
    bench_real(out, "min_ns_per_edge", f.min / 1000);
    bench_real(out, "spread", f.spread);
    bench_real(out, "wall_ns_per_edge", per_edge(&p->wall));
    bench_real(out, "plain_ns_per_edge", by.plain);
    bench_real(out, "speedup_vs_plain", by.plain / (f.median / 1000));
    bench_real(out, "hash_ns_per_edge", p->who.plain ? 0 : per_edge(&p->hash));
    bench_real(out, "ms_per_batch", batch.median / 1e6);
    bench_real(out, "of_uniform_batch", batch.median / by.uniform_batch);
    bench_int(out, "edges_per_batch", p->edges / rules->batches);
    bench_int(out, "inputs_per_batch", p->inputs / rules->batches);
    if (together) bench_real(out, "speedup_vs_1", per_edge(&alone->wall) / per_edge(&p->wall));
    bench_case_end(out);
}

static bool same_case(const bench_contender *a, const bench_contender *b)
{
    return a->kind == b->kind && a->plain == b->plain && a->kappa == b->kappa &&
           a->kappa_form == b->kappa_form && a->cache_bias == b->cache_bias;
}

/* The player of the same case with the same instruction set on one thread. */
static const bench_player *alone_of(const bench_player *players, size_t n, const bench_player *p)
{
    for (size_t i = 0; i < n; i++)
        if (same_case(&players[i].who, &p->who) && players[i].who.isa == p->who.isa &&
            players[i].who.threads == 1)
            return &players[i];
    return p;
}

static void check_digests(const bench_player *players, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 1; j < i; j++)
            BENCH_CHECK(!same_case(&players[i].who, &players[j].who) ||
                            players[i].digest == players[j].digest,
                        "%s: %s on %u threads and %s on %u draw different batches",
                        players[i].who.name, pri_isa_name(players[i].who.isa),
                        players[i].who.threads, pri_isa_name(players[j].who.isa),
                        players[j].who.threads);
}

/* ---- who takes part ---- */

static size_t enter(bench_player *players, const bench_contest_rules *rules, const bench_options *o)
{
    const int best = pri_isa_at_most(PR_ISA_AVX512);
    size_t    n    = 0;

    bench_contender who = {
        .name = "plain", .plain = true, .kappa = 1, .cache_bias = 1, .threads = 1
    };
    bench_player_open(&players[n++], rules, &who);
    for (int c = 0; c < NUM_CASES; c++) {
        /* the best uniform is what other kinds are measured by */
        if (o->sampler != ALL && cases[c].kind != o->sampler - 1 && cases[c].kind != 0) continue;
        for (int isa = best; isa >= 0; isa--) {
            who     = cases[c];
            who.isa = isa;
            if (o->isa != ALL && isa != o->isa - 1) continue;
            for (int together = 0; together < 2; together++) {
                who.threads = together ? o->threads : 1;
                if (together && (o->threads == 1 || isa != best)) continue;
                bench_player_open(&players[n++], rules, &who);
            }
        }
    }
    return n;
}

static void run(bench_output *out, const bench_options *o, const pr_graph *graph)
{
    static bench_player players[MAX_PLAYERS];
    copied_graph        copy;
    char                title[128];

    copied_open(&copy, graph, o->pages == 0);
    bench_contest_rules rules = { .graph      = &copy.graph,
                                  .batch_size = o->batch_size,
                                  .warm       = o->quick ? 1 : WARM,
                                  .batches    = o->batches,
                                  .flush      = !o->no_flush };
    BENCH_TRY(pr_fanout_parse(o->fanout, 0, &rules.fanout));
    const size_t n = enter(players, &rules, o);
    bench_contest(&rules, players, n);
    check_digests(players, n);

    yardstick by = { .plain = per_edge(&players[0].cpu), .uniform_batch = HUGE_VAL };
    for (size_t i = 1; i < n; i++)
        if (players[i].who.kind == PR_SAMPLER_UNIFORM && players[i].who.threads == 1) {
            const double batch = bench_figures_of(&players[i].batch, 1).median;
            if (batch < by.uniform_batch) by.uniform_batch = batch;
        }
    snprintf(title, sizeof title, "%u nodes, %llu arcs, %zu of their %zu MB on huge pages",
             graph->num_nodes, (unsigned long long)graph->num_edges,
             pri_pages_huge(rules.graph->indices, copy.bytes[1]) >> 20, copy.bytes[1] >> 20);
    bench_output_table(out, title,
                       "sampler kappa cache_bias isa threads ns_per_edge min_ns_per_edge spread "
                       "wall_ns_per_edge speedup_vs_plain hash_ns_per_edge ms_per_batch "
                       "of_uniform_batch edges_per_batch inputs_per_batch speedup_vs_1");
    for (size_t i = 0; i < n; i++)
        report(out, &rules, o, &players[i], alone_of(players, n, &players[i]), by);
    for (size_t i = 0; i < n; i++) bench_player_close(&players[i]);
    copied_close(&copy);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = { 20, 22 };
    static bench_options  o;
    const pr_option_group group = { &table, &o };
    char                  name[32];

    bench_read_options("bench_sampler", &group, argc, argv);
    if (o.quick) {
        o.no_flush   = true;
        o.batches    = 5;
        o.batch_size = 64;
    }
    bench_output *out = bench_output_new("sampler", o.json, o.quick, o.csv, argc, argv);
    for (int i = 0; i < 2; i++) {
        if (i > 0 && (o.quick || o.nodes_log2)) break;
        snprintf(name, sizeof name, "rmat-%u", o.nodes_log2 ? o.nodes_log2 : sizes[i]);
        bench_graph *g = bench_graph_new(o.quick ? "small" : name, o.dir);
        run(out, &o, &g->graph);
        bench_graph_free(g);
    }
    bench_output_free(out);
    if (o.quick) printf("bench_sampler: every batch is the plain sampler's, or is in the graph\n");
    return 0;
}
