/* bench_reads.c: how many rows come with one read of a disk, in which order of the nodes?
 *
 * A cache of rows reads what it misses. Lists of wanted rows come from the real sampler (labor with
 * kappa 8, fanout 10,10) on a community graph, on R-MAT and on WordNet, and go through a real cache
 * with look-ahead at C = 2m and 4m, 20 lists of warm-up and 40 measured. The rows that each
 * measured list misses are numbered as every order has them and merged into reads as the direct
 * store does (io.gap 4 KiB, reads of 64 KiB at most, blocks of 512 bytes), for rows of 512, 1024
 * and 2048 bytes.
 *
 * Order access is learned from a trace of 200 steps with another seed than the lists measured. The
 * ids of planted and R-MAT graphs say nothing, those of WordNet do: its original order is one.
 *
 * --quick does the same on a small graph and fails unless each order has every node once, and reads
 * are as many, and have as many bytes, as they can. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/support/output.h"
#include "bench/support/replay.h"
#include "cache/read_plan.h"
#include "cache/store.h"
#include "partition/node_order.h"
#include "partition/order_access.h"

enum { KAPPA = 8, HELD_OUT_SEED = 77, FIRST_BYTE = 4096, BLOCK = 512, FINGERPRINT = 1 };
enum { WARM = 20, MEASURED = 40, FUTURE = 40, LEARNED = 200 };

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
static const pr_option_table table = { "bench_reads", options, sizeof options / sizeof *options };

/* A store that remembers what it is asked to fetch: the misses. */
typedef struct heard_store {
    pr_store        head; /* first: the cache sees this store */
    const pr_store *inner;
    pr_vid         *ids; /* [room] */
    size_t          n, room;
} heard_store;

static pr_status heard_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                             size_t n, pr_fetch_cost *cost)
{
    heard_store *heard = (heard_store *)(uintptr_t)store;

    (void)fetcher;
    (void)cost;
    if (heard->n + n > heard->room) {
        heard->room = 2 * (heard->n + n);
        heard->ids  = realloc(heard->ids, heard->room * sizeof *heard->ids);
        BENCH_CHECK(heard->ids, "no memory for %zu misses", heard->room);
    }
    for (size_t i = 0; i < n; i++) heard->ids[heard->n++] = write[i].id;
    return PR_OK;
}

static void heard_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *inner = ((const heard_store *)store)->inner;
    inner->calls->place(inner, place, begin, end);
}

/* The rows that the measured lists miss, list behind list. */
typedef struct misses {
    double   factor;
    uint64_t capacity;
    pr_vid  *ids;
    size_t  *end; /* [num_lists + 1]; end[0] is 0 */
    uint32_t num_lists;
} misses;

static misses misses_of(const bench_trace *t, double factor)
{
    static const pri_store_calls calls = { .fetch = heard_fetch, .place = heard_place };
    float                       *rows  = bench_new(t->num_rows, sizeof *rows);
    const pr_features features = { .num_rows = t->num_rows, .num_cols = 1, .rows = rows, .ld = 1 };
    pr_store         *store;
    misses            m = { .factor = factor, .num_lists = t->kind.measured };
    pr_cache_plan     plan;

    BENCH_TRY(pr_store_memory(&features, &store));
    heard_store heard = { .head  = { .calls = &calls, .num_rows = t->num_rows, .num_cols = 1 },
                          .inner = store };
    m.capacity        = (uint64_t)(factor * t->mean_m + 0.5);
    if (m.capacity > t->num_rows) m.capacity = t->num_rows;
    if (m.capacity < t->max_m) m.capacity = t->max_m; /* a list longer than the mean must fit */
    m.end                   = bench_new(m.num_lists + 1, sizeof *m.end);
    bench_replaying running = bench_replay_start(&(bench_replay){ .trace     = t,
                                                                  .store     = &heard.head,
                                                                  .rows      = m.capacity,
                                                                  .policy    = PR_POLICY_LOOKAHEAD,
                                                                  .lookahead = PR_WINDOW_AUTO });
    for (uint32_t i = 0; i < t->kind.warm + m.num_lists; i++) {
        if (i == t->kind.warm) heard.n = 0;
        (void)bench_replay_step(&running, i, &plan);
        if (i >= t->kind.warm) m.end[i - t->kind.warm + 1] = heard.n;
    }
    bench_replay_end(&running);
    pr_store_free(store);
    free(rows);
    m.ids = heard.ids;
    return m;
}

