/* infer.c: exact inference, one layer after the other over all vertices, in ranges of rows.
 *
 * exact_plan.c says which way each layer goes and where everything is; a pass is what may run on
 * all parts of the vertices at once. It reads what passes before it wrote, of any part, and writes
 * rows of its own. */
#include <inttypes.h>

#include "pipeline/nn/exact.h"

/* Give the passes that make a layer's outputs. */
static uint32_t passes_of_way(const pri_exact_layer *l)
{
    switch (l->way) {
    case PRI_WAY_AGGREGATE: return 1 + pri_exact_loads(l);
    case PRI_WAY_TRANSFORM: return 2;
    case PRI_WAY_PANELS: return 2 * l->num_panels;
    case PRI_WAY_PRODUCTS: return 1 + 2 * l->num_panels;
    }
    return 0;
}

/* Give the passes that a layer takes. */
static uint32_t passes_of(const pri_exact_plan *plan, uint32_t layer)
{
    return passes_of_way(&plan->layer[layer]) + pri_exact_ends_apart(plan, layer) +
           pri_exact_reads_back(plan, layer);
}

/* Plan within the memory there is. `limited` is false for what has always been all in memory. */
static pr_status plan(pri_exact *in, pri_exact_span span, uint64_t memory_bytes, bool limited)
{
    pr_status              st      = PR_OK;
    const uint64_t         machine = pri_machine_bytes(), N = in->graph->num_nodes;
    const pri_exact_demand demand = { &in->model->shape, in->features, in->num_parts, memory_bytes,
                                      span };
    const bool             works  = pri_exact_plan_make(&demand, &in->plan);

    PR_CHECK(works || !limited, PR_E_NOMEM,
             "exact inference of %u vertices may take %" PRIu64
             " bytes, the least that works is %" PRIu64,
             in->graph->num_nodes, memory_bytes, pri_exact_least(&demand));
    in->pool_bytes = works ? (in->plan.pool_cols + in->plan.fixed_cols) * N * sizeof(float) : 0;
    PR_CHECK(works && in->pool_bytes / 2 <= machine / 2, PR_E_NOMEM,
             "exact inference keeps two times %u vertices x %zu columns in memory, more than the "
             "%" PRIu64 " bytes there are",
             in->graph->num_nodes, in->plan.pool_cols / 2, machine);
    for (uint32_t l = 0; l < in->plan.num_layers; l++) in->num_passes += passes_of(&in->plan, l);
done:
    return st;
}

/* Open the temporary files of the plan; room for all of them is looked for first. */
static pr_status open_files(pri_exact *in, const char *wanted)
{
    pr_status   st        = PR_OK;
    const char *directory = pri_spill_directory(wanted);
    uint64_t    bytes     = 0;

    (void)pri_exact_memory(in, &bytes);
    for (int i = 0; i < PRI_NUM_SPILLS; i++)
        if (in->plan.spill[i] > 0) PR_TRY(pri_spill_open(directory, bytes, &in->spill[i]));
done:
    return st;
}

/* Fill what is the same through all passes: degrees, vectors of attention. */
static pr_status prepare(pri_exact *in)
{
    pr_status       st = PR_OK;
    const pr_graph *g  = in->graph;
    float          *to;

    in->fixed = pri_exact_in_pool(in, (pri_pool_place){ in->plan.pool_cols, 0 }).at;
    if (in->model->shape.options.kind == PR_MODEL_GCN)
        pri_coefficients_norm(g, (pr_vids){ NULL, g->num_nodes }, in->fixed);
    if (in->plan.vector_floats == 0) return PR_OK;
    PR_NEW(in->vectors, in->plan.vector_floats);
    to = in->vectors;
    for (uint32_t i = 0; i < in->plan.num_layers; i++) {
        const pri_exact_layer *l     = &in->plan.layer[i];
        const size_t           heads = l->kind.attention;
        const pri_layer_part   part  = pri_model_layer(in->model, in->model->parameters, l->index);
        pri_exact_vectors(&part, heads, l->out * l->kind.heads / heads, to);
        to += 2 * heads * l->in;
    }
done:
    return st;
}

