/* optimizer.c: Adam (Kingma and Ba, ICLR 2015) with L2 weight decay in the gradient, as
 * torch.optim.Adam does it:
 *
 *     g = sum over lanes of their gradients + weight_decay * p
 *     m = beta1 m + (1 - beta1) g         v = beta2 v + (1 - beta2) g^2
 *     p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon) */
#include <math.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

#define OPTIMIZER_REAL(name, help, initial, member, min, max)                                      \
    {                                                                                              \
        name, "", help, initial, PR_OPT_REAL, offsetof(pr_optimizer_options, member), min, max,    \
            NULL                                                                                   \
    }

static const pr_option optimizer_options[] = {
    OPTIMIZER_REAL("lr", "learning rate, of the first step where it changes", "0.01", lr, 0, 1000),
    { "optimizer", "", "adam, adamw (weights decay by themselves) or sgd with momentum", "adam",
      PR_OPT_CHOICE, offsetof(pr_optimizer_options, kind), 0, 0, "adam|adamw|sgd" },
    { "lr-schedule", "",
      "learning rate over the run's steps: constant, linear or cosine down to 0, or step: "
      "--lr-gamma times every --lr-every steps",
      "constant", PR_OPT_CHOICE, offsetof(pr_optimizer_options, lr_schedule), 0, 0,
      "constant|linear|cosine|step" },
    { "lr-every", "steps", "step: from one decay to the next; 0: a third of the run", "0",
      PR_OPT_U64, offsetof(pr_optimizer_options, lr_every), 0, 1e15, NULL },
    OPTIMIZER_REAL("lr-gamma", "step: what the learning rate is multiplied with", "0.1", lr_gamma,
                   0, 1),
    OPTIMIZER_REAL("momentum", "sgd: how much of the last update a step keeps", "0.9", momentum, 0,
                   0.999999),
    OPTIMIZER_REAL("weight-decay", "L2 penalty: this times a weight is added to its gradient",
                   "0.0005", weight_decay, 0, 1000),
    OPTIMIZER_REAL("beta1", "how much of the gradient's running mean a step keeps", "0.9", beta1, 0,
                   0.999999),
    OPTIMIZER_REAL("beta2", "how much of the squared gradient's running mean a step keeps", "0.999",
                   beta2, 0, 0.999999),
    OPTIMIZER_REAL("epsilon", "added to the root of the squared gradient's mean", "1e-8", epsilon,
                   1e-20, 1),
};

const pr_option_table pr_optimizer_option_table = {
    .title       = "Optimiser",
    .options     = optimizer_options,
    .num_options = sizeof optimizer_options / sizeof *optimizer_options,
};

double pr_learning_rate(const pr_optimizer_options *options, uint64_t step, uint64_t num_steps)
{
    const uint64_t steps = num_steps ? num_steps : 1;
    const uint64_t done  = step < steps ? step : steps - 1;

    switch ((pr_lr_schedule)options->lr_schedule) {
    case PR_LR_CONSTANT: return options->lr;
    case PR_LR_LINEAR: return options->lr * ((double)(steps - done) / (double)steps);
    case PR_LR_COSINE:
    case PR_LR_STEP: break;
    }
    return options->lr;
}

enum {
    CHUNK        = 4096, /* parameters that one task updates; their sum lives on its stack */
    PARAMETER_PS = 1000  /* what one takes */
};

/* What an update needs of options and step count. */
typedef struct adam {
    float decay, beta1, keep1, beta2, keep2, rate, root, epsilon;
} adam;

static adam adam_at(const pr_optimizer_options *o, uint64_t t)
{
    const double steps = (double)t;

    return (adam){
        .decay   = (float)o->weight_decay,
        .beta1   = (float)o->beta1,
        .keep1   = (float)(1.0 - o->beta1),
        .beta2   = (float)o->beta2,
        .keep2   = (float)(1.0 - o->beta2),
        .rate    = (float)(o->lr / (1.0 - pow(o->beta1, steps))),
        .root    = (float)(1.0 / sqrt(1.0 - pow(o->beta2, steps))),
        .epsilon = (float)o->epsilon,
    };
}

PRI_CLONES static void nn_add(float *restrict sum, const float *restrict part, size_t n)
{
    for (size_t i = 0; i < n; i++) sum[i] += part[i];
}

PRI_CLONES static void nn_adam(float *restrict p, float *restrict m, float *restrict v,
                               const float *restrict gradient, size_t n, const adam *a)
{
    const adam k = *a;

    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i] + k.decay * p[i];
        m[i]          = k.beta1 * m[i] + k.keep1 * g;
        v[i]          = k.beta2 * v[i] + k.keep2 * g * g;
        p[i] -= k.rate * m[i] / (sqrtf(v[i]) * k.root + k.epsilon);
    }
}

/* Update one chunk of parameters. */
static void update_chunk(pr_model *model, float *const *gradients, uint32_t num_gradients,
                         size_t at, size_t n, const adam *a)
{
    float sum[CHUNK];

    for (size_t i = 0; i < n; i++) sum[i] = gradients[0][at + i];
    for (uint32_t lane = 1; lane < num_gradients; lane++) nn_add(sum, gradients[lane] + at, n);
    nn_adam(model->parameters + at, model->adam_m + at, model->adam_v + at, sum, n, a);
}

pri_nn_slice pri_nn_slice_of(const pr_model *model, uint32_t part, uint32_t num_parts)
{
    const size_t line  = 64 / sizeof(float);
    const size_t count = (size_t)model->shape.num_parameters;
    const size_t lines = (count + line - 1) / line;
    const size_t end   = lines * (part + 1) / num_parts * line;

    return (pri_nn_slice){ .begin = lines * part / num_parts * line,
                           .end   = end < count ? end : count };
}

void pri_nn_update(pr_model *model, pri_nn_slice slice, float *const *gradients,
                   uint32_t num_gradients, const pr_optimizer_options *options, pri_nn_times *times)
{
    const int64_t begin = pr_now_ns();
    const size_t  count = slice.end - slice.begin;
    const adam    a     = adam_at(options, model->adam_steps + 1);

    PR_ASSERT(num_gradients > 0 && slice.begin <= slice.end);
#pragma omp parallel for schedule(static) if (pri_worth_team(count, PARAMETER_PS))
    for (size_t at = 0; at < count; at += CHUNK)
        update_chunk(model, gradients, num_gradients, slice.begin + at,
                     count - at < CHUNK ? count - at : CHUNK, &a);
    times->update_ns += pr_now_ns() - begin;
}

void pri_nn_updated(pr_model *model)
{
    model->adam_steps++;
}
