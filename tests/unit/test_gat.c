/* test_gat.c: attention, forward and backward, against a network in double and its central
 * differences; what dropout of attention goes by; thread counts; scores that are huge. */
#include <omp.h>

#include "base/mem.h"
#include "unit/nn_reference.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum { NUM_SEEDS = sizeof seeds / sizeof *seeds };

typedef struct setting {
    uint32_t layers, hidden, heads, out_heads, fanout;
    double   dropout, input_dropout, attention_dropout;
    bool     sparse, weighted;
} setting;

static const setting settings[] = {
    { 1, 8, 1, 1, 3, 0.0, 0.0, 0.0, false, false }, { 1, 8, 1, 3, 9, 0.0, 0.0, 0.4, true, false },
    { 2, 8, 1, 1, 9, 0.0, 0.0, 0.0, false, false }, { 2, 8, 2, 1, 3, 0.0, 0.0, 0.0, true, false },
    { 2, 8, 4, 3, 3, 0.3, 0.0, 0.3, false, true },  { 2, 32, 2, 1, 3, 0.3, 0.0, 0.0, true, true },
    { 2, 9, 1, 1, 3, 0.0, 0.2, 0.5, false, false }, { 3, 12, 2, 3, 2, 0.3, 0.0, 0.3, true, false },
    { 3, 8, 4, 1, 9, 0.0, 0.0, 0.0, false, false },
};

enum { NUM_SETTINGS = sizeof settings / sizeof *settings };

static pr_model_options options_of(const setting *s)
{
    return (pr_model_options){ .kind              = PR_MODEL_GAT,
                               .hidden            = s->hidden,
                               .heads             = s->heads,
                               .out_heads         = s->out_heads,
                               .dropout           = s->dropout,
                               .input_dropout     = s->input_dropout,
                               .attention_dropout = s->attention_dropout };
}

static net make(const setting *s, const pr_vid *from, uint32_t num)
{
    const pr_model_options options = options_of(s);
    fixture               *f       = fix_create(NET_FEATURES, NET_CLASSES, test_seed());
    fixture_batch         *b       = fix_batch(f, s->layers, s->fanout, from, num, s->sparse);

    if (s->weighted) fix_weigh(b);
    return net_create(&options, s->layers, f, b);
}

static void forward_equals_a_naive_network(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_SETTINGS; i++)
        for (int training = 0; training < 2; training++) {
            net n            = make(&settings[i], seeds, NUM_SEEDS);
            n.training       = training;
            const double off = net_forward_error(&n);
            if (!(off < 2e-5)) fail_msg("setting %d, training %d: off by %g", i, training, off);
            net_free(&n);
        }
}

/* The slope itself is good to 1e-8; the rest is the rounding of f32 sums. */
static void every_gradient_equals_the_slope_of_a_naive_network(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_SETTINGS; i++) {
        net          n = make(&settings[i], seeds, NUM_SEEDS);
        double       largest;
        const double off = net_gradient_error(&n, &largest);
        if (!(off < 3e-6) || !(largest > 1e-3))
            fail_msg("setting %d: off by %g, largest slope %g", i, off, largest);
        net_free(&n);
    }
}

/* Every vertex draws from one that all others have, and one draws from all. */
static void a_hub_and_a_vertex_alone_have_their_gradients(void **state)
{
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        const setting          s       = { 1, 8, 2, 2, 60, 0.0, 0.0, 0.2, sparse, false };
        const pr_model_options options = options_of(&s);
        fixture               *f       = fix_create(NET_FEATURES, NET_CLASSES, test_seed());
        pr_vid                 all[FIX_NODES];
        pr_eid                 at = 0;
        double                 largest;
        for (pr_vid v = 0; v < FIX_NODES; v++) {
            all[v] = v;
            if (v == 1)
                for (pr_vid u = 0; u < FIX_NODES; u++) f->indices[at++] = u; /* itself among them */
            else if (v != 7)
                f->indices[at++] = 2;
            f->indptr[v + 1] = at;
        }
        f->graph.num_edges = at;
        fixture_batch *b   = fix_batch(f, 1, 60, all, FIX_NODES, sparse);
        net            n   = net_create(&options, 1, f, b);
        assert_true(net_forward_error(&n) < 2e-5);
        assert_true(net_gradient_error(&n, &largest) < 3e-6);
        assert_true(largest > 1e-3);
        net_free(&n);
    }
}

static void one_step_is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();

    for (int sparse = 0; sparse < 2; sparse++) {
        const setting s     = { 3, 64, 4, 3, 3, 0.4, 0.0, 0.3, sparse, !sparse };
        net           n     = make(&s, seeds, NUM_SEEDS);
        const size_t  count = (size_t)n.shape.num_parameters;
        float        *first = calloc(count, sizeof *first);
        double        loss  = 0.0;
        assert_non_null(first);
        for (int t = 1; t <= 3; t++) {
            omp_set_num_threads(t);
            const double now = net_step(&n);
            if (t == 1) {
                loss = now;
                memcpy(first, pri_nn_gradient(n.tape), count * sizeof *first);
            }
            assert_true(fabs(loss - now) < 1e-5);
            for (size_t i = 0; i < count; i++)
                assert_true(fabsf(first[i] - pri_nn_gradient(n.tape)[i]) < 1e-6f);
        }
        omp_set_num_threads(threads);
        free(first);
        net_free(&n);
    }
}

