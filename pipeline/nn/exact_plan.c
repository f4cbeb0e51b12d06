/* exact_plan.c: see exact_plan.h.
 *
 * With room for two buffers of all rows, the wider of all layers each, everything is in memory. A
 * layer is transformed or aggregated first, whichever carries fewer columns over the edges; the
 * products cost the same. Rows that are only in a file are read once: products of both halves of W
 * are made of each range as it comes (one panel).
 *
 * With less, what counts is what is read from files and written to them, and that means over
 * neighbours are linear in every column: Z is made and averaged in panels as wide as memory
 * allows. For a vertex, with `in` bytes of inputs to be read (none where they are in memory), `out`
 * bytes of outputs, and P panels:
 *
 *     aggregate    out                 inputs must be in memory
 *     panels       P in + out          Z_p and S_p in memory, the inputs streamed for each panel
 *     products     in + 2 out + 3 out  the inputs streamed once, Z written and read, S written and
 *                                      read and written again as Y
 *
 * where what is not written to a file costs nothing: outputs that stay in the pool for the next
 * layer, with S_p where Y_p will be. The last layer's outputs are handed out, a range of whole rows
 * at a time, and kept nowhere. That is free where a pass makes whole rows: aggregate; a single
 * panel; and transform (Z of all columns in memory, the inputs streamed twice: 2 in). Else they go
 * to a file and are read once more. So no layer costs more than in + 5 out, and the last not more
 * than in + 6 out, however little memory there is, and all of it from one end of a file to the
 * other. The cheapest way through all layers is searched for, with outputs in the pool or in a
 * file.
 *
 * Columns of the pool while a layer is done; outputs of even layers are at its beginning, of odd
 * ones at its end:
 *
 *     | X or Y (even) |  Z_p  |  S_p  | ... | Y or X (odd) | */
#include "pipeline/nn/exact_plan.h"

#include "pipeline/nn/model.h"

enum {
    MIN_ROWS       = 256, /* of a range */
    MAX_ROWS       = 16384,
    SCRATCH_FLOATS = 8 << 20, /* of a part; more is of no use */
    PANEL_UNIT     = 8        /* columns */
};

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t c;

    return __builtin_mul_overflow(a, b, &c) ? UINT64_MAX : c;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t first_layer(const pri_exact_demand *d)
{
    return d->span.first;
}

static uint32_t end_layer(const pri_exact_demand *d)
{
    return d->span.end ? d->span.end : d->shape->num_layers;
}

/* Give the columns that layer `at` of the span reads; of the next: that it makes. */
static size_t width(const pri_exact_demand *d, uint32_t at)
{
    return d->shape->width[first_layer(d) + at];
}

static uint32_t num_layers(const pri_exact_demand *d)
{
    return end_layer(d) - first_layer(d);
}

static pri_exact_kind kind(const pri_exact_demand *d, uint32_t at)
{
    return pri_exact_kind_of(d->shape, first_layer(d) + at);
}

/* Give the floats that every vertex has through all layers: its degree, as it counts in the sums of
 * gcn, or scores of both ends of an arc. */
static size_t fixed_cols(const pri_exact_demand *d)
{
    size_t most = d->shape->options.kind == PR_MODEL_GCN;

    for (uint32_t l = 0; l < num_layers(d); l++)
        if (2 * kind(d, l).attention > most) most = 2 * kind(d, l).attention;
    return most;
}

static uint64_t vector_floats(const pri_exact_demand *d)
{
    uint64_t all = 0;

    for (uint32_t l = 0; l < num_layers(d); l++)
        all = sum(all, product(2 * kind(d, l).attention, width(d, l)));
    return all;
}

/* Give the least columns of the pool: Z_p, and S_p where there is one, of the narrowest panels. */
static size_t least_cols(const pri_exact_demand *d)
{
    size_t most = 0;

    for (uint32_t l = 0; l < num_layers(d); l++) {
        const pri_exact_kind k    = kind(d, l);
        const size_t         cols = PANEL_UNIT * (k.own ? 2 : k.heads);
        if (cols > most) most = cols;
    }
    return most;
}