/* Give the reads and bytes of all lists in an order. */
static pr_fetch_cost cost_of(const misses *m, const pr_vid *new_of_old, pr_vid num_nodes,
                             size_t row_bytes)
{
    pr_io_options   io;
    pr_option_group group = { &pr_io_option_table, &io };
    pr_fetch_cost   cost  = { 0 };
    size_t          most  = 1;

    pr_options_init(&group, 1);
    for (uint32_t i = 0; i < m->num_lists; i++)
        if (m->end[i + 1] - m->end[i] > most) most = m->end[i + 1] - m->end[i];
    pri_write            *rows   = bench_new(3 * most, sizeof *rows);
    const pr_row_file     file   = { .first_byte = FIRST_BYTE, .row_bytes = row_bytes };
    const pri_read_layout layout = pri_read_layout_of(&file, &io, BLOCK, most);
    for (uint32_t i = 0; i < m->num_lists; i++) {
        const size_t n = m->end[i + 1] - m->end[i];
        for (size_t j = 0; j < n; j++)
            rows[j] = (pri_write){ new_of_old[m->ids[m->end[i] + j]], (pr_slot)j };
        if (n > 0)
            pri_read_count(&layout, pri_read_sort(rows, n, num_nodes, rows + most, rows + 2 * most),
                           n, &cost);
    }
    free(rows);
    return cost;
}

/* Learn from a trace of other steps, written to a file and read back as reorder does. */
static void learn(const bench_graph *g, const bench_trace_kind *kind, pr_vid *old_of_new)
{
    char                name[] = "/tmp/packrat-bench-XXXXXX";
    const pr_dataset    own    = { .path = "here", .fingerprint = FINGERPRINT, .graph = g->graph };
    const pr_trace_info info   = { .fingerprint = FINGERPRINT, .num_nodes = g->graph.num_nodes };
    pr_trace_writer    *writer;
    pri_wants           wants;
    uint64_t            bytes;

    bench_trace_kind other = *kind;
    other.warm = other.future = 0;
    other.measured            = LEARNED;
    other.seed                = 0;
    bench_trace *t            = bench_trace_draw(g, &other);
    const int    fd           = mkstemp(name);
    BENCH_CHECK(fd >= 0, "%s cannot be made", name);
    (void)close(fd);
    BENCH_TRY(pr_trace_create(name, &info, t->max_m, &writer));
    for (uint32_t i = 0; i < t->num_lists; i++) {
        const pr_trace_step step = { .step = i, .wanted = t->list[i] };
        BENCH_TRY(pr_trace_add(writer, &step));
    }
    BENCH_TRY(pr_trace_finish(writer));
    bench_trace_free(t);
    BENCH_TRY(pri_wants_read(name, &own, NULL, &wants));
    (void)unlink(name);
    BENCH_TRY(pri_order_access(&g->graph, &wants, 0, NULL, old_of_new, &bytes));
    pri_wants_clear(&wants);
}

static const char *const orders[] = { "original", "degree", "community", "access" };
enum { NUM_ORDERS = sizeof orders / sizeof *orders };

static void find_order(const bench_graph *g, const bench_trace_kind *kind, int order,
                       pr_vid *old_of_new)
{
    const pr_cluster_options how = { .method = PR_CLUSTERS_PROPAGATION, .seed = 1 };
    pr_clusters             *clusters;
    uint64_t                 bytes;

    switch (order) {
    case 0:
        for (pr_vid v = 0; v < g->graph.num_nodes; v++) old_of_new[v] = v;
        break;
    case 1:
        BENCH_TRY(pri_node_order(&g->graph, PR_REORDER_DEGREE, NULL, 0, NULL, old_of_new, &bytes));
        break;
    case 2:
        BENCH_TRY(pr_clusters_find(&g->graph, &how, &clusters));
        BENCH_TRY(
            pri_node_order(&g->graph, PR_REORDER_COMMUNITY, clusters, 0, NULL, old_of_new, &bytes));
        pr_clusters_free(clusters);
        break;
    default: learn(g, kind, old_of_new);
    }
}

static void invert(const pr_vid *old_of_new, pr_vid num_nodes, pr_vid *new_of_old)
{
    memset(new_of_old, 0xff, num_nodes * sizeof *new_of_old);
    for (pr_vid i = 0; i < num_nodes; i++) {
        BENCH_CHECK(old_of_new[i] < num_nodes && new_of_old[old_of_new[i]] == UINT32_MAX,
                    "node %u is in an order twice, or beyond the graph", old_of_new[i]);
        new_of_old[old_of_new[i]] = i;
    }
}