static pr_status take_memory(pri_exact *in)
{
    pr_status    st      = PR_OK;
    const size_t scratch = in->plan.scratch_bytes / sizeof(float);

    if (in->pool_bytes == 0) in->pool_bytes = 1; /* rows and scratch may be all there is */
    in->pool = pri_pages_map(in->pool_bytes, 1);
    PR_CHECK(in->pool, PR_E_NOMEM, "cannot map %zu bytes for exact inference", in->pool_bytes);
    PR_TRY(prepare(in));
    for (uint32_t p = 0; p < in->num_parts; p++) {
        PR_NEW(in->part[p].scratch, scratch);
        PR_TRY(pri_engine_create(&in->part[p].engine));
    }
done:
    return st;
}

static pri_exact_span span_of(const pr_model_shape *shape, const pri_exact_span *span)
{
    return span ? *span : (pri_exact_span){ 0, shape->num_layers };
}

/* Create it; `limits` NULL: as much as it takes. */
static pr_status create(const pr_model *model, const pr_graph *graph, const pr_features *features,
                        pri_exact_output output, uint32_t num_parts, const pri_exact_limits *limits,
                        pri_exact_span span, pri_exact **out)
{
    pr_status      st    = PR_OK;
    pri_exact     *in    = NULL;
    const uint32_t reads = model->shape.width[span.first];

    *out = NULL;
    PR_ASSERT(num_parts > 0 && span.first < span.end && span.end <= model->shape.num_layers);
    PR_CHECK(features->num_rows == graph->num_nodes, PR_E_MISMATCH,
             "%u feature rows for a graph of %u vertices", features->num_rows, graph->num_nodes);
    PR_CHECK(features->num_cols == reads, PR_E_MISMATCH,
             "features have %u columns, the model reads %u", features->num_cols, reads);
    PR_NEW(in, 1);
    in->model    = model;
    in->graph    = graph;
    in->features = features;
    in->output   = output;
    for (int i = 0; i < PRI_NUM_SPILLS; i++) in->spill[i].fd = -1;
    if (graph->num_nodes > 0) {
        PR_NEW(in->part, num_parts);
        in->num_parts        = num_parts; /* those not made yet are zero, and freed as such */
        const uint64_t half  = pri_machine_bytes() / 2;
        const uint64_t given = limits ? limits->memory_bytes : UINT64_MAX;
        PR_TRY(plan(in, span, given ? given : half, limits != NULL));
        PR_TRY(open_files(in, limits ? limits->spill_dir : NULL));
        PR_TRY(take_memory(in));
    }
    *out = in;
    in   = NULL;
done:
    pri_exact_free(in);
    return st;
}

pr_status pri_exact_create(const pr_model *model, const pr_graph *graph,
                           const pr_features *features, float *logits, uint32_t num_parts,
                           pri_exact **out)
{
    const pri_exact_output output = { .logits = logits };

    return create(model, graph, features, output, num_parts, NULL, span_of(&model->shape, NULL),
                  out);
}

pr_status pri_exact_create_within(const pr_model *model, const pr_graph *graph,
                                  const pr_features *features, pri_exact_output output,
                                  uint32_t num_parts, const pri_exact_limits *limits,
                                  const pri_exact_span *span, pri_exact **out)
{
    return create(model, graph, features, output, num_parts, limits, span_of(&model->shape, span),
                  out);
}

void pri_exact_measure(const pr_model_shape *shape, const pr_features *features, uint32_t num_parts,
                       const pri_exact_span *span, uint64_t memory_bytes, uint64_t *most,
                       uint64_t *least, uint64_t *spill)
{
    const uint64_t   given  = memory_bytes ? memory_bytes : pri_machine_bytes() / 2;
    pri_exact_demand demand = { shape, features, num_parts, given, span_of(shape, span) };
    const uint64_t   lowest = pri_exact_least(&demand);
    pri_exact_plan   plan;

    if (most) *most = pri_exact_most(&demand);
    if (least) *least = lowest;
    if (!spill) return;
    *spill = 0;
    if (given < lowest) demand.memory_bytes = lowest;
    if (!pri_exact_plan_make(&demand, &plan)) return;
    for (int i = 0; i < PRI_NUM_SPILLS; i++) *spill += plan.spill[i];
}

