/* learning_rate.c: the options of optimisers, and the learning rate of every step. */
#include <math.h>

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
    OPTIMIZER_REAL("weight-decay",
                   "adam and sgd: this times a weight is added to its gradient (L2 penalty); "
                   "adamw: this times the learning rate is the share a weight loses",
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

/* Give how many decays come before a step; a third of the run is rounded up, so that there are two
 * at most. */
static uint64_t num_decays(const pr_optimizer_options *options, uint64_t step, uint64_t num_steps)
{
    const uint64_t third = num_steps / 3 + (num_steps % 3 != 0);

    return step / (options->lr_every ? options->lr_every : third);
}

double pr_learning_rate(const pr_optimizer_options *options, uint64_t step, uint64_t num_steps)
{
    static const double pi    = 3.14159265358979323846;
    const uint64_t      steps = num_steps ? num_steps : 1;
    const uint64_t      done  = step < steps ? step : steps - 1;

    switch ((pr_lr_schedule)options->lr_schedule) {
    case PR_LR_CONSTANT: break;
    case PR_LR_LINEAR: return options->lr * ((double)(steps - done) / (double)steps);
    case PR_LR_COSINE: return options->lr * (1.0 + cos(pi * (double)done / (double)steps)) / 2.0;
    case PR_LR_STEP:
        return options->lr * pow(options->lr_gamma, (double)num_decays(options, done, steps));
    }
    return options->lr;
}
