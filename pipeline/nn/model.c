/* model.c: making models, and the option table of their shape. */
#include "pipeline/nn/model.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pipeline/nn/nn.h"

enum { LINE_BYTES = 64, LINE_FLOATS = LINE_BYTES / sizeof(float) };

static const pr_option model_options[] = {
    { "model", "", "kind of graph neural network", "sage", PR_OPT_CHOICE,
      offsetof(pr_model_options, kind), 0, 0, "sage" },
    { "hidden", "columns", "width of every layer but the last", "256", PR_OPT_U32,
      offsetof(pr_model_options, hidden), 1, PRI_MAX_WIDTH, NULL },
    { "dropout", "", "share of the inputs of every layer but the first that training drops", "0.5",
      PR_OPT_REAL, offsetof(pr_model_options, dropout), 0, 0.99, NULL },
};

const pr_option_table pr_model_option_table = {
    .title       = "Model",
    .options     = model_options,
    .num_options = sizeof model_options / sizeof *model_options,
};

bool pri_model_count(const pr_model_shape *shape, uint64_t *num_parameters)
{
    uint64_t total = 0, part;

    for (uint32_t l = 0; l < shape->num_layers; l++) {
        const uint64_t rows = 2 * (uint64_t)shape->width[l] + 1; /* W and b */
        if (__builtin_mul_overflow(rows, (uint64_t)shape->width[l + 1], &part)) return false;
        if (__builtin_add_overflow(total, part, &total)) return false;
    }
    *num_parameters = total;
    return total < UINT64_MAX / 64;
}

pri_layer_part pri_model_layer(const pr_model *model, float *flat, uint32_t l)
{
    const uint32_t *width = model->shape.width;
    size_t          at    = 0;

    for (uint32_t i = 0; i < l; i++) at += (2 * (size_t)width[i] + 1) * width[i + 1];
    const size_t in = width[l], out = width[l + 1];
    return (pri_layer_part){ .w = flat + at, .b = flat + at + 2 * in * out, .in = in, .out = out };
}

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

pr_status pri_model_shape(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_classes, pr_model_shape *out)
{
    pr_status st = PR_OK;

    PR_CHECK(options, PR_E_ARG, "options is NULL");
    PR_TRY(pr_options_check(&pr_model_option_table, options));
    PR_CHECK(num_layers >= 1 && num_layers <= PR_MAX_LAYERS, PR_E_ARG,
             "num_layers is %u, must be in 1 .. %u", num_layers, PR_MAX_LAYERS);
    PR_CHECK(num_features >= 1 && num_features <= INT32_MAX, PR_E_ARG,
             "num_features is %u, must be in 1 .. %d", num_features, INT32_MAX);
    PR_CHECK(num_classes >= 1 && num_classes <= INT32_MAX, PR_E_ARG,
             "num_classes is %u, must be in 1 .. %d", num_classes, INT32_MAX);

    *out = (pr_model_shape){ .kind       = (pr_model_kind)options->kind,
                             .num_layers = num_layers,
                             .dropout    = options->dropout };
    for (uint32_t l = 0; l <= num_layers; l++) out->width[l] = options->hidden;
    out->width[0]          = num_features;
    out->width[num_layers] = num_classes;
    PR_CHECK(pri_model_count(out, &out->num_parameters), PR_E_NOMEM,
             "a model of %u features, %u columns and %u classes has too many parameters",
             num_features, options->hidden, num_classes);
done:
    return st;
}

pr_status pri_model_create_zero(const pr_model_options *options, uint32_t num_layers,
                                uint32_t num_features, uint32_t num_classes, pr_model **out)
{
    pr_status      st    = PR_OK;
    pr_model      *model = NULL;
    pr_model_shape shape;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(pri_model_shape(options, num_layers, num_features, num_classes, &shape));
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

/* Fill one layer: W uniform in +-sqrt(6 / (2 in + out)), b zero (Glorot and Bengio, AISTATS
 * 2010). Element i takes word i mod 4 of the draw (i / 4, layer). */
static void fill(pri_layer_part part, uint64_t key, uint32_t layer)
{
    const size_t count = 2 * part.in * part.out;
    const float  limit = (float)sqrt(6.0 / (double)(2 * part.in + part.out));

    for (size_t i = 0; i < count; i += 4) {
        const uint64_t  group = i / 4;
        const pri_rand4 draw  = pri_philox(key, (uint32_t)group, (uint32_t)(group >> 32), layer, 0);
        for (size_t j = i; j < count && j < i + 4; j++)
            part.w[j] = (2.0f * pri_unit_float(draw.at[j - i]) - 1.0f) * limit;
    }
}

pr_status pr_model_create(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_classes, uint64_t seed,
                          pr_model **out)
{
    pr_status st = PR_OK;

    PR_TRY(pri_model_create_zero(options, num_layers, num_features, num_classes, out));
    for (uint32_t l = 0; l < num_layers; l++)
        fill(pri_model_layer(*out, (*out)->parameters, l), pri_stream_key(seed, PRI_STREAM_INIT),
             l);
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
    PR_ASSERT(!memcmp(&to->shape, &from->shape, sizeof to->shape));
    memcpy(to->parameters, from->parameters, 3 * to->padded * sizeof(float));
    to->adam_steps = from->adam_steps;
}