/* Lanes split the seeds; the mask of attention does not know of them. */
static void lanes_add_up_to_the_whole_batch(void **state)
{
    (void)state;
    const setting s     = { 2, 8, 2, 1, 3, 0.5, 0.0, 0.5, false, false };
    net           n     = make(&s, seeds, NUM_SEEDS);
    const size_t  count = (size_t)n.shape.num_parameters;
    const double  whole = net_step(&n);
    double       *rest = calloc(count, sizeof *rest), sum = 0.0;

    assert_non_null(rest);
    for (size_t i = 0; i < count; i++) rest[i] = (double)pri_nn_gradient(n.tape)[i];
    for (uint32_t at = 0; at < NUM_SEEDS; at += 5) {
        fix_batch_free(n.b);
        n.b = fix_batch(n.f, 2, 3, seeds + at, 5, false);
        sum += net_step(&n);
        for (size_t i = 0; i < count; i++) rest[i] -= 0.5 * (double)pri_nn_gradient(n.tape)[i];
    }
    assert_true(fabs(whole - sum) < 1e-5);
    for (size_t i = 0; i < count; i++) assert_true(fabs(rest[i]) < 1e-6);
    free(rest);
    net_free(&n);
}

static void attention_dropout_drops_its_share_of_every_head(void **state)
{
    (void)state;
    const pri_dropout d       = pri_attention_dropout(0.3, 5, 8, 1);
    uint32_t          kept[4] = { 0 }, same = 0;

    for (pr_vid v = 0; v < 100; v++)
        for (pr_vid u = 0; u < 100; u++)
            for (uint32_t h = 0; h < 4; h++) {
                const bool keeps = pri_attention_keeps(&d, v, u, h);
                kept[h] += keeps;
                same += keeps == pri_attention_keeps(&d, u, v, h);
            }
    for (int h = 0; h < 4; h++) assert_in_range(kept[h], 6800, 7200);
    assert_in_range(same, 22500, 24500); /* 0.58 of 40000, but for 400 of v == u */
}

/* Scores far beyond what exp can take: weights add up to 1 all the same, nothing is NaN. */
static void huge_scores_are_no_trouble(void **state)
{
    (void)state;
    const setting s = { 2, 8, 2, 1, 9, 0.0, 0.0, 0.0, false, false };
    net           n = make(&s, seeds, NUM_SEEDS);
    for (uint32_t l = 0; l < 2; l++) {
        const pri_layer_part part = pri_model_layer(n.model, pri_nn_parameters(n.model), l);
        const size_t         cols = pri_model_head_cols(&n.shape, l);
        for (size_t c = 0; c < cols; c++) {
            part.at[PRI_ROLE_SOURCE][c] *= 1e6f;
            part.at[PRI_ROLE_TARGET][c] *= -1e6f;
        }
    }
    (void)net_step(&n);
    for (uint32_t l = 0; l < 2; l++) {
        const pri_layer_tape *t     = &n.tape->layer[l];
        const pr_block       *block = &n.b->block[1 - l];
        for (uint32_t d = 0; d < block->num_dst; d++)
            for (uint32_t h = 0; h < t->heads; h++) {
                double sum = (double)t->alpha[(block->num_edges + d) * t->heads + h];
                for (uint32_t e = block->indptr[d]; e < block->indptr[d + 1]; e++)
                    sum += (double)t->alpha[e * t->heads + h];
                assert_true(fabs(sum - 1.0) < 1e-5);
            }
    }
    for (uint64_t i = 0; i < n.shape.num_parameters; i++)
        assert_true(isfinite(pri_nn_gradient(n.tape)[i]));
    net_free(&n);
}

static void steps_take_nothing_from_the_heap(void **state)
{
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        const setting  s     = { 3, 8, 2, 3, 3, 0.5, 0.0, 0.5, sparse, false };
        net            n     = make(&s, seeds, NUM_SEEDS);
        const uint64_t calls = pri_mem_calls();
        for (int i = 0; i < 3; i++) (void)net_step(&n);
        assert_int_equal(pri_mem_calls(), calls);
        net_free(&n);
    }
}

static void a_batch_without_seeds_has_no_gradient(void **state)
{
    (void)state;
    const setting s     = { 2, 8, 2, 3, 3, 0.5, 0.0, 0.5, false, false };
    net           n     = make(&s, seeds, NUM_SEEDS);
    pri_nn_times  times = { 0 };
    double        loss;
    uint64_t      correct;

    (void)net_step(&n);
    fix_batch_free(n.b);
    n.b = fix_batch(n.f, 2, 3, seeds, 0, false);
    assert_ok(pri_nn_forward(n.model, n.tape, &n.b->batch, &n.b->slab, true, 1, &times));
    fix_loss(n.tape, &n.b->batch, n.f->labels, 1.0, &loss, &correct);
    assert_ok(pri_nn_backward(n.model, n.tape, &n.b->batch, &times));
    for (uint64_t i = 0; i < n.shape.num_parameters; i++)
        assert_true(pri_nn_gradient(n.tape)[i] == 0.0f);
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_a_naive_network),
        cmocka_unit_test(every_gradient_equals_the_slope_of_a_naive_network),
        cmocka_unit_test(a_hub_and_a_vertex_alone_have_their_gradients),
        cmocka_unit_test(one_step_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(lanes_add_up_to_the_whole_batch),
        cmocka_unit_test(attention_dropout_drops_its_share_of_every_head),
        cmocka_unit_test(huge_scores_are_no_trouble),
        cmocka_unit_test(steps_take_nothing_from_the_heap),
        cmocka_unit_test(a_batch_without_seeds_has_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
