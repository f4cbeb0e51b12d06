/* labor_oracle.c: see labor_oracle.h. */
#include "support/labor_oracle.h"

#include <math.h>

#include "pipeline/sampler/labor_drift.h"

pr_graph labor_graph(pr_vid plain, uint32_t plain_degree, const uint32_t *long_rows,
                     uint32_t num_long, uint64_t seed)
{
    test_rng     rng   = { .key = seed };
    const pr_vid n     = plain + num_long;
    uint64_t     arcs  = (uint64_t)plain * plain_degree;
    pr_eid       edges = 0;

    for (uint32_t i = 0; i < num_long; i++) arcs += long_rows[i];
    pr_eid *indptr  = calloc((size_t)n + 1, sizeof *indptr);
    pr_vid *indices = calloc(arcs + 1, sizeof *indices);
    assert_true(indptr && indices);
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t degree = v < plain ? v % (plain_degree + 1) : long_rows[v - plain];
        for (uint32_t i = 0; i < degree; i++, edges++)
            indices[edges] =
                i && test_below(&rng, 8) == 0 ? indices[edges - 1] : test_below(&rng, n);
        indptr[v + 1] = edges;
    }
    return (pr_graph){ n, edges, indptr, indices, NULL };
}

void labor_graph_free(pr_graph graph)
{
    free((void *)(uintptr_t)graph.indptr);
    free((void *)(uintptr_t)graph.indices);
}

pr_sampler_options labor_options(uint32_t kappa, int form, uint32_t bias, uint32_t window)
{
    pr_sampler_options options;

    pr_sampler_default(&options);
    options.kind        = PR_SAMPLER_LABOR;
    options.kappa       = kappa;
    options.kappa_form  = form;
    options.cache_bias  = bias;
    options.bias_window = window;
    return options;
}

static uint32_t finalise(uint32_t x)
{
    x ^= x >> 16;
    x *= UINT32_C(0x21f0aaad);
    x ^= x >> 15;
    x *= UINT32_C(0xd35a2d97);
    return x;
}

static uint64_t key_of_phase(uint64_t seed, pr_phase phase)
{
    return pri_mix64(pri_stream_key(seed, PRI_STREAM_SAMPLE) + UINT64_C(0x4c41424f52) +
                     (uint64_t)phase);
}

uint32_t labor_oracle_r(uint64_t seed, pr_phase phase, uint64_t step, uint32_t kappa, pr_vid t)
{
    const uint64_t key     = key_of_phase(seed, phase);
    const uint32_t a       = finalise(t ^ (uint32_t)key);
    const uint64_t phase_t = (uint64_t)a * kappa >> 32;
    const uint64_t epoch   = (step % kappa + phase_t) / kappa + step / kappa;
    return finalise(a ^ (uint32_t)pri_mix64(key + 1 + epoch));
}

/* What is compared, as a number: exact for integers below 2^53. */
static double key_of(const labor_oracle *o, pr_draw draw, pr_vid t)
{
    const pr_sampler_options *opt    = &o->options;
    const bool                biased = opt->cache_bias > 1 && draw.phase == PR_PHASE_TRAIN;
    /* The memory is empty for a step that is not behind the newest. */
    const bool recent = biased && draw.step + 1 > o->newest && o->used[t] &&
                        draw.step + 1 - o->used[t] <= opt->bias_window;

    if (opt->kappa_form == PR_KAPPA_STAGGERED) {
        const double r = labor_oracle_r(o->seed, draw.phase, draw.step, opt->kappa, t);
        return biased && !recent ? r * opt->cache_bias : r;
    }
    const uint64_t key = key_of_phase(o->seed, draw.phase);
    const uint32_t a   = finalise(t ^ (uint32_t)key);
    const uint64_t q   = draw.step / opt->kappa;
    const double   w   = (double)(draw.step % opt->kappa) / opt->kappa * 1.57079632679489661923;
    const double   z   = cos(w) * pri_drift_normal(finalise(a ^ (uint32_t)pri_mix64(key + 1 + q))) +
                     sin(w) * pri_drift_normal(finalise(a ^ (uint32_t)pri_mix64(key + 2 + q)));
    if (!biased) return z;
    return 0.5 * erfc(-z * 0.70710678118654752440) / (recent ? opt->cache_bias : 1);
}

