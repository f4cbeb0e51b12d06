/* optimizer.c: one step of all parameters, as torch.optim takes it. G is the sum over lanes of
 * their gradients.
 *
 *     adam    (Kingma and Ba, ICLR 2015) with L2 weight decay in the gradient
 *             g = G + weight_decay * p
 *             m = beta1 m + (1 - beta1) g         v = beta2 v + (1 - beta2) g^2
 *             p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *     adamw   (Loshchilov and Hutter, ICLR 2019) the same with g = G, after
 *             p = (1 - lr weight_decay) p
 *     sgd     with momentum; m is 0 at first
 *             m = momentum m + G + weight_decay * p
 *             p = p - lr m
 *
 * The running means are in the model; sgd has no use for v. */
#include <math.h>

#include "base/clones.h"
#include "base/teamwork.h"
#include "pipeline/nn/model.h"
#include "pipeline/nn/nn.h"

enum {
    CHUNK        = 4096, /* parameters that one task updates; their sum lives on its stack */
    PARAMETER_PS = 1000  /* what one takes */
};

/* What an update needs of options and step count. */
typedef struct update {
    pr_optimizer_kind kind;
    float             decay, beta1, keep1, beta2, keep2, rate, root, epsilon;
    float             left; /* adamw: of a weight that decayed */
} update;

static update update_at(const pr_optimizer_options *o, uint64_t t)
{
    const double steps = (double)t;
    update       u     = {
                  .kind    = (pr_optimizer_kind)o->kind,
                  .decay   = (float)o->weight_decay,
                  .beta1   = (float)o->beta1,
                  .keep1   = (float)(1.0 - o->beta1),
                  .beta2   = (float)o->beta2,
                  .keep2   = (float)(1.0 - o->beta2),
                  .rate    = (float)(o->lr / (1.0 - pow(o->beta1, steps))),
                  .root    = (float)(1.0 / sqrt(1.0 - pow(o->beta2, steps))),
                  .epsilon = (float)o->epsilon,
                  .left    = (float)(1.0 - o->lr * o->weight_decay),
    };

    if (u.kind == PR_OPTIMIZER_SGD) {
        u.beta1 = (float)o->momentum;
        u.rate  = (float)o->lr;
    }
    return u;
}

PRI_CLONES static void nn_add(float *restrict sum, const float *restrict part, size_t n)
{
    for (size_t i = 0; i < n; i++) sum[i] += part[i];
}

PRI_CLONES static void nn_adam(float *restrict p, float *restrict m, float *restrict v,
                               const float *restrict gradient, size_t n, const update *u)
{
    const update k = *u;

    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i] + k.decay * p[i];
        m[i]          = k.beta1 * m[i] + k.keep1 * g;
        v[i]          = k.beta2 * v[i] + k.keep2 * g * g;
        p[i] -= k.rate * m[i] / (sqrtf(v[i]) * k.root + k.epsilon);
    }
}

PRI_CLONES static void nn_adamw(float *restrict p, float *restrict m, float *restrict v,
                                const float *restrict gradient, size_t n, const update *u)
{
    const update k = *u;

    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        m[i]          = k.beta1 * m[i] + k.keep1 * g;
        v[i]          = k.beta2 * v[i] + k.keep2 * g * g;
        p[i]          = k.left * p[i] - k.rate * m[i] / (sqrtf(v[i]) * k.root + k.epsilon);
    }
}

PRI_CLONES static void nn_sgd(float *restrict p, float *restrict m, const float *restrict gradient,
                              size_t n, const update *u)
{
    const update k = *u;

    for (size_t i = 0; i < n; i++) {
        m[i] = k.beta1 * m[i] + (gradient[i] + k.decay * p[i]);
        p[i] -= k.rate * m[i];
    }
}

/* Update one chunk of parameters. */
static void update_chunk(pr_model *model, float *const *gradients, uint32_t num_gradients,
                         size_t at, size_t n, const update *u)
{
    float *const p = model->parameters + at, *const m = model->adam_m + at;
    float *const v = model->adam_v + at;
    float        sum[CHUNK];

    for (size_t i = 0; i < n; i++) sum[i] = gradients[0][at + i];
    for (uint32_t lane = 1; lane < num_gradients; lane++) nn_add(sum, gradients[lane] + at, n);
    switch (u->kind) {
    case PR_OPTIMIZER_ADAM: nn_adam(p, m, v, sum, n, u); break;
    case PR_OPTIMIZER_ADAMW: nn_adamw(p, m, v, sum, n, u); break;
    case PR_OPTIMIZER_SGD: nn_sgd(p, m, sum, n, u); break;
    }
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
    const update  u     = update_at(options, model->adam_steps + 1);

    PR_ASSERT(num_gradients > 0 && slice.begin <= slice.end);
#pragma omp parallel for schedule(static) if (pri_worth_team(count, PARAMETER_PS))
    for (size_t at = 0; at < count; at += CHUNK)
        update_chunk(model, gradients, num_gradients, slice.begin + at,
                     count - at < CHUNK ? count - at : CHUNK, &u);
    times->update_ns += pr_now_ns() - begin;
}

void pri_nn_updated(pr_model *model)
{
    model->adam_steps++;
}
