/* model.c: making models, and the option table of their shape. */
#include "pipeline/nn/model.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pipeline/nn/nn.h"

enum { LINE_BYTES = 64, LINE_FLOATS = LINE_BYTES / sizeof(float) };

#define MODEL(member) offsetof(pr_model_options, member)

static const pr_option model_options[] = {
    { "model", "", "kind of graph neural network", "sage", PR_OPT_CHOICE, MODEL(kind), 0, 0,
      "sage|gcn|gin|gat" },
    { "hidden", "columns", "width of every layer but the last", "256", PR_OPT_U32, MODEL(hidden), 1,
      PRI_MAX_WIDTH, NULL },
    { "dropout", "", "share of the inputs of every layer but the first that training drops", "0.5",
      PR_OPT_REAL, MODEL(dropout), 0, 0.99, NULL },
    { "input-dropout", "", "share of the first layer's inputs that training drops", "0",
      PR_OPT_REAL, MODEL(input_dropout), 0, 0.99, NULL },
    { "aggregator", "", "sage: what a layer takes of its neighbours", "mean", PR_OPT_CHOICE,
      MODEL(aggregator), 0, 0, "mean|max" },
    { "activation", "", "of every layer but the last; auto: elu for gat, else relu", "auto",
      PR_OPT_CHOICE, MODEL(activation), 0, 0, "auto|relu|elu" },
    { "layer-norm", "", "normalise rows before the activation", "false", PR_OPT_FLAG,
      MODEL(layer_norm), 0, 0, NULL },
    { "residual", "",
      "add a layer's inputs to its outputs, through a matrix where the widths differ", "false",
      PR_OPT_FLAG, MODEL(residual), 0, 0, NULL },
    { "heads", "heads", "gat: of every layer but the last; --hidden is their columns together", "8",
      PR_OPT_U32, MODEL(heads), 0, PRI_MAX_HEADS, NULL },
    { "out-heads", "heads", "gat: of the last layer, of which the mean is taken", "1", PR_OPT_U32,
      MODEL(out_heads), 0, PRI_MAX_HEADS, NULL },
    { "attention-dropout", "", "gat: share of attention weights that training drops", "0",
      PR_OPT_REAL, MODEL(attention_dropout), 0, 0.99, NULL },
};

const pr_option_table pr_model_option_table = {
    .title       = "Model",
    .options     = model_options,
    .num_options = sizeof model_options / sizeof *model_options,
};

uint64_t pri_machine_bytes(void)
{
    const uint64_t bytes = pr_memory_limit();

    return bytes ? bytes : UINT64_MAX;
}

