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
    LEAST_COLS     = 16,      /* of the pool: Z_p and S_p of the narrowest panels */
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

static uint64_t pool_bytes(const pri_exact_demand *d, uint64_t cols)
{
    return product(product(cols, d->features->num_rows), sizeof(float));
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
    if (l->source == PRI_X_FILE) return pri_line_floats(l->in);
    return l->source == PRI_X_SPILL ? pri_line_floats(l->in) + pri_line_floats(l->x_panel) : 0;
}

/* Give the floats of scratch that a row takes while it is made. */
static size_t scratch_of_way(const pri_exact_layer *l)
{
    switch (l->way) {
    case PRI_WAY_AGGREGATE:
        return pri_line_floats(2 * l->in) + (l->target == PRI_Y_POOL ? 0 : pri_line_floats(l->out));
    case PRI_WAY_TRANSFORM: return l->scratch_x + pri_line_floats(l->out);
    case PRI_WAY_PANELS: return l->scratch_x;
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

    if (!pri_exact_reads_back(plan, layer)) return made;
    const size_t read = pri_line_floats(l->out) + pri_line_floats(l->panel);
    return made > read ? made : read;
}

/* Give the floats of scratch that no layer takes more than, for a row of any plan. */
static size_t scratch_bound(const pri_exact_demand *d)
{
    size_t most = 1;

    for (uint32_t l = 0; l < end_layer(d) - first_layer(d); l++) {
        const bool   sparse = l == 0 && d->features->kind == PR_FEATURES_CSR;
        const size_t in     = sparse ? 0 : 2 * pri_line_floats(width(d, l));
        const size_t cols   = in + 2 * pri_line_floats(width(d, l + 1));
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
        l->num_rows        = rows_of_range(d, l->scratch, floats);
        if (l->num_rows * l->scratch > most) most = l->num_rows * l->scratch;
    }
    plan->scratch_bytes = most * sizeof(float);
    plan->bytes = sum(pool_bytes(d, plan->pool_cols), product(plan->scratch_bytes, d->num_parts));
}

static pri_exact_layer layer_of(const pri_exact_demand *d, uint32_t at)
{
    const uint32_t index = first_layer(d) + at;

    return (pri_exact_layer){ .index      = index,
                              .in         = width(d, at),
                              .out        = width(d, at + 1),
                              .relu       = pri_model_fuses(d->shape, index),
                              .target     = index + 1 < end_layer(d) ? PRI_Y_POOL : PRI_Y_SINK,
                              .panel      = width(d, at + 1),
                              .num_panels = 1 };
}

/* Plan with everything in memory. Two buffers are enough: aggregate first reads one and writes the
 * other; transform first puts Z into the other and writes Y over X, whose rows only their own
 * range still needs. Of streamed features S is there, where they would be. */
static void plan_in_memory(const pri_exact_demand *d, bool streamed, size_t floats,
                           pri_exact_plan *plan)
{
    size_t widest = 1;
    int    source = 0;

    *plan = (pri_exact_plan){ .num_layers = end_layer(d) - first_layer(d) };
    for (uint32_t l = 0; l < plan->num_layers; l++)
        if (width(d, l + 1) > widest) widest = width(d, l + 1);
    const size_t         ld        = pri_line_floats(widest);
    const pri_pool_place buffer[2] = { { 0, ld }, { ld, ld } };
    for (uint32_t i = 0; i < plan->num_layers; i++) {
        pri_exact_layer l  = layer_of(d, i);
        l.source           = i > 0 ? PRI_X_POOL : features_at(d, streamed);
        const bool narrows = l.source == PRI_X_SPARSE || l.out < l.in;
        l.way              = l.source == PRI_X_FILE ? PRI_WAY_PANELS
                             : narrows              ? PRI_WAY_TRANSFORM
                                                    : PRI_WAY_AGGREGATE;
        l.x = l.y = l.s = buffer[source];
        l.z             = buffer[!source];
        if (l.way == PRI_WAY_AGGREGATE) l.y = buffer[source = !source];
        plan->layer[i] = l;
    }
    plan->pool_cols = 2 * ld;
    plan->traffic   = streamed ? product(d->features->file->row_bytes, d->features->num_rows) : 0;
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
    uint32_t                num_layers;
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
    const size_t   out = width(s->demand, l + 1), in = width(s->demand, l);
    const bool     spills = p.target == PRI_Y_SPILL;
    const uint64_t reads = input_bytes(s, l, in_pool), writes = out * sizeof(float);
    const path    *then  = &s->best[l + 1][p.target == PRI_Y_POOL];
    const bool     dense = l > 0 || s->demand->features->kind == PR_FEATURES_DENSE;

    p.cols = out;
    switch (p.way) {
    case PRI_WAY_AGGREGATE:
        p.works = reads == 0 && dense;
        p.panel = out;
        p.bytes = spills ? writes : 0;
        p.cols  = in;
        break;
    case PRI_WAY_TRANSFORM: /* needs all of Z; with outputs in the pool one panel does the same */
        p.panel = panel_of(out, room);
        p.works = p.target == PRI_Y_SINK && p.panel >= out;
        p.bytes = 2 * reads;
        break;
    case PRI_WAY_PANELS:
        p.panel = panel_of(out, p.target == PRI_Y_POOL ? room : room / 2);
        p.works = p.target == PRI_Y_SINK ? p.panel >= out : p.panel > 0;
        if (p.works) p.bytes = (out + p.panel - 1) / p.panel * reads + (spills ? writes : 0);
        break;
    case PRI_WAY_PRODUCTS:
        p.panel = panel_of(out, room);
        p.works = p.target != PRI_Y_SINK && p.panel > 0;
        p.bytes = reads + 2 * writes + (spills ? 3 * writes : 0);
        break;
    }
    if (spills && l + 1 == s->num_layers) p.bytes += writes; /* read back */
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
    const bool                 last   = l + 1 == s->num_layers;
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
    const size_t x = l->source == PRI_X_POOL ? pri_line_floats(l->in) : 0;
    const size_t y = l->target == PRI_Y_POOL ? pri_line_floats(l->out) : 0;
    const size_t z = l->way == PRI_WAY_AGGREGATE ? 0 : l->panel;
    const size_t s = l->way == PRI_WAY_PANELS && l->target != PRI_Y_POOL ? l->panel : 0;

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

/* Plan with a pool of this many columns; LEAST_COLS and more always work. */
static bool plan_spilling(const pri_exact_demand *d, size_t cols, size_t floats,
                          pri_exact_plan *plan)
{
    search s = { .demand = d, .num_layers = end_layer(d) - first_layer(d), .cols = cols };

    *plan      = (pri_exact_plan){ .num_layers = s.num_layers };
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

    return sum(pool_bytes(d, LEAST_COLS),
               product(product(rows * sizeof(float), bound), d->num_parts));
}

uint64_t pri_exact_least(const pri_exact_demand *d)
{
    const uint64_t spilling = least_spilling(d), most = pri_exact_most(d);
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
    if (d->memory_bytes < least || d->memory_bytes == UINT64_MAX) return false;
    /* The least of both, and of what there is beyond it up to a quarter for longer ranges. */
    const uint64_t shortest = least - pool_bytes(d, LEAST_COLS);
    const uint64_t beyond   = d->memory_bytes - least;
    const size_t   floats   = scratch_floats(d, shortest + beyond / 4);
    const uint64_t scratch  = shortest > product(floats * sizeof(float), d->num_parts)
                                  ? shortest
                                  : product(floats * sizeof(float), d->num_parts);
    const uint64_t cols     = (d->memory_bytes - scratch) / (N * sizeof(float));
    return plan_spilling(d, cols, floats, out);
}
