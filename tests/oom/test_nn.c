/* test_nn.c: every allocation of the nn room's create functions fails in turn. */
#include "base/mem.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/engine.h"
#include "pipeline/nn/nn.h"
#include "support/whole_net.h"
#include "unit/nn_fixture.h"

static pr_status create_model(void *context, void **out)
{
    const pr_model_options options = { .hidden = 8, .dropout = 0.5 };
    pr_model              *model   = NULL;
    (void)context;
    const pr_status st = pr_model_create(&options, 2, 6, 3, 1, &model);
    *out               = model;
    return st;
}

static void destroy_model(void *model)
{
    pr_model_free(model);
}

static pr_status create_engine(void *context, void **out)
{
    pri_engine *engine = NULL;
    (void)context;
    const pr_status st = pri_engine_create(&engine);
    *out               = engine;
    return st;
}

static void destroy_engine(void *engine)
{
    pri_engine_free(engine);
}

static pr_status create_gemm(void *context, void **out)
{
    const pri_gemm_shape shape = { PRI_GEMM_AB, 4, 4, 4, 4, 4, true, true, false };
    pri_gemm            *gemm  = NULL;
    const pr_status      st    = pri_gemm_create(context, &shape, &gemm);
    *out                       = gemm;
    return st;
}

static void destroy_gemm(void *gemm)
{
    pri_gemm_free(gemm);
}

static pr_status create_tape(void *context, void **out)
{
    const uint32_t  max_dst[]   = { 4, 16 };
    const uint64_t  max_edges[] = { 12, 48 };
    pri_tape       *tape        = NULL;
    const pr_status st          = pri_tape_create(context, NULL, max_dst, max_edges, 64, &tape);
    *out                        = tape;
    return st;
}

static void destroy_tape(void *tape)
{
    pri_tape_free(tape);
}

/* A call that works and leaves nothing; gives a token to fit the loop. */
typedef struct inference {
    fixture  *f;
    pr_model *model;
    float    *logits;
} inference;

static int token;

static void destroy_token(void *ptr)
{
    assert_ptr_equal(ptr, &token);
}

static pr_status infer(void *context, void **out)
{
    inference      *in    = context;
    pri_nn_times    times = { 0 };
    const pr_status st =
        pri_nn_infer_exact(in->model, &in->f->graph, &in->f->dense, in->logits, NULL, &times);
    if (st == PR_OK) *out = &token;
    return st;
}

static pr_status infer_in_parts(void *context, void **out)
{
    inference *in = context;
    pri_exact *exact;
    pr_status st = pri_exact_create(in->model, &in->f->graph, &in->f->dense, in->logits, 3, &exact);
    *out         = exact;
    return st;
}

static void free_parts(void *exact)
{
    pri_exact_free(exact);
}

/* With the least memory: rows from a file, layers in temporary ones. */
typedef struct inference_within {
    whole           *w;
    pr_model        *model;
    float           *logits;
    pri_exact_limits limits;
} inference_within;

static pr_status infer_within(void *context, void **out)
{
    inference_within *in = context;
    pri_exact        *exact;
    const pr_status   st = pri_exact_create_within(in->model, &in->w->graph, &in->w->filed,
                                                   (pri_exact_output){ .logits = in->logits }, 3,
                                                   &in->limits, NULL, &exact);
    *out                 = exact;
    return st;
}

static pr_status save(void *context, void **out)
{
    pr_checkpoint_info info  = { .dataset_name = "x", .feature_norm = PR_NORM_NONE };
    void              *model = NULL;
    const pr_status    made  = create_model(NULL, &model);
    const pr_status    st    = made == PR_OK ? pr_checkpoint_save(context, model, &info) : made;

    pr_model_free(model);
    if (st == PR_OK) *out = &token;
    return st;
}

static pr_status load(void *context, void **out)
{
    pr_checkpoint_info info;
    pr_model          *model = NULL;
    const pr_status    st    = pr_checkpoint_load(context, &model, &info);
    *out                     = model;
    return st;
}

static pr_status save_weights(void *context, void **out)
{
    void           *model = NULL;
    const pr_status made  = create_model(NULL, &model);
    const pr_status st    = made == PR_OK ? pr_weights_save(context, model) : made;

    pr_model_free(model);
    if (st == PR_OK) *out = &token;
    return st;
}

static pr_status load_weights(void *context, void **out)
{
    const pr_model_options options = { .kind = PR_MODEL_SAGE, .hidden = 8, .dropout = 0.5 };
    pr_model              *model   = NULL;
    const pr_status        st      = pr_weights_load(context, &options, 2, 6, 3, &model);
    *out                           = model;
    return st;
}