/* Give what so many columns for every vertex take, with what there is besides. */
static uint64_t pool_bytes(const pri_exact_demand *d, uint64_t cols)
{
    const uint64_t all = product(cols + fixed_cols(d), d->features->num_rows);

    return product(sum(all, vector_floats(d)), sizeof(float));
}

/* Give the most vertices of a part. */
static size_t part_rows(const pri_exact_demand *d)
{
    const size_t N = d->features->num_rows;

    return N / d->num_parts + (N % d->num_parts > 0);
}

/* Give the rows of a range whose rows take `cols` floats of scratch. */
static uint32_t rows_of_range(const pri_exact_demand *d, size_t cols, size_t scratch_floats)
{
    const size_t rows    = scratch_floats / (cols ? cols : 1);
    const size_t limited = rows < MIN_ROWS ? MIN_ROWS : rows > MAX_ROWS ? MAX_ROWS : rows;
    const size_t most    = part_rows(d);

    return (uint32_t)(limited < most ? limited : most);
}

/* Tell whether features can only be read range by range: memory does not have them, or nobody has
 * looked at their values, which is done on that way. */
static bool must_stream(const pr_features *f)
{
    return f->kind == PR_FEATURES_DENSE && f->file && (!f->rows || !f->file->checked);
}

/* Tell whether they are: where memory has them only as pages of a file, these count too, if they
 * are touched. */
static bool streams(const pri_exact_demand *d, uint64_t rest_bytes)
{
    const pr_features *f = d->features;

    if (f->kind != PR_FEATURES_DENSE || !f->file) return false;
    return must_stream(f) || sum(rest_bytes, f->file->file_bytes) > d->memory_bytes;
}

static pri_exact_source features_at(const pri_exact_demand *d, bool streamed)
{
    if (d->features->kind == PR_FEATURES_CSR) return PRI_X_SPARSE;
    return streamed ? PRI_X_FILE : PRI_X_ROWS;
}

/* Give the floats of scratch that a row of streamed inputs takes. */
static size_t scratch_of_inputs(const pri_exact_layer *l)
{
    if (pri_exact_loads(l)) return 0;
    if (l->source == PRI_X_FILE) return pri_line_floats(l->in);
    return l->source == PRI_X_SPILL ? pri_line_floats(l->in) + pri_line_floats(l->x_panel) : 0;
}

/* Give the floats of scratch that the end of a layer puts a product in. */
static size_t end_floats(pri_exact_kind k, size_t out)
{
    return k.second || k.matrix ? pri_line_floats(out) : 0;
}

/* Give the floats of scratch that a row takes while it is made. */
static size_t scratch_of_way(const pri_exact_layer *l)
{
    size_t cols = 0;

    switch (l->way) {
    case PRI_WAY_AGGREGATE:
        if (l->source == PRI_X_SPARSE) cols += pri_line_floats(l->in); /* counts of non-zeros */
        cols += pri_line_floats(l->kind.own ? 2 * l->in : l->in);
        return cols + (l->target == PRI_Y_POOL ? 0 : pri_line_floats(l->out));
    case PRI_WAY_TRANSFORM: return l->scratch_x + pri_line_floats(l->out);
    case PRI_WAY_PANELS:
        return l->scratch_x +
               (l->kind.own || l->target == PRI_Y_POOL ? 0 : pri_line_floats(l->panel));
    case PRI_WAY_PRODUCTS:
        return l->scratch_x + pri_line_floats(l->out) + pri_line_floats(l->panel);
    }
    return 0;
}

/* Give the floats of scratch that a row takes, with what it is put together in at the end. */
static size_t scratch_of(const pri_exact_plan *plan, uint32_t layer)
{
    const pri_exact_layer *l    = &plan->layer[layer];
    const size_t           made = scratch_of_way(l);

    if (!pri_exact_reads_back(plan, layer) && !pri_exact_ends_apart(plan, layer))
        return made + end_floats(l->kind, l->out);
    const size_t rows = pri_line_floats(l->out) + pri_line_floats(l->panel);
    const size_t read = l->scratch_x + (l->target == PRI_Y_POOL ? 0 : rows);
    return (made > read ? made : read) + end_floats(l->kind, l->out);
}