void labor_oracle_open(labor_oracle *oracle, const pr_graph *graph, const char *fanout,
                       pr_sampler_options options, uint64_t seed)
{
    *oracle = (labor_oracle){ .graph = graph, .options = options, .seed = seed };
    assert_ok(pr_fanout_parse(fanout, 0, &oracle->fanout));
    oracle->used = calloc(graph->num_nodes, sizeof *oracle->used);
    assert_non_null(oracle->used);
}

void labor_oracle_close(labor_oracle *oracle)
{
    free(oracle->used);
}

pr_sampler *labor_sampler(const labor_oracle *oracle, uint32_t max_seeds, uint32_t threads, int isa)
{
    pr_sampler_options options = oracle->options;
    pr_sampler        *sampler;

    options.isa = isa;
    assert_ok(pr_sampler_create(oracle->graph, &oracle->fanout, &options, oracle->seed, max_seeds,
                                threads, &sampler));
    return sampler;
}

typedef struct arc {
    double   key;
    uint32_t at;
    pr_vid   t;
} arc;

static int by_key(const void *a, const void *b)
{
    const arc *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_place(const void *a, const void *b)
{
    const arc *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void check_row(const labor_oracle *o, pr_draw draw, uint32_t fanout, pr_vid v,
                      const pr_block *block, uint32_t d, const pr_vid *nodes)
{
    const uint32_t degree = (uint32_t)(o->graph->indptr[v + 1] - o->graph->indptr[v]);
    const uint32_t count  = degree < fanout ? degree : fanout;
    const pr_vid  *row    = o->graph->indices + o->graph->indptr[v];
    arc           *arcs   = calloc(degree + 1, sizeof *arcs);

    assert_non_null(arcs);
    for (uint32_t i = 0; i < degree; i++)
        arcs[i] = (arc){ count < degree ? key_of(o, draw, row[i]) : 0, i, row[i] };
    if (count < degree) {
        qsort(arcs, degree, sizeof *arcs, by_key);
        qsort(arcs, count, sizeof *arcs, by_place);
    }
    assert_int_equal(block->indptr[d + 1] - block->indptr[d], count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(nodes[block->indices[block->indptr[d] + i]], arcs[i].t);
    free(arcs);
}

void labor_oracle_check(labor_oracle *oracle, pr_draw draw, pr_vids seeds, const pr_batch *batch)
{
    const pr_vid *nodes = batch->nodes.at;

    assert_int_equal(batch->num_layers, oracle->fanout.num_layers);
    assert_int_equal(batch->block[0].num_dst, seeds.n);
    for (size_t i = 0; i < seeds.n; i++) assert_int_equal(nodes[i], seeds.at[i]);
    for (uint32_t h = 0; h < batch->num_layers; h++) {
        const pr_block *b = &batch->block[h];
        for (uint32_t d = 0; d < b->num_dst; d++)
            check_row(oracle, draw, oracle->fanout.hop[h], nodes[d], b, d, nodes);
    }
    if (draw.phase != PR_PHASE_TRAIN) return;
    if (draw.step + 1 <= oracle->newest)
        memset(oracle->used, 0, oracle->graph->num_nodes * sizeof *oracle->used);
    oracle->newest = draw.step + 1;
    for (size_t i = 0; i < batch->nodes.n; i++) oracle->used[nodes[i]] = draw.step + 1;
}

pr_vids labor_seeds(pr_vid *ids, pr_vid num_nodes, uint32_t n, uint64_t seed)
{
    pr_vid *all = calloc(num_nodes, sizeof *all), *mixed = calloc(num_nodes, sizeof *mixed);

    assert_true(all && mixed && n <= num_nodes);
    for (pr_vid v = 0; v < num_nodes; v++) all[v] = v;
    pr_seed_order((pr_vids){ all, num_nodes }, seed, 0, mixed);
    memcpy(ids, mixed, n * sizeof *ids);
    free(all);
    free(mixed);
    return (pr_vids){ ids, n };
}