void pri_exact_free(pri_exact *in)
{
    if (!in) return;
    for (uint32_t p = 0; p < in->num_parts; p++) {
        pri_engine_free(in->part[p].engine);
        pri_free(in->part[p].scratch);
    }
    pri_free(in->part);
    pri_free(in->vectors);
    pri_pages_unmap(in->pool, in->pool_bytes);
    for (int i = 0; i < PRI_NUM_SPILLS; i++) pri_spill_close(&in->spill[i]);
    pri_free(in);
}

uint32_t pri_exact_num_passes(const pri_exact *in)
{
    return in->num_passes;
}

pri_exact_io pri_exact_io_of(const pri_exact *in, uint32_t part)
{
    return part < in->num_parts ? in->part[part].io : (pri_exact_io){ 0 };
}

uint64_t pri_exact_memory(const pri_exact *in, uint64_t *spill_bytes)
{
    *spill_bytes = 0;
    for (int i = 0; i < PRI_NUM_SPILLS; i++) *spill_bytes += in->plan.spill[i];
    return in->plan.bytes;
}

uint64_t pri_exact_mapped(const pri_exact *in)
{
    const pr_features *f = in->features;

    if (in->num_parts == 0 || !f->file || in->plan.layer[0].source != PRI_X_ROWS) return 0;
    return (uint64_t)f->file->row_bytes * f->num_rows;
}

uint32_t pri_exact_rows(const pri_exact *in, uint32_t part, pr_vid *begin)
{
    const uint64_t N = in->graph->num_nodes, parts = in->num_parts;

    *begin = parts ? (pr_vid)(N * part / parts) : 0;
    return parts ? (uint32_t)(N * (part + 1) / parts) - *begin : 0;
}

/* Run pass `at` of a layer. */
static pr_status run(const pri_exact_work *w, uint32_t at)
{
    if (at == passes_of_way(w->layer))
        return pri_exact_ends_apart(&w->in->plan, w->index) ? pri_exact_pass_end(w)
                                                            : pri_exact_pass_read_back(w);
    switch (w->layer->way) {
    case PRI_WAY_AGGREGATE:
        if (at == 0 && pri_exact_loads(w->layer)) return pri_exact_pass_load_rows(w);
        return pri_exact_pass_y(w);
    case PRI_WAY_TRANSFORM: return at == 0 ? pri_exact_pass_z(w) : pri_exact_pass_y_of_z(w);
    case PRI_WAY_PANELS:
        return at % 2 == 0 ? pri_exact_pass_panel(w, at / 2) : pri_exact_pass_add(w, at / 2);
    case PRI_WAY_PRODUCTS:
        if (at == 0) return pri_exact_pass_products(w);
        return at % 2 ? pri_exact_pass_load(w, at / 2) : pri_exact_pass_add(w, at / 2 - 1);
    }
    return PR_OK;
}

pr_status pri_exact_pass(const pri_exact *in, uint32_t pass, uint32_t part,
                         const volatile int *stop, pri_nn_times *times)
{
    pr_status st    = PR_OK;
    uint32_t  layer = 0, at = pass;

    PR_ASSERT(pass < in->num_passes && part < in->num_parts);
    while (at >= passes_of(&in->plan, layer)) at -= passes_of(&in->plan, layer++);
    pri_exact_work w    = { .in      = in,
                            .layer   = &in->plan.layer[layer],
                            .index   = layer,
                            .part    = part,
                            .weights = pri_model_layer(in->model, in->model->parameters,
                                                       in->plan.layer[layer].index),
                            .own     = &in->part[part],
                            .stop    = stop,
                            .times   = times };
    const uint32_t rows = pri_exact_rows(in, part, &w.begin);
    w.end               = w.begin + rows;
    PR_TRY(run(&w, at));
    for (int i = 0; pass + 1 == in->num_passes && i < PRI_NUM_SPILLS; i++)
        if (in->spill[i].fd >= 0) PR_TRY(pri_spill_check(&in->spill[i]));
done:
    return st;
}

pr_status pri_nn_infer_exact(const pr_model *model, const pr_graph *graph,
                             const pr_features *features, float *logits, const volatile int *stop,
                             pri_nn_times *times)
{
    pr_status  st = PR_OK;
    pri_exact *in = NULL;

    PR_TRY(pri_exact_create(model, graph, features, logits, 1, &in));
    for (uint32_t pass = 0; pass < in->num_passes; pass++)
        PR_TRY(pri_exact_pass(in, pass, 0, stop, times));
done:
    pri_exact_free(in);
    return st;
}
