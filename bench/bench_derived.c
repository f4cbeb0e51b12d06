/* bench_derived.c: does a slab of derived rows beat both orders of the first layer on features?
 *
 * Batches of a server: distinct nodes by Zipf's law, drawn once, the same for all sides, which take
 * turns on each batch:
 *
 *   aggregate   features in the slab; the first layer adds up, then multiplies its destinations
 *   transform   features in the slab; all inputs are multiplied, then products are added up
 *   derived     products in the slab (pri_deriver); only those that miss are computed
 *
 * Each side has a cache of its own, and all slabs have the same bytes: so many rows of features as
 * a share of the graph's, or fewer rows of products. A share of 2 is for products alone: with as
 * many columns in as out all of them fit. Measured is CPU time of finding and bringing rows and of
 * the whole forward, one thread; drawing is left out, it is the same. Caches are warm: rows that
 * are asked for often were brought, and as many batches came before as are measured.
 *
 * First of all it is verified that the three sides give the same logits, to 1e-5 of the largest.
 * --quick does that on a small graph only. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/bench.h"
#include "bench/support/output.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

enum { AGGREGATE, TRANSFORM, DERIVED, NUM_SIDES };

static const char *const side_name[NUM_SIDES] = { "aggregate", "transform", "derived" };

typedef struct bench_options {
    bool     quick, json;
    char     csv[PR_TEXT_BYTES], data[PR_TEXT_BYTES], fanout[PR_TEXT_BYTES];
    uint32_t hidden, steps;
    double   zipf;
} bench_options;

#define AT(member) offsetof(bench_options, member)

static const pr_option options[] = {
    { "quick", "", "check on a small graph only", "false", PR_OPT_FLAG, AT(quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG, AT(json), 0, 0,
      NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, AT(csv), 0, 0, NULL },
    { "data", "dir", "the dataset, of dense rows; empty: a planted graph of 100,000 nodes", "",
      PR_OPT_TEXT, AT(data), 0, 0, NULL },
    { "fanout", "list", "neighbours drawn for each hop; a layer each", "10,10", PR_OPT_TEXT,
      AT(fanout), 0, 0, NULL },
    { "hidden", "columns", "width of hidden layers", "256", PR_OPT_U32, AT(hidden), 1, 4096, NULL },
    { "steps", "batches", "measured, of each size", "400", PR_OPT_U32, AT(steps), 10, 100000,
      NULL },
    { "zipf", "", "exponent of the nodes' frequencies", "1", PR_OPT_REAL, AT(zipf), 0, 4, NULL },
};
static const pr_option_table table = { "bench_derived", options, sizeof options / sizeof *options };

/* What all cases share. */
typedef struct bed {
    const bench_options *o;
    const pr_dataset    *data;
    pr_fanout            fanout;
    pr_store            *store, *derived;
    pr_model            *model;
    pri_deriver         *deriver;
    uint32_t             in, out;   /* columns of the first layer */
    double              *cumulated; /* [num_nodes] of Zipf's law */
    uint32_t            *node_of;   /* [num_nodes] by rank */
    uint64_t             random;
} bed;

/* One side of a case. */
typedef struct side {
    pr_cache     *cache;
    pri_tape     *tape;
    bench_samples times;
    uint64_t      misses;
} side;

/* Batches of one size, and what the transformed side works with. */
typedef struct bench_case_of {
    bed           *bed;
    uint32_t       num_seeds;
    double         share; /* of the graph's rows of features that a slab has room for */
    pr_sampler    *sampler;
    pr_batch_room *room;
    side           side[NUM_SIDES];
    pri_engine    *engine;
    pri_gemm      *self, *neighbours;
    float         *x, *z;  /* [inputs, ldx], [inputs, 2 out] */
    pr_slot       *itself; /* [inputs] 0, 1, ... */
    size_t         ldx;
    pr_vid        *seeds;
    bool          *chosen; /* [num_nodes] */
    uint64_t       num_dst, num_inputs, num_batches;
} bench_case_of;

/* ---- the three sides ---- */

