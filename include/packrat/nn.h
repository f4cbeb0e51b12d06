/* packrat/nn.h: models, their options and checkpoints. */
#ifndef PACKRAT_NN_H
#define PACKRAT_NN_H

#include <packrat/base.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pr_model_kind {
    PR_MODEL_SAGE,
    PR_MODEL_GCN,
    PR_MODEL_GIN,
    PR_MODEL_GAT
} pr_model_kind;

/* How a SAGE layer makes one row of its neighbours'. */
typedef enum pr_aggregator { PR_AGGREGATE_MEAN, PR_AGGREGATE_MAX } pr_aggregator;

typedef enum pr_activation {
    PR_ACTIVATION_AUTO, /* elu for gat, else relu */
    PR_ACTIVATION_RELU,
    PR_ACTIVATION_ELU /* x, or exp(x) - 1 below 0 */
} pr_activation;

/* What a model is. With zeros behind `dropout` a sage, gcn or gin model is the plain one. */
typedef struct pr_model_options {
    int      kind;    /* pr_model_kind */
    uint32_t hidden;  /* width of every layer but the last */
    double   dropout; /* share of the inputs of every layer but the first that training drops */
    double   input_dropout; /* the same of the first layer's: of feature values */
    int      aggregator;    /* sage: pr_aggregator */
    int      activation;    /* pr_activation, of every layer but the last */
    bool     layer_norm;    /* normalise rows before the activation, in every layer but the last */
    bool     residual;      /* add a layer's input rows to its output, before norm and activation */
    uint32_t heads;         /* gat: of every layer but the last, which are side by side: `hidden`
                               must be a multiple; at least 1 */
    uint32_t out_heads;     /* gat: of the last layer, of which the mean is taken; at least 1 */
    double   attention_dropout; /* gat: share of attention weights that training drops */
} pr_model_options;

extern const pr_option_table pr_model_option_table; /* model, hidden, dropout, ... */

/* "sage", "gcn", ...; never NULL. */
const char *pr_model_kind_name(int kind);

/* How the learning rate changes over a run of T steps; step t counts from 0. */
typedef enum pr_lr_schedule {
    PR_LR_CONSTANT,
    PR_LR_LINEAR, /* lr (1 - t/T): from lr in the first step down to lr/T in the last */
    PR_LR_COSINE, /* lr (1 + cos(pi t/T)) / 2 (Loshchilov and Hutter, ICLR 2017, without restarts)
                   */
    PR_LR_STEP    /* lr gamma^floor(t / every) */
} pr_lr_schedule;

typedef enum pr_optimizer_kind {
    PR_OPTIMIZER_ADAM,  /* weight decay is added to the gradient */
    PR_OPTIMIZER_ADAMW, /* weights decay by themselves (Loshchilov and Hutter, ICLR 2019) */
    PR_OPTIMIZER_SGD    /* with momentum; weight decay is added to the gradient */
} pr_optimizer_kind;

typedef struct pr_optimizer_options {
    double   lr, weight_decay, beta1, beta2, epsilon;
    int      lr_schedule; /* pr_lr_schedule */
    int      kind;        /* pr_optimizer_kind */
    double   momentum;    /* sgd */
    uint64_t lr_every;    /* step: steps from one decay to the next; 0: a third of the run */
    double   lr_gamma;    /* step: what the rate is multiplied with */
} pr_optimizer_options;

extern const pr_option_table pr_optimizer_option_table; /* lr, lr-schedule, weight-decay, ... */

/* The learning rate of a step, a pure function of its arguments: a run that is resumed, or that
 * stops early, has the rates of the whole run.
 *
 *   step       0 .. num_steps - 1; later ones have the last one's rate
 *   num_steps  of the whole run, as planned when it began; 0 counts as 1
 *
 * Cannot fail. */
double pr_learning_rate(const pr_optimizer_options *options, uint64_t step, uint64_t num_steps);

typedef struct pr_model pr_model;

/* The shape of a model; width[l] is the input width of layer l, width[num_layers] the outputs:
 * classes, labels, or columns of an embedding. */
typedef struct pr_model_shape {
    pr_model_options options; /* the activation is never auto */
    uint32_t         num_layers;
    uint32_t         width[PR_MAX_LAYERS + 1];
    uint64_t         num_parameters;
} pr_model_shape;

/* Create a model with Glorot-uniform weights, a pure function of seed, layer and element. */
pr_status pr_model_create(const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, uint64_t seed,
                          pr_model **out);
void      pr_model_free(pr_model *model); /* NULL is fine */
void      pr_model_describe(const pr_model *model, pr_model_shape *out);

/* What the outputs of a model are. */
typedef enum pr_outputs {
    PR_OUTPUTS_CLASSES,  /* logits of classes, of which a vertex has one */
    PR_OUTPUTS_LABELS,   /* logits of labels, of which a vertex has any number */
    PR_OUTPUTS_EMBEDDING /* columns of a vector that dot products compare: link prediction */
} pr_outputs;

/* What stands beside the weights in a checkpoint. */
typedef struct pr_checkpoint_info {
    char     dataset_name[256];
    uint64_t dataset_fingerprint;
    uint64_t seed, step; /* step, epoch: of the weights */
    uint32_t epoch;
    int32_t  split;             /* PR_SPLIT_MAIN or PR_SPLIT_ALT, trained on */
    int32_t  feature_norm;      /* pr_feature_norm the model was trained with, resolved */
    int32_t  outputs;           /* pr_outputs */
    double   best_val_accuracy; /* the score: accuracy, micro-F1, ...; NaN: none */
    char     options[8192];     /* JSON of the training run's options */
} pr_checkpoint_info;

/* Write model and optimiser state whole or not at all (docs/file-format.md); no run goes on from
 * it. */
pr_status pr_checkpoint_save(const char *path, const pr_model *model,
                             const pr_checkpoint_info *info);

/* Read the model of a checkpoint: the weights to use. The state of the optimiser comes with it
 * where they are the latest ones too. PR_E_INPUT names what is wrong with the file (truncated,
 * checksum, version); `model` is NULL and `info` untouched then. */
pr_status pr_checkpoint_load(const char *path, pr_model **model, pr_checkpoint_info *info);

/* Write a model's weights as a .npz, under the names and in the shapes of PyTorch's state_dicts
 * (docs/file-format.md), whole or not at all. Takes the weights' memory three times. */
pr_status pr_weights_save(const char *path, const pr_model *model);

/* Make a model of such a .npz, the optimiser's state zero. PR_E_INPUT names the member that is
 * missing, too many, of another shape or type, not finite or damaged; `out` is NULL then. */
pr_status pr_weights_load(const char *path, const pr_model_options *options, uint32_t num_layers,
                          uint32_t num_features, uint32_t num_outputs, pr_model **out);

#ifdef __cplusplus
}
#endif
#endif
