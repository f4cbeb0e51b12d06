/* test_tape.c: what a step of every kind of model writes of a tape is no more than was foretold,
 * and nothing of it is read before it is written. */
#include "unit/nn_reference.h"

static const pr_vid seeds[] = { 3, 0, 9, 20, 7, 33, 48, 59, 1, 2 };

enum { NUM_SEEDS = sizeof seeds / sizeof *seeds, LAYERS = 3, LINE_BYTES = 64, PATTERN = 0xff };

/* Count the lines of a tape that are not what it was filled with. */
static uint64_t lines_written(const pri_tape *tape)
{
    const unsigned char *at    = tape->pages;
    uint64_t             lines = 0;

    for (size_t line = 0; line + LINE_BYTES <= tape->pages_bytes; line += LINE_BYTES) {
        bool differs = false;
        for (size_t i = 0; i < LINE_BYTES; i++) differs |= at[line + i] != PATTERN;
        lines += differs;
    }
    return lines;
}

static void check(const pr_model_options *o, bool sparse)
{
    fixture       *f     = fix_create(NET_FEATURES, NET_CLASSES, test_seed());
    fixture_batch *b     = fix_batch(f, LAYERS, 3, seeds, NUM_SEEDS, sparse);
    net            n     = net_create(o, LAYERS, f, b);
    const size_t   bytes = (size_t)n.shape.num_parameters * sizeof(float);
    float         *clean = calloc(bytes, 1);
    pri_tape_sizes most  = { .inputs = FIX_NODES };
    pri_tape_sizes used  = { .inputs = (uint32_t)b->batch.nodes.n };

    assert_non_null(clean);
    for (uint32_t h = 0; h < LAYERS; h++) {
        most.dst[h]   = FIX_NODES;
        most.edges[h] = FIX_NODES * FIX_MAX_DEGREE;
        used.dst[h]   = b->block[h].num_dst;
        used.edges[h] = b->block[h].num_edges;
    }
    (void)net_step(&n);
    memcpy(clean, pri_nn_gradient(n.tape), bytes);
    memset(n.tape->pages, PATTERN, n.tape->pages_bytes); /* NaN, where it is read as a float */
    (void)net_step(&n);
    assert_memory_equal(clean, pri_nn_gradient(n.tape), bytes);
    const uint64_t said    = pri_tape_resident(&n.shape, &most, &used, sparse, LINE_BYTES);
    const uint64_t written = lines_written(n.tape) * LINE_BYTES;
    if (written > said || said > 4 * written)
        fail_msg("%s, norm %d, residual %d, sparse %d: %llu bytes written, %llu said",
                 pr_model_kind_name(o->kind), o->layer_norm, o->residual, sparse,
                 (unsigned long long)written, (unsigned long long)said);
    free(clean);
    net_free(&n);
}

static void a_step_of_every_kind_writes_no_more_than_was_said(void **state)
{
    (void)state;
    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++)
        for (unsigned bits = 0; bits < 32; bits++) {
            const pr_model_options o = { .kind          = kind,
                                         .hidden        = 12,
                                         .dropout       = 0.3,
                                         .input_dropout = bits & 16 ? 0.2 : 0.0,
                                         .aggregator =
                                             bits & 1 ? PR_AGGREGATE_MAX : PR_AGGREGATE_MEAN,
                                         .layer_norm        = bits & 2,
                                         .residual          = bits & 4,
                                         .heads             = 4,
                                         .out_heads         = bits & 1 ? 3 : 1,
                                         .attention_dropout = bits & 1 ? 0.3 : 0.0 };
            check(&o, bits & 8);
        }
}

/* Bounds of the whole graph at every hop, of which a batch writes a corner. */
static void a_tape_for_the_worst_legal_batch_only_reserves_addresses(void **state)
{
    (void)state;
    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++) {
        const pr_model_options o = {
            .kind = kind, .hidden = 256, .layer_norm = true, .heads = 8, .out_heads = 1
        };
        const uint32_t max_dst[]   = { 1024, 20000000 };
        const uint64_t max_edges[] = { 1u << 20, 4000000000u };
        pri_tape      *tape        = NULL;
        pr_model      *model       = NULL;
        assert_ok(pr_model_create(&o, 2, 128, 40, 1, &model));
        assert_ok(pri_tape_create(model, NULL, max_dst, max_edges, 100000000, &tape));
        pri_tape_free(tape);
        pr_model_free(model);
    }
}

static void bounds_without_a_number_are_refused_for_every_kind(void **state)
{
    (void)state;
    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++) {
        const pr_model_options o = {
            .kind = kind, .hidden = 65536, .heads = 1024, .out_heads = 1024
        };
        const uint32_t max_dst[PR_MAX_LAYERS]   = { UINT32_MAX, UINT32_MAX };
        const uint64_t max_edges[PR_MAX_LAYERS] = { UINT64_MAX, UINT64_MAX };
        pr_model_shape shape;
        assert_ok(pri_model_shape(&o, 2, 1 << 20, 1 << 20, &shape));
        assert_true(pri_tape_bytes(&shape, max_dst, max_edges, UINT32_MAX) > (uint64_t)1 << 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_of_every_kind_writes_no_more_than_was_said),
        cmocka_unit_test(a_tape_for_the_worst_legal_batch_only_reserves_addresses),
        cmocka_unit_test(bounds_without_a_number_are_refused_for_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