/* Multiply all inputs with W, and destinations with Ws; what is left is as with derived rows. */
static pr_slab transform(bench_case_of *c, const pr_batch *batch, const pr_slab *slab)
{
    const bed           *b       = c->bed;
    const uint32_t       L       = batch->num_layers;
    const uint32_t       num_dst = batch->block[L - 1].num_dst;
    const pri_layer_part part    = pri_model_layer(b->model, b->model->parameters, 0);

    for (size_t i = 0; i < batch->nodes.n; i++)
        memcpy(c->x + i * c->ldx, slab->rows + slab->slot_of_input[i] * slab->ld,
               b->in * sizeof *c->x);
    BENCH_TRY(
        pri_gemm_run(c->self, num_dst, c->x, part.at[PRI_ROLE_SELF], part.at[PRI_ROLE_BIAS], c->z));
    BENCH_TRY(pri_gemm_run(c->neighbours, batch->nodes.n, c->x, part.at[PRI_ROLE_WEIGHT], NULL,
                           c->z + b->out));
    return (pr_slab){ .rows          = c->z,
                      .ld            = 2 * (size_t)b->out,
                      .num_cols      = 2 * b->out,
                      .num_inputs    = (uint32_t)batch->nodes.n,
                      .slot_of_input = c->itself,
                      .is_derived    = true };
}

static void answer(bench_case_of *c, int which, const pr_batch *batch, bool counts)
{
    side                *s     = &c->side[which];
    pri_nn_times         times = { 0 };
    const pr_cache_plan *plan;
    pr_slab              slab;

    const uint64_t begin = bench_cpu_ns();
    BENCH_TRY(pr_cache_prepare(s->cache, batch->nodes, &plan));
    BENCH_TRY(pr_cache_place(s->cache, &slab));
    if (which == TRANSFORM) slab = transform(c, batch, &slab);
    BENCH_TRY(pri_nn_forward(c->bed->model, s->tape, batch, &slab, false, 0, &times));
    pr_cache_release(s->cache);
    const uint64_t end = bench_cpu_ns();
    if (!counts) return;
    bench_samples_add(&s->times, (int64_t)(end - begin));
    s->misses += plan->rows_added + plan->rows_bypassed;
}

static void compare(const bench_case_of *c, const pr_batch *batch)
{
    size_t       ld[NUM_SIDES];
    const float *at[NUM_SIDES];
    float        largest = 0;

    for (int k = 0; k < NUM_SIDES; k++) at[k] = pri_nn_logits(c->side[k].tape, &ld[k]);
    const uint32_t classes = c->bed->data->num_classes;
    for (uint32_t i = 0; i < batch->num_seeds; i++)
        for (uint32_t k = 0; k < classes; k++)
            largest = fmaxf(largest, fabsf(at[AGGREGATE][i * ld[AGGREGATE] + k]));
    for (int s = TRANSFORM; s <= DERIVED; s++)
        for (uint32_t i = 0; i < batch->num_seeds; i++)
            for (uint32_t k = 0; k < classes; k++) {
                const float want = at[AGGREGATE][i * ld[AGGREGATE] + k];
                const float got  = at[s][i * ld[s] + k];
                BENCH_CHECK(fabsf(got - want) <= 1e-5f * largest,
                            "%s gives logit %u of seed %u as %g, aggregate as %g", side_name[s], k,
                            i, (double)got, (double)want);
            }
}

/* ---- batches ---- */

static pr_vids draw_seeds(bench_case_of *c)
{
    bed         *b = c->bed;
    const pr_vid n = b->data->graph.num_nodes;

    for (uint32_t i = 0; i < c->num_seeds;) {
        const double u   = (double)(bench_draw(&b->random) >> 11) * 0x1p-53 * b->cumulated[n - 1];
        uint32_t     low = 0, high = n - 1;
        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;
            if (b->cumulated[middle] > u)
                high = middle;
            else
                low = middle + 1;
        }
        const pr_vid v = b->node_of[low];
        if (c->chosen[v]) continue;
        c->chosen[v]  = true;
        c->seeds[i++] = v;
    }
    for (uint32_t i = 0; i < c->num_seeds; i++) c->chosen[c->seeds[i]] = false;
    return (pr_vids){ c->seeds, c->num_seeds };
}

