/* test_exact_plan.c: plans of exact inference keep to the memory they are given, whatever the
 * shape, and say what they write; numbers only, so graphs may be of any size. */
#include "pipeline/nn/exact_plan.h"
#include "pipeline/nn/nn.h"
#include "support/support.h"

typedef struct demand {
    pr_model_shape   shape;
    pr_features      features;
    pr_row_file      file;
    pri_exact_span   span;
    pri_exact_demand of;
} demand;

static const float somewhere;

static uint32_t any_width(test_rng *rng)
{
    return 1 + test_below(rng, 1u << test_below(rng, 11));
}

/* Any model; heads that columns cannot be cut into do not matter to a plan. */
static void draw_kind(demand *d, test_rng *rng)
{
    pr_model_options *o = &d->shape.options;

    o->kind       = (int)test_below(rng, 4);
    o->aggregator = test_below(rng, 4) ? PR_AGGREGATE_MEAN : PR_AGGREGATE_MAX;
    o->residual   = test_below(rng, 2);
    o->layer_norm = test_below(rng, 2);
    o->activation = test_below(rng, 2) ? PR_ACTIVATION_RELU : PR_ACTIVATION_ELU;
    o->heads      = 1 + test_below(rng, 8);
    o->out_heads  = 1 + test_below(rng, 4);
    if (test_below(rng, 4) == 0) {
        d->span.first = test_below(rng, d->shape.num_layers);
        d->span.end   = d->span.first + 1 + test_below(rng, d->shape.num_layers - d->span.first);
    }
}

/* Draw a model, a graph and where its rows are. */
static void draw(demand *d, test_rng *rng, bool any_kind)
{
    const pr_vid n = 1 + test_below(rng, 1u << (4 + test_below(rng, 28)));

    *d                  = (demand){ 0 };
    d->shape.num_layers = 1 + test_below(rng, 5);
    for (uint32_t l = 0; l <= d->shape.num_layers; l++) d->shape.width[l] = any_width(rng);
    if (any_kind) draw_kind(d, rng);
    const uint32_t cols = d->shape.width[d->span.first];
    d->features         = (pr_features){ .num_rows = n, .num_cols = cols };
    d->file             = (pr_row_file){ .row_bytes = 4ull * cols };
    d->file.file_bytes  = 4096 + n * d->file.row_bytes;
    switch (test_below(rng, 4)) {
    case 0: d->features.kind = PR_FEATURES_CSR; break;
    case 1: d->features.rows = &somewhere; break;
    case 2:
        d->features.rows = &somewhere;
        d->features.file = &d->file;
        break;
    case 3: d->features.file = &d->file; break;
    }
    d->of = (pri_exact_demand){ &d->shape, &d->features, 1 + test_below(rng, 4), 0, d->span };
}

/* Matrices of the pool never overlap, but for outputs of a layer done in memory over its inputs. */
static void check_pool(const pri_exact_plan *plan, const pri_exact_layer *l)
{
    const bool           over    = l->way == PRI_WAY_TRANSFORM && l->source == PRI_X_POOL;
    const bool           panels  = l->way != PRI_WAY_AGGREGATE;
    const pri_pool_place none    = { 0 };
    const pri_pool_place place[] = {
        l->source == PRI_X_POOL && !(over && l->target == PRI_Y_POOL) ? l->x : none,
        l->target == PRI_Y_POOL ? l->y : none,
        panels ? l->z : none,
        l->way == PRI_WAY_PANELS && l->target != PRI_Y_POOL && l->kind.own ? l->s : none,
    };

    for (size_t a = 0; a < 4; a++) {
        assert_true(place[a].ld == 0 || place[a].at + place[a].ld <= plan->pool_cols);
        for (size_t b = 0; b < a; b++)
            assert_true(place[a].ld == 0 || place[b].ld == 0 ||
                        place[a].at + place[a].ld <= place[b].at ||
                        place[b].at + place[b].ld <= place[a].at);
    }
    if (l->source == PRI_X_POOL) assert_true(l->x.ld >= l->in);
    if (l->target == PRI_Y_POOL) assert_true(l->y.ld >= l->out);
    if (panels) assert_true(l->z.ld >= l->panel * l->kind.heads);
    if (pri_exact_loads(l)) assert_true(l->x.ld >= l->in);
    assert_true(l->panel * l->num_panels >= l->out && l->panel * (l->num_panels - 1) < l->out);
}

static void check_plan(const demand *d, const pri_exact_plan *plan)
{
    uint64_t spill = 0, measured;

    assert_true(plan->bytes <= d->of.memory_bytes);
    for (uint32_t i = 0; i < plan->num_layers; i++) {
        const pri_exact_layer *l = &plan->layer[i];
        check_pool(plan, l);
        /* Rows of the last layer are handed out as a whole, or read back. */
        assert_int_equal(l->target == PRI_Y_SINK,
                         i + 1 == plan->num_layers && !pri_exact_reads_back(plan, i));
        if (l->target == PRI_Y_SINK) assert_int_equal(l->num_panels, 1);
        assert_true(l->num_rows > 0 && l->num_rows * l->scratch * 4 <= plan->scratch_bytes);
        if (i > 0) {
            const bool in_pool = plan->layer[i - 1].target == PRI_Y_POOL;
            assert_int_equal(l->source, in_pool ? PRI_X_POOL : PRI_X_SPILL);
            if (in_pool) {
                assert_int_equal(l->x.at, plan->layer[i - 1].y.at);
                assert_int_equal(l->x.ld, plan->layer[i - 1].y.ld);
            }
        }
    }
    for (int i = 0; i < PRI_NUM_SPILLS; i++) spill += plan->spill[i];
    pri_exact_measure(&d->shape, &d->features, d->of.num_parts, d->span.end ? &d->span : NULL,
                      d->of.memory_bytes, NULL, NULL, &measured);
    assert_int_equal(measured, spill);
}