/* Give the floats of scratch that no layer takes more than, for a row of any plan. */
static size_t scratch_bound(const pri_exact_demand *d)
{
    size_t most = 1;

    for (uint32_t l = 0; l < end_layer(d) - first_layer(d); l++) {
        const bool   sparse = l == 0 && d->features->kind == PR_FEATURES_CSR;
        const size_t in     = sparse ? 0 : 2 * pri_line_floats(width(d, l));
        const size_t cols =
            in + 2 * pri_line_floats(width(d, l + 1)) + end_floats(kind(d, l), width(d, l + 1));
        if (cols > most) most = cols;
    }
    return most;
}

/* Cut scratch of `floats` a part into ranges, and count what it all takes. */
static void count_memory(const pri_exact_demand *d, size_t floats, pri_exact_plan *plan)
{
    size_t most = 1;

    for (uint32_t i = 0; i < plan->num_layers; i++) {
        pri_exact_layer *l = &plan->layer[i];
        l->scratch_x       = scratch_of_inputs(l);
        l->scratch         = scratch_of(plan, i);
        l->scratch_end     = l->scratch - end_floats(l->kind, l->out);
        l->num_rows        = rows_of_range(d, l->scratch, floats);
        if (l->num_rows * l->scratch > most) most = l->num_rows * l->scratch;
    }
    plan->fixed_cols    = fixed_cols(d);
    plan->vector_floats = (size_t)vector_floats(d);
    plan->scratch_bytes = most * sizeof(float);
    plan->bytes = sum(pool_bytes(d, plan->pool_cols), product(plan->scratch_bytes, d->num_parts));
}

static pri_exact_layer layer_of(const pri_exact_demand *d, uint32_t at)
{
    const uint32_t index = first_layer(d) + at;

    return (pri_exact_layer){ .kind       = pri_exact_kind_of(d->shape, index),
                              .index      = index,
                              .in         = width(d, at),
                              .out        = width(d, at + 1),
                              .relu       = pri_model_fuses(d->shape, index),
                              .target     = index + 1 < end_layer(d) ? PRI_Y_POOL : PRI_Y_SINK,
                              .panel      = width(d, at + 1),
                              .num_panels = 1 };
}

/* Give the way of a layer with everything in memory. */
static pri_exact_way way_in_memory(const pri_exact_layer *l)
{
    if (l->kind.largest) return PRI_WAY_AGGREGATE;
    if (l->kind.attention) return PRI_WAY_TRANSFORM;
    if (l->source == PRI_X_FILE) return l->kind.own ? PRI_WAY_PANELS : PRI_WAY_TRANSFORM;
    return l->source == PRI_X_SPARSE || l->out < l->in ? PRI_WAY_TRANSFORM : PRI_WAY_AGGREGATE;
}

static uint64_t input_file_bytes(const pri_exact_demand *d)
{
    return product(d->features->file->row_bytes, d->features->num_rows);
}

/* Plan with everything in memory. Two buffers are enough: aggregate first reads one and writes the
 * other; transform first puts Z into the other and writes Y over X, whose rows only their own
 * range still needs. Of streamed features S is there, where they would be. */
static void plan_in_memory(const pri_exact_demand *d, bool streamed, size_t floats,
                           pri_exact_plan *plan)
{
    size_t widest = 1;
    int    source = 0;

    *plan = (pri_exact_plan){ .num_layers = num_layers(d) };
    for (uint32_t l = 0; l < plan->num_layers; l++)
        if (width(d, l + 1) * kind(d, l).heads > widest)
            widest = width(d, l + 1) * kind(d, l).heads;
    if (streamed && kind(d, 0).largest && width(d, 0) > widest) widest = width(d, 0);
    const size_t         ld        = pri_line_floats(widest);
    const pri_pool_place buffer[2] = { { 0, ld }, { ld, ld } };
    for (uint32_t i = 0; i < plan->num_layers; i++) {
        pri_exact_layer l = layer_of(d, i);
        l.source          = i > 0 ? PRI_X_POOL : features_at(d, streamed);
        l.way             = way_in_memory(&l);
        const bool again  = l.kind.residual && l.way != PRI_WAY_AGGREGATE;
        if (l.source == PRI_X_FILE) plan->traffic = product(input_file_bytes(d), again ? 2 : 1);
        l.x = l.y = l.s = buffer[source];
        l.z             = buffer[!source];
        if (l.way == PRI_WAY_AGGREGATE) l.y = buffer[source = !source];
        plan->layer[i] = l;
    }
    plan->pool_cols = 2 * ld;
    count_memory(d, floats, plan);
}