static void run_batch(bench_case_of *c, uint64_t number, bool counts, bool compares)
{
    const pr_draw draw = { .phase = PR_PHASE_INFER };
    pr_batch      batch;

    BENCH_TRY(pr_sampler_draw(c->sampler, c->room, draw_seeds(c), draw, &batch));
    for (int k = 0; k < NUM_SIDES; k++)
        answer(c, (int)((number + (uint64_t)k) % NUM_SIDES), &batch, counts);
    if (compares) compare(c, &batch);
    if (!counts) return;
    c->num_batches++;
    c->num_dst += batch.block[batch.num_layers - 1].num_dst;
    c->num_inputs += batch.nodes.n;
}

/* ---- a case ---- */

static size_t line_of(size_t cols)
{
    return (cols + 15) / 16 * 16;
}

static void open_side(bench_case_of *c, int which)
{
    const bed       *b    = c->bed;
    const double     n    = b->data->graph.num_nodes;
    const double     rows = c->share * n;
    const double     wide = which == DERIVED ? (double)line_of(2 * b->out) : (double)line_of(b->in);
    const double     fit  = rows * (double)line_of(b->in) / wide;
    pr_cache_options o;
    const pr_option_group group = { &pr_cache_option_table, &o };
    uint32_t              max_dst[PR_MAX_LAYERS];
    uint64_t              max_edges[PR_MAX_LAYERS];
    const uint32_t        most = pr_sampler_max_inputs(c->sampler);

    pr_options_init(&group, 1);
    o.mode   = PR_CACHE_RESIDENT;
    o.policy = PR_POLICY_SIEVE;
    o.rows   = fit < 1 ? 1 : (uint64_t)(fit < n ? fit : n);
    for (uint32_t h = 0; h < b->fanout.num_layers; h++) {
        max_dst[h]   = pr_sampler_max_dst(c->sampler, h);
        max_edges[h] = pr_sampler_max_hop_edges(c->sampler, h);
    }
    BENCH_TRY(
        pr_cache_create(&o, which == DERIVED ? b->derived : b->store, most, &c->side[which].cache));
    BENCH_TRY(
        pri_tape_create(b->model, &b->data->graph, max_dst, max_edges, most, &c->side[which].tape));
    c->side[which].times = bench_samples_new(b->o->steps);
}

static void open_case(bench_case_of *c, bed *b, uint32_t num_seeds, double share)
{
    *c = (bench_case_of){ .bed = b, .num_seeds = num_seeds, .share = share };
    BENCH_TRY(pr_sampler_create(&b->data->graph, &b->fanout, NULL, 1, num_seeds, 1, &c->sampler));
    BENCH_TRY(pr_batch_room_create(c->sampler, &c->room));
    for (int k = 0; k < NUM_SIDES; k++) open_side(c, k);
    const size_t         most       = pr_sampler_max_inputs(c->sampler);
    const pri_gemm_shape neighbours = { .form = PRI_GEMM_AB,
                                        .k    = b->in,
                                        .n    = b->out,
                                        .lda  = line_of(b->in),
                                        .ldb  = b->out,
                                        .ldc  = 2 * (size_t)b->out };
    pri_gemm_shape       self       = neighbours;
    self.bias                       = true;
    c->ldx                          = line_of(b->in);
    BENCH_TRY(pri_engine_create(&c->engine));
    BENCH_TRY(pri_gemm_create(c->engine, &self, &c->self));
    BENCH_TRY(pri_gemm_create(c->engine, &neighbours, &c->neighbours));
    c->x      = bench_new(most * c->ldx, sizeof *c->x);
    c->z      = bench_new(most * 2 * b->out, sizeof *c->z);
    c->itself = bench_new(most, sizeof *c->itself);
    c->seeds  = bench_new(num_seeds, sizeof *c->seeds);
    c->chosen = bench_new(b->data->graph.num_nodes, sizeof *c->chosen);
    for (size_t i = 0; i < most; i++) c->itself[i] = (pr_slot)i;
}