static void every_plan_keeps_to_its_memory_from_the_least_to_the_most(void **state)
{
    (void)state;
    test_rng       rng      = { .key = test_seed() };
    uint32_t       spilling = 0;
    demand         d;
    pri_exact_plan plan;

    for (int i = 0; i < 20000; i++) {
        draw(&d, &rng, i % 2);
        const uint64_t least = pri_exact_least(&d.of), most = pri_exact_most(&d.of);
        assert_true(least <= most);
        d.of.memory_bytes = least - 1;
        assert_false(pri_exact_plan_make(&d.of, &plan));
        const uint64_t tries[] = { least, least + test_below(&rng, 4096),
                                   least + (most - least) / (1 + test_below(&rng, 1000)), most,
                                   most + 1 };
        for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
            d.of.memory_bytes = tries[k];
            if (!pri_exact_plan_make(&d.of, &plan))
                fail_msg("draw %d: %llu bytes are refused, the least is %llu", i,
                         (unsigned long long)tries[k], (unsigned long long)least);
            check_plan(&d, &plan);
            spilling += plan.spill[0] > 0;
        }
        d.of.memory_bytes = most;
        assert_true(pri_exact_plan_make(&d.of, &plan));
        assert_true(plan.spill[0] == 0 && plan.spill[1] == 0 && plan.spill[2] == 0);
        if (d.features.rows && (!d.features.file || d.file.checked))
            assert_int_equal(plan.layer[0].source, PRI_X_ROWS);
        else
            assert_int_not_equal(plan.layer[0].source, PRI_X_ROWS);
    }
    assert_true(spilling > 500);
}

/* However little memory there is, a layer costs its inputs once and its outputs five times, and the
 * last one's once more, when they are handed out. */
static void traffic_is_bounded_however_little_memory_there_is(void **state)
{
    (void)state;
    test_rng       rng = { .key = test_seed() + 1 };
    demand         d;
    pri_exact_plan plan;

    for (int i = 0; i < 5000; i++) {
        uint64_t most = 0, less = 0;
        draw(&d, &rng, false);
        const uint64_t N = d.features.num_rows;
        for (uint32_t l = 0; l < d.shape.num_layers; l++) {
            const uint64_t in = 4 * N * d.shape.width[l], out = 4 * N * d.shape.width[l + 1];
            most += in + (l + 1 < d.shape.num_layers ? 5 : 6) * out;
        }
        for (int k = 8; k >= 0; k -= 2) { /* more memory is never worse */
            d.of.memory_bytes = pri_exact_least(&d.of);
            d.of.memory_bytes += (pri_exact_most(&d.of) - d.of.memory_bytes) >> k;
            assert_true(pri_exact_plan_make(&d.of, &plan));
            assert_true(plan.traffic <= most);
            assert_true(k == 8 || plan.traffic <= less);
            less = plan.traffic;
        }
    }
}

/* 100 million vertices with 128 columns, 256 hidden ones and 172 classes. */
static void a_large_graph_streams_its_rows_a_few_times(void **state)
{
    (void)state;
    const uint64_t N = 100000000;
    demand         d = { .shape    = { .num_layers = 2, .width = { 128, 256, 172 } },
                         .features = { .num_rows = (pr_vid)N, .num_cols = 128 },
                         .file     = { .row_bytes = 512, .file_bytes = N * 512 } };
    pri_exact_plan plan;

    d.features.file = &d.file;
    d.of            = (pri_exact_demand){ &d.shape, &d.features, 1, UINT64_C(64) << 30, { 0, 0 } };
    assert_true(pri_exact_plan_make(&d.of, &plan)); /* 171 columns */
    assert_int_equal(plan.layer[0].source, PRI_X_FILE);
    assert_int_equal(plan.layer[0].way, PRI_WAY_PANELS);
    assert_int_equal(plan.layer[0].num_panels, 4);
    assert_int_equal(plan.layer[1].source, PRI_X_SPILL);
    assert_int_equal(plan.layer[1].num_panels, 3);
    assert_int_equal(plan.traffic, N * (4 * 512 + 1024 + 3 * 1024 + 2 * 688));
    d.of.memory_bytes = UINT64_C(7) << 30;
    assert_true(pri_exact_plan_make(&d.of, &plan));
    assert_int_equal(plan.layer[0].way, PRI_WAY_PRODUCTS);
    assert_int_equal(plan.traffic, N * (512 + 5 * 1024 + 1024 + 6 * 688));
    d.of.memory_bytes = UINT64_C(6400000000); /* no scratch beside 16 columns of 400 MB */
    assert_false(pri_exact_plan_make(&d.of, &plan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_keeps_to_its_memory_from_the_least_to_the_most),
        cmocka_unit_test(traffic_is_bounded_however_little_memory_there_is),
        cmocka_unit_test(a_large_graph_streams_its_rows_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