/* ---- with less ---- */

/* A way through a layer and those behind it. */
typedef struct path {
    bool             works;
    uint64_t         bytes; /* read and written for every vertex */
    uint64_t         cols;  /* carried over the edges: among equals, fewer */
    pri_exact_way    way;
    pri_exact_target target;
    size_t           panel;
} path;

/* The search: best[l][in_pool] once the inputs of layer l are in the pool, or not. */
typedef struct search {
    const pri_exact_demand *demand;
    size_t                  cols; /* of the pool */
    bool                    streamed;
    path                    best[PR_MAX_LAYERS + 1][2];
} search;

/* Give the widest panel of `out` columns that `room` holds, all panels being about as wide. */
static size_t panel_of(size_t out, size_t room)
{
    const size_t most = room / PANEL_UNIT * PANEL_UNIT;

    if (most == 0) return 0;
    const size_t panels = (out + most - 1) / most, even = (out + panels - 1) / panels;
    const size_t wide = (even + PANEL_UNIT - 1) / PANEL_UNIT * PANEL_UNIT;
    return wide < most ? wide : most;
}

/* Give the bytes of a vertex's inputs in a file; 0 when they are in memory. */
static uint64_t input_bytes(const search *s, uint32_t l, bool in_pool)
{
    if (l > 0) return in_pool ? 0 : width(s->demand, l) * sizeof(float);
    return s->streamed ? s->demand->features->file->row_bytes : 0;
}

/* Weigh one way through layer l, in `room` columns for panels. */
static path weigh(const search *s, uint32_t l, bool in_pool, path p, size_t room)
{
    const size_t         out = width(s->demand, l + 1), in = width(s->demand, l);
    const bool           spills = p.target == PRI_Y_SPILL;
    const uint64_t       reads = input_bytes(s, l, in_pool), writes = out * sizeof(float);
    const path          *then  = &s->best[l + 1][p.target == PRI_Y_POOL];
    const pri_exact_kind k     = kind(s->demand, l);
    const uint64_t       again = k.residual ? reads : 0; /* the end of the layer wants them too */
    const bool           last  = l + 1 == num_layers(s->demand);
    const bool           dense = l > 0 || s->demand->features->kind == PR_FEATURES_DENSE;

    p.cols = out;
    switch (p.way) {
    case PRI_WAY_AGGREGATE:
        p.works = reads == 0 && dense && !k.attention;
        p.panel = out;
        p.bytes = spills ? writes : 0;
        p.cols  = in;
        break;
    case PRI_WAY_TRANSFORM: /* needs all of Z; with outputs in the pool one panel does the same */
        p.panel = panel_of(out, room / k.heads);
        p.works = p.target == PRI_Y_SINK && p.panel >= out;
        p.bytes = k.own ? 2 * reads : reads + again;
        break;
    case PRI_WAY_PANELS:
        p.panel = panel_of(out, k.own && p.target != PRI_Y_POOL ? room / 2 : room / k.heads);
        p.works = p.target == PRI_Y_SINK ? p.panel >= out : p.panel > 0;
        if (p.works) p.bytes = (out + p.panel - 1) / p.panel * reads + (spills ? writes : 0);
        break;
    case PRI_WAY_PRODUCTS:
        p.panel = panel_of(out, room);
        p.works = p.target != PRI_Y_SINK && p.panel > 0 && k.heads == 1;
        p.bytes = reads + 2 * writes + (spills ? (k.own ? 3 : 1) * writes : 0);
        break;
    }
    if (p.way == PRI_WAY_PANELS || p.way == PRI_WAY_PRODUCTS) {
        p.bytes += again;
        if (k.whole && spills && !last && p.panel < out) p.bytes += 2 * writes; /* apart */
    }
    if (spills && last) p.bytes += writes; /* read back */
    p.works = p.works && then->works;
    p.bytes += then->bytes;
    p.cols += then->cols;
    return p;
}

