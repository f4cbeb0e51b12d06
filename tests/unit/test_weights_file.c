/* test_weights_file.c: weights leave a model under PyTorch's names and come back with the same
 * bits, and no damage to the file between is taken for a model. */
#include <unistd.h>

#include "base/mem.h"
#include "base/outfile.h"
#include "loaders/npz.h"
#include "pipeline/nn/torch_names.h"
#include "unit/nn_fixture.h"

enum { FEATURES = 5, OUTPUTS = 3, LAYERS = 3 };

static const pr_model_options options_of[] = {
    { .kind = PR_MODEL_SAGE, .hidden = 6 },
    { .kind = PR_MODEL_SAGE, .hidden = 6, .aggregator = PR_AGGREGATE_MAX, .layer_norm = true },
    { .kind = PR_MODEL_GCN, .hidden = 4, .residual = true },
    { .kind = PR_MODEL_GIN, .hidden = 7, .layer_norm = true, .residual = true },
    { .kind = PR_MODEL_GAT, .hidden = 6, .heads = 3, .out_heads = 2, .residual = true },
};
enum { NUM_MODELS = sizeof options_of / sizeof *options_of };

/* A model no tensor of which has its first value. */
static pr_model *some_model(int which)
{
    pr_model *model = NULL;
    test_rng  rng   = { .key = test_seed() };

    assert_ok(pr_model_create(&options_of[which], LAYERS, FEATURES, OUTPUTS, 9, &model));
    for (size_t i = 0; i < model->shape.num_parameters; i++) model->parameters[i] = fix_real(&rng);
    return model;
}

static pr_status load(const char *path, int which, pr_model **out)
{
    return pr_weights_load(path, &options_of[which], LAYERS, FEATURES, OUTPUTS, out);
}

static bool same_weights(const pr_model *a, const pr_model *b)
{
    return a->shape.num_parameters == b->shape.num_parameters &&
           !memcmp(a->parameters, b->parameters,
                   (size_t)a->shape.num_parameters * sizeof *a->parameters);
}

static void weights_come_back_with_the_same_bits(void **state)
{
    (void)state;
    for (int which = 0; which < NUM_MODELS; which++) {
        pr_model   *model = some_model(which), *again = NULL;
        const char *path = test_path("model.npz");
        assert_ok(pr_weights_save(path, model));
        assert_ok(load(path, which, &again));
        assert_true(same_weights(model, again));
        for (size_t i = 0; i < model->shape.num_parameters; i++)
            assert_true(again->adam_m[i] == 0.0f && again->adam_v[i] == 0.0f);
        pr_model_free(model);
        pr_model_free(again);
    }
    assert_int_equal(pri_mem_live(), 0);
}

static void the_same_weights_give_the_same_bytes(void **state)
{
    (void)state;
    pr_model *model = some_model(4);
    char     *text[2];
    size_t    bytes[2];

    for (int i = 0; i < 2; i++) {
        assert_ok(pr_weights_save(test_path("twice.npz"), model));
        assert_ok(pri_file_read(test_path("twice.npz"), 1 << 20, &text[i], &bytes[i]));
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(text[0], text[1], bytes[0]);
    pri_free(text[0]);
    pri_free(text[1]);
    pr_model_free(model);
}

static void tensors_are_called_and_shaped_as_in_pytorch(void **state)
{
    (void)state;
    static const struct {
        int         which;
        const char *name;
        uint32_t    num_dims;
        uint64_t    shape[3];
    } wanted[] = {
        { 0, "convs.0.lin_l.weight", 2, { 6, 5 } },
        { 0, "convs.2.lin_r.weight", 2, { 3, 6 } },
        { 0, "convs.1.lin_l.bias", 1, { 6 } },
        { 1, "norms.1.bias", 1, { 6 } },
        { 2, "convs.0.res.weight", 2, { 4, 5 } },
        { 2, "convs.1.lin.weight", 2, { 4, 4 } },
        { 2, "convs.2.bias", 1, { 3 } },
        { 3, "convs.0.nn.0.weight", 2, { 7, 5 } },
        { 3, "convs.2.nn.2.weight", 2, { 3, 3 } },
        { 3, "convs.2.nn.2.bias", 1, { 3 } },
        { 3, "convs.1.eps", 1, { 1 } },
        { 3, "norms.0.weight", 1, { 7 } },
        { 4, "convs.0.att_src", 3, { 1, 3, 2 } },
        { 4, "convs.2.att_dst", 3, { 1, 2, 3 } },
        { 4, "convs.2.lin.weight", 2, { 2 * 3, 6 } },
        { 4, "convs.2.bias", 1, { 3 } },
    };
    float elements[64];

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        pr_model *model = some_model(wanted[i].which);
        pri_npz  *npz   = NULL;
        assert_ok(pr_weights_save(test_path("names.npz"), model));
        assert_ok(pri_npz_open(test_path("names.npz"), &npz));
        const uint32_t member = pri_npz_find(npz, wanted[i].name);
        if (member == PRI_NPZ_MEMBERS) fail_msg("there is no %s", wanted[i].name);
        assert_ok(pri_npz_read(npz, member, wanted[i].num_dims, wanted[i].shape, elements));
        pri_npz_close(npz);
        pr_model_free(model);
    }
}