static void close_case(bench_case_of *c)
{
    for (int k = 0; k < NUM_SIDES; k++) {
        pri_tape_free(c->side[k].tape);
        pr_cache_free(c->side[k].cache);
        bench_samples_free(&c->side[k].times);
    }
    pri_gemm_free(c->self);
    pri_gemm_free(c->neighbours);
    pri_engine_free(c->engine);
    pr_batch_room_free(c->room);
    pr_sampler_free(c->sampler);
    free(c->x);
    free(c->z);
    free(c->itself);
    free(c->seeds);
    free(c->chosen);
}

/* Bring rows that are asked for often, so that slabs are as full as they get. */
static void warm(bench_case_of *c)
{
    enum { PIECE = 64 };
    const bed   *b    = c->bed;
    const pr_vid n    = b->data->graph.num_nodes;
    const size_t most = pr_sampler_max_inputs(c->sampler);

    for (int k = 0; k < NUM_SIDES; k++)
        for (pr_vid at = 0; at < n;) {
            const uint64_t room =
                pr_cache_capacity_rows(c->side[k].cache) - pr_cache_resident_rows(c->side[k].cache);
            size_t               num = most < PIECE ? most : PIECE;
            const pr_cache_plan *plan;
            pr_slab              view;
            if (num > n - at) num = n - at;
            if (num > room) num = (size_t)room;
            if (num == 0) break;
            BENCH_TRY(pr_cache_prepare(c->side[k].cache, (pr_vids){ b->node_of + at, num }, &plan));
            BENCH_TRY(pr_cache_place(c->side[k].cache, &view));
            pr_cache_release(c->side[k].cache);
            at += (pr_vid)num;
        }
    for (uint32_t i = 0; i < b->o->steps; i++) run_batch(c, i, false, i < 4);
}

static void report(bench_output *out, const bench_case_of *c)
{
    const double  n = (double)c->num_batches;
    bench_figures figures[NUM_SIDES];

    bench_case(out);
    bench_int(out, "batch_nodes", c->num_seeds);
    bench_real(out, "slab_share", c->share);
    bench_int(out, "features_rows", pr_cache_capacity_rows(c->side[AGGREGATE].cache));
    bench_int(out, "derived_rows", pr_cache_capacity_rows(c->side[DERIVED].cache));
    bench_real(out, "inputs", (double)c->num_inputs / n);
    bench_real(out, "dst", (double)c->num_dst / n);
    bench_real(out, "features_misses", (double)c->side[AGGREGATE].misses / n);
    bench_real(out, "derived_misses", (double)c->side[DERIVED].misses / n);
    for (int k = 0; k < NUM_SIDES; k++) {
        figures[k] = bench_figures_of(&c->side[k].times, 10);
        bench_times(out, side_name[k], &figures[k]);
    }
    const double better = fmin(figures[AGGREGATE].median, figures[TRANSFORM].median);
    bench_real(out, "ratio", better / figures[DERIVED].median);
    bench_case_end(out);
}

static void run(bench_output *out, bed *b)
{
    static const uint32_t sizes[]  = { 1, 16, 64, 256 };
    static const double   shares[] = { 0.1, 0.5, 1.0, 2.0 };
    bench_case_of         c;

    bench_output_table(out, "CPU time of a served batch: rows and forward, one thread",
                       "batch_nodes:12 slab_share:11 inputs dst features_misses:16 "
                       "derived_misses:15 aggregate_ns:13 transform_ns:13 derived_ns:11 "
                       "derived_spread:15 ratio");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            open_case(&c, b, sizes[i], shares[k]);
            warm(&c);
            for (uint32_t at = 0; at < b->o->steps && !b->o->quick; at++)
                run_batch(&c, at, true, false);
            if (!b->o->quick) report(out, &c);
            close_case(&c);
        }
}