static bool better(const path *a, const path *b)
{
    if (!a->works || !b->works) return a->works;
    return a->bytes < b->bytes || (a->bytes == b->bytes && a->cols < b->cols);
}

/* Find the best way from layer l on. */
static path best_of(const search *s, uint32_t l, bool in_pool)
{
    static const pri_exact_way ways[] = { PRI_WAY_AGGREGATE, PRI_WAY_TRANSFORM, PRI_WAY_PANELS,
                                          PRI_WAY_PRODUCTS };
    const bool                 last   = l + 1 == num_layers(s->demand);
    const size_t               x      = in_pool ? pri_line_floats(width(s->demand, l)) : 0;
    path                       best   = { 0 };

    for (int target = last ? PRI_Y_SINK : PRI_Y_POOL; target <= PRI_Y_SPILL; target++) {
        const size_t y = target == PRI_Y_POOL ? pri_line_floats(width(s->demand, l + 1)) : 0;
        if ((last && target == PRI_Y_POOL) || x + y > s->cols) continue;
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            const path from = { .way = ways[w], .target = (pri_exact_target)target };
            const path p    = weigh(s, l, in_pool, from, s->cols - x - y);
            if (better(&p, &best)) best = p;
        }
    }
    return best;
}

/* Put what layer `at` has in the pool where nothing else is; gives the columns they take. */
static size_t place(pri_exact_layer *l, bool even)
{
    const size_t x     = l->source == PRI_X_POOL ? pri_line_floats(l->in) : 0;
    const size_t y     = l->target == PRI_Y_POOL ? pri_line_floats(l->out) : 0;
    const size_t z     = l->way == PRI_WAY_AGGREGATE ? 0 : l->panel * l->kind.heads;
    const bool   has_s = l->kind.own && l->way == PRI_WAY_PANELS && l->target != PRI_Y_POOL;
    const size_t s     = has_s ? l->panel : 0;

    l->x = (pri_pool_place){ 0, x };
    l->y = (pri_pool_place){ 0, y };
    l->z = (pri_pool_place){ even ? y : x, z };
    l->s = (pri_pool_place){ l->z.at + z, s };
    return x + y + z + s;
}

/* Follow the search from the first layer to the last. */
static void follow(const search *s, pri_exact_plan *plan)
{
    const pri_exact_demand *d = s->demand;
    const uint64_t          N = d->features->num_rows;

    for (uint32_t i = 0; i < plan->num_layers; i++) {
        const pri_exact_layer *before  = i > 0 ? &plan->layer[i - 1] : NULL;
        const bool             in_pool = before && before->target == PRI_Y_POOL;
        const path            *p       = &s->best[i][in_pool];
        pri_exact_layer        l       = layer_of(d, i);
        l.source     = !before ? features_at(d, s->streamed) : in_pool ? PRI_X_POOL : PRI_X_SPILL;
        l.way        = p->way;
        l.target     = p->target;
        l.panel      = p->panel;
        l.num_panels = (uint32_t)((l.out + l.panel - 1) / l.panel);
        l.x_panel    = before ? before->panel : 0;

        const uint64_t bytes = product(product(N, l.out), sizeof(float));
        uint64_t      *y = &plan->spill[i % 2], *z = &plan->spill[PRI_SPILL_Z];
        if (l.target == PRI_Y_SPILL && bytes > *y) *y = bytes;
        if (l.way == PRI_WAY_PRODUCTS && bytes > *z) *z = bytes;
        const size_t cols = place(&l, i % 2 == 0);
        if (cols > plan->pool_cols) plan->pool_cols = cols;
        plan->layer[i] = l;
    }
    for (uint32_t i = 0; i < plan->num_layers; i++) { /* those at the end */
        pri_exact_layer *l = &plan->layer[i];
        pri_pool_place  *p = i % 2 ? &l->y : &l->x;
        p->at              = plan->pool_cols - p->ld;
    }
    plan->traffic = product(s->best[0][0].bytes, N);
}