static void matrices_leave_transposed(void **state)
{
    (void)state;
    pr_model      *model    = some_model(2);
    pri_npz       *npz      = NULL;
    const uint64_t shape[2] = { 4, FEATURES };
    float          w[4 * FEATURES];

    assert_ok(pr_weights_save(test_path("matrix.npz"), model));
    assert_ok(pri_npz_open(test_path("matrix.npz"), &npz));
    assert_ok(pri_npz_read(npz, pri_npz_find(npz, "convs.0.lin.weight"), 2, shape, w));
    const float *ours = pri_model_layer(model, model->parameters, 0).at[PRI_ROLE_WEIGHT];
    for (size_t i = 0; i < FEATURES; i++)
        for (size_t o = 0; o < 4; o++) assert_true(w[o * FEATURES + i] == ours[i * 4 + o]);
    pri_npz_close(npz);
    pr_model_free(model);
}

static void older_names_are_read(void **state)
{
    (void)state;
    const pr_model_options gat = { .kind = PR_MODEL_GAT, .hidden = 4, .heads = 1, .out_heads = 1 };
    const float            w[2 * 3] = { 1, 2, 3, 4, 5, 6 }, a[2] = { 7, 8 }, b[2] = { 9, 10 };
    const uint64_t         matrix[] = { 2, 3 }, attention[] = { 1, 1, 2 }, bias[] = { 2 };
    const char            *path  = test_path("older.npz");
    pr_model              *model = NULL;

    for (int round = 0; round < 3; round++) {
        pri_npz_writer *writer       = NULL;
        const float     other[2 * 3] = { 1, 2, 3, 4, 5, 7 };
        assert_ok(pri_npz_begin(&writer));
        assert_ok(pri_npz_add(writer, "convs.0.lin_src.weight", 2, matrix, w));
        assert_ok(pri_npz_add(writer, round == 2 ? "convs.0.lin.weight" : "convs.0.lin_dst.weight",
                              2, matrix, round == 1 ? other : w));
        assert_ok(pri_npz_add(writer, "convs.0.att_src", 3, attention, a));
        assert_ok(pri_npz_add(writer, "convs.0.att_dst", 3, attention, a));
        assert_ok(pri_npz_add(writer, "convs.0.bias", 1, bias, b));
        assert_ok(pri_npz_commit(writer, path));
        pri_npz_end(writer);
        if (round == 1)
            assert_fails(PR_E_INPUT,
                         "lin_dst.weight.npy differs from convs.0.lin_src.weight.npy at (1, 2)",
                         pr_weights_load(path, &gat, 1, 3, 2, &model));
        if (round == 2)
            assert_fails(PR_E_INPUT, "two names for one tensor",
                         pr_weights_load(path, &gat, 1, 3, 2, &model));
        if (round > 0) continue;
        assert_ok(pr_weights_load(path, &gat, 1, 3, 2, &model));
        const float *got = pri_model_layer(model, model->parameters, 0).at[PRI_ROLE_WEIGHT];
        assert_true(got[0] == 1 && got[1] == 4 && got[2] == 2 && got[5] == 6);
        pr_model_free(model);
    }
    assert_int_equal(pri_mem_live(), 0);
}

static void put(const char *path, const char *text, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* What is cut or changed is refused, or, where nothing that is read was changed, the same model. */
static void damage_is_not_taken_for_a_model(void **state)
{
    (void)state;
    enum { WHICH = 0, STEP = 7 };
    char      path[600];
    pr_model *model = some_model(WHICH), *again = NULL;
    char     *text  = NULL;
    size_t    bytes = 0;

    snprintf(path, sizeof path, "%s", test_path("damaged.npz"));
    assert_ok(pr_weights_save(path, model));
    assert_ok(pri_file_read(path, 1 << 20, &text, &bytes));
    for (size_t i = 0; i < bytes; i += STEP) {
        put(path, text, i);
        assert_int_equal(load(path, WHICH, &again), PR_E_INPUT);
        assert_null(again);
        text[i] = (char)(text[i] ^ 0x15);
        put(path, text, bytes);
        text[i]            = (char)(text[i] ^ 0x15);
        const pr_status st = load(path, WHICH, &again);
        assert_true(st == PR_E_INPUT ? !again && pr_error_message()[0]
                                     : st == PR_OK && same_weights(model, again));
        pr_model_free(again);
    }
    pri_free(text);
    pr_model_free(model);
    assert_int_equal(pri_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_come_back_with_the_same_bits),
        cmocka_unit_test(the_same_weights_give_the_same_bytes),
        cmocka_unit_test(tensors_are_called_and_shaped_as_in_pytorch),
        cmocka_unit_test(matrices_leave_transposed),
        cmocka_unit_test(older_names_are_read),
        cmocka_unit_test(damage_is_not_taken_for_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