/* ---- what all cases share ---- */

static void make_graph(const bench_options *o, const char *dir)
{
    pr_gen_options        gen;
    pr_made               made;
    const pr_option_group group = { &pr_gen_option_table, &gen };

    pr_options_init(&group, 1);
    gen.nodes    = o->quick ? 2000 : 100000;
    gen.edges    = o->quick ? 12000 : 600000;
    gen.features = o->quick ? 40 : 256;
    gen.classes  = 45;
    (void)snprintf(gen.out, sizeof gen.out, "%s", dir);
    BENCH_TRY(pr_generate(&gen, NULL, &made));
}

static void open_bed(bed *b, const bench_options *o, const char *data)
{
    const pr_model_options model = {
        .kind = PR_MODEL_SAGE, .hidden = o->hidden, .heads = 1, .out_heads = 1
    };
    pr_dataset_options    dataset;
    const pr_option_group group = { &pr_dataset_option_table, &dataset };

    *b = (bed){ .o = o, .random = 5 };
    pr_options_init(&group, 1);
    (void)snprintf(dataset.data, sizeof dataset.data, "%s", data);
    BENCH_TRY(pr_dataset_open(&dataset, &b->data));
    const pr_features *x = &b->data->features;
    const pr_vid       n = b->data->graph.num_nodes;
    BENCH_CHECK(x->kind == PR_FEATURES_DENSE, "--data %s: its rows are sparse", data);
    BENCH_CHECK(n >= 512, "--data %s: %u nodes are too few", data, n);
    BENCH_TRY(pr_fanout_parse(o->fanout, 0, &b->fanout));
    BENCH_TRY(pr_store_memory(x, &b->store));
    BENCH_TRY(pr_model_create(&model, b->fanout.num_layers, x->num_cols, b->data->num_classes, 1,
                              &b->model));
    BENCH_TRY(pri_deriver_create(b->model, x, &b->deriver));
    b->in                       = x->num_cols;
    b->out                      = b->model->shape.width[1];
    const pr_derivation derived = { .derive   = pri_derive,
                                    .context  = b->deriver,
                                    .num_cols = 2 * b->out };
    BENCH_TRY(pr_store_derived(b->store, &derived, &b->derived));
    b->cumulated = bench_new(n, sizeof *b->cumulated);
    b->node_of   = bench_new(n, sizeof *b->node_of);
    bench_permutation(b->node_of, n, &b->random);
    for (pr_vid v = 0; v < n; v++)
        b->cumulated[v] = (v ? b->cumulated[v - 1] : 0) + pow(v + 1.0, -o->zipf);
}

static void close_bed(bed *b)
{
    free(b->cumulated);
    free(b->node_of);
    pr_store_free(b->derived);
    pri_deriver_free(b->deriver);
    pr_model_free(b->model);
    pr_store_free(b->store);
    pr_dataset_close(b->data);
}

int main(int argc, char **argv)
{
    static bench_options  o;
    const pr_option_group group  = { &table, &o };
    char                  base[] = "/tmp/packrat-bench-XXXXXX", graph[64], command[64];
    bed                   b;

    bench_read_options("bench_derived", &group, argc, argv);
    omp_set_num_threads(1);
    if (o.quick) {
        o.steps  = 10;
        o.hidden = 24;
    }
    bench_output *out  = bench_output_new("derived", o.json, o.quick, o.csv, argc, argv);
    const bool    made = o.quick || !o.data[0];
    if (made) {
        BENCH_CHECK(mkdtemp(base), "cannot make a directory in /tmp");
        (void)snprintf(graph, sizeof graph, "%s/graph", base);
        make_graph(&o, graph);
    }
    open_bed(&b, &o, made ? graph : o.data);
    run(out, &b);
    close_bed(&b);
    bench_output_free(out);
    if (made) {
        (void)snprintf(command, sizeof command, "rm -r %s", base);
        BENCH_CHECK(system(command) == 0, "cannot remove %s", base);
    }
    if (o.quick) printf("bench_derived: all sides give the same logits\n");
    return 0;
}