/* Plan with a pool of this many columns; least_cols and more always work. */
static bool plan_spilling(const pri_exact_demand *d, size_t cols, size_t floats,
                          pri_exact_plan *plan)
{
    search s = { .demand = d, .cols = cols };

    *plan      = (pri_exact_plan){ .num_layers = num_layers(d) };
    s.streamed = streams(d, d->memory_bytes); /* the pool takes all there is */
    s.best[plan->num_layers][0].works = true;
    for (uint32_t l = plan->num_layers; l-- > 0;)
        for (int in_pool = 0; in_pool < 2; in_pool++) s.best[l][in_pool] = best_of(&s, l, in_pool);
    if (!s.best[0][0].works) return false;
    follow(&s, plan);
    count_memory(d, floats, plan);
    return true;
}

/* ---- how much ---- */

/* Give what everything in memory takes with ranges as short as they may be, or as long. */
static uint64_t in_memory_bytes(const pri_exact_demand *d, size_t floats)
{
    pri_exact_plan plan;

    plan_in_memory(d, must_stream(d->features), floats, &plan);
    return plan.bytes;
}

uint64_t pri_exact_most(const pri_exact_demand *d)
{
    const pr_features *f      = d->features;
    const bool         mapped = f->kind == PR_FEATURES_DENSE && f->file && !must_stream(f);

    return sum(in_memory_bytes(d, SCRATCH_FLOATS), mapped ? f->file->file_bytes : 0);
}

/* Give the least with layers in files. */
static uint64_t least_spilling(const pri_exact_demand *d)
{
    const size_t bound = scratch_bound(d);
    const size_t rows  = rows_of_range(d, bound, 0);

    return sum(pool_bytes(d, least_cols(d)),
               product(product(rows * sizeof(float), bound), d->num_parts));
}

uint64_t pri_exact_least(const pri_exact_demand *d)
{
    const uint64_t most     = pri_exact_most(d);
    const uint64_t spilling = kind(d, 0).largest ? most : least_spilling(d);
    pri_exact_plan plan; /* a few columns, or a few rows, take less than a panel of 16 */

    plan_in_memory(d, d->features->file != NULL, 0, &plan);
    const uint64_t least = plan.bytes < spilling ? plan.bytes : spilling;
    return least < most ? least : most;
}

/* Give the floats of scratch a part may have, of this much memory for all of them. */
static size_t scratch_floats(const pri_exact_demand *d, uint64_t bytes)
{
    const uint64_t floats = bytes / d->num_parts / sizeof(float);

    return floats < SCRATCH_FLOATS ? (size_t)floats : SCRATCH_FLOATS;
}

bool pri_exact_plan_make(const pri_exact_demand *d, pri_exact_plan *out)
{
    const uint64_t N = d->features->num_rows;

    /* All of it, as long as the shortest ranges fit. */
    const bool streamed = streams(d, in_memory_bytes(d, SCRATCH_FLOATS));
    plan_in_memory(d, streamed, 0, out);
    if (out->bytes <= d->memory_bytes && out->bytes < UINT64_MAX) {
        const uint64_t beside = d->memory_bytes - pool_bytes(d, out->pool_cols);
        plan_in_memory(d, streamed, scratch_floats(d, beside), out);
        return true;
    }
    const uint64_t least = least_spilling(d);
    if (kind(d, 0).largest || d->memory_bytes < least || d->memory_bytes == UINT64_MAX)
        return false;
    /* The least of both, and of what there is beyond it up to a quarter for longer ranges. */
    const uint64_t shortest = least - pool_bytes(d, least_cols(d));
    const uint64_t beyond   = d->memory_bytes - least;
    const size_t   floats   = scratch_floats(d, shortest + beyond / 4);
    const uint64_t scratch  = shortest > product(floats * sizeof(float), d->num_parts)
                                  ? shortest
                                  : product(floats * sizeof(float), d->num_parts);
    const uint64_t cols     = (d->memory_bytes - scratch - pool_bytes(d, 0)) / (N * sizeof(float));
    return plan_spilling(d, cols, floats, out);
}