/* Allocate parameters and optimiser state, all zero. */
static pr_status allocate(pr_model *model)
{
    pr_status    st    = PR_OK;
    const size_t count = (size_t)model->shape.num_parameters;

    model->padded = (count + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
    PR_CHECK(3 * model->padded * sizeof(float) <= pri_machine_bytes(), PR_E_NOMEM,
             "a model of %llu parameters wants more than the %llu bytes of memory there are",
             (unsigned long long)count, (unsigned long long)pri_machine_bytes());
    PR_NEW(model->block, 3 * model->padded * sizeof(float) + LINE_BYTES);
    const size_t past = (uintptr_t)model->block % LINE_BYTES;
    model->parameters = (float *)(void *)(model->block + (past ? LINE_BYTES - past : 0));
    model->adam_m     = model->parameters + model->padded;
    model->adam_v     = model->adam_m + model->padded;
done:
    return st;
}

static pr_status check_heads(const pr_model_options *options, uint32_t num_layers,
                             uint32_t num_outputs)
{
    pr_status st = PR_OK;

    if (options->kind != PR_MODEL_GAT) return PR_OK;
    PR_CHECK(options->heads > 0, PR_E_ARG, "--heads is 0, must be in 1 .. %d", PRI_MAX_HEADS);
    PR_CHECK(options->out_heads > 0, PR_E_ARG, "--out-heads is 0, must be in 1 .. %d",
             PRI_MAX_HEADS);
    PR_CHECK(num_layers == 1 || options->hidden % options->heads == 0, PR_E_ARG,
             "--hidden is %u, must be a multiple of --heads %u", options->hidden, options->heads);
    PR_CHECK(num_outputs <= INT32_MAX / options->out_heads, PR_E_ARG,
             "--out-heads is %u, too many for %u outputs", options->out_heads, num_outputs);
done:
    return st;
}

pr_status pri_model_shape(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, pr_model_shape *out)
{
    pr_status st = PR_OK;

    PR_CHECK(options, PR_E_ARG, "options is NULL");
    PR_TRY(pr_options_check(&pr_model_option_table, options));
    PR_CHECK(num_layers >= 1 && num_layers <= PR_MAX_LAYERS, PR_E_ARG,
             "num_layers is %u, must be in 1 .. %u", num_layers, PR_MAX_LAYERS);
    PR_CHECK(num_features >= 1 && num_features <= INT32_MAX, PR_E_ARG,
             "num_features is %u, must be in 1 .. %d", num_features, INT32_MAX);
    PR_CHECK(num_outputs >= 1 && num_outputs <= INT32_MAX, PR_E_ARG,
             "num_outputs is %u, must be in 1 .. %d", num_outputs, INT32_MAX);

    *out = (pr_model_shape){ .options = *options, .num_layers = num_layers };
    if (options->activation == PR_ACTIVATION_AUTO)
        out->options.activation =
            options->kind == PR_MODEL_GAT ? PR_ACTIVATION_ELU : PR_ACTIVATION_RELU;
    for (uint32_t l = 0; l <= num_layers; l++) out->width[l] = options->hidden;
    out->width[0]          = num_features;
    out->width[num_layers] = num_outputs;
    PR_TRY(check_heads(options, num_layers, num_outputs));
    PR_CHECK(pri_model_count(out, &out->num_parameters), PR_E_NOMEM,
             "a model of %u features, %u columns and %u outputs has too many parameters",
             num_features, options->hidden, num_outputs);
done:
    return st;
}

pr_status pri_model_create_zero(const pr_model_options *options, uint32_t num_layers,
                                uint32_t num_features, uint32_t num_outputs, pr_model **out)
{
    pr_status      st    = PR_OK;
    pr_model      *model = NULL;
    pr_model_shape shape;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(pri_model_shape(options, num_layers, num_features, num_outputs, &shape));
    PR_NEW(model, 1);
    model->options = *options;
    model->shape   = shape;
    PR_TRY(allocate(model));
    *out  = model;
    model = NULL;
done:
    pr_model_free(model);
    return st;
}

/* Give the bound of a tensor's first values, which are uniform below it on both sides (Glorot and
 * Bengio, AISTATS 2010); 0 for those that begin as constants. SAGE's halves are one matrix. */
static double limit_of(const pr_model_shape *shape, const pri_tensor *t)
{
    const double rows = (double)t->rows, cols = (double)t->cols;
    const bool   half = t->role == PRI_ROLE_SELF ||
                      (t->role == PRI_ROLE_WEIGHT && shape->options.kind == PR_MODEL_SAGE);

    switch (t->role) {
    case PRI_ROLE_SELF:
    case PRI_ROLE_WEIGHT:
    case PRI_ROLE_WEIGHT2:
    case PRI_ROLE_RESIDUAL: return sqrt(6.0 / ((half ? 2 * rows : rows) + cols));
    case PRI_ROLE_SOURCE:
    case PRI_ROLE_TARGET: { /* [heads, columns] */
        const double heads = (double)pri_model_heads(shape, t->layer);
        return sqrt(6.0 / (heads + cols / heads));
    }
    default: return 0.0;
    }
}

/* Fill one tensor. Element i takes word i mod 4 of the draw (i / 4, layer, stream); the matrices
 * that every kind has are one stream, SAGE's second half behind its first. */
static void fill(const pr_model_shape *shape, const pri_tensor *t, uint64_t key, float *to)
{
    const double   limit  = limit_of(shape, t);
    const size_t   count  = t->rows * t->cols;
    const bool     second = t->role == PRI_ROLE_WEIGHT && shape->options.kind == PR_MODEL_SAGE;
    const uint64_t first  = second ? count : 0;
    const uint32_t stream = t->role <= PRI_ROLE_WEIGHT ? 0 : (uint32_t)t->role;

    for (size_t i = 0; t->role == PRI_ROLE_NORM_SCALE && i < count; i++) to[i] = 1.0f;
    if (limit == 0.0) return;
    pri_rand4 draw = { { 0 } };
    for (size_t i = 0; i < count; i++) {
        const uint64_t at = first + i, group = at / 4;
        if (i == 0 || at % 4 == 0)
            draw = pri_philox(key, (uint32_t)group, (uint32_t)(group >> 32), t->layer, stream);
        to[i] = (2.0f * pri_unit_float(draw.at[at % 4]) - 1.0f) * (float)limit;
    }
}

pr_status pr_model_create(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, uint64_t seed,
                          pr_model **out)
{
    pr_status      st  = PR_OK;
    const uint64_t key = pri_stream_key(seed, PRI_STREAM_INIT);
    pri_tensor     tensor[PRI_NUM_ROLES];

    PR_TRY(pri_model_create_zero(options, num_layers, num_features, num_outputs, out));
    for (uint32_t l = 0; l < num_layers; l++) {
        const uint32_t n = pri_model_tensors(&(*out)->shape, l, tensor);
        for (uint32_t i = 0; i < n; i++)
            fill(&(*out)->shape, &tensor[i], key, (*out)->parameters + tensor[i].at);
    }
done:
    return st;
}

void pr_model_free(pr_model *model)
{
    if (!model) return;
    pri_free(model->block);
    pri_free(model);
}

void pr_model_describe(const pr_model *model, pr_model_shape *out)
{
    *out = model->shape;
}

float *pri_nn_parameters(pr_model *model)
{
    return model->parameters;
}

void pri_model_copy(pr_model *to, const pr_model *from)
{
    PR_ASSERT(to->shape.num_parameters == from->shape.num_parameters);
    memcpy(to->parameters, from->parameters, 3 * to->padded * sizeof(float));
    to->adam_steps = from->adam_steps;
}