static pr_status create_deriver(void *context, void **out)
{
    pri_deriver    *deriver = NULL;
    const pr_status st      = pri_deriver_create(context, NULL, &deriver);
    *out                    = deriver;
    return st;
}

static void destroy_deriver(void *deriver)
{
    pri_deriver_free(deriver);
}

static void models_and_tapes_survive_every_failed_allocation(void **state)
{
    (void)state;
    void *model = NULL;

    test_oom("pr_model_create", create_model, destroy_model, NULL);
    assert_ok(create_model(NULL, &model));
    test_oom("pri_tape_create", create_tape, destroy_tape, model);
    test_oom("pri_deriver_create", create_deriver, destroy_deriver, model);
    pr_model_free(model);
}

static void engines_and_products_survive_every_failed_allocation(void **state)
{
    (void)state;
    pri_engine *engine = NULL;

    test_oom("pri_engine_create", create_engine, destroy_engine, NULL);
    assert_ok(pri_engine_create(&engine));
    test_oom("pri_gemm_create", create_gemm, destroy_gemm, engine);
    pri_engine_free(engine);
}

static void exact_inference_survives_every_failed_allocation(void **state)
{
    (void)state;
    inference in    = { .f = fix_create(6, 3, test_seed()) };
    void     *model = NULL;

    assert_ok(create_model(NULL, &model));
    in.model  = model;
    in.logits = calloc(FIX_NODES * 3, sizeof *in.logits);
    assert_non_null(in.logits);
    test_oom("pri_nn_infer_exact", infer, destroy_token, &in);
    test_oom("pri_exact_create", infer_in_parts, free_parts, &in);
    free(in.logits);
    pr_model_free(in.model);
    fix_free(in.f);
}

static void inference_within_limits_survives_every_failed_allocation(void **state)
{
    (void)state;
    inference_within in = { .w = whole_create(3000, 20, PR_ROWS_F32, test_seed()) };
    pr_model_shape   shape;
    uint64_t         spill;

    in.model            = whole_model(in.w, 3, 64, 5);
    in.logits           = calloc(3000 * 5, sizeof *in.logits);
    in.limits.spill_dir = test_directory();
    assert_non_null(in.logits);
    pr_model_describe(in.model, &shape);
    pri_exact_measure(&shape, &in.w->filed, 3, NULL, 0, NULL, &in.limits.memory_bytes, NULL);
    pri_exact_measure(&shape, &in.w->filed, 3, NULL, in.limits.memory_bytes, NULL, NULL, &spill);
    assert_true(spill > 0);
    test_oom("pri_exact_create_within", infer_within, free_parts, &in);
    free(in.logits);
    pr_model_free(in.model);
    whole_free(in.w);
}

/* Attention keeps vectors besides. */
static void inference_with_attention_survives_every_failed_allocation(void **state)
{
    (void)state;
    const pr_model_options options = {
        .kind = PR_MODEL_GAT, .hidden = 12, .heads = 3, .out_heads = 2, .residual = true
    };
    inference_within in = { .w = whole_create(3000, 20, PR_ROWS_F32, test_seed()) };

    in.model  = whole_net_model(in.w, &options, 2, 5);
    in.logits = calloc(3000 * 5, sizeof *in.logits);
    in.limits = (pri_exact_limits){ 0, test_directory() };
    assert_non_null(in.logits);
    pri_exact_measure(&in.model->shape, &in.w->filed, 3, NULL, 0, NULL, &in.limits.memory_bytes,
                      NULL);
    test_oom("pri_exact_create_within", infer_within, free_parts, &in);
    free(in.logits);
    pr_model_free(in.model);
    whole_free(in.w);
}

static void checkpoints_survive_every_failed_allocation(void **state)
{
    (void)state;
    char path[600];

    snprintf(path, sizeof path, "%s/model.prc", test_directory());
    test_oom("pr_checkpoint_save", save, destroy_token, path);
    test_oom("pr_checkpoint_load", load, destroy_model, path);
}

static void weights_files_survive_every_failed_allocation(void **state)
{
    (void)state;
    char path[600];

    snprintf(path, sizeof path, "%s/model.npz", test_directory());
    test_oom("pr_weights_save", save_weights, destroy_token, path);
    test_oom("pr_weights_load", load_weights, destroy_model, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_and_tapes_survive_every_failed_allocation),
        cmocka_unit_test(engines_and_products_survive_every_failed_allocation),
        cmocka_unit_test(exact_inference_survives_every_failed_allocation),
        cmocka_unit_test(inference_within_limits_survives_every_failed_allocation),
        cmocka_unit_test(inference_with_attention_survives_every_failed_allocation),
        cmocka_unit_test(checkpoints_survive_every_failed_allocation),
        cmocka_unit_test(weights_files_survive_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