static void report(bench_output *out, const bench_trace *t, const misses *m, const char *order,
                   size_t row_bytes, const pr_fetch_cost *cost)
{
    const double lists = m->num_lists, rows = (double)m->end[m->num_lists];

    BENCH_CHECK(cost->reads > 0 && cost->reads <= m->end[m->num_lists] &&
                    cost->bytes >= m->end[m->num_lists] * row_bytes,
                "%s: %llu reads of %llu bytes for %zu rows of %zu", order,
                (unsigned long long)cost->reads, (unsigned long long)cost->bytes,
                m->end[m->num_lists], row_bytes);
    bench_case(out);
    bench_text(out, "graph", t->kind.graph);
    bench_int(out, "nodes", t->num_rows);
    bench_text(out, "fanout", t->kind.fanout);
    bench_int(out, "batch", t->kind.batch);
    bench_int(out, "steps", m->num_lists);
    bench_real(out, "m", t->mean_m);
    bench_real(out, "factor", m->factor);
    bench_int(out, "capacity_rows", m->capacity);
    bench_int(out, "row_bytes", row_bytes);
    bench_text(out, "order", order);
    bench_real(out, "rows", rows / lists);
    bench_real(out, "reads", (double)cost->reads / lists);
    bench_real(out, "mbytes", (double)cost->bytes / lists * 1e-6);
    bench_real(out, "rows_a_read", rows / (double)cost->reads);
    bench_case_end(out);
}

static void run_graph(bench_output *out, const bench_trace_kind *like, const char *fanout,
                      uint32_t batch, const char *dir)
{
    static const double factors[] = { 2, 4 };
    pr_sampler_options  sampler;
    misses              missed[2];
    bench_trace_kind    kind = *like;

    pr_sampler_default(&sampler);
    sampler.kind   = PR_SAMPLER_LABOR;
    sampler.kappa  = KAPPA;
    kind.sampler   = &sampler;
    kind.seed      = HELD_OUT_SEED;
    kind.fanout    = fanout;
    kind.batch     = batch;
    kind.warm      = WARM;
    kind.measured  = MEASURED;
    kind.future    = FUTURE;
    bench_graph *g = bench_graph_new(kind.graph, dir);
    if (!g) {
        bench_output_note(out, "%s is left out: it cannot be made here (see above)", kind.graph);
        return;
    }
    bench_trace *t = bench_trace_draw(g, &kind);
    for (int f = 0; f < 2; f++) missed[f] = misses_of(t, factors[f]);
    pr_vid *old_of_new = bench_new(t->num_rows, sizeof *old_of_new);
    pr_vid *new_of_old = bench_new(t->num_rows, sizeof *new_of_old);
    bench_output_table(out, kind.graph,
                       "order:10 factor row_bytes m rows reads mbytes rows_a_read:11");
    for (int order = 0; order < NUM_ORDERS; order++) {
        find_order(g, &kind, order, old_of_new);
        invert(old_of_new, t->num_rows, new_of_old);
        for (int f = 0; f < 2; f++)
            for (size_t row_bytes = 512; row_bytes <= 2048; row_bytes *= 2) {
                const pr_fetch_cost cost = cost_of(&missed[f], new_of_old, t->num_rows, row_bytes);
                report(out, t, &missed[f], orders[order], row_bytes, &cost);
            }
    }
    for (int f = 0; f < 2; f++) {
        free(missed[f].ids);
        free(missed[f].end);
    }
    free(old_of_new);
    free(new_of_old);
    bench_trace_free(t);
    bench_graph_free(g);
}

int main(int argc, char **argv)
{
    static const bench_trace_kind *const kinds[] = { &bench_trace_planted, &bench_trace_rmat,
                                                     &bench_trace_wordnet };
    static bench_options                 o;
    const pr_option_group                group = { &table, &o };

    bench_read_options("bench_reads", &group, argc, argv);
    bench_output *out = bench_output_new("reads", o.json, o.quick, o.csv, argc, argv);
    if (o.quick) run_graph(out, &bench_trace_small, "5,5", 16, o.dir);
    for (int i = 0; i < 3 && !o.quick; i++)
        if (o.graph == 0 || o.graph == i + 1)
            run_graph(out, kinds[i], "10,10", kinds[i]->batch, o.dir);
    bench_output_free(out);
    if (o.quick) printf("bench_reads: every order has every node, reads are within their bounds\n");
    return 0;
}
